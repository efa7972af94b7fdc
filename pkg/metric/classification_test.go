package metric

import (
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Values of scikit-learn, from the fixture folder.
func TestClassificationGolden(t *testing.T) {
	logits, labels := goldenMatrix(t, "accuracy_topk.in.logits"), goldenInts(t, "accuracy_topk.in.labels")
	for k, want := range map[int]float64{1: 0.416, 3: 0.716, 5: 0.884, 10: 1} {
		got, err := TopK(logits, labels, k)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "top-k", got.Value, want, 1e-12)
	}
	predictions, err := Argmax(logits)
	if err != nil {
		t.Fatal(err)
	}
	share, err := Accuracy(predictions, labels)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "accuracy", share.Value, 0.416, 1e-12)
	confusion, err := NewConfusion(predictions, labels, 10)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "macro F1", confusion.MacroF1().Value, 0.41349333205636796, 1e-12)
	wantNear(t, "accuracy of the confusion", confusion.Accuracy().Value, share.Value, 1e-12)
}

func TestConfusion(t *testing.T) {
	// Class 3 neither occurs nor is predicted.
	c, err := NewConfusion([]int{0, 0, 1, 1, 2, 2}, []int{0, 1, 1, 1, 0, 0}, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what string
		got  Score
		want float64
	}{
		{"precision of 0", c.Precision(0), 1. / 2},
		{"recall of 0", c.Recall(0), 1. / 3},
		{"F1 of 0", c.F1(0), 2. / 5},
		{"F1 of 1", c.F1(1), 4. / 5},
		{"recall of 2", c.Recall(2), 0},
		{"F1 of 2", c.F1(2), 0},
		{"precision of 3", c.Precision(3), 0},
		{"macro F1", c.MacroF1(), 1.2 / 4},
		{"macro F1 of seen classes", c.MacroF1Seen(), 1.2 / 3},
		{"weighted F1", c.WeightedF1(), (3*0.4 + 3*0.8) / 6},
		{"accuracy", c.Accuracy(), 0.5},
	} {
		wantNear(t, test.what, test.got.Value, test.want, 1e-15)
	}
	if c.Count(0, 2) != 2 || c.Count(2, 0) != 0 {
		t.Errorf("counts %d and %d, want 2 and 0", c.Count(0, 2), c.Count(2, 0))
	}
}

func TestTiesGoToTheLowerClass(t *testing.T) {
	scores := mat.NewDense(2, 3, []float64{1, 1, 0, 0, 2, 2})
	got, err := Argmax(scores)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []int{0, 1}) {
		t.Errorf("Argmax %v, want [0 1]", got)
	}
	share, err := TopK(scores, []int{1, 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "top-1", share.Value, 0.5, 0)
}

func TestClassificationRefuses(t *testing.T) {
	scores := normal(3, 4, 0, 1)
	_, err := Accuracy([]int{1}, []int{1, 2})
	wantError(t, err, "pair up")
	_, err = Accuracy(nil, nil)
	wantError(t, err, "no predictions")
	_, err = Argmax(withNaN(scores))
	wantError(t, err, "NaN")
	_, err = TopK(scores, []int{0, 1, 2}, 5)
	wantError(t, err, "top-5 of 4")
	_, err = TopK(scores, []int{0, 1, 4}, 1)
	wantError(t, err, "label 4")
	_, err = TopK(scores, []int{0, 1}, 1)
	wantError(t, err, "pair up")
	_, err = NewConfusion([]int{0, -1}, []int{0, 1}, 2)
	wantError(t, err, "label -1")
	_, err = NewConfusion([]int{0}, []int{0}, 0)
	wantError(t, err, "label 0")
}
