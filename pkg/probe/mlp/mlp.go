// Package mlp is the multilayer perceptron among the probes: one hidden layer,
// trained on the engine.
package mlp

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"noisebook/pkg/engine"
	"noisebook/pkg/metric"
	"noisebook/pkg/probe"
)

// Options are a perceptron's choices. Where DRL's papers are silent the defaults
// are those of their author's later code.
type Options struct {
	Hidden      int     // width of the hidden layer; 0 means 512
	Dropout     float64 // share of the hidden layer dropped in training, in [0, 1)
	Rate        float64 // learning rate of Adam; 0 means 1e-3
	WeightDecay float64 // λ of λ‖θ‖²/2, all parameters, whose gradient Adam sees as it sees the loss's
	Batch       int     // samples a step, at most as many as there are; 0 means 256
	Epochs      int     // passes over the training set; 0 means 50
}

// Default is the probe of DRL's experiments on CIFAR-10 and CIFAR-100: 50 epochs
// as the papers say, the rest from the later code.
var Default = Options{Hidden: 512, Dropout: 0.25, Rate: 5e-4, WeightDecay: 1e-5, Batch: 256, Epochs: 50}

// Machine compiles perceptrons for an engine. Probes of one machine that agree
// in shape and dropout share one compilation.
type Machine struct {
	engine   *engine.Engine
	mutex    sync.Mutex
	networks map[shape]*network
}

// New returns a machine; Close frees what it has compiled.
func New(e *engine.Engine) *Machine {
	return &Machine{engine: e, networks: map[shape]*network{}}
}

// Close frees the compiled programs. Predictors must not be used afterwards.
func (m *Machine) Close() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, n := range m.networks {
		n.finalize()
	}
	clear(m.networks)
}

// Perceptron is a probe: codes → linear → ReLU → dropout → linear → softmax,
// trained with cross-entropy by Adam. Codes are float32 on the engine; put
// probe.Standardized before it where their scales differ much.
//
// With a validation set the weights of the epoch with the highest accuracy on it
// are kept, the earlier of equals, else those of the last. Reports say as
// Iterations which epoch that was, as Objective its mean loss in training, as
// Residual 0; Converged is false when the loss became infinite or NaN.
type Perceptron struct {
	machine *Machine
	options Options
}

// Probe returns a perceptron with these options.
func (m *Machine) Probe(options Options) Perceptron { return Perceptron{m, options} }

// check refuses what cannot be trained and fills in defaults.
func (o Options) check(samples int) (Options, error) {
	if o.Hidden < 0 || o.Batch < 0 || o.Epochs < 0 ||
		!(o.Dropout >= 0 && o.Dropout < 1) || !(o.Rate >= 0) || !(o.WeightDecay >= 0) || math.IsInf(o.Rate+o.WeightDecay, 0) {
		return o, fmt.Errorf("probe: perceptron with hidden %d, dropout %v, rate %v, weight decay %v, batch %d, epochs %d; want dropout in [0, 1) and nothing negative: %w",
			o.Hidden, o.Dropout, o.Rate, o.WeightDecay, o.Batch, o.Epochs, probe.ErrOption)
	}
	def := func(value *int, otherwise int) {
		if *value == 0 {
			*value = otherwise
		}
	}
	def(&o.Hidden, Default.Hidden)
	def(&o.Batch, Default.Batch)
	def(&o.Epochs, Default.Epochs)
	o.Batch = min(o.Batch, samples)
	if o.Rate == 0 {
		o.Rate = 1e-3
	}
	return o, nil
}

// Fit implements probe.Probe. The seed decides the first weights, the order of
// the samples and what is dropped.
func (p Perceptron) Fit(ctx context.Context, train, validation probe.Set, seed uint64) (probe.Predictor, error) {
	classes, place, err := train.Classes()
	if err != nil {
		return nil, err
	}
	options, err := p.options.check(train.Len())
	if err != nil {
		return nil, err
	}
	if validation.Len() > 0 && validation.Features() != train.Features() {
		return nil, fmt.Errorf("probe: perceptron: the validation set has %d features, the training set %d: %w", validation.Features(), train.Features(), probe.ErrMismatch)
	}
	n, err := p.machine.network(shape{train.Features(), options.Hidden, len(classes), options.Dropout})
	if err != nil {
		return nil, err
	}
	fit := &fit{network: n, options: options, seed: seed, classes: classes}
	if fit.codes, err = float32s(train.X); err != nil {
		return nil, err
	}
	fit.place = place
	if err := fit.run(ctx, validation); err != nil {
		return nil, fmt.Errorf("probe: perceptron: %w", err)
	}
	return fit.best, nil
}

// fit is one training.
type fit struct {
	*network
	options Options
	seed    uint64
	codes   []float32 // [samples·features]
	place   []int
	classes []int

	best     *predictor
	accuracy float64 // of best, on the validation set
}

// run trains all epochs and leaves the best predictor.
func (f *fit) run(ctx context.Context, validation probe.Set) error {
	state := f.newState(f.seed)
	defer state.finalize()
	for epoch := 1; epoch <= f.options.Epochs; epoch++ {
		loss, err := f.epoch(ctx, state, epoch)
		if err != nil {
			return err
		}
		finite := !math.IsNaN(loss) && !math.IsInf(loss, 0)
		last := epoch == f.options.Epochs || !finite
		if !last && validation.Len() == 0 {
			continue
		}
		weights, err := state.weights()
		if err != nil {
			return err
		}
		candidate := &predictor{f.network, weights, f.classes, probe.Report{Converged: finite, Iterations: epoch, Objective: loss}}
		if err := f.consider(ctx, candidate, validation); err != nil {
			return err
		}
		if !finite {
			f.best.report.Converged = false
			return nil
		}
	}
	return nil
}

// consider keeps the candidate if it is the first or does better than the best.
func (f *fit) consider(ctx context.Context, candidate *predictor, validation probe.Set) error {
	finite := !slices.ContainsFunc(candidate.weights, func(w float32) bool { return math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) })
	accuracy := -1.0
	if validation.Len() > 0 && finite {
		prediction, err := candidate.Predict(ctx, validation.X)
		if err != nil {
			return err
		}
		score, err := metric.Accuracy(prediction.Labels, validation.Labels)
		if err != nil {
			return err
		}
		accuracy = score.Value
	}
	if f.best == nil || accuracy > f.accuracy {
		f.best, f.accuracy = candidate, accuracy
	}
	return nil
}

// epoch goes once through the samples in a random order of its own and returns
// their mean loss, each as of its step.
func (f *fit) epoch(ctx context.Context, state *state, epoch int) (float64, error) {
	samples := len(f.place)
	order := permutation(samples, f.seed, uint64(epoch))
	batch := newBatch(f.options.Batch, f.shape.features)
	total := 0.0
	for from := 0; from < samples; from += f.options.Batch {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		chosen := order[from:min(from+f.options.Batch, samples)]
		batch.fill(chosen, f.codes, f.place)
		loss, err := f.step(state, batch, f.options, f.seed)
		if err != nil {
			return 0, err
		}
		total += loss * float64(len(chosen))
	}
	return total / float64(samples), nil
}
