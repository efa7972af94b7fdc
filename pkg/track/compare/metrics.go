package compare

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"noisebook/pkg/track"
)

const systemPrefix = "system/"

// Metric is what one metric came to in each run.
type Metric struct {
	Name           string    `json:"name"`
	HigherIsBetter bool      `json:"higher_is_better"` // see [track.HigherIsBetter]
	Values         []*Values `json:"values"`           // in the runs' order; nil where a run lacks it
}

// Values are a metric's last and best value in a run, and how they differ from
// those of the first run.
type Values struct {
	Last     track.Number `json:"last"`
	LastStep int          `json:"last_step"`
	Best     track.Number `json:"best"`
	BestStep int          `json:"best_step"`
	Points   int          `json:"points"`
	ToLast   *Delta       `json:"last_delta,omitempty"` // nil in the first run and where that lacks the metric
	ToBest   *Delta       `json:"best_delta,omitempty"`
}

// Delta is the distance from the first run's value.
type Delta struct {
	Absolute track.Number  `json:"absolute"`
	Relative *track.Number `json:"relative,omitempty"` // share of the first value's magnitude; nil where that is 0 or not finite
}

// measure fills Metrics with those asked for.
func (c *Comparison) measure() error {
	names := map[string]bool{}
	for _, s := range c.series {
		for name, series := range s {
			if len(series.points) > 0 {
				names[name] = true
			}
		}
	}
	for _, name := range c.options.Metrics {
		if !names[name] {
			return fmt.Errorf("no run has the metric %q, there are %s", name, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
	}
	sorted := slices.Sorted(maps.Keys(names))
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	if len(c.options.Metrics) > 0 {
		sorted = c.options.Metrics
	}
	for _, name := range sorted {
		if strings.HasPrefix(name, systemPrefix) && !c.options.All && len(c.options.Metrics) == 0 {
			continue
		}
		m := c.metric(name)
		c.all = append(c.all, m)
		if m.differs() || c.options.All || len(c.options.Metrics) > 0 {
			c.Metrics = append(c.Metrics, m)
		} else {
			c.SameMetrics++
		}
	}
	return nil
}

// rank puts a run's own metrics before those of its stages.
func rank(name string) int {
	if strings.Contains(name, "/") {
		return 1
	}
	return 0
}

func (c *Comparison) metric(name string) Metric {
	m := Metric{Name: name, HigherIsBetter: track.HigherIsBetter(name)}
	for _, s := range c.series {
		m.Values = append(m.Values, valuesOf(s[name].points, m.HigherIsBetter))
	}
	first := m.Values[0]
	for _, v := range m.Values[1:] {
		if v != nil && first != nil {
			v.ToLast, v.ToBest = deltaOf(first.Last, v.Last), deltaOf(first.Best, v.Best)
		}
	}
	return m
}

func valuesOf(points []track.Point, higher bool) *Values {
	if len(points) == 0 {
		return nil
	}
	last := points[len(points)-1]
	best := points[0]
	for _, p := range points[1:] {
		a, b := float64(best.Value), float64(p.Value)
		if math.IsNaN(a) || higher && b > a || !higher && b < a {
			best = p
		}
	}
	return &Values{Last: last.Value, LastStep: last.Step, Best: best.Value, BestStep: best.Step, Points: len(points)}
}

func deltaOf(from, to track.Number) *Delta {
	a, b := float64(from), float64(to)
	d := Delta{Absolute: track.Number(b - a)}
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		d.Absolute = 0
	}
	if a != 0 && !math.IsNaN(a) && !math.IsInf(a, 0) {
		relative := d.Absolute / track.Number(math.Abs(a))
		d.Relative = &relative
	}
	return &d
}

// differs says that a run has another last or best value than the first, or
// none where that has one.
func (m Metric) differs() bool {
	first := m.Values[0]
	return slices.ContainsFunc(m.Values, func(v *Values) bool {
		if v == nil || first == nil {
			return v != first
		}
		return !same(v.Last, first.Last) || !same(v.Best, first.Best)
	})
}

func same(a, b track.Number) bool {
	return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
}
