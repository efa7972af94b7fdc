package figure

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/table"
)

// DotsSpec says which columns of a tidy table to draw as a chart of dots
// (Cleveland 1984), and how. Row and Value are required; everything else may stay zero.
type DotsSpec struct {
	// Row names the column that has one row of the chart a value, from top to
	// bottom in order of appearance: a table's methods.
	Row string
	// Value names the column of numbers, along the horizontal axis. NaN leaves a gap.
	Value string
	// Group names the column whose values are told apart by colour and marker,
	// each on a line of its own within a row, such as the paper and here.
	Group string
	// Panel names the column that has one plot a value, up to three side by side,
	// each with its own axis: a dataset, or a dataset and a metric.
	Panel string
	// Seed names the column of repetitions: the dot is their mean, the bar one
	// sample standard deviation (n − 1) to each side. A single one has no bar.
	Seed string

	// Hollow are the values of Group that are drawn as outlines: what is quoted
	// in place of measured.
	Hollow []string
	// Better says which way is good, by panel; it is written below the panel's name.
	Better map[string]Better

	// Title stands above all. XLabel names the axes; empty leaves them without,
	// for panels whose names say what is measured. GroupLabel stands before the legend.
	Title, XLabel, GroupLabel string
	// Caption and Provenance are as in CurvesSpec.
	Caption    string
	Provenance map[string]string
	// Width is the figure's in inches; zero gives each panel 2.1
	// beside the names of the rows. The height follows from the rows.
	Width float64
}

// Better is the good direction of a measure.
type Better int

const (
	Unstated Better = iota
	Higher
	Lower
)

func (b Better) String() string {
	switch b {
	case Higher:
		return "higher is better"
	case Lower:
		return "lower is better"
	default:
		return ""
	}
}

// dot is one mean in a row of a panel; its spread is NaN where it is not known.
type dot struct {
	group        int
	mean, spread float64
}

// bar is the length of a dot's bar to each side, 0 without one.
func (d dot) bar() float64 {
	if math.IsNaN(d.spread) {
		return 0
	}
	return d.spread
}

// dotPanel is one plot: its dots by row.
type dotPanel struct {
	name string
	rows [][]dot
}

func (p dotPanel) dots() []dot { return slices.Concat(p.rows...) }

// decimals give the panel's largest number about three digits, and all its
// numbers the same; whole numbers have none, and others one at least, so that 7.9
// stays apart from 8 beside 120.
func (p dotPanel) decimals() int {
	largest, whole := 0.0, true
	for _, d := range p.dots() {
		largest = max(largest, math.Abs(d.mean))
		whole = whole && d.mean == math.Trunc(d.mean)
	}
	if whole {
		return 0
	}
	return max(1, 2-int(math.Floor(math.Log10(largest))))
}

// dotData is a table read for drawing.
type dotData struct {
	rows, groups []string
	// lines are the groups that a row has in any panel, in the groups' order.
	lines  [][]int
	panels []dotPanel
	seeds  seedRange // of the means that have a spread
}

// Dots draws the values of a table as dots with their numbers beside them, a
// row a method: a paper's table that can be read at a glance.
//
// It fails when a column is missing or not numeric, when a value is infinite,
// when two rows claim the same place and no Seed column tells them apart, and
// when nothing is left to draw.
func Dots(t table.Table, spec DotsSpec) (*Figure, error) {
	data, err := readDots(t, spec)
	if err != nil {
		return nil, fmt.Errorf("figure: dots of %s: %w", spec.Value, err)
	}
	drawn, err := newDotSheet(spec, data).render()
	if err != nil {
		return nil, fmt.Errorf("figure: dots of %s: %w", spec.Value, err)
	}
	return drawn, nil
}

func readDots(t table.Table, spec DotsSpec) (dotData, error) {
	var data dotData
	switch {
	case spec.Row == "" || spec.Value == "":
		return data, errors.New("Row and Value must name columns")
	case spec.Width < 0:
		return data, fmt.Errorf("a width of %g inches is negative", spec.Width)
	case t.Len() == 0:
		return data, errors.New("the table has no rows")
	}
	rowOf, rows, err := labelColumn(t, spec.Row)
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
	if _, _, err := labelColumn(t, spec.Seed); err != nil {
		return data, err
	}
	values, err := t.Floats(spec.Value)
	if err != nil {
		return data, err
	}
	if err := spec.namesExist(groups, panels); err != nil {
		return data, err
	}

	type place struct{ panel, row, group string }
	repetitions := map[place][]float64{}
	for i, value := range values {
		at := place{panelOf(i), rowOf(i), groupOf(i)}
		switch {
		case math.IsInf(value, 0):
			return data, fmt.Errorf("row %d: %s is infinite", i+1, spec.Value)
		case len(repetitions[at]) > 0 && spec.Seed == "":
			return data, fmt.Errorf("row %d: a second value of %s: name the Seed, Group or Panel column that tells the rows apart", i+1, at.row)
		}
		repetitions[at] = append(repetitions[at], value)
	}
	data.rows, data.groups, data.lines = rows, groups, make([][]int, len(rows))
	drawn := false
	for _, name := range panels {
		p := dotPanel{name: name, rows: make([][]dot, len(rows))}
		for r, row := range rows {
			for g, group := range groups {
				all := repetitions[place{name, row, group}]
				mean, deviation := stat.MeanStdDev(all, nil)
				if math.IsNaN(mean) { // none, or one of them is missing
					continue
				}
				drawn = true
				p.rows[r] = append(p.rows[r], dot{g, mean, deviation})
				if len(all) > 1 {
					data.seeds.add(len(all))
				}
				if !slices.Contains(data.lines[r], g) {
					data.lines[r] = append(data.lines[r], g)
				}
			}
		}
		data.panels = append(data.panels, p)
	}
	for _, lines := range data.lines {
		slices.Sort(lines)
	}
	if !drawn {
		return data, fmt.Errorf("every value of %s is NaN", spec.Value)
	}
	return data, nil
}

// namesExist finds a misspelt group or panel, which would be ignored.
func (s DotsSpec) namesExist(groups, panels []string) error {
	for _, name := range s.Hollow {
		if !slices.Contains(groups, name) {
			return fmt.Errorf("Hollow has %q, which is no value of column %q", name, s.Group)
		}
	}
	for name := range s.Better {
		if !slices.Contains(panels, name) {
			return fmt.Errorf("Better has %q, which is no value of column %q", name, s.Panel)
		}
	}
	return nil
}
