package compare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

const (
	sideBySide  = 4 // up to so many runs have a column each, more have a row each
	shownRanked = 6 // metrics of many runs that fit a page
	cellLength  = 56
)

// Tables are the comparison for a reader, each with a caption. What is empty is
// left out.
func (c *Comparison) Tables() []table.Captioned {
	tables := []table.Captioned{{Table: c.runsTable(), Caption: "runs"}}
	if len(c.Runs) > sideBySide {
		tables = append(tables, c.rankedTable())
	} else {
		tables = append(tables, c.factTable("params", c.Params), c.metricTable())
	}
	for _, s := range []struct {
		name string
		Section
	}{{"tags", c.Tags}, {"code", c.Code}, {"data", c.Data}, {"environment", c.Environment}, {"inputs", c.Inputs}} {
		tables = append(tables, c.factTable(s.name, s.Section))
	}
	return slices.DeleteFunc(tables, func(t table.Captioned) bool { return t.Table.Len() == 0 })
}

func (c *Comparison) runsTable() table.Table {
	t := table.New("run", "what", "state", "started", "took")
	labelled := c.Runs[0].Label != c.Runs[0].ID && len(c.Runs) <= sideBySide
	if labelled {
		t.Columns = append(t.Columns, "in figures")
	}
	for _, r := range c.Runs {
		row := []string{r.ID, r.Title, string(r.State), r.Started.Local().Format("2006-01-02 15:04"), track.ShortDuration(r.Duration)}
		if labelled {
			row = append(row, r.Label)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (c *Comparison) ids() []string {
	ids := make([]string, len(c.Runs))
	for i, r := range c.Runs {
		ids[i] = r.ID
	}
	return ids
}

// factTable has a row a fact or, of many runs, a row a run.
func (c *Comparison) factTable(name string, s Section) table.Captioned {
	out := table.Captioned{Caption: caption(name, len(s.Facts), s.Same)}
	if len(c.Runs) <= sideBySide {
		out.Table = table.New(append([]string{strings.TrimSuffix(name, "s")}, c.ids()...)...)
		for _, f := range s.Facts {
			row := []string{f.Name}
			for _, v := range f.Values {
				row = append(row, cut(valueText(v)))
			}
			out.Table.Rows = append(out.Table.Rows, row)
		}
		return out
	}
	out.Table = table.New("run")
	for _, f := range s.Facts {
		out.Table.Columns = append(out.Table.Columns, f.Name)
	}
	if len(s.Facts) > 0 {
		for i, r := range c.Runs {
			row := []string{r.ID}
			for _, f := range s.Facts {
				row = append(row, cut(valueText(f.Values[i])))
			}
			out.Table.Rows = append(out.Table.Rows, row)
		}
	}
	return out
}

// caption says how many facts are left out.
func caption(name string, shown, same int) string {
	if shown == 0 || same == 0 {
		return name
	}
	if same == 1 {
		return name + " (one more is the same)"
	}
	return fmt.Sprintf("%s (%d more are the same)", name, same)
}

// cut keeps both ends of a long text: paths differ at the end.
func cut(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	runes := []rune(text)
	if len(runes) <= cellLength {
		return text
	}
	head := (cellLength - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(cellLength-1-head):])
}

// metricTable has each metric's last values and, where they are others, its best.
func (c *Comparison) metricTable() table.Captioned {
	out := table.Captioned{Table: table.New(append([]string{"metric"}, c.ids()...)...)}
	out.Caption = caption("metrics", len(c.Metrics), c.SameMetrics)
	for _, m := range c.Metrics {
		last, best := []string{m.Name}, []string{m.Name + " " + m.bestWord()}
		other := false
		for _, v := range m.Values {
			if v == nil {
				last, best = append(last, "–"), append(best, "–")
				continue
			}
			last, best = append(last, withDelta(v.Last, v.ToLast)), append(best, withDelta(v.Best, v.ToBest))
			other = other || !same(v.Last, v.Best)
		}
		out.Table.Rows = append(out.Table.Rows, last)
		if other {
			out.Table.Rows = append(out.Table.Rows, best)
		}
	}
	return out
}

func (m Metric) bestWord() string {
	if m.HigherIsBetter {
		return "(max)"
	}
	return "(min)"
}

func withDelta(value track.Number, d *Delta) string {
	text := numberText(value)
	switch {
	case d == nil:
		return text
	case d.Absolute == 0:
		return text + "  (same)"
	case d.Relative == nil:
		return fmt.Sprintf("%s  (%+.3g)", text, float64(d.Absolute))
	}
	return fmt.Sprintf("%s  (%+.3g, %s)", text, float64(d.Absolute), percent(*d.Relative))
}

func percent(share track.Number) string {
	p := 100 * float64(share)
	if math.Abs(p) >= 1000 {
		return fmt.Sprintf("%+.2g %%", p)
	}
	return fmt.Sprintf("%+.1f %%", p)
}

func numberText(n track.Number) string { return strconv.FormatFloat(float64(n), 'g', 5, 64) }

// rankedTable is a row a run: the params that were set differently, then metrics
// with their distance from the first run.
func (c *Comparison) rankedTable() table.Captioned {
	facts := c.settings()
	if c.options.All {
		facts = c.Params.Facts
	}
	metrics := c.Metrics
	if len(c.options.Metrics) == 0 && !c.options.All {
		metrics = c.outcomes(shownRanked)
	}
	t := table.New(append([]string{"run"}, shortNames(facts)...)...)
	for _, m := range metrics {
		t.Columns = append(t.Columns, m.Name)
	}
	for i, r := range c.Runs {
		row := []string{r.ID}
		for _, f := range facts {
			row = append(row, cut(valueText(f.Values[i])))
		}
		for _, m := range metrics {
			row = append(row, rankedCell(m.Values[i]))
		}
		t.Rows = append(t.Rows, row)
	}
	if len(facts)+len(metrics) == 0 {
		t.Rows = nil
	}
	text := "settings and last values"
	if more := len(c.Metrics) - len(metrics); more > 0 {
		text += " (" + plural(more, "more metric") + ")"
	}
	return table.Captioned{Table: t, Caption: text}
}

func rankedCell(v *Values) string {
	switch {
	case v == nil:
		return "–"
	case v.ToLast == nil || v.ToLast.Relative == nil || v.ToLast.Absolute == 0:
		return numberText(v.Last)
	}
	return numberText(v.Last) + "  " + percent(*v.ToLast.Relative)
}
