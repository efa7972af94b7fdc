package mlflow

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"

	"noisebook/pkg/track"
)

// segment is a piece of a journal that is sent as a whole: at most as many points
// as a call takes, unless a single line has more.
type segment struct {
	from, to int64 // bytes of the journal
	points   []metric
	others   []track.Event // artifacts, datasets, notes
}

// segments visits the journal from a position on. As in [track.ScanEvents], whose
// events have no positions, a damaged line is passed over and a last line without
// its end counts when it is whole otherwise.
func segments(journal string, from int64, visit func(segment) error) error {
	f, err := os.Open(journal)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(f, 1<<18)
	seg := segment{from: from, to: from}
	size := 0
	flush := func() error {
		if seg.from == seg.to {
			return nil
		}
		err := visit(seg)
		seg, size = segment{from: seg.to, to: seg.to}, 0
		return err
	}
	for {
		line, err := lines.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return err
		}
		event, points, bytes := readLine(line)
		if last && event.Type == "" {
			return flush() // it is still being written
		}
		if len(seg.points) > 0 && (len(seg.points)+len(points) > metricsPerCall || size+bytes > bodyLimit-1024) {
			if err := flush(); err != nil {
				return err
			}
		}
		seg.to += int64(len(line))
		size += bytes
		seg.points = append(seg.points, points...)
		if event.Artifact != nil || event.Dataset != nil || event.Type == track.EventNote {
			seg.others = append(seg.others, event)
		}
		if last {
			return flush()
		}
	}
}

// readLine returns a line's event, its points and how many bytes those take at
// most in a request.
func readLine(line []byte) (event track.Event, points []metric, size int) {
	if json.Unmarshal(bytes.TrimSpace(line), &event) != nil {
		return track.Event{}, nil, 0
	}
	for _, name := range slices.Sorted(maps.Keys(event.Values)) {
		key := validName(name)
		points = append(points, metric{Key: key, Value: number(event.Values[name]), Timestamp: event.Time.UnixMilli(), Step: int64(event.Step)})
		const rest = 128 // names of the fields and numbers
		size += len(key) + rest
	}
	return event, points, size
}
