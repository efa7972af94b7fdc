package track

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tailLength is enough for the end of a journal: its state event or, while
// running, a heartbeat and recent metrics.
const tailLength = 64 << 10

// deriveState fills the fields that run.json does not hold.
func (r *Run) deriveState(now time.Time) {
	r.State, r.Last, r.Ended = Crashed, map[string]Point{}, r.Started
	attempts, attached, err := journalFiles(r.dir)
	if err != nil {
		r.State, r.Error = Unreadable, err.Error()
		return
	}
	if r.Attempts = len(attempts); r.Attempts == 0 && r.Kind != KindStage && r.Kind != "" {
		r.State = Pending
	}
	var said settings
	for i, path := range attempts {
		end, err := readEnd(path, &said)
		if i == len(attempts)-1 {
			r.judge(path, end, err, now)
		}
	}
	for _, path := range attached { // damage here is no damage of the run
		var own settings
		if end, err := readEnd(path, &own); err == nil {
			said.attach(own)
			mergeLast(r.Last, end.last.Last)
			r.Dropped += end.last.Dropped
		}
	}
	said.into(r)
	if info, err := os.Stat(filepath.Join(r.dir, "result.json")); err == nil && r.State != Finished {
		r.State, r.Error, r.Ended = Finished, "", info.ModTime()
	}
}

// judge tells the run's state by the end of its newest attempt.
func (r *Run) judge(path string, end journalEnd, err error, now time.Time) {
	if err != nil {
		r.State, r.Error = Unreadable, err.Error()
		return
	}
	if r.Last = end.last.Last; r.Last == nil {
		r.Last = map[string]Point{}
	}
	if !end.last.Time.IsZero() { // else killed before its first line
		r.Ended = end.last.Time
	}
	writer, _ := writerOf(path)
	r.worker = writer
	switch {
	case end.ended:
		r.State, r.Error, r.Dropped = end.last.State, end.last.Error, end.last.Dropped
	case writer.Alive(end.last.Time, now):
		r.State, r.Ended = Running, time.Time{}
	}
}

// journalEnd is what the last lines of a journal say.
type journalEnd struct {
	ended bool  // by a state or detach event
	last  Event // with the last values also of a writer that did not end
}

// readEnd reads the end of a journal and its settings. The last event of a
// writer that ended tells all; of another, the whole file is scanned for the
// lines that are no metrics.
func readEnd(path string, said *settings) (journalEnd, error) {
	data, err := readLines(path, tailLength)
	if err != nil {
		return journalEnd{}, err
	}
	if end, ok := lastEvent(data); ok && (end.Type == EventState || end.Type == EventDetach) {
		said.apply(end)
		return journalEnd{ended: true, last: end}, nil
	}
	var last Event
	var parser lineParser
	values := map[string]Point{}
	for line := range bytes.Lines(data) {
		event, ok := parser.event(bytes.TrimSpace(line))
		if !ok {
			continue
		}
		last = event
		for name, value := range event.Values {
			values[name] = Point{Step: event.Step, Time: event.Time, Value: value}
		}
	}
	last.Last = values
	return journalEnd{last: last}, scanSettings(path, said)
}

// readLines returns whole lines from the end of a file, at least the last one
// and about limit bytes.
func readLines(path string, limit int64) ([]byte, error) {
	for {
		data, cut, err := readTail(path, limit)
		if err != nil || !cut {
			return data, err
		}
		if _, whole, _ := bytes.Cut(data, []byte("\n")); bytes.IndexByte(whole, '\n') >= 0 {
			return whole, nil
		}
		limit *= 8
	}
}

func scanSettings(path string, said *settings) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var parser lineParser
	lines := bufio.NewReaderSize(f, 1<<18)
	for {
		line, err := lines.ReadSlice('\n')
		metric := bytes.Contains(line[:min(len(line), 64)], []byte(`"type":"metric"`))
		if errors.Is(err, bufio.ErrBufferFull) { // a note, say, longer than the buffer
			var rest []byte
			line = bytes.Clone(line)
			rest, err = lines.ReadBytes('\n')
			line = append(line, rest...)
		}
		if !metric {
			if event, ok := parser.event(bytes.TrimSpace(line)); ok {
				said.apply(event)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lastEvent parses the last complete line: of an attempt that ended it tells
// everything.
func lastEvent(data []byte) (Event, bool) {
	end := bytes.LastIndexByte(data, '\n')
	if end < 0 {
		return Event{}, false
	}
	start := bytes.LastIndexByte(data[:end], '\n') + 1
	return new(lineParser).event(data[start:end])
}

// writerOf reads who wrote a journal from its first line.
func writerOf(journal string) (Attempt, bool) {
	f, err := os.Open(journal)
	if err != nil {
		return Attempt{}, false
	}
	defer f.Close()
	var first Event
	if err := json.NewDecoder(f).Decode(&first); err != nil || first.Attempt == nil {
		return Attempt{}, false
	}
	return *first.Attempt, true
}

// Worker is the process that works on the run or did last, and whether its
// number means something here: on this machine since it was started.
func (r Run) Worker() (worker Attempt, here bool) {
	return r.worker, r.worker.Machine != "" && r.worker.Machine == machineID()
}

// gone says that the writer lived on this machine and is no more. It only
// hastens what the heartbeat tells anyway.
func (a Attempt) gone() bool {
	if a.Machine == "" || a.Machine != machineID() {
		return false
	}
	process, err := os.FindProcess(a.Process)
	if err != nil {
		return true
	}
	err = process.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}

// machineID names this boot and process namespace, within which a process
// number means something, or is empty where the system does not tell.
var machineID = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
})
