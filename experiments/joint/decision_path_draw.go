package joint

import (
	"fmt"
	"image"
	"slices"

	"noisebook/pkg/figure"
	"noisebook/pkg/process"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// drawPath draws the probability of the target along the path: its mean over all
// classes, and for some.
func (c DecisionPathConfig) drawPath(t table.Table, classes []string, provenance map[string]string) (*figure.Figure, error) {
	drawn := table.New("panel", "alpha", "seed", "t", "probability")
	if err := appendPaths(&drawn, fmt.Sprintf("mean over %d classes", len(classes)), t); err != nil {
		return nil, err
	}
	for _, class := range c.Classes {
		rows, err := t.Where("class", classes[class])
		if err != nil {
			return nil, err
		}
		if err := appendPaths(&drawn, classes[class], rows); err != nil {
			return nil, err
		}
	}
	return figure.Curves(drawn, figure.CurvesSpec{
		X: "t", Y: "probability", Group: "alpha", Panel: "panel", Seed: "seed", ReverseX: true,
		Title:  "The model's own decision on the way from noise to image",
		XLabel: "timestep t", YLabel: "probability of the target", YRange: [2]float64{0, 1.02},
		Lines:      []figure.Line{{Value: 0.5}},
		Caption:    "Softmax of the joint model's classifier on Z_t, before Algorithm 1 moves the features. Sampling runs from left to right; α = 0 is not guided.",
		Provenance: provenance,
	})
}

// appendPaths adds a panel's path for each step size and seed.
func appendPaths(drawn *table.Table, panel string, rows table.Table) error {
	return eachValue(rows, "alpha", func(alpha string, rows table.Table) error {
		return eachValue(rows, "seed", func(seed string, rows table.Table) error {
			ts, probabilities, err := meansBy(rows, "t", "probability")
			if err != nil {
				return err
			}
			for i, at := range ts {
				if err := drawn.Append(panel, "α = "+alpha, seed, at, probabilities[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// drawClasses draws the t from which each class is decided, the earliest at ClassAlpha first.
func (c DecisionPathConfig) drawClasses(t table.Table, provenance map[string]string) (*figure.Figure, error) {
	compared, err := t.Where("alpha", c.ClassAlpha)
	if err != nil {
		return nil, err
	}
	classes, err := classesByDecision(compared)
	if err != nil {
		return nil, err
	}
	drawn := table.New("class", "alpha", "decided")
	for _, class := range classes {
		rows, err := t.Where("class", class.name)
		if err != nil {
			return nil, err
		}
		if err := eachAlpha(rows, func(alpha float64, rows table.Table) error {
			if alpha == 0 {
				return nil // nothing aims at the class
			}
			decided, err := decidedFrom(rows)
			if err != nil {
				return err
			}
			return drawn.Append(class.name, fmt.Sprintf("α = %g", alpha), decided)
		}); err != nil {
			return nil, err
		}
	}
	return figure.Dots(drawn, figure.DotsSpec{
		Row: "class", Value: "decided", Group: "alpha",
		Title:      "From which timestep on a class is decided",
		XLabel:     "timestep t, noise on the right",
		Caption:    fmt.Sprintf("The first step from which the mean probability of the target, over images and seeds, stays above a half; −1 where it does not by the end. Classes in their order at α = %g.", c.ClassAlpha),
		Provenance: provenance,
		Width:      6.4,
	})
}

// shownPoints is about how many images of a path fit beside each other.
const shownPoints = 10

// drawSamples shows x̂_0 along the path of one image of a class, a row a step size.
func (c DecisionPathConfig) drawSamples(store *track.Store, traces []DecisionTrace, class string, provenance map[string]string) (*figure.Figure, error) {
	path := traces[0].Points
	points, err := process.BothEnds(len(path), min(shownPoints, len(path)))
	if err != nil {
		return nil, err
	}
	var pictures []image.Image
	var rows, columns []string
	for i, trace := range traces {
		along, err := cleanAt(store, trace, c.Classes[0], points)
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, along...)
		rows = append(rows, fmt.Sprintf("α = %g", c.Alphas[i]))
	}
	for _, point := range points {
		columns = append(columns, fmt.Sprint(path[point].Timestep))
	}
	return figure.Grid(pictures, figure.GridSpec{
		Columns: len(points), RowLabels: rows, ColumnLabels: columns, ColumnTitle: "timestep t",
		Title:      fmt.Sprintf("What a sample looks like on its way to %q", class),
		Caption:    "The clean image x̂_0 that each step sees in its x_t, of one sample a row. All rows start from the same noise.",
		Provenance: provenance,
	})
}

// decidedClass is a class and the t from which on its samples are taken for it.
type decidedClass struct {
	name string
	from float64
}

// classesByDecision are the classes of a table, the earliest decided first, which is at the highest t.
func classesByDecision(t table.Table) ([]decidedClass, error) {
	var classes []decidedClass
	err := eachValue(t, "class", func(name string, rows table.Table) error {
		from, err := decidedFrom(rows)
		classes = append(classes, decidedClass{name, from})
		return err
	})
	slices.SortStableFunc(classes, func(a, b decidedClass) int { return int(b.from - a.from) })
	return classes, err
}

// neverDecided stands where no step of the path decides.
const neverDecided = -1

// decidedFrom is the first timestep of the path, which runs from high t to low,
// from which on the mean probability stays above a half; neverDecided without one.
func decidedFrom(rows table.Table) (float64, error) {
	ts, probabilities, err := meansBy(rows, "t", "probability")
	if err != nil {
		return 0, err
	}
	from := float64(neverDecided)
	for i, p := range probabilities { // from t = 0 up: backwards along the path
		if !(p > 0.5) {
			break
		}
		from = ts[i]
	}
	return from, nil
}
