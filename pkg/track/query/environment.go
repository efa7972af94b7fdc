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
	// The three collections are replaced by calls of the functions below.
	Tags    any `expr:"tags"`
	Params  any `expr:"params"`
	Metrics any `expr:"metrics"`

	// Fields of this type are called without reflection, unlike methods.
	Param    func(...any) any `expr:"param__"`
	Tag      func(...any) any `expr:"tag__"`
	Metric   func(...any) any `expr:"metric__"`
	MetricAt func(...any) any `expr:"metric_at__"`

	entry   *index.Entry
	store   *track.Store
	missing bool // the expression asked for something that the run lacks
}

func newEnvironment(store *track.Store) *environment {
	e := &environment{store: store}
	e.Param = func(args ...any) any { return e.param(args[0].(string)) }
	e.Tag = func(args ...any) any { return e.tag(args[0].(string)) }
	e.Metric = func(args ...any) any { return e.metric(args[0].(string), args[1].(string)) }
	e.MetricAt = func(args ...any) any { return e.metricAt(args[0].(string), args[1]) }
	return e
}

// names are those that a user may write, for suggestions.
var names = []string{
	"id", "kind", "name", "parent", "stage", "version", "key", "paper", "state", "error", "attempts", "dropped",
	"started", "ended", "age", "duration", "commit", "tags", "params", "metrics",
}

func (e *environment) set(entry *index.Entry, now time.Time) {
	e.ID, e.Kind, e.Name, e.Parent = entry.ID, string(entry.Kind), entry.Name, entry.Parent
	e.Stage, e.Version, e.Key, e.Paper = entry.Stage, entry.Version, entry.Key, Paper(entry)
	e.State, e.Error, e.Attempts, e.Dropped = string(entry.State), entry.Error, entry.Attempts, int(entry.Dropped)
	e.Started, e.Ended, e.Age, e.Took = entry.Started, entry.Ended, max(0, now.Sub(entry.Started)), entry.Duration(now)
	e.Commit, e.entry = entry.Commit, entry
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

// param is a parameter's value, or nil.
func (e *environment) param(path string) any {
	value, ok := e.entry.Param(path)
	e.missing = e.missing || !ok
	return value
}

// tag is a tag's value, or nil.
func (e *environment) tag(name string) any {
	if value, ok := e.entry.Tags()[name]; ok {
		return value
	}
	e.missing = true
	return nil
}

// metric is a field of a metric's summary, or nil.
func (e *environment) metric(name, field string) any {
	summary, ok := e.entry.Metrics[name]
	if !ok {
		e.missing = true
		return nil
	}
	return metricFields[field](name, summary)
}

// metricAt is a metric's value at a step or at the last step before it, or nil.
func (e *environment) metricAt(name string, at any) any {
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
