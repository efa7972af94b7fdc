package metric

import (
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
	} {
		got, err := Neighbourhood(goldenMatrix(t, test.name+".in.real"), goldenMatrix(t, test.name+".in.fake"), test.options)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, test.name+" precision", got.Precision.Value, test.want[0], 1e-9)
		wantNear(t, test.name+" recall", got.Recall.Value, test.want[1], 1e-9)
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
