package track

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Metrics returns every metric's points in order of step. Where a resumed
// attempt repeats steps of the one before, its values replace them. What
// attached writers logged is merged by step.
func (j Journal) Metrics() map[string][]Point {
	var all series
	for _, event := range j.Events {
		switch event.Type {
		case EventAttempt:
			all.attempt()
		case EventAttach:
			all.attach()
		case EventMetric:
			for name, value := range event.Values {
				all.add(name, Point{Step: event.Step, Time: event.Time, Value: value})
			}
		}
	}
	return all.done()
}

// series joins the points of a run's writers.
type series struct {
	points   map[string][]Point
	resumed  map[string]bool // metrics seen in the present attempt
	merged   map[string]bool // metrics of attached writers
	attached bool
}

func (s *series) attempt() {
	s.attached = false
	clear(s.resumed)
}

func (s *series) attach() { s.attached = true }

// add appends points that the present writer logged one after another. It may
// keep the slice.
func (s *series) add(name string, points ...Point) {
	if len(points) == 0 {
		return
	}
	if s.points == nil {
		s.points, s.resumed, s.merged = map[string][]Point{}, map[string]bool{}, map[string]bool{}
	}
	before := s.points[name]
	switch {
	case s.attached:
		s.merged[name] = true
	case !s.resumed[name]:
		s.resumed[name] = true
		before = slices.DeleteFunc(before, func(p Point) bool { return p.Step >= points[0].Step })
	}
	if len(before) == 0 {
		s.points[name] = points
	} else {
		s.points[name] = append(before, points...)
	}
}

func (s *series) done() map[string][]Point {
	for name := range s.merged {
		slices.SortStableFunc(s.points[name], func(a, b Point) int { return cmp.Compare(a.Step, b.Step) })
	}
	if s.points == nil {
		return map[string][]Point{}
	}
	return s.points
}

// Metrics reads every metric's points in order of step; see [Journal.Metrics].
func (r Run) Metrics() (map[string][]Point, error) { return r.metrics("") }

// Curve reads one metric's points in order of step. A metric that the run does
// not have is an error that names those it has.
func (r Run) Curve(name string) ([]Point, error) {
	all, err := r.metrics(name)
	if err != nil {
		return nil, err
	}
	points, ok := all[name]
	if !ok {
		if all, err = r.metrics(""); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("track: run %s has no metric %q, it has %s", r.ID, name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return points, nil
}

// metrics reads one metric, or all when only is empty, past the journal's
// events: a million of those would cost seconds.
func (r Run) metrics(only string) (map[string][]Point, error) {
	attempts, attached, err := journalFiles(r.dir)
	if err != nil {
		return nil, fmt.Errorf("track: %w", err)
	}
	var all series
	for i, path := range append(attempts, attached...) {
		if i < len(attempts) {
			all.attempt()
		} else {
			all.attach()
		}
		if err := readSeries(path, only, &all); err != nil {
			return nil, fmt.Errorf("track: read the metrics of run %s: %w", r.ID, err)
		}
	}
	return all.done(), nil
}

// blockSize is how much of a journal one goroutine parses at a time.
const blockSize = 2 << 20

// readSeries parses a journal in parallel and adds its points in their order.
func readSeries(path, only string, all *series) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var group sync.WaitGroup
	var results []*map[string][]Point
	workers := make(chan struct{}, runtime.GOMAXPROCS(0))
	err = eachBlock(f, func(block []byte) {
		result := new(map[string][]Point)
		results = append(results, result)
		workers <- struct{}{}
		group.Go(func() {
			*result = parseSeries(block, only)
			<-workers
		})
	})
	group.Wait()
	blocks := map[string][][]Point{}
	for _, result := range results {
		for name, points := range *result {
			blocks[name] = append(blocks[name], points)
		}
	}
	for name, points := range blocks {
		all.add(name, slices.Concat(points...)...)
	}
	return err
}

// eachBlock splits a stream at ends of lines.
func eachBlock(r io.Reader, handle func([]byte)) error {
	var rest []byte
	for {
		block := make([]byte, max(blockSize, 2*len(rest)))
		n := copy(block, rest)
		read, err := io.ReadFull(r, block[n:])
		block = block[:n+read]
		if err != nil {
			if len(block) > 0 {
				handle(block)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return err
		}
		end := bytes.LastIndexByte(block, '\n') + 1
		rest = block[end:]
		if end > 0 {
			handle(block[:end])
		}
	}
}

func parseSeries(block []byte, only string) map[string][]Point {
	points := map[string]*[]Point{}
	add := func(name string, p Point) {
		if only != "" && name != only {
			return
		}
		list := points[name]
		if list == nil {
			list = new(make([]Point, 0, 256))
			points[name] = list
		}
		*list = append(*list, p)
	}
	var parser lineParser
	for line := range bytes.Lines(block) {
		line = bytes.TrimSpace(line)
		if m := parser.metric(line); m != nil {
			for i, name := range m.names {
				add(name, Point{Step: m.step, Time: m.time, Value: m.values[i]})
			}
		} else if event, ok := parser.event(line); ok && event.Type == EventMetric {
			for name, value := range event.Values {
				add(name, Point{Step: event.Step, Time: event.Time, Value: value})
			}
		}
	}
	result := make(map[string][]Point, len(points))
	for name, list := range points {
		result[name] = *list
	}
	return result
}
