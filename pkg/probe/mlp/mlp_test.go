package mlp

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/probe"
)

func newMachine(t *testing.T) *Machine {
	t.Helper()
	e := enginetest.Go(t)
	m := New(e)
	t.Cleanup(m.Close)
	return m
}

// quadrants are classes that no line tells apart: 1 where both coordinates have one sign.
func quadrants(seed uint64, samples int) probe.Set {
	random := rand.New(rand.NewPCG(seed, 0))
	set := probe.Set{X: mat.NewDense(samples, 2, nil), Labels: make([]int, samples)}
	for i := range samples {
		x, y := random.NormFloat64(), random.NormFloat64()
		set.X.SetRow(i, []float64{x, y})
		if x*y > 0 {
			set.Labels[i] = 1
		}
	}
	return set
}

func accuracy(t *testing.T, p probe.Predictor, s probe.Set) float64 {
	t.Helper()
	prediction, err := p.Predict(context.Background(), s.X)
	if err != nil {
		t.Fatal(err)
	}
	value, err := probe.Accuracy.Of(prediction, s.Labels)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// loss is the mean cross-entropy in float64, by the formula alone. Weights lie as
// in the layout: hidden [in, out] and bias, output [in, out] and bias.
func loss(s shape, weights []float64, x *mat.Dense, place []int) float64 {
	w1, rest := weights[:s.features*s.hidden], weights[s.features*s.hidden:]
	b1, rest := rest[:s.hidden], rest[s.hidden:]
	w2, b2 := rest[:s.hidden*s.classes], rest[s.hidden*s.classes:]
	total := 0.0
	for i, class := range place {
		logits := slices.Clone(b2)
		for h := range s.hidden {
			v := b1[h]
			for f := range s.features {
				v += x.At(i, f) * w1[f*s.hidden+h]
			}
			for k := range logits {
				logits[k] += max(v, 0) * w2[h*s.classes+k]
			}
		}
		sum := 0.0
		for _, logit := range logits {
			sum += math.Exp(logit)
		}
		total += math.Log(sum) - logits[class]
	}
	return total / float64(len(place))
}

// A step's loss and gradient, seen as a tenth in Adam's first moment, against
// finite differences of the formula; and the step itself against Adam's.
func TestStep(t *testing.T) {
	m := newMachine(t)
	s := shape{features: 3, hidden: 5, classes: 4}
	n, err := m.network(s)
	if err != nil {
		t.Fatal(err)
	}
	state := n.newState(1)
	defer state.finalize()
	start, err := state.weights()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(2, 2))
	const samples, padded, decay, rate = 6, 8, 0.3, 0.01
	x, place := mat.NewDense(samples, 3, nil), make([]int, samples)
	for i := range samples {
		x.SetRow(i, []float64{random.NormFloat64(), random.NormFloat64(), random.NormFloat64()})
		place[i] = i % 4
	}
	codes, err := float32s(x)
	if err != nil {
		t.Fatal(err)
	}
	batch := newBatch(padded, 3)
	for i := range batch.codes {
		batch.codes[i] = 9 // must not count
	}
	batch.fill([]int{0, 1, 2, 3, 4, 5}, codes, place)
	got, err := n.step(state, batch, Options{Rate: rate, WeightDecay: decay}, 0)
	if err != nil {
		t.Fatal(err)
	}
	wide := make([]float64, len(start))
	for i, w := range start {
		wide[i] = float64(w)
	}
	if want := loss(s, wide, x, place); math.Abs(got-want) > 1e-5 {
		t.Errorf("loss %v, want %v", got, want)
	}
	gradient := fd.Gradient(nil, func(w []float64) float64 { return loss(s, w, x, place) }, wide, &fd.Settings{Formula: fd.Central})
	first, err := tensors.CopyFlatData[float32](state.vectors[1])
	if err != nil {
		t.Fatal(err)
	}
	moved, err := state.weights()
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range gradient {
		g += decay * wide[i]
		if math.Abs(float64(first[i])/0.1-g) > 1e-5 {
			t.Errorf("gradient %d is %v, want %v", i, first[i]/0.1, g)
		}
		// Adam's first step has the length of the rate.
		if want := wide[i] - rate*g/(math.Abs(g)+epsilon); math.Abs(g) > 1e-4 && math.Abs(float64(moved[i])-want) > 1e-5 {
			t.Errorf("weight %d is %v after a step, want %v", i, moved[i], want)
		}
	}
}

var small = Options{Hidden: 16, Rate: 0.02, Batch: 50, Epochs: 20}

func TestLearnsWhatNoLineTellsApart(t *testing.T) {
	m := newMachine(t)
	train, test := quadrants(1, 420), quadrants(2, 300) // the last batch has 20
	fit := func(options Options, seed uint64) probe.Predictor {
		p, err := m.Probe(options).Fit(context.Background(), train, probe.Set{}, seed)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a := fit(small, 3)
	if got := accuracy(t, a, test); got < 0.93 {
		t.Errorf("accuracy %v, want 0.93", got)
	}
	scores := func(p probe.Predictor) []float64 {
		prediction, err := p.Predict(context.Background(), test.X)
		if err != nil {
			t.Fatal(err)
		}
		if r := prediction.Report; !r.Converged || r.Iterations != 20 || !(r.Objective > 0 && r.Objective < 0.3) {
			t.Errorf("report %+v", r)
		}
		return prediction.Scores.RawMatrix().Data
	}
	if !slices.Equal(scores(a), scores(fit(small, 3))) {
		t.Error("two fits of one seed differ")
	}
	if slices.Equal(scores(a), scores(fit(small, 4))) {
		t.Error("two seeds give one fit")
	}
	dropped := small
	dropped.Dropout = 0.3
	if slices.Equal(scores(a), scores(fit(dropped, 3))) {
		t.Error("dropout changes nothing")
	}
}

// With labels in training that are wrong, the longer it learns the worse it does
// on others: validation must stop it early, and must not be learnt from.
func TestValidationChoosesTheEpoch(t *testing.T) {
	m := newMachine(t)
	train, validation := quadrants(3, 60), quadrants(4, 200)
	options := Options{Hidden: 64, Rate: 0.05, Batch: 10, Epochs: 30}
	for i := range 24 {
		train.Labels[i] = 1 - train.Labels[i]
	}
	with, err := m.Probe(options).Fit(context.Background(), train, validation, 1)
	if err != nil {
		t.Fatal(err)
	}
	without, err := m.Probe(options).Fit(context.Background(), train, probe.Set{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	chosen := with.(*predictor).report.Iterations
	if chosen == 30 || accuracy(t, with, validation) <= accuracy(t, without, validation) {
		t.Errorf("epoch %d of 30 with validation accuracy %v, %v at the end", chosen, accuracy(t, with, validation), accuracy(t, without, validation))
	}
	options.Epochs = chosen
	short, err := m.Probe(options).Fit(context.Background(), train, probe.Set{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(short.(*predictor).weights, with.(*predictor).weights) {
		t.Error("the weights of the chosen epoch are not those of training that long")
	}
}

func TestRefusesAndReports(t *testing.T) {
	m := newMachine(t)
	set := quadrants(5, 40)
	fit := func(options Options, train, validation probe.Set) error {
		p, err := m.Probe(options).Fit(context.Background(), train, validation, 0)
		if (p == nil) != (err != nil) {
			t.Errorf("predictor %v with error %v", p, err)
		}
		return err
	}
	huge := probe.Set{X: mat.DenseCopyOf(set.X), Labels: set.Labels}
	huge.X.Set(1, 1, 1e39)
	for _, bad := range []struct {
		name string
		err  error
		want error
	}{
		{"dropout", fit(Options{Dropout: 1}, set, probe.Set{}), probe.ErrOption},
		{"rate", fit(Options{Rate: math.NaN()}, set, probe.Set{}), probe.ErrOption},
		{"hidden", fit(Options{Hidden: -1}, set, probe.Set{}), probe.ErrOption},
		{"beyond float32", fit(small, huge, probe.Set{}), probe.ErrNotFinite},
		{"one class", fit(small, probe.Set{X: set.X, Labels: make([]int, 40)}, probe.Set{}), probe.ErrOneClass},
		{"width of validation", fit(small, set, probe.Set{X: mat.NewDense(3, 5, nil), Labels: []int{0, 0, 1}}), probe.ErrMismatch},
	} {
		if !errors.Is(bad.err, bad.want) {
			t.Errorf("%s: %v, want %v", bad.name, bad.err, bad.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Probe(small).Fit(ctx, set, probe.Set{}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	diverged, err := m.Probe(Options{Hidden: 8, Rate: 1e30, Epochs: 3, Batch: 10}).Fit(context.Background(), set, set, 0)
	if err != nil {
		t.Fatal(err)
	}
	if report := diverged.(*predictor).report; report.Converged {
		t.Errorf("rate 1e30: %+v", report)
	}
	predictor, err := m.Probe(small).Fit(context.Background(), set, probe.Set{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := predictor.Predict(context.Background(), mat.NewDense(2, 3, nil)); !errors.Is(err, probe.ErrMismatch) {
		t.Errorf("codes of another width: %v", err)
	}
}
