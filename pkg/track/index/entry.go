package index

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"noisebook/pkg/track"
)

// Entry is a run as the index lists it. What it leaves out (config, provenance,
// inputs, …) is read from the run's files: see [track.Store.Run].
type Entry struct {
	ID       string
	Kind     track.Kind
	Name     string
	Parent   string
	Stage    string
	Version  int
	Key      string
	State    track.State // as of the refresh
	Error    string
	Started  time.Time
	Ended    time.Time // zero while running
	Attempts int
	Dropped  int64
	Commit   string // short, with + for uncommitted changes

	// Metrics are the summaries that [Index.LoadMetrics] was asked for.
	Metrics map[string]Summary

	row        int64 // its key in the index; 0 when it is not there
	paramsJSON []byte
	tagsJSON   []byte
	params     track.Params
	tags       map[string]string
	all        map[string]Summary // what a scan found, until the index holds it
}

// Summary tells a metric's course in a few points. NaN is never a minimum or
// maximum unless there is nothing else.
type Summary struct {
	Count int   `json:"count"`
	First Point `json:"first"`
	Last  Point `json:"last"`
	Min   Point `json:"min"`
	Max   Point `json:"max"`
}

// Point is a value of a metric and its step.
type Point struct {
	Step  int
	Value float64
}

// MarshalJSON writes NaN and the infinities as [track.Number] does.
func (p Point) MarshalJSON() ([]byte, error) {
	return json.Marshal(track.Point{Step: p.Step, Value: track.Number(p.Value)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Point) UnmarshalJSON(data []byte) error {
	var point track.Point
	err := json.Unmarshal(data, &point)
	p.Step, p.Value = point.Step, float64(point.Value)
	return err
}

// entryOf takes from a run what the index keeps of it.
func entryOf(run track.Run) *Entry {
	e := &Entry{
		ID: run.ID, Kind: run.Kind, Name: run.Name, Parent: run.Parent, Stage: run.Stage, Version: run.Version, Key: run.Key,
		State: run.State, Error: run.Error, Started: run.Started, Ended: run.Ended, Attempts: run.Attempts, Dropped: run.Dropped,
	}
	if run.Provenance.Commit != "" {
		e.Commit = run.Provenance.ShortCommit()
	}
	// Both came from JSON.
	e.paramsJSON, _ = json.Marshal(run.Params)
	e.tagsJSON, _ = json.Marshal(run.Tags)
	return e
}

// copy is the entry without what was decoded or loaded.
func (e *Entry) copy() *Entry {
	c := *e
	c.Metrics, c.params, c.tags, c.all = nil, nil, nil, nil
	return &c
}

// Duration is the time from the start to the end, or until now while running.
func (e *Entry) Duration(now time.Time) time.Duration {
	switch {
	case e.Started.IsZero():
		return 0
	case e.Ended.IsZero():
		return now.Sub(e.Started)
	}
	return e.Ended.Sub(e.Started)
}

// Title is the run's name or stage, or its kind when it has neither.
func (e *Entry) Title() string {
	return track.Run{Name: e.Name, Stage: e.Stage, Kind: e.Kind}.Title()
}

// Params are the run's, as in [track.Run]. The map must not be changed; the
// first call is not safe beside another on the same entry.
func (e *Entry) Params() track.Params {
	if e.params == nil {
		e.params = track.Params{}
		_ = json.Unmarshal(e.paramsJSON, &e.params) // written by this package; damage is found when it is read
	}
	return e.params
}

// Param is one of the Params. It does not decode the others, which matters to a
// filter of many runs.
func (e *Entry) Param(name string) (value any, ok bool) {
	if e.params != nil || strings.Trim(name, plainName) != "" { // JSON may write other characters in several ways
		value, ok = e.Params()[name]
		return value, ok
	}
	// Quotes inside of strings are escaped, so what follows is a member's name.
	member := []byte(`,"` + name + `":`)
	at := bytes.Index(e.paramsJSON, member)
	if at < 0 {
		if member[0] = '{'; !bytes.HasPrefix(e.paramsJSON, member) {
			return nil, false
		}
		at = 0
	}
	text := e.paramsJSON[at+len(member):]
	if end := bytes.IndexAny(text, ",}"); end > 0 && strings.IndexByte("-0123456789", text[0]) >= 0 {
		text = text[:end]
		if whole, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return whole, true
		}
		if number, err := strconv.ParseFloat(string(text), 64); err == nil {
			return number, true
		}
	}
	value, ok = e.Params()[name]
	return value, ok
}

// plainName are the characters that JSON writes as they are.
const plainName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

// Tags are the run's, as they are now. The map must not be changed; the first
// call is not safe beside another on the same entry.
func (e *Entry) Tags() map[string]string {
	if e.tags == nil {
		e.tags = map[string]string{}
		if len(e.tagsJSON) > 0 {
			_ = json.Unmarshal(e.tagsJSON, &e.tags)
		}
	}
	return e.tags
}
