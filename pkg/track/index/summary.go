package index

import (
	"math"

	"noisebook/pkg/track"
)

// Summarize tells a series, as [track.Run.Metrics] returns it, in a few points.
func Summarize(points []track.Point) Summary {
	var s Summary
	for _, p := range points {
		s.add(Point{Step: p.Step, Value: float64(p.Value)})
	}
	return s
}

// add appends a point to the series.
func (s *Summary) add(p Point) {
	s.Count++
	s.Last = p
	if s.Count == 1 {
		s.First, s.Min, s.Max = p, p, p
		return
	}
	if p.Value < s.Min.Value || math.IsNaN(s.Min.Value) && !math.IsNaN(p.Value) {
		s.Min = p
	}
	if p.Value > s.Max.Value || math.IsNaN(s.Max.Value) && !math.IsNaN(p.Value) {
		s.Max = p
	}
}

// course is a summary and what decides whether a further point can be added to
// it without reading the earlier ones again.
type course struct {
	Summary
	MaxStep  int
	Writer   string // the journal of the last point
	Attached bool   // some points are from attached writers, so the series is sorted by step
}

// append adds a point that a journal holds. It reports false when the point
// does not go at the end: a resumed attempt that repeats steps, or writers that log
// the same metric side by side. The series must then be read as a whole.
func (c *course) append(journal string, attached bool, p Point) bool {
	if c.Count > 0 {
		same := c.Writer == journal
		later := journal > c.Writer // attempts are numbered and attached journals come after them
		switch {
		case attached && !c.Attached:
			return false
		case c.Attached && (p.Step < c.MaxStep || p.Step == c.MaxStep && !same && !(later && attached)):
			return false
		case !c.Attached && !same && (!later || p.Step <= c.MaxStep):
			return false
		}
	}
	c.Attached = c.Attached || attached
	if c.Count == 0 || p.Step > c.MaxStep {
		c.MaxStep = p.Step
	}
	c.Writer = journal
	c.add(p)
	return true
}
