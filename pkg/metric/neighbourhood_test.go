package metric

import (
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Values of prdc (open balls) and torch-fidelity (closed), from the fixture folder.
func TestNeighbourhoodGolden(t *testing.T) {
	for _, test := range []struct {
		name    string
		options NeighbourhoodOptions
		want    [4]float64 // precision, recall, density, coverage
	}{
		{"prdc", NeighbourhoodOptions{Neighbours: 3}, [4]float64{0.673076923, 0.623333333, 0.564102564, 0.476666667}},
		{"prdc", NeighbourhoodOptions{}, [4]float64{0.753846154, 0.7, 0.526153846, 0.61}},
		{"prdc_ties", NeighbourhoodOptions{Neighbours: 3}, [4]float64{0.34, 0.45, 0.16, 0.25}},
		{"prdc_ties", NeighbourhoodOptions{Neighbours: 3, Closed: true}, [4]float64{0.76, 0.75, -1, -1}}, // the reference has no others
	} {
		got, err := Neighbourhood(goldenMatrix(t, test.name+".in.real"), goldenMatrix(t, test.name+".in.fake"), test.options)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, test.name+" precision", got.Precision.Value, test.want[0], 1e-9)
		wantNear(t, test.name+" recall", got.Recall.Value, test.want[1], 1e-9)
		if test.want[2] < 0 {
			continue
		}
		wantNear(t, test.name+" density", got.Density.Value, test.want[2], 1e-9)
		wantNear(t, test.name+" coverage", got.Coverage.Value, test.want[3], 1e-9)
	}
}

func TestNeighbourhoodProperties(t *testing.T) {
	a, b := normal(60, 3, 0, 1), normal(50, 3, 0.5, 2)
	ab, err := Neighbourhood(a, b, NeighbourhoodOptions{Neighbours: 4})
	if err != nil {
		t.Fatal(err)
	}
	ba, err := Neighbourhood(b, a, NeighbourhoodOptions{Neighbours: 4})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "precision of the exchanged sets", ba.Precision.Value, ab.Recall.Value, 0)
	wantNear(t, "recall of the exchanged sets", ba.Recall.Value, ab.Precision.Value, 0)
	far, err := Neighbourhood(a, normal(50, 3, 100, 2), NeighbourhoodOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, score := range []Score{far.Precision, far.Recall, far.Density, far.Coverage} {
		wantNear(t, score.Name+" of sets far apart", score.Value, 0, 0)
	}

	// Balls around duplicates have no inside, only a surface.
	same := mat.NewDense(8, 2, nil)
	for closed, want := range map[bool]float64{false: 0, true: 1} {
		s, err := Neighbourhood(same, same, NeighbourhoodOptions{Closed: closed})
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "precision of duplicates", s.Precision.Value, want, 0)
	}
}

// The scores are the means of what the samples add to them.
func TestNeighbourhoodSamples(t *testing.T) {
	real := mat.NewDense(3, 1, []float64{0, 1, 3})
	generated := mat.NewDense(3, 1, []float64{0.5, 0.6, 9})
	options := NeighbourhoodOptions{Neighbours: 1}
	terms, err := NeighbourhoodSamples(real, generated, options)
	if err != nil {
		t.Fatal(err)
	}
	// Real balls: (-1, 1), (0, 2), (1, 5); generated: (0.4, 0.6), (0.5, 0.7), (0.6, 17.4).
	for what, pair := range map[string][2][]float64{
		"precision": {terms.Precision, {1, 1, 0}},
		"density":   {terms.Density, {2, 2, 0}},
		"recall":    {terms.Recall, {0, 1, 1}},
		"coverage":  {terms.Coverage, {1, 1, 0}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s %v, want %v", what, pair[0], pair[1])
		}
	}
	scores := terms.Scores(options)
	wantNear(t, "density", scores.Density.Value, 4./3, 1e-15)
	if scores.Recall.Settings["balls"] != "open (<)" || scores.Recall.Settings["neighbours"] != 1 || scores.Recall.N["real"] != 3 {
		t.Errorf("recall says %v, %v", scores.Recall.N, scores.Recall.Settings)
	}
}

func TestNeighbourhoodRefuses(t *testing.T) {
	a := normal(5, 3, 0, 1)
	_, err := Neighbourhood(a, a, NeighbourhoodOptions{})
	wantError(t, err, "5 samples; 5 neighbours need at least 6")
	_, err = Neighbourhood(a, a, NeighbourhoodOptions{Neighbours: -1})
	wantError(t, err, "-1 neighbours")
	_, err = Neighbourhood(a, normal(5, 2, 0, 1), NeighbourhoodOptions{Neighbours: 1})
	wantError(t, err, "one network")
	_, err = Neighbourhood(a, withNaN(a), NeighbourhoodOptions{Neighbours: 1})
	wantError(t, err, "NaN")
}
