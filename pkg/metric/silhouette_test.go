package metric

import (
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestSilhouetteGolden(t *testing.T) {
	for name, want := range map[string]float64{"silhouette": 0.260258525, "silhouette_singleton": 0.130002523} {
		x, labels := goldenMatrix(t, name+".in.x"), goldenInts(t, name+".in.labels")
		score, err := Silhouette(x, labels)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, name, score.Value, want, 1e-9)
		samples, err := SilhouetteSamples(x, labels)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range golden(t, name+".exp.samples").Float64s() {
			wantNear(t, name+" sample", samples[i], w, 1e-10)
		}
	}
}

// Labels are names: renumbering them changes nothing.
func TestSilhouetteByHand(t *testing.T) {
	x := mat.NewDense(4, 1, []float64{0, 1, 10, 11})
	for _, labels := range [][]int{{0, 0, 1, 1}, {-5, -5, 900, 900}} {
		got, err := SilhouetteSamples(x, labels)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []float64{(10.5 - 1) / 10.5, (9.5 - 1) / 9.5, (9.5 - 1) / 9.5, (10.5 - 1) / 10.5} {
			wantNear(t, "coefficient", got[i], want, 1e-15)
		}
	}
	coincident, err := SilhouetteSamples(mat.NewDense(4, 1, nil), []int{0, 0, 1, 1})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "coefficient of equal samples", coincident[0], 0, 0)
}

func TestSilhouetteRefuses(t *testing.T) {
	x := normal(4, 2, 0, 1)
	_, err := Silhouette(x, []int{1, 1, 1, 1})
	wantError(t, err, "1 clusters")
	_, err = Silhouette(x, []int{0, 1, 2, 3})
	wantError(t, err, "4 clusters")
	_, err = Silhouette(x, []int{0, 1})
	wantError(t, err, "pair up")
	_, err = Silhouette(withNaN(x), []int{0, 1, 0, 1})
	wantError(t, err, "NaN")
}
