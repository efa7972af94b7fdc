package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"noisebook/pkg/track"
)

// Options narrow or widen a comparison. The zero value shows what differs.
type Options struct {
	// Metrics are the only ones that count; none are all but system/.
	Metrics []string
	// All keeps what is the same in every run, and the metrics of system/.
	All bool
}

// Comparison is what sets some runs apart. The first is the one that the others
// are measured against.
type Comparison struct {
	Runs        []Subject `json:"runs"`
	Params      Section   `json:"params"`
	Metrics     []Metric  `json:"metrics"`
	SameMetrics int       `json:"same_metrics"` // left out because no run differs in them
	Tags        Section   `json:"tags"`
	Code        Section   `json:"code"`
	Data        Section   `json:"data"`
	Environment Section   `json:"environment"`
	Inputs      Section   `json:"inputs"` // of stages, and the stages that jobs asked for

	options Options
	all     []Metric // those in Metrics and those left out
	series  []map[string]series
}

// Subject is one of the runs.
type Subject struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Label    string        `json:"label"` // tells it from the others in a figure
	Kind     track.Kind    `json:"kind"`
	State    track.State   `json:"state"`
	Error    string        `json:"error,omitempty"`
	Started  time.Time     `json:"started"`
	Duration time.Duration `json:"duration_ns"`
	Commit   string        `json:"commit"`
}

// Section holds facts of one topic.
type Section struct {
	Facts []Fact `json:"facts,omitempty"`
	Same  int    `json:"same"` // facts left out because they are the same in every run
}

// Fact is something known of the runs, in their order; nil where a run lacks it.
type Fact struct {
	Name    string `json:"name"`
	Values  []any  `json:"values"`
	Differs bool   `json:"differs"`
}

// Runs compares runs by their ids or beginnings of them, at least two or a sweep.
func Runs(store *track.Store, ids ...string) (*Comparison, error) {
	var runs []track.Run
	for _, id := range ids {
		run, err := store.Run(id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return New(store, runs, Options{})
}

// New compares runs. Unreadable ones and metrics that no run has are errors.
func New(store *track.Store, runs []track.Run, o Options) (*Comparison, error) {
	c, err := compare(store, runs, o)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	return c, nil
}

func compare(store *track.Store, asked []track.Run, o Options) (*Comparison, error) {
	runs, err := withMembers(store, asked)
	if err != nil {
		return nil, err
	}
	c := &Comparison{options: o}
	r := newReader(store)
	details := make([]details, len(runs))
	for i, run := range runs {
		if run.State == track.Unreadable {
			return nil, fmt.Errorf("run %s cannot be read: %s", run.ID, run.Error)
		}
		s, err := r.metrics(run)
		if err != nil {
			return nil, err
		}
		c.series = append(c.series, s)
		if details[i], err = r.details(run); err != nil {
			return nil, err
		}
		c.Runs = append(c.Runs, Subject{
			ID: run.ID, Title: run.Title(), Kind: run.Kind, State: run.State, Error: run.Error,
			Started: run.Started, Duration: run.Duration(), Commit: run.Provenance.ShortCommit(),
		})
	}
	c.Params = section(len(runs), o.All, func(i int) map[string]any { return runs[i].Params })
	c.Tags = section(len(runs), o.All, func(i int) map[string]any { return anyMap(runs[i].Tags) })
	c.Code = section(len(runs), o.All, func(i int) map[string]any { return codeOf(runs[0], runs[i]) })
	c.Data = section(len(runs), o.All, func(i int) map[string]any { return anyMap(details[i].datasets) })
	c.Environment = section(len(runs), o.All, func(i int) map[string]any { return anyMap(details[i].environment) })
	c.Inputs = section(len(runs), o.All, func(i int) map[string]any { return anyMap(details[i].inputs) })
	if err := c.measure(); err != nil {
		return nil, err
	}
	c.label()
	return c, nil
}

// withMembers puts a sweep's members in its place.
func withMembers(store *track.Store, asked []track.Run) ([]track.Run, error) {
	var runs []track.Run
	for _, run := range asked {
		if run.Kind != track.KindSweep {
			runs = append(runs, run)
			continue
		}
		members, err := store.Children(run.ID)
		if err != nil {
			return nil, err
		}
		members = slices.DeleteFunc(members, func(r track.Run) bool { return r.State == track.Pending || r.State == track.Unreadable })
		if len(members) == 0 {
			return nil, fmt.Errorf("sweep %s has no member that has started", run.ID)
		}
		runs = append(runs, members...)
	}
	if len(runs) < 2 {
		return nil, errors.New("name two or more runs, or a sweep of several members")
	}
	return runs, nil
}

// Differ says that the runs differ in anything but their ids and times.
func (c *Comparison) Differ() bool {
	for _, s := range c.sections() {
		if s.differ() {
			return true
		}
	}
	return slices.ContainsFunc(c.Metrics, Metric.differs)
}

func (s Section) differ() bool {
	return slices.ContainsFunc(s.Facts, func(f Fact) bool { return f.Differs })
}

func (c *Comparison) sections() []Section {
	return []Section{c.Params, c.Tags, c.Code, c.Data, c.Environment, c.Inputs}
}

// verdictPrefix begins the params that a job keeps its claims' verdicts as: an
// outcome and no setting.
const verdictPrefix = "verdict."

// settings are the params that were set differently.
func (c *Comparison) settings() []Fact {
	var facts []Fact
	for _, f := range c.Params.Facts {
		if f.Differs && !strings.HasPrefix(f.Name, verdictPrefix) {
			facts = append(facts, f)
		}
	}
	return facts
}

// labelSettings and labelLength are how many settings and characters a label may
// have; more are told apart by their ids.
const (
	labelSettings = 3
	labelLength   = 44
)

// label names each run by what was set differently, or by its id where that does
// not tell it from the others.
func (c *Comparison) label() {
	settings := c.settings()
	names := shortNames(settings)
	labels := make([]string, len(c.Runs))
	usable := len(settings) > 0 && len(settings) <= labelSettings
	for i := range c.Runs {
		var parts []string
		for k, f := range settings {
			if f.Values[i] != nil {
				parts = append(parts, names[k]+" "+valueText(f.Values[i]))
			}
		}
		labels[i] = strings.Join(parts, ", ")
		usable = usable && labels[i] != "" && len([]rune(labels[i])) <= labelLength && !slices.Contains(labels[:i], labels[i])
	}
	for i := range c.Runs {
		c.Runs[i].Label = c.Runs[i].ID
		if usable {
			c.Runs[i].Label = labels[i]
		}
	}
}

// shortNames are the last elements of the names, as far as that tells them apart.
func shortNames(facts []Fact) []string {
	count := map[string]int{}
	short := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	for _, f := range facts {
		count[short(f.Name)]++
	}
	names := make([]string, len(facts))
	for i, f := range facts {
		if names[i] = short(f.Name); count[names[i]] > 1 {
			names[i] = f.Name
		}
	}
	return names
}
