package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// blobs draws samples around a random centre for each class, apart by
// separation standard deviations or so.
func blobs(seed uint64, samples, features, classes int, separation float64) Set {
	random := rand.New(rand.NewPCG(seed, 1))
	centres := mat.NewDense(classes, features, nil)
	for k := range classes {
		for j := range features {
			centres.Set(k, j, separation*random.NormFloat64()/math.Sqrt2)
		}
	}
	set := Set{mat.NewDense(samples, features, nil), make([]int, samples)}
	for i := range samples {
		set.Labels[i] = random.IntN(classes)
		if i < classes { // every class occurs
			set.Labels[i] = i
		}
		for j := range features {
			set.X.Set(i, j, centres.At(set.Labels[i], j)+random.NormFloat64())
		}
	}
	return set
}

// shuffled is the set in another order, and the old place of each sample.
func shuffled(s Set, seed uint64) (Set, []int) {
	order := rand.New(rand.NewPCG(seed, 2)).Perm(s.Len())
	labels := make([]int, len(order))
	for to, from := range order {
		labels[to] = s.Labels[from]
	}
	return Set{rows(s.X, order), labels}, order
}

// part is the samples from..to.
func part(s Set, from, to int) Set {
	return Set{mat.DenseCopyOf(s.X.Slice(from, to, 0, s.Features())), s.Labels[from:to]}
}

func wantClose(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func must[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func accuracy(t *testing.T, p Predictor, s Set) float64 {
	t.Helper()
	prediction := must(p.Predict(context.Background(), s.X))(t)
	return must(Accuracy.Of(prediction, s.Labels))(t)
}

// all are the probes of this package with options fit for small sets.
var all = map[string]Probe{
	"logistic":          Logistic{},
	"linear svm":        LinearSVM{},
	"hinge":             LinearSVM{Loss: Hinge},
	"kernel svm":        KernelSVM{},
	"linear kernel":     KernelSVM{Kernel: Linear},
	"k-means":           KMeans{},
	"label propagation": LabelPropagation{Neighbours: 5},
	"standardized":      Standardized{Logistic{}},
	"principal":         Principal{2, Logistic{}},
}

func TestProbesTellBlobsApart(t *testing.T) {
	for _, classes := range []int{2, 4} {
		set := blobs(7, 300, 5, classes, 6)
		// Class numbers need not be consecutive.
		for i := range set.Labels {
			set.Labels[i] = 3 * set.Labels[i]
		}
		train, test := part(set, 0, 200), part(set, 200, 300)
		for name, p := range all {
			t.Run(fmt.Sprintf("%s/%d classes", name, classes), func(t *testing.T) {
				predictor := must(p.Fit(context.Background(), train, Set{}, 1))(t)
				if a := accuracy(t, predictor, test); a < 0.95 {
					t.Errorf("accuracy %v on separate blobs", a)
				}
				prediction := must(predictor.Predict(context.Background(), test.X))(t)
				if !prediction.Report.Converged {
					t.Errorf("not converged: %+v", prediction.Report)
				}
				if got := prediction.Scores.RawMatrix(); got.Rows != 100 || got.Cols != classes || len(prediction.Classes) != classes || prediction.Classes[1] != 3 {
					t.Errorf("scores [%d, %d] of classes %v", got.Rows, got.Cols, prediction.Classes)
				}
				again := must(must(p.Fit(context.Background(), train, Set{}, 1))(t).Predict(context.Background(), test.X))(t)
				wantClose(t, "scores of a second fit", again.Scores.RawMatrix().Data, prediction.Scores.RawMatrix().Data, 0)
			})
		}
	}
}

func TestProbesRefuseBadInput(t *testing.T) {
	good := blobs(1, 30, 3, 2, 3)
	nan := Set{mat.DenseCopyOf(good.X), good.Labels}
	nan.X.Set(4, 1, math.NaN())
	negative := Set{good.X, append([]int{-1}, good.Labels[1:]...)}
	for name, p := range all {
		for _, bad := range []struct {
			name string
			set  Set
			want error
		}{
			{"NaN", nan, ErrNotFinite},
			{"one class", Set{good.X, make([]int, 30)}, ErrOneClass},
			{"labels missing", Set{good.X, good.Labels[:29]}, ErrMismatch},
			{"no samples", Set{}, ErrMismatch},
			{"negative label", negative, ErrLabel},
		} {
			if got, err := p.Fit(context.Background(), bad.set, Set{}, 0); !errors.Is(err, bad.want) || got != nil {
				t.Errorf("%s, %s: %v, %v, want %v", name, bad.name, got, err, bad.want)
			}
		}
		predictor := must(p.Fit(context.Background(), good, Set{}, 0))(t)
		if _, err := predictor.Predict(context.Background(), mat.NewDense(2, 2, nil)); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s, codes of another width: %v", name, err)
		}
		if _, err := predictor.Predict(context.Background(), nan.X); !errors.Is(err, ErrNotFinite) {
			t.Errorf("%s, NaN to predict: %v", name, err)
		}
	}
	for name, p := range map[string]Probe{
		"C":          Logistic{C: -1},
		"tolerance":  Logistic{Tolerance: math.Inf(1)},
		"iterations": LinearSVM{MaxIterations: -1},
		"loss":       LinearSVM{Loss: 2},
		"kernel":     KernelSVM{Kernel: 2},
		"gamma":      KernelSVM{Gamma: math.NaN()},
		"clusters":   KMeans{Clusters: -2},
		"no probe":   Standardized{},
	} {
		if _, err := p.Fit(context.Background(), good, Set{}, 0); !errors.Is(err, ErrOption) {
			t.Errorf("bad %s: %v, want %v", name, err, ErrOption)
		}
	}
	huge := Set{mat.DenseCopyOf(good.X), good.Labels}
	huge.X.Scale(1e200, huge.X)
	for _, p := range []Probe{Logistic{}, LinearSVM{}, LinearSVM{Loss: Hinge}, KernelSVM{Kernel: Linear}} {
		if _, err := p.Fit(context.Background(), huge, Set{}, 0); err == nil || !strings.Contains(err.Error(), "standardise") {
			t.Errorf("%T of codes around 1e200: %v, want advice to standardise", p, err)
		}
	}
	if _, err := (Principal{9, Logistic{}}).Fit(context.Background(), good, Set{}, 0); err == nil {
		t.Error("9 components of 3 features: no error")
	}
}

func TestUnfinishedFitsSaySo(t *testing.T) {
	set := blobs(2, 200, 6, 3, 1)
	for name, report := range map[string]Report{
		"logistic":   must(Logistic{MaxIterations: 1}.Train(context.Background(), set))(t).Report,
		"hinge":      must(LinearSVM{Loss: Hinge, MaxIterations: 1}.Train(context.Background(), set))(t).Report,
		"kernel svm": must(KernelSVM{MaxIterations: 3}.Train(context.Background(), set))(t).Report,
	} {
		if report.Converged || report.Residual <= 1e-8 {
			t.Errorf("%s: %+v after too few iterations", name, report)
		}
	}
}

func TestFitsCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	set := blobs(2, 100, 4, 2, 1)
	for name, p := range all {
		predictor, err := p.Fit(ctx, set, Set{}, 0)
		if err == nil {
			_, err = predictor.Predict(ctx, set.X) // what is transductive works there
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want %v", name, err, context.Canceled)
		}
	}
}
