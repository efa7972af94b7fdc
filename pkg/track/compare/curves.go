package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// CurveOptions say how curves are drawn.
type CurveOptions struct {
	Log    bool // space values by ratio; those that are not positive leave gaps
	Time   bool // over the time since the start, instead of over steps
	Points int  // at most so many of a curve, but for gaps; 0 is 1,000
}

const defaultPoints = 1000

// Shared are the metrics that at least two runs have curves of: two finite values
// or more.
func (c *Comparison) Shared() []string {
	var names []string
	for _, m := range c.all {
		curves := 0
		for _, s := range c.series {
			if finite(s[m.Name].points) > 1 {
				curves++
			}
		}
		if curves > 1 {
			names = append(names, m.Name)
		}
	}
	return names
}

func finite(points []track.Point) (n int) {
	for _, p := range points {
		if v := float64(p.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
			n++
		}
	}
	return n
}

// Curves draws metrics over one another, one panel a metric. Without names it
// draws those that [Comparison.Shared] lists.
func (c *Comparison) Curves(o CurveOptions, metrics ...string) (*figure.Figure, error) {
	if len(metrics) == 0 {
		if metrics = c.Shared(); len(metrics) == 0 {
			return nil, fmt.Errorf("compare: no two runs have a curve of the same metric")
		}
	}
	t, unit, err := c.curveTable(o, metrics)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	spec := figure.CurvesSpec{
		X: "x", Y: "value", Group: "run", FreeX: true, LogY: o.Log, XLabel: "step", YLabel: "value",
		Provenance: c.provenance(),
	}
	if o.Time {
		spec.XLabel = "time since the start (" + unit + ")"
	}
	if len(metrics) == 1 {
		spec.YLabel = metrics[0]
	} else {
		spec.Panel = "metric"
	}
	return figure.Curves(t, spec)
}

// curveTable is tidy: a row a point, where gaps have the value NaN.
func (c *Comparison) curveTable(o CurveOptions, metrics []string) (t table.Table, unit string, err error) {
	if o.Points == 0 {
		o.Points = defaultPoints
	}
	var longest time.Duration
	for _, name := range metrics {
		for _, s := range c.series {
			if points := s[name].points; len(points) > 0 {
				longest = max(longest, points[len(points)-1].Time.Sub(s[name].since))
			}
		}
	}
	unit, length := timeUnit(longest)
	t = table.New("metric", "run", "x", "value")
	for _, name := range metrics {
		drawn := false
		for i, s := range c.series {
			curve := curveOf(s[name], o.Time, length)
			for _, p := range downsample(curve, o.Points) {
				drawn = true
				if err := t.Append(name, c.curveLabel(i), p.x, p.y); err != nil {
					return t, "", err
				}
			}
		}
		if !drawn {
			return t, "", fmt.Errorf("no run has a finite value of %q", name)
		}
	}
	return t, unit, nil
}

// curveLabel is the run's label, made unique for a run that is compared with itself.
func (c *Comparison) curveLabel(i int) string {
	same := 0
	for _, r := range c.Runs[:i] {
		if r.Label == c.Runs[i].Label {
			same++
		}
	}
	if same > 0 {
		return fmt.Sprintf("%s (%d)", c.Runs[i].Label, same+1)
	}
	return c.Runs[i].Label
}

// curveOf is a metric in order of x; of several values at one x the last.
func curveOf(s series, byTime bool, unit time.Duration) []xy {
	curve := make([]xy, 0, len(s.points))
	for _, p := range s.points {
		x := float64(p.Step)
		if byTime {
			x = float64(p.Time.Sub(s.since)) / float64(unit)
		}
		curve = append(curve, xy{x, float64(p.Value)})
	}
	slices.SortStableFunc(curve, func(a, b xy) int { return cmp.Compare(a.x, b.x) })
	kept := curve[:0]
	for _, p := range curve {
		if n := len(kept); n > 0 && kept[n-1].x == p.x {
			kept[n-1] = p
		} else {
			kept = append(kept, p)
		}
	}
	return kept
}

func timeUnit(longest time.Duration) (name string, unit time.Duration) {
	switch {
	case longest > 3*time.Hour:
		return "h", time.Hour
	case longest > 3*time.Minute:
		return "min", time.Minute
	}
	return "s", time.Second
}

// provenance is the line below a figure.
func (c *Comparison) provenance() map[string]string {
	var ids, commits []string
	for _, r := range c.Runs {
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
		if !slices.Contains(commits, r.Commit) {
			commits = append(commits, r.Commit)
		}
	}
	const named = 6
	runs := strings.Join(ids[:min(len(ids), named)], ", ")
	if more := len(ids) - named; more > 0 {
		runs += fmt.Sprintf(" and %d more", more)
	}
	return map[string]string{"run": runs, "commit": strings.Join(commits, ", ")}
}
