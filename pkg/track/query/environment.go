package query

import (
	"strings"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// environment is what an expression sees of one run. The compiled program
// reads its fields and calls its methods.
type environment struct {
	ID       string        `expr:"id"`
	Kind     string        `expr:"kind"`
	Name     string        `expr:"name"`
	Parent   string        `expr:"parent"`
	Stage    string        `expr:"stage"`
	Version  int           `expr:"version"`
	Key      string        `expr:"key"`
	Paper    string        `expr:"paper"`
	State    string        `expr:"state"`
	Error    string        `expr:"error"`
	Attempts int           `expr:"attempts"`
	Dropped  int           `expr:"dropped"`
	Started  time.Time     `expr:"started"`
	Ended    time.Time     `expr:"ended"`
	Age      time.Duration `expr:"age"`
	Took     time.Duration `expr:"took"` // written duration, which would hide the function of that name
	Commit   string        `expr:"commit"`
	// The three collections are replaced by calls of the methods below.
	Tags    any `expr:"tags"`
	Params  any `expr:"params"`
	Metrics any `expr:"metrics"`

	entry   *index.Entry
	store   *track.Store
	missing bool // the expression asked for something that the run lacks
}

// names are those that a user may write, for suggestions.
var names = []string{
	"id", "kind", "name", "parent", "stage", "version", "key", "paper", "state", "error", "attempts", "dropped",
	"started", "ended", "age", "duration", "commit", "tags", "params", "metrics",
}

func (e *environment) set(entry *index.Entry, now time.Time) {
	*e = environment{
		ID: entry.ID, Kind: string(entry.Kind), Name: entry.Name, Parent: entry.Parent, Stage: entry.Stage, Version: entry.Version,
		Key: entry.Key, Paper: Paper(entry), State: string(entry.State), Error: entry.Error, Attempts: entry.Attempts,
		Dropped: int(entry.Dropped), Started: entry.Started, Ended: entry.Ended, Age: max(0, now.Sub(entry.Started)),
		Took: entry.Duration(now), Commit: entry.Commit, entry: entry, store: e.store,
	}
}

// Paper is the first element of a stage's name or, of a job or run, of its
// name: "joint" of joint/train.
func Paper(entry *index.Entry) string {
	name := entry.Stage
	if name == "" {
		name = entry.Name
	}
	paper, _, found := strings.Cut(name, "/")
	if !found {
		return ""
	}
	return paper
}

// Param is a parameter's value, or nil.
func (e *environment) Param(path string) any {
	value, ok := e.entry.Params()[path]
	e.missing = e.missing || !ok
	return value
}

// Tag is a tag's value, or nil.
func (e *environment) Tag(name string) any {
	if value, ok := e.entry.Tags()[name]; ok {
		return value
	}
	e.missing = true
	return nil
}

// Metric is a field of a metric's summary, or nil.
func (e *environment) Metric(name, field string) any {
	summary, ok := e.entry.Metrics[name]
	if !ok {
		e.missing = true
		return nil
	}
	return metricFields[field](name, summary)
}

// MetricAt is a metric's value at a step or at the last step before it, or nil.
func (e *environment) MetricAt(name string, at any) any {
	summary, ok := e.entry.Metrics[name]
	step, isNumber := number(at)
	if !ok || !isNumber {
		e.missing = true
		return nil
	}
	if step == float64(summary.Last.Step) {
		return summary.Last.Value
	}
	run, err := e.store.Run(e.entry.ID)
	var points []track.Point
	if err == nil {
		points, err = run.Curve(name)
	}
	if err != nil { // the run is gone
		e.missing = true
		return nil
	}
	before := -1
	for i, p := range points {
		if float64(p.Step) <= step && (before < 0 || p.Step >= points[before].Step) {
			before = i
		}
	}
	if before < 0 {
		e.missing = true
		return nil
	}
	return float64(points[before].Value)
}

// metricFields are what may follow a metric's name.
var metricFields = map[string]func(name string, s index.Summary) any{
	"last":       func(_ string, s index.Summary) any { return s.Last.Value },
	"min":        func(_ string, s index.Summary) any { return s.Min.Value },
	"max":        func(_ string, s index.Summary) any { return s.Max.Value },
	"first":      func(_ string, s index.Summary) any { return s.First.Value },
	"best":       func(name string, s index.Summary) any { return Best(name, s).Value },
	"count":      func(_ string, s index.Summary) any { return s.Count },
	"last_step":  func(_ string, s index.Summary) any { return s.Last.Step },
	"min_step":   func(_ string, s index.Summary) any { return s.Min.Step },
	"max_step":   func(_ string, s index.Summary) any { return s.Max.Step },
	"first_step": func(_ string, s index.Summary) any { return s.First.Step },
	"best_step":  func(name string, s index.Summary) any { return Best(name, s).Step },
}
