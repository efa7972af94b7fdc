package figure

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"noisebook/pkg/table"
)

// ParallelSpec says which columns of a table are the axes of parallel coordinates.
type ParallelSpec struct {
	// Axes are the columns, from left to right; at least two.
	Axes []ParallelAxis
	// Color names the numeric column that colours the lines; empty draws all alike.
	Color string
	// Title, Caption and Provenance are as in CurvesSpec. ColorLabel stands beside
	// the colour scale and defaults to the column's name.
	Title, Caption, ColorLabel string
	Provenance                 map[string]string
	// Width and Height are the size in inches, by default 1.5 an axis and at least
	// 6.4, and 3.2. Title, names and caption add to the height.
	Width, Height float64
}

// ParallelAxis is a column drawn as a vertical axis: numbers from the smallest at
// the bottom, words in order of appearance from the top.
type ParallelAxis struct {
	Column string
	Label  string // the column's name when empty
	Log    bool   // spaced by ratio; all numbers must be positive
}

// Name is what stands above the axis.
func (a ParallelAxis) Name() string {
	if a.Label != "" {
		return a.Label
	}
	return a.Column
}

// Numbers reads cells that are all finite numbers or empty, which becomes NaN. ok
// is false when a cell is a word, or when every cell is empty.
func Numbers(cells []string) (values []float64, ok bool) {
	values = make([]float64, len(cells))
	for i, cell := range cells {
		if cell == "" {
			values[i] = math.NaN()
			continue
		}
		x, err := strconv.ParseFloat(cell, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, false
		}
		values[i], ok = x, true
	}
	return values, ok
}

// Parallel draws each row of a table as a line through its values on parallel
// axes. An empty cell interrupts the line.
//
// It fails when a column is missing, when there are fewer than two axes or no
// rows, and when the colour's column holds words.
func Parallel(t table.Table, spec ParallelSpec) (*Figure, error) {
	data, err := readParallel(t, spec)
	if err != nil {
		return nil, fmt.Errorf("figure: parallel coordinates: %w", err)
	}
	return newParallelSheet(spec, data).render()
}

// parallelData is a table read for drawing.
type parallelData struct {
	axes   []parallelAxis
	colors []float64 // a row's place on the colour scale; nil without one
	ends   [2]float64
	rows   int
}

// parallelAxis is an axis and each row's place on it, from 0 at the bottom to 1;
// NaN where the row has no value.
type parallelAxis struct {
	name   string
	ticks  []tick
	places []float64
}

func readParallel(t table.Table, spec ParallelSpec) (parallelData, error) {
	data := parallelData{rows: t.Len()}
	switch {
	case len(spec.Axes) < 2:
		return data, errors.New("name at least two columns as axes")
	case t.Len() == 0:
		return data, errors.New("the table has no rows")
	case spec.Width < 0 || spec.Height < 0:
		return data, fmt.Errorf("size %g × %g inches is negative", spec.Width, spec.Height)
	}
	for _, a := range spec.Axes {
		cells, err := t.Strings(a.Column)
		if err != nil {
			return data, err
		}
		axis := parallelAxis{name: a.Name()}
		if values, ok := Numbers(cells); ok {
			err = axis.fitNumbers(values, a.Log)
		} else if a.Log {
			err = fmt.Errorf("column %q holds words, which have no place on a logarithmic axis", a.Column)
		} else {
			axis.fitWords(cells)
		}
		if err != nil {
			return data, err
		}
		data.axes = append(data.axes, axis)
	}
	if spec.Color == "" {
		return data, nil
	}
	cells, err := t.Strings(spec.Color)
	if err != nil {
		return data, err
	}
	values, ok := Numbers(cells)
	if !ok {
		return data, fmt.Errorf("column %q, which is to colour the lines, is not numeric", spec.Color)
	}
	low, high := Extent(values)
	data.ends = [2]float64{low, high}
	for _, x := range values {
		place := 0.5
		if high > low {
			place = (x - low) / (high - low)
		}
		if math.IsNaN(x) {
			place = x
		}
		data.colors = append(data.colors, place)
	}
	return data, nil
}

// Extent is the smallest and the largest of values, NaN left out.
func Extent(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, x := range values {
		if !math.IsNaN(x) {
			low, high = math.Min(low, x), math.Max(high, x)
		}
	}
	return low, high
}

// fewValues is up to how many distinct numbers an axis marks each.
const fewValues = 6

func (a *parallelAxis) fitNumbers(values []float64, log bool) error {
	low, high := Extent(values)
	if log && low <= 0 {
		return fmt.Errorf("%s = %g has no place on a logarithmic axis", a.name, low)
	}
	position := func(x float64) float64 { return x }
	if log {
		position = math.Log10
	}
	place := func(x float64) float64 {
		if high == low {
			return 0.5 + x - low // NaN stays NaN
		}
		return (position(x) - position(low)) / (position(high) - position(low))
	}
	distinct := map[float64]bool{}
	for _, x := range values {
		a.places = append(a.places, place(x))
		if !math.IsNaN(x) {
			distinct[x] = true
		}
	}
	switch {
	case len(distinct) <= fewValues:
		for x := range distinct {
			a.ticks = append(a.ticks, tick{at: x, label: significant(x)})
		}
	case log:
		a.ticks = logTicks(low, high)
	default:
		a.ticks = roundTicks(low, high, 5)
	}
	slices.SortFunc(a.ticks, func(x, y tick) int { return int(math.Copysign(1, x.at-y.at)) })
	for i := range a.ticks {
		a.ticks[i].at = place(a.ticks[i].at)
	}
	return nil
}

// significant writes a number with as many digits as fit an axis.
func significant(x float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64)
	if err != nil { // it was just written
		rounded = x
	}
	return formatNumber(rounded, -1)
}

func (a *parallelAxis) fitWords(cells []string) {
	var words []string
	for _, cell := range cells {
		if cell != "" && !slices.Contains(words, cell) {
			words = append(words, cell)
		}
	}
	place := func(i int) float64 {
		if len(words) < 2 {
			return 0.5
		}
		return 1 - float64(i)/float64(len(words)-1)
	}
	for _, cell := range cells {
		at := math.NaN()
		if cell != "" {
			at = place(slices.Index(words, cell))
		}
		a.places = append(a.places, at)
	}
	for i, word := range words {
		a.ticks = append(a.ticks, tick{at: place(i), label: word})
	}
	slices.Reverse(a.ticks)
}
