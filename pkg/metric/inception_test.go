package metric

import (
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Values of torch-fidelity and SciPy, from the fixture folder.
func TestInceptionScoreGolden(t *testing.T) {
	for name, want := range map[string][2]float64{
		"inception_score":        {3.09239223, 0.161941144},
		"inception_score_ragged": {3.19218252, 0.265297651},
		"inception_score_zeros":  {3.13437492, 0.235473221},
	} {
		got, err := InceptionScore(goldenMatrix(t, name+".in.probs"), 10)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, name+" mean", got.Value, want[0], 1e-8)
		wantNear(t, name+" sd", got.Spread.SD, want[1], 1e-9)
	}
}

func TestInceptionScoreExtremes(t *testing.T) {
	certain := mat.NewDense(3, 3, []float64{1, 0, 0, 0, 1, 0, 0, 0, 1})
	got, err := InceptionScore(certain, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "certain and diverse", got.Value, 3, 1e-12)
	alike := mat.NewDense(2, 2, []float64{0.3, 0.7, 0.3, 0.7})
	if got, err = InceptionScore(alike, 1); err != nil {
		t.Fatal(err)
	}
	wantNear(t, "all alike", got.Value, 1, 1e-12)
}

func TestInceptionScoreRefuses(t *testing.T) {
	_, err := InceptionScore(mat.NewDense(1, 2, []float64{3, -2}), 1)
	wantError(t, err, "softmax")
	_, err = InceptionScore(mat.NewDense(1, 2, []float64{0.5, 0.4}), 1)
	wantError(t, err, "softmax")
	_, err = InceptionScore(mat.NewDense(1, 2, []float64{0.5, 0.5}), 2)
	wantError(t, err, "2 splits")
	_, err = InceptionScore(withNaN(mat.NewDense(2, 1, []float64{1, 1})), 1)
	wantError(t, err, "NaN")
}
