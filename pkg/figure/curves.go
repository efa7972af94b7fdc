package figure

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/table"
)

// CurvesSpec says which columns of a tidy table to draw, and how. X and Y are
// required; everything else may stay zero.
type CurvesSpec struct {
	// X and Y name the columns of the two axes. A Y of NaN leaves a gap.
	X, Y string
	// Group names the column that has one line a value, told apart by colour and marker.
	Group string
	// Panel names the column that has one plot a value, side by side.
	Panel string
	// Seed names the column of repetitions: the line is their mean, the band one
	// sample standard deviation (n − 1) to each side. A point with a single seed has no band.
	Seed string
	// Error names the column of half-widths of the band, in units of Y. Not with Seed.
	Error string
	// ErrorBars draws bars in place of bands.
	ErrorBars bool

	// Scale is the spacing of X.
	Scale Scale
	// ReverseX runs the horizontal axis from the largest value to the smallest, as
	// a sampler runs through time.
	ReverseX bool
	// FreeX fits the horizontal axis to each panel's own values.
	FreeX bool
	// LogY spaces Y by ratio. Values that are not positive leave a gap; a band
	// that reaches down to zero ends at the frame.
	LogY bool
	// YRange fixes the ends of the vertical axis; zero fits the data.
	YRange [2]float64
	// Bands mark ranges of X, Lines mark values of Y.
	Bands []Band
	Lines []Line

	// Title stands above all; XLabel and YLabel default to the columns' names;
	// GroupLabel stands before the legend.
	Title, XLabel, YLabel, GroupLabel string
	// Caption is a sentence drawn below the plot, followed by the provenance
	// (run, commit, tier, n, features, …) in one line.
	Caption    string
	Provenance map[string]string
	// Width and Height are the size in inches: 6.4 wide for one panel and 3.4 a
	// panel for up to three beside each other; 3.2 high a row of panels. Title,
	// legend and caption add to the height.
	Width, Height float64
}

// Band marks a range of X, such as the values a paper calls good.
type Band struct {
	From, To float64
	Label    string
}

// Line marks a value of Y, such as a paper's reported number.
type Line struct {
	Value float64
	Label string
	// Panel is the one panel the line belongs to; empty means all.
	Panel string
}

// point is one place on a curve: the mean of its seeds and their spread, which
// is NaN where it is not known.
type point struct {
	x, y, spread float64
}

// curve is one line of one panel. Its index counts over the whole figure, so
// that a group looks the same in every panel.
type curve struct {
	index  int
	points []point
}

// panel is one plot: its heading and curves.
type panel struct {
	name   string
	axis   horizontal
	curves []curve
}

// Curves draws the columns of a table as lines with markers.
//
// It fails when a column is missing or not numeric, when a value is infinite,
// when two rows claim the same point and no Seed column tells them apart, and
// when nothing is left to draw.
func Curves(t table.Table, spec CurvesSpec) (*Figure, error) {
	figure, err := curves(t, spec)
	if err != nil {
		return nil, fmt.Errorf("figure: curves of %s over %s: %w", spec.Y, spec.X, err)
	}
	return figure, nil
}

func curves(t table.Table, spec CurvesSpec) (*Figure, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	data, err := readCurves(t, spec)
	if err != nil {
		return nil, err
	}
	if spec.XLabel == "" {
		spec.XLabel = spec.X
	}
	if spec.YLabel == "" {
		spec.YLabel = spec.Y
	}
	if data.words && len(spec.Bands) > 0 {
		return nil, errors.New("bands need a numeric X")
	}
	return newSheet(spec, data).render()
}

func (s CurvesSpec) validate() error {
	switch {
	case s.X == "" || s.Y == "":
		return errors.New("X and Y must name columns")
	case s.Seed != "" && s.Error != "":
		return errors.New("name a Seed column or an Error column, not both")
	case s.Scale < Linear || s.Scale > Even:
		return fmt.Errorf("unknown scale %d", s.Scale)
	case s.YRange != [2]float64{} && !(s.YRange[0] < s.YRange[1]):
		return fmt.Errorf("YRange %g … %g is empty", s.YRange[0], s.YRange[1])
	case s.LogY && s.YRange != [2]float64{} && s.YRange[0] <= 0:
		return fmt.Errorf("YRange starts at %g, which has no place on a logarithmic axis", s.YRange[0])
	case s.Width < 0 || s.Height < 0:
		return fmt.Errorf("size %g × %g inches is negative", s.Width, s.Height)
	}
	for _, band := range s.Bands {
		if !(band.From < band.To) || math.IsInf(band.To-band.From, 0) {
			return fmt.Errorf("band %q from %g to %g is not a range", band.Label, band.From, band.To)
		}
		if s.Scale == Log && band.From <= 0 {
			return fmt.Errorf("band %q starts at %g, which has no place on a logarithmic axis", band.Label, band.From)
		}
	}
	for _, line := range s.Lines {
		if s.LogY && line.Value <= 0 {
			return fmt.Errorf("line %q at %g has no place on a logarithmic axis", line.Label, line.Value)
		}
		if math.IsNaN(line.Value) || math.IsInf(line.Value, 0) {
			return fmt.Errorf("line %q at %g is not a finite value", line.Label, line.Value)
		}
	}
	return nil
}

// curveData is a table read for drawing.
type curveData struct {
	words  bool // X holds text
	groups []string
	panels []panel
	seeds  seedRange
}

// cellOf is the place of an observation in the figure.
type cellOf struct {
	panel, group string
	x            float64
}

func readCurves(t table.Table, spec CurvesSpec) (curveData, error) {
	var data curveData
	if t.Len() == 0 {
		return data, errors.New("the table has no rows")
	}
	xCells, err := t.Strings(spec.X)
	if err != nil {
		return data, err
	}
	axis, err := newHorizontal(xCells, spec.Scale)
	if err != nil {
		return data, err
	}
	data.words = axis.words
	ys, err := t.Floats(spec.Y)
	if err != nil {
		return data, err
	}
	groupOf, groups, err := labelColumn(t, spec.Group)
	if err != nil {
		return data, err
	}
	panelOf, panels, err := labelColumn(t, spec.Panel)
	if err != nil {
		return data, err
	}
	var spreads []float64
	if spec.Error != "" {
		if spreads, err = t.Floats(spec.Error); err != nil {
			return data, err
		}
	}
	if spec.Seed != "" {
		if _, err := t.Strings(spec.Seed); err != nil {
			return data, err
		}
	}

	values := map[cellOf][]float64{}
	errorsAt := map[cellOf]float64{}
	for row, y := range ys {
		at := cellOf{panelOf(row), groupOf(row), axis.value(xCells[row])}
		if math.IsInf(y, 0) {
			return data, fmt.Errorf("row %d: %s is infinite", row+1, spec.Y)
		}
		if len(values[at]) > 0 && spec.Seed == "" {
			return data, fmt.Errorf("row %d: a second value at %s = %s: name the Seed, Group or Panel column that tells the rows apart", row+1, spec.X, xCells[row])
		}
		if spec.LogY && y <= 0 {
			y = math.NaN()
		}
		values[at] = append(values[at], y)
		if spreads != nil {
			if spreads[row] < 0 || math.IsInf(spreads[row], 0) {
				return data, fmt.Errorf("row %d: %s = %g is not a half-width", row+1, spec.Error, spreads[row])
			}
			errorsAt[at] = spreads[row]
		}
	}

	data.groups = groups
	drawn := 0
	for _, panelName := range panels {
		p := panel{name: panelName, axis: axis}
		if spec.FreeX && !axis.words {
			if p.axis, err = panelAxis(xCells, func(row int) bool { return panelOf(row) == panelName }, spec.Scale); err != nil {
				return data, err
			}
		}
		for index, group := range groups {
			c := curve{index: index}
			for _, x := range p.axis.values {
				at := cellOf{panelName, group, x}
				repetitions, found := values[at]
				if !found {
					continue
				}
				mean, deviation := stat.MeanStdDev(repetitions, nil)
				c.points = append(c.points, point{x: p.axis.position(x), y: mean, spread: deviation})
				if spec.Seed == "" {
					c.points[len(c.points)-1].spread = math.NaN()
				} else {
					data.seeds.add(len(repetitions))
				}
				if spreads != nil {
					c.points[len(c.points)-1].spread = errorsAt[at]
				}
				if !math.IsNaN(mean) {
					drawn++
				}
			}
			if len(c.points) > 0 {
				p.curves = append(p.curves, c)
			}
		}
		data.panels = append(data.panels, p)
	}
	if drawn == 0 {
		missing := "NaN"
		if spec.LogY {
			missing = "NaN or not positive"
		}
		return data, fmt.Errorf("every value of %s is %s", spec.Y, missing)
	}
	return data, nil
}

// panelAxis is the horizontal axis of some rows alone.
func panelAxis(cells []string, inPanel func(row int) bool, scale Scale) (horizontal, error) {
	var own []string
	for row, cell := range cells {
		if inPanel(row) {
			own = append(own, cell)
		}
	}
	return newHorizontal(own, scale)
}

// labelColumn reads a column of names; an empty column name means one nameless value.
func labelColumn(t table.Table, column string) (of func(row int) string, distinct []string, err error) {
	if column == "" {
		return func(int) string { return "" }, []string{""}, nil
	}
	cells, err := t.Strings(column)
	if err != nil {
		return nil, nil, err
	}
	for _, cell := range cells {
		if !slices.Contains(distinct, cell) {
			distinct = append(distinct, cell)
		}
	}
	return func(row int) string { return cells[row] }, distinct, nil
}
