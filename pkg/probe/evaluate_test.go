package probe

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// constant predicts one class and notes what it was shown.
type constant struct {
	class int
	seen  *[]int // sizes of the sets given to Fit and Predict
}

func (c constant) Fit(_ context.Context, train, validation Set, _ uint64) (Predictor, error) {
	*c.seen = append(*c.seen, train.Len(), validation.Len())
	return c, nil
}

func (c constant) Predict(_ context.Context, x *mat.Dense) (Prediction, error) {
	*c.seen = append(*c.seen, x.RawMatrix().Rows)
	scores := mat.NewDense(x.RawMatrix().Rows, 2, nil)
	for i := range x.RawMatrix().Rows {
		scores.Set(i, c.class, 1)
	}
	return NewPrediction(scores, []int{0, 1}, Report{Converged: c.class == 1}), nil
}

func labelled(labels ...int) Set { return Set{mat.NewDense(len(labels), 2, nil), labels} }

// The validation set favours class 1, the others class 0: only it may choose.
func TestOnlyValidationChooses(t *testing.T) {
	var seen []int
	candidates := Grid("class", []float64{0, 1}, func(class float64) Probe { return constant{int(class), &seen} })
	splits := Splits{labelled(0, 0, 0, 1), labelled(1, 1, 0), labelled(0, 0, 0, 0, 1)}
	o := must(Evaluate(context.Background(), splits, candidates, []Metric{Accuracy}, 0))(t)
	want := []Value{
		{"train", "accuracy", 0.25}, {"train", "converged", 1}, {"validation", "accuracy", 2. / 3}, {"validation", "converged", 1},
		{"test", "accuracy", 0.2}, {"test", "converged", 1}, {"validation", "class", 1},
	}
	if !slices.Equal(o.Values, want) {
		t.Errorf("values %v, want %v", o.Values, want)
	}
	// Both candidates see training and validation; the test set comes last, once.
	if want := []int{4, 3, 3, 4, 3, 3, 4, 3, 5}; !slices.Equal(seen, want) {
		t.Errorf("sets of sizes %v were shown, want %v", seen, want)
	}
}

func TestEvaluateRefusesBadInput(t *testing.T) {
	var seen []int
	one := []Candidate{{Probe: constant{0, &seen}}}
	two := append(one, one...)
	accuracy := []Metric{Accuracy}
	a, b, wide := labelled(0, 1), labelled(1, 0), Set{mat.NewDense(2, 3, nil), []int{0, 1}}
	for _, bad := range []struct {
		name       string
		splits     Splits
		candidates []Candidate
		metrics    []Metric
		want       error
	}{
		{"no test set", Splits{Train: a}, one, accuracy, ErrMismatch},
		{"test on training", Splits{Train: a, Test: a}, one, accuracy, ErrMismatch},
		{"validate on training", Splits{a, a, b}, one, accuracy, ErrMismatch},
		{"other width", Splits{Train: a, Test: wide}, one, accuracy, ErrMismatch},
		{"nothing to choose by", Splits{Train: a, Test: b}, two, accuracy, ErrOption},
		{"no candidate", Splits{Train: a, Test: b}, nil, accuracy, ErrOption},
		{"no metric", Splits{Train: a, Test: b}, one, nil, ErrOption},
	} {
		if _, err := Evaluate(context.Background(), bad.splits, bad.candidates, bad.metrics, 0); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v, want %v", bad.name, err, bad.want)
		}
	}
}

func TestAUC(t *testing.T) {
	scores := mat.NewDense(4, 2, []float64{0.9, 0.1, 0.6, 0.4, 0.7, 0.3, 0.2, 0.8})
	two := Prediction{Scores: scores, Classes: []int{3, 5}}
	wantClose(t, "of two classes", []float64{must(AUC.Of(two, []int{3, 3, 5, 5}))(t)}, []float64{0.75}, 1e-15)
	if v := must(AUC.Of(two, []int{3, 3, 3, 3}))(t); !math.IsNaN(v) {
		t.Errorf("of one class: %v, want NaN", v)
	}
	// Class 2 does not occur and is left out of the mean.
	three := Prediction{Scores: mat.NewDense(3, 3, []float64{1, 0, 0, 0, 1, 0, 0, 1, 0}), Classes: []int{0, 1, 2}}
	wantClose(t, "of three classes", []float64{must(AUC.Of(three, []int{0, 1, 1}))(t)}, []float64{1}, 1e-15)
}

func TestStandardizedForgetsScales(t *testing.T) {
	set := blobs(1, 100, 3, 2, 1)
	scaled := Set{mat.DenseCopyOf(set.X), set.Labels}
	for i := range 100 {
		row := scaled.X.RawRowView(i)
		row[0], row[1] = 1e6*row[0]-3, row[1]/1e4
		row[2] = 1e9 / 3 // constant up to rounding of its mean
		set.X.Set(i, 2, 0)
	}
	predict := func(s Set) Prediction {
		return must(must(Standardized{Logistic{}}.Fit(context.Background(), s, Set{}, 0))(t).Predict(context.Background(), s.X))(t)
	}
	wantClose(t, "scores", predict(scaled).Scores.RawMatrix().Data, predict(set).Scores.RawMatrix().Data, 1e-6)
}

func TestPrincipalKeepsWhatVaries(t *testing.T) {
	set := blobs(2, 200, 2, 2, 4)
	noisy := Set{mat.NewDense(200, 20, nil), set.Labels}
	for i := range 200 {
		copy(noisy.X.RawRowView(i), set.X.RawRowView(i))
		noisy.X.Set(i, 2+i%18, 1e-3)
	}
	predictor := must(Principal{2, Logistic{}}.Fit(context.Background(), noisy, Set{}, 0))(t)
	want := must(Logistic{}.Train(context.Background(), set))(t)
	wantClose(t, "probabilities", must(predictor.Predict(context.Background(), noisy.X))(t).Scores.RawMatrix().Data, must(want.Probabilities(set.X))(t).RawMatrix().Data, 1e-3)
}

func TestKMeansLabelsClusters(t *testing.T) {
	// The codes fall into two clusters whose labels are mixed 3 : 1.
	set := Set{mat.NewDense(8, 1, []float64{0, 0.1, 0.2, 0.3, 9, 9.1, 9.2, 9.3}), []int{0, 0, 0, 1, 1, 1, 1, 0}}
	m := must(KMeans{}.Train(context.Background(), set, 3))(t)
	p := must(m.Predict(context.Background(), mat.NewDense(2, 1, []float64{1, 8})))(t)
	if !slices.Equal(p.Labels, []int{0, 1}) {
		t.Errorf("labels %v, want 0 and 1", p.Labels)
	}
	wantClose(t, "shares", p.Scores.RawMatrix().Data, []float64{0.75, 0.25, 0.25, 0.75}, 1e-15)
}
