package chart

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

// axis is go-echarts' with what it lacks. ECharts fits an axis to the last series
// alone, and has it begin at zero: the ends are ours.
type axis struct {
	opts.ParallelAxis
	Dim           int       `json:"dim"` // which go-echarts leaves out when it is 0
	Min           any       `json:"min,omitempty"`
	NameTextStyle textStyle `json:"nameTextStyle"`
}

type textStyle struct {
	FontWeight string `json:"fontWeight,omitempty"`
	Color      string `json:"color,omitempty"`
}

// Source is what has settings and outcomes to draw, such as a comparison of runs.
type Source interface {
	ParallelTable() (table.Table, figure.ParallelSpec, error)
}

// Sweep draws each run of a source as a line over settings and outcomes.
func Sweep(source Source) (*Chart, error) {
	t, spec, err := source.ParallelTable()
	if err != nil {
		return nil, err
	}
	return Parallel(t, spec)
}

// lineWidth and lineOpacity are those of the twin, about.
const (
	lineWidth   = 2
	lineOpacity = 0.8
)

// Parallel draws each row of a table as a line through parallel axes; along an axis
// one drags to select lines. The first column names the row.
func Parallel(t table.Table, spec figure.ParallelSpec) (*Chart, error) {
	twin, err := figure.Parallel(t, spec)
	if err != nil {
		return nil, err
	}
	parallel := charts.NewParallel()
	parallel.SetGlobalOptions(
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: "item"}),
		charts.WithParallelComponentOpts(opts.ParallelComponent{Left: "60", Right: "70", Top: "46", Bottom: "24"}),
	)
	axes, columns, err := axesOf(t, spec)
	if err != nil {
		return nil, err
	}
	colors, err := colorsOf(t, spec.Color)
	if err != nil {
		return nil, err
	}
	for row := range t.Rows {
		values := make([]any, len(columns))
		for i, column := range columns {
			values[i] = column[row]
		}
		parallel.AddSeries(t.Rows[row][0], []opts.ParallelData{{Name: t.Rows[row][0], Value: values}},
			charts.WithLineStyleOpts(opts.LineStyle{Color: colors[row], Width: lineWidth, Opacity: opts.Float(lineOpacity)}))
	}
	parallel.Validate()
	options := parallel.JSON()
	options["parallelAxis"] = axes
	options["animation"] = false
	encoded, err := json.Marshal(options) // escapes <, > and &
	if err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	return &Chart{Option: encoded, Twin: twin}, nil
}

// missing is ECharts' word for no value.
const missing = "-"

func axesOf(t table.Table, spec figure.ParallelSpec) ([]axis, [][]any, error) {
	var axes []axis
	var columns [][]any
	for i, a := range spec.Axes {
		cells, err := t.Strings(a.Column)
		if err != nil {
			return nil, nil, fmt.Errorf("chart: %w", err)
		}
		one := axis{ParallelAxis: opts.ParallelAxis{Name: a.Name(), NameLocation: "end", Type: "category"}, Dim: i, NameTextStyle: textStyle{"bold", "#222222"}}
		values, numeric := figure.Numbers(cells)
		switch {
		case numeric:
			low, high := figure.Extent(values)
			one.Type = "value"
			if a.Log {
				one.Type = "log"
			} else {
				low, high = roundEnds(low, high)
			}
			one.Min, one.Max = low, high
		default:
			one.Data = wordsOf(cells)
		}
		column := make([]any, len(cells))
		for row, cell := range cells {
			switch {
			case cell == "":
				column[row] = missing
			case numeric:
				column[row] = values[row]
			default:
				column[row] = cell
			}
		}
		axes, columns = append(axes, one), append(columns, column)
	}
	return axes, columns, nil
}

// roundEnds widens a range to numbers that read well as the labels of its ends.
func roundEnds(low, high float64) (float64, float64) {
	span := high - low
	if span == 0 {
		span = math.Max(math.Abs(low), 1)
		low, high = low-span/2, high+span/2
	}
	// In whole units: multiples of 0.01 are not what they are written as.
	units := math.Pow(10, 1-math.Floor(math.Log10(span)))
	return math.Floor(low*units+1e-9) / units, math.Ceil(high*units-1e-9) / units
}

// wordsOf are the distinct words, the first at the top as in the twin.
func wordsOf(cells []string) []string {
	var words []string
	for _, cell := range cells {
		if cell != "" && !slices.Contains(words, cell) {
			words = append(words, cell)
		}
	}
	slices.Reverse(words)
	return words
}

// colorsOf are the twin's colours of the rows.
func colorsOf(t table.Table, column string) ([]string, error) {
	colors := make([]string, t.Len())
	places := make([]float64, t.Len())
	if column != "" {
		cells, err := t.Strings(column)
		if err != nil {
			return nil, fmt.Errorf("chart: %w", err)
		}
		values, _ := figure.Numbers(cells) // figure.Parallel has refused words
		low, high := figure.Extent(values)
		for row, x := range values {
			if places[row] = 0.5; high > low || math.IsNaN(x) {
				places[row] = (x - low) / (high - low)
			}
		}
	}
	for row := range colors {
		c := figure.Sequential(places[row])
		colors[row] = "#" + strconv.FormatUint(1<<24|uint64(c.R)<<16|uint64(c.G)<<8|uint64(c.B), 16)[1:]
	}
	return colors, nil
}
