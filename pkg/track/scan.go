package track

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// Scan is what [ScanEvents] made of a journal besides its events.
type Scan struct {
	Used    int64 // bytes; a later scan continues after them
	Skipped int   // lines that are no event: damage in the middle of a file
	Cut     bool  // the last line is incomplete, as after a crash or while it is written
}

// ScanEvents calls visit for each event of a journal, in order, and needs no
// more memory than the longest line. A last line without its end is an event when
// it is whole otherwise; else it is left for a later scan. Only a failing reader is
// an error.
func ScanEvents(r io.Reader, visit func(Event)) (Scan, error) {
	var scan Scan
	var parser lineParser
	lines := bufio.NewReaderSize(r, 1<<16)
	var long []byte
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			continue
		}
		if len(long) > 0 {
			long = append(long, line...)
			line, long = long, long[:0]
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return scan, fmt.Errorf("track: read journal: %w", err)
		}
		used := int64(len(line))
		complete := err == nil
		if line = bytes.TrimSpace(line); len(line) > 0 {
			event, ok := parser.event(line)
			switch {
			case ok:
				visit(event)
			case complete:
				scan.Skipped++
			default:
				scan.Cut, used = true, 0
			}
		}
		if scan.Used += used; !complete {
			return scan, nil
		}
	}
}

// RunDir is the folder of a run, which need not exist.
func (s *Store) RunDir(id string) string { return s.runDir(id) }

// JournalFiles lists the names of a run's journals: those of its attempts, the
// newest last, and those of attached writers. Read in this order they make the
// run's [Journal].
func (s *Store) JournalFiles(id string) (attempts, attached []string, err error) {
	attempts, attached, err = journalFiles(s.runDir(id))
	for _, paths := range [][]string{attempts, attached} {
		for i, path := range paths {
			paths[i] = filepath.Base(path)
		}
	}
	return attempts, attached, err
}

// Alive says whether the process of an attempt that did not end may still be at
// work, by its last sign of life.
func (a Attempt) Alive(last, now time.Time) bool {
	return now.Sub(last) < StaleAfter && !a.gone()
}
