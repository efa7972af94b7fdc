package compare

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"noisebook/pkg/track"
)

// series is a metric of a run and the time that its curve starts at.
type series struct {
	points []track.Point
	since  time.Time
}

// details are what a run's journal tells besides metrics.
type details struct {
	datasets    map[string]string // checksum by name and split
	environment map[string]string
	inputs      map[string]string
}

// reader reads runs, each stage once: the members of a sweep share theirs.
type reader struct {
	store  *track.Store
	stages map[string]*stage // by run id; nil where it is gone
}

type stage struct {
	run     track.Run
	metrics map[string][]track.Point
}

func newReader(store *track.Store) *reader {
	return &reader{store: store, stages: map[string]*stage{}}
}

// stage reads a stage that a job asked for; nil when it left the store since.
func (r *reader) stage(id string) (*stage, error) {
	if s, known := r.stages[id]; known {
		return s, nil
	}
	r.stages[id] = nil
	run, err := r.store.Run(id)
	if err != nil || run.State == track.Unreadable {
		return nil, nil
	}
	metrics, err := run.Metrics()
	if err != nil {
		return nil, err
	}
	r.stages[id] = &stage{run: run, metrics: metrics}
	return r.stages[id], nil
}

// metrics are those of the run, and of the stages that it asked for.
func (r *reader) metrics(run track.Run) (map[string]series, error) {
	own, err := run.Metrics()
	if err != nil {
		return nil, err
	}
	all := map[string]series{}
	for name, points := range own {
		all[name] = series{points, run.Started}
	}
	calls := map[string][]*stage{}
	for _, use := range run.Uses {
		s, err := r.stage(use.Run)
		if err != nil {
			return nil, err
		}
		calls[use.Stage] = append(calls[use.Stage], s)
	}
	for name, stages := range calls {
		if len(stages) == 1 {
			if s := stages[0]; s != nil {
				for metric, points := range s.metrics {
					all[stageMetric(name, metric)] = series{points, s.run.Started}
				}
			}
			continue
		}
		// A job that ended has recorded these itself; one that is running has not.
		for metric, points := range lastOfCalls(stages) {
			if _, recorded := all[stageMetric(name, metric)]; !recorded {
				all[stageMetric(name, metric)] = series{points, run.Started}
			}
		}
	}
	return all, nil
}

func stageMetric(stage, metric string) string {
	if strings.HasPrefix(metric, systemPrefix) {
		return systemPrefix + stage + "." + strings.TrimPrefix(metric, systemPrefix)
	}
	return stage + "." + metric
}

func lastOfCalls(stages []*stage) map[string][]track.Point {
	values := map[string][]track.Point{}
	for call, s := range stages {
		if s == nil {
			continue
		}
		for metric, points := range s.metrics {
			if n := len(points); n > 0 {
				values[metric] = append(values[metric], track.Point{Step: call, Time: points[n-1].Time, Value: points[n-1].Value})
			}
		}
	}
	return values
}

// details collects what a run and its stages used and ran on.
func (r *reader) details(run track.Run) (details, error) {
	d := details{datasets: map[string]string{}, environment: map[string]string{}, inputs: map[string]string{}}
	if err := r.addJournal(run, &d); err != nil {
		return d, err
	}
	for _, in := range run.Inputs {
		text := fmt.Sprintf("%.12s", in.Hash)
		if in.Run != "" {
			text += ", run " + in.Run
		}
		join(d.inputs, in.Name, text)
	}
	for _, use := range run.Uses {
		join(d.inputs, use.Stage, "run "+use.Run)
		if s := r.stages[use.Run]; s != nil {
			if err := r.addJournal(s.run, &d); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

// join keeps several values of one name in their order.
func join(texts map[string]string, name, text string) {
	if before, several := texts[name]; several {
		text = before + "; " + text
	}
	texts[name] = text
}

// addJournal adds a run's datasets, environment, host and platform.
func (r *reader) addJournal(run track.Run, d *details) error {
	p := run.Provenance
	apply := func(p track.Provenance) {
		for name, value := range map[string]string{"host": p.Host, "platform": p.Platform} {
			if value != "" {
				d.environment[name] = value
			}
		}
		maps.Copy(d.environment, p.Environment)
		maps.Copy(d.environment, p.Variables)
		if p.Seed != nil {
			d.environment["seed"] = strconv.FormatInt(*p.Seed, 10)
		}
		for _, data := range p.Datasets {
			d.addDataset(data)
		}
	}
	apply(p)
	events, err := r.facts(run.ID)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Attempt != nil && e.Attempt.Provenance != nil {
			apply(*e.Attempt.Provenance)
		}
		maps.Copy(d.environment, e.Environment)
		if e.Dataset != nil {
			d.addDataset(*e.Dataset)
		}
	}
	return nil
}

func (d *details) addDataset(data track.Dataset) {
	d.datasets[strings.TrimSuffix(data.Name+"/"+data.Split, "/")] = fmt.Sprintf("%.12s", data.Checksum)
}

// metricMark is in every line of a metric and near its beginning.
const metricMark = `"type":"metric"`

// facts are the events of a run but for its metrics, a million of which would
// cost seconds.
func (r *reader) facts(id string) ([]track.Event, error) {
	attempts, attached, err := r.store.JournalFiles(id)
	if err != nil {
		return nil, err
	}
	var events []track.Event
	for _, name := range append(attempts, attached...) {
		f, err := os.Open(filepath.Join(r.store.RunDir(id), name))
		if err != nil {
			return nil, err
		}
		rest, err := withoutMetrics(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s of run %s: %w", name, id, err)
		}
		journal, err := track.ReadJournal(rest)
		if err != nil {
			return nil, err
		}
		events = append(events, journal.Events...)
	}
	return events, nil
}

func withoutMetrics(r io.Reader) (*bytes.Buffer, error) {
	var rest bytes.Buffer
	lines := bufio.NewReaderSize(r, 1<<16)
	skipping, starting := false, true
	for {
		line, err := lines.ReadSlice('\n')
		if starting {
			skipping = bytes.Contains(line[:min(len(line), 80)], []byte(metricMark))
		}
		if !skipping {
			rest.Write(line)
		}
		starting = !errors.Is(err, bufio.ErrBufferFull)
		switch {
		case errors.Is(err, io.EOF):
			return &rest, nil
		case err != nil && starting:
			return nil, err
		}
	}
}
