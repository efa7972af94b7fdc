package metric

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Values of scikit-learn, from the fixture folder.
func TestAUCGolden(t *testing.T) {
	scores, labels := golden(t, "roc_auc.in.scores").Float64s(), goldenInts(t, "roc_auc.in.labels")
	for _, test := range []struct {
		weights        []float64
		auc, precision float64
	}{
		{nil, 0.679435348, 0.570879706},
		{golden(t, "roc_auc.in.weights").Float64s(), 0.668543791, 0.546292517},
	} {
		auc, err := ROCAUC(scores, labels, test.weights)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "AUC", auc.Value, test.auc, 1e-9)
		precision, err := AveragePrecision(scores, labels, test.weights)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "average precision", precision.Value, test.precision, 1e-9)
	}
}

func TestAUCProperties(t *testing.T) {
	scores := []float64{0.1, 0.4, 0.35, 0.8, 0.4}
	labels := []int{0, 0, 1, 1, 1}
	auc, err := ROCAUC(scores, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "AUC by counting pairs", auc.Value, 4.5/6, 1e-15)

	negated := make([]float64, len(scores))
	doubled, weights := append(scores, scores[1], scores[3]), []float64{1, 2, 1, 2, 1}
	for i, s := range scores {
		negated[i] = -s
	}
	reversed, err := ROCAUC(negated, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "AUC of negated scores", reversed.Value, 1-auc.Value, 1e-15)

	// A weight of 2 is the sample twice.
	weighted, err := ROCAUC(scores, labels, weights)
	if err != nil {
		t.Fatal(err)
	}
	repeated, err := ROCAUC(doubled, append(labels, labels[1], labels[3]), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "weighted AUC", weighted.Value, repeated.Value, 1e-15)
}

func TestMultilabel(t *testing.T) {
	// Class 1 has no positive, class 2 no negative.
	scores := mat.NewDense(3, 3, []float64{0.9, 0.2, 0.3, 0.1, 0.5, 0.6, 0.8, 0.4, 0.7})
	labels := mat.NewDense(3, 3, []float64{1, 0, 1, 0, 0, 1, 1, 0, 1})
	s, err := Multilabel(scores, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	for absent, want := range map[AbsentClass]float64{SkipAbsent: 1, AbsentAsZero: 1. / 3, AbsentUndefined: math.NaN()} {
		mean, err := s.MacroAUC(absent)
		if err != nil {
			t.Fatal(err)
		}
		if mean.Value != want && !(math.IsNaN(mean.Value) && math.IsNaN(want)) {
			t.Errorf("macro AUC %v with absent classes %s, want %v", mean.Value, absent, want)
		}
		if mean.N["classes without"] != 2 || mean.N["classes with a score"] != 1 || len(mean.Notes) != 1 {
			t.Errorf("macro AUC says %v and %v, want 2 classes without a score and a note", mean.N, mean.Notes)
		}
	}
	mean, err := s.MacroAveragePrecision(SkipAbsent)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "macro average precision", mean.Value, 1, 1e-15)
	if mean.N["classes without"] != 1 {
		t.Errorf("%d classes without a positive, want 1", mean.N["classes without"])
	}
	if w := s.WeightedAUC().Value; !math.IsNaN(w) {
		t.Errorf("weighted AUC %v, want NaN", w)
	}
	_, err = s.MacroAUC("ignore")
	wantError(t, err, "no rule")
}

// Values of scikit-learn 1.9.1 with sample_weight.
func TestWeightedMultilabelAgreesWithScikitLearn(t *testing.T) {
	const samples = 200
	scores, labels := mat.NewDense(samples, 3, nil), mat.NewDense(samples, 3, nil)
	weights := make([]float64, samples)
	for i := range samples {
		for class, parameters := range [3]struct{ factor, shift, modulus, label, share int }{
			{29, 7, 83, 13, 3}, {17, 3, 71, 31, 5}, {5, 2, 59, 43, 7},
		} {
			scores.Set(i, class, float64((i*parameters.factor+parameters.shift)%parameters.modulus)/float64(parameters.modulus))
			if i*parameters.label%10 < parameters.share {
				labels.Set(i, class, 1)
			}
		}
		weights[i] = float64(1 + i%4)
	}
	s, err := Multilabel(scores, labels, weights)
	if err != nil {
		t.Fatal(err)
	}
	auc, err := s.MacroAUC(SkipAbsent)
	if err != nil {
		t.Fatal(err)
	}
	precision, err := s.MacroAveragePrecision(SkipAbsent)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "macro AUC", auc.Value, 0.5427677524001054, 1e-13)
	wantNear(t, "micro AUC", s.MicroAUC().Value, 0.5320690883190883, 1e-13)
	wantNear(t, "AUC by prevalence", s.WeightedAUC().Value, 0.5241305347815765, 1e-13)
	wantNear(t, "macro average precision", precision.Value, 0.5625205106395965, 1e-13)
	wantNear(t, "micro average precision", s.MicroAveragePrecision().Value, 0.5310663421383832, 1e-13)
	_, err = Multilabel(scores, labels, weights[1:])
	wantError(t, err, "pair up")
	_, err = OneHot([]int{0, 3}, 3)
	wantError(t, err, "label 3")
}

func TestAUCRefuses(t *testing.T) {
	for _, labels := range [][]int{{0, 0}, {1, 1}} {
		if _, err := ROCAUC([]float64{1, 2}, labels, nil); !errors.Is(err, ErrUndefined) {
			t.Errorf("one class: %v", err)
		}
	}
	if _, err := AveragePrecision([]float64{1, 2}, []int{0, 0}, nil); !errors.Is(err, ErrUndefined) {
		t.Errorf("no positive: %v", err)
	}
	_, err := ROCAUC([]float64{1}, []int{0, 1}, nil)
	wantError(t, err, "pair up")
	_, err = ROCAUC([]float64{1, math.NaN()}, []int{0, 1}, nil)
	wantError(t, err, "NaN")
	_, err = ROCAUC([]float64{1, 2}, []int{0, 2}, nil)
	wantError(t, err, "label 2")
	_, err = ROCAUC([]float64{1, 2}, []int{0, 1}, []float64{1, -1})
	wantError(t, err, "negative")
	_, err = AveragePrecision([]float64{1, 2}, []int{0, 1}, []float64{1})
	wantError(t, err, "pair up")
	_, err = AveragePrecision([]float64{1, 2}, []int{0, 1}, []float64{1, math.Inf(1)})
	wantError(t, err, "+Inf")
	_, err = Multilabel(normal(3, 2, 0, 1), normal(3, 2, 0, 2), nil)
	wantError(t, err, "want 0 or 1")
	_, err = Multilabel(normal(3, 2, 0, 1), normal(2, 2, 0, 2), nil)
	wantError(t, err, "3x2 scores for 2x2")
	_, err = Multilabel(withNaN(normal(3, 2, 0, 1)), mat.NewDense(3, 2, nil), nil)
	wantError(t, err, "NaN")
}
