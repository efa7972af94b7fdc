package compare

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

// parallelSettings and parallelMetrics are how many axes stay readable.
const (
	parallelSettings = 8
	parallelMetrics  = 3
	logRatio         = 10 // from which settings are spaced by ratio
)

// ParallelTable is a row a run: its label, the params that were set differently,
// and last values of metrics, with the axes to draw them on: the settings from the
// left and the metrics at the right. The last metric, which colours the lines, is
// the first of those that the comparison was asked for.
func (c *Comparison) ParallelTable() (table.Table, figure.ParallelSpec, error) {
	settings := c.settings()
	settings = settings[:min(len(settings), parallelSettings)]
	metrics := c.outcomes(parallelMetrics)
	if len(settings) == 0 || len(metrics) == 0 {
		return table.Table{}, figure.ParallelSpec{}, errors.New("compare: parallel coordinates need a param and a metric that differ")
	}
	slices.Reverse(metrics)
	spec := figure.ParallelSpec{Color: metrics[len(metrics)-1].Name, Provenance: c.provenance()}
	t := table.New("run")
	names := shortNames(settings)
	for i, f := range settings {
		t.Columns = append(t.Columns, f.Name)
		spec.Axes = append(spec.Axes, figure.ParallelAxis{Column: f.Name, Label: names[i]})
	}
	for _, m := range metrics {
		t.Columns = append(t.Columns, m.Name)
		spec.Axes = append(spec.Axes, figure.ParallelAxis{Column: m.Name})
	}
	for i := range c.Runs {
		row := []string{c.Runs[i].ID}
		for _, f := range settings {
			cell := ""
			if f.Values[i] != nil {
				cell = valueText(f.Values[i])
			}
			row = append(row, cell)
		}
		for _, m := range metrics {
			row = append(row, lastCell(m.Values[i]))
		}
		t.Rows = append(t.Rows, row)
	}
	for i := range settings {
		cells, err := t.Strings(spec.Axes[i].Column)
		if err != nil {
			return t, spec, err
		}
		if values, ok := figure.Numbers(cells); ok {
			low, high := figure.Extent(values)
			spec.Axes[i].Log = low > 0 && high >= logRatio*low
		}
	}
	return t, spec, nil
}

// lastCell leaves out what is no place on an axis.
func lastCell(v *Values) string {
	if v == nil {
		return ""
	}
	text := strconv.FormatFloat(float64(v.Last), 'g', -1, 64)
	if _, ok := figure.Numbers([]string{text}); !ok {
		return ""
	}
	return text
}

// Parallel draws every run as a line over the params that differ and the metrics.
func (c *Comparison) Parallel() (*figure.Figure, error) {
	t, spec, err := c.ParallelTable()
	if err != nil {
		return nil, err
	}
	return figure.Parallel(t, spec)
}

// outcomes are the first metrics that differ and are finite somewhere, in the
// order asked for, else a run's own before those of its stages. What a table
// repeats of the settings, such as its column "seed", is no outcome.
func (c *Comparison) outcomes(limit int) []Metric {
	var chosen []Metric
	for _, m := range c.Metrics {
		finite := slices.ContainsFunc(m.Values, func(v *Values) bool { return lastCell(v) != "" })
		if !m.differs() || !finite || c.isSetting(m.Name) {
			continue
		}
		if chosen = append(chosen, m); len(chosen) == limit {
			break
		}
	}
	return chosen
}

func (c *Comparison) isSetting(metric string) bool {
	return slices.ContainsFunc(c.settings(), func(f Fact) bool {
		return f.Name[strings.LastIndexByte(f.Name, '.')+1:] == metric
	})
}
