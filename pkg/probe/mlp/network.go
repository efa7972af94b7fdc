package mlp

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
	"noisebook/pkg/probe"
)

// shape is what a compilation depends on, beside the batch.
type shape struct {
	features, hidden, classes int
	dropout                   float64
}

// network is a compiled perceptron: its training step and its prediction.
type network struct {
	shape          shape
	layout         *nn.Layout
	statistics     *nn.Layout // none, but a pass asks for them
	hidden, output nn.Linear

	stepProgram, predictProgram *engine.Program
}

// Adam's constants (Kingma and Ba 2015).
const beta1, beta2, epsilon = 0.9, 0.999, 1e-8

// Entries of the vector of scalars that a step takes.
const (
	scalarRate       = iota // learning rate
	scalarDecay             // weight decay
	scalarFirstBias         // 1/(1−β₁^step)
	scalarSecondBias        // 1/(1−β₂^step)
	scalarCount
)

// network returns the compiled perceptron of a shape.
func (m *Machine) network(s shape) (*network, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if n, ok := m.networks[s]; ok {
		return n, nil
	}
	n := &network{shape: s, layout: &nn.Layout{}, statistics: &nn.Layout{}}
	n.hidden = nn.NewLinear(n.layout, "hidden", s.features, s.hidden)
	n.output = nn.NewLinear(n.layout, "output", s.hidden, s.classes)
	var err error
	if n.stepProgram, err = m.engine.NewProgram("perceptron-step", n.buildStep); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	if n.predictProgram, err = m.engine.NewProgram("perceptron-predict", n.buildPrediction); err != nil {
		n.stepProgram.Finalize()
		return nil, fmt.Errorf("probe: %w", err)
	}
	m.networks[s] = n
	return n, nil
}

func (n *network) finalize() {
	n.stepProgram.Finalize()
	n.predictProgram.Finalize()
}

// logits maps codes [B, features] to [B, classes].
func (n *network) logits(p *nn.Pass, codes *graph.Node) *graph.Node {
	h := graph.MaxScalar(n.hidden.Forward(p, codes), 0)
	return n.output.Forward(p, p.Dropout(h, n.shape.dropout))
}

// buildStep is one step of Adam on a batch: weights, first and second moment,
// random state, scalars, codes [B, features], labels [B] and the samples' weights
// [B] to the next three and the loss.
func (n *network) buildStep(g *graph.Graph, in []*graph.Node) []*graph.Node {
	values, first, second, random, scalars, codes, labels, counted := in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7]
	weights := nn.NewWeights(n.layout, values)
	pass := nn.Train(weights, nn.NewWeights(n.statistics, graph.Zeros(g, shapes.Make(dtypes.Float32, 0))), random)
	loss := graph.Div(
		graph.ReduceAllSum(graph.Mul(counted, nn.CrossEntropy(n.logits(pass, codes), labels))),
		graph.ReduceAllSum(counted))

	scalar := func(i int) *graph.Node { return graph.Slice(scalars, graph.AxisElem(i)) }
	gradient := graph.Add(weights.Gradient(loss), graph.Mul(values, scalar(scalarDecay)))
	move := func(old, new *graph.Node, keep float64) *graph.Node {
		return graph.Add(graph.MulScalar(old, keep), graph.MulScalar(new, 1-keep))
	}
	first = move(first, gradient, beta1)
	second = move(second, graph.Square(gradient), beta2)
	update := graph.Div(graph.Mul(first, scalar(scalarFirstBias)),
		graph.AddScalar(graph.Sqrt(graph.Mul(second, scalar(scalarSecondBias))), epsilon))
	return []*graph.Node{graph.Sub(values, graph.Mul(update, scalar(scalarRate))), first, second, loss}
}

// buildPrediction maps weights and codes [B, features] to probabilities [B, classes].
func (n *network) buildPrediction(g *graph.Graph, in []*graph.Node) []*graph.Node {
	pass := nn.Evaluate(nn.NewWeights(n.layout, in[0]), nn.NewWeights(n.statistics, graph.Zeros(g, shapes.Make(dtypes.Float32, 0))))
	return []*graph.Node{graph.Softmax(n.logits(pass, in[1]), -1)}
}

// state is what training carries from step to step: weights and Adam's moments.
type state struct {
	steps   int
	vectors []*tensors.Tensor
}

func (n *network) newState(seed uint64) *state {
	size := n.layout.Size()
	s := &state{}
	for _, values := range [][]float32{n.layout.Initialize(seed), make([]float32, size), make([]float32, size)} {
		s.vectors = append(s.vectors, tensors.FromFlatDataAndDimensions(values, size))
	}
	return s
}

func (s *state) weights() ([]float32, error) { return tensors.CopyFlatData[float32](s.vectors[0]) }

func (s *state) finalize() {
	for _, t := range s.vectors {
		t.FinalizeAll()
	}
}

// batch is the samples of a step. Places beyond the last have weight 0.
type batch struct {
	size, features int
	codes          []float32 // [size·features]
	labels         []int32   // [size]
	counted        []float32 // [size]
}

func newBatch(size, features int) *batch {
	return &batch{size, features, make([]float32, size*features), make([]int32, size), make([]float32, size)}
}

func (b *batch) fill(chosen []int, codes []float32, place []int) {
	clear(b.counted)
	for to, from := range chosen {
		copy(b.codes[to*b.features:(to+1)*b.features], codes[from*b.features:])
		b.labels[to], b.counted[to] = int32(place[from]), 1
	}
}

// step moves the state by one batch and returns the loss before it.
func (n *network) step(s *state, b *batch, o Options, seed uint64) (float64, error) {
	scalars := make([]float32, scalarCount)
	scalars[scalarRate], scalars[scalarDecay] = float32(o.Rate), float32(o.WeightDecay)
	scalars[scalarFirstBias] = float32(1 / (1 - math.Pow(beta1, float64(s.steps+1))))
	scalars[scalarSecondBias] = float32(1 / (1 - math.Pow(beta2, float64(s.steps+1))))
	random, err := engine.RandomState(seed, uint64(s.steps))
	if err != nil {
		return 0, err
	}
	inputs := append(s.vectors[:len(s.vectors):len(s.vectors)],
		random,
		tensors.FromFlatDataAndDimensions(scalars, scalarCount),
		tensors.FromFlatDataAndDimensions(b.codes, b.size, b.features),
		tensors.FromFlatDataAndDimensions(b.labels, b.size),
		tensors.FromFlatDataAndDimensions(b.counted, b.size))
	args := make([]any, len(inputs))
	for i, t := range inputs {
		args[i] = t
	}
	outputs, err := n.stepProgram.Call(args...)
	if err != nil {
		return 0, err
	}
	for _, t := range inputs {
		t.FinalizeAll()
	}
	s.vectors = outputs[:len(s.vectors)]
	s.steps++
	loss := outputs[len(s.vectors)]
	value, err := tensors.CopyFlatData[float32](loss)
	if err != nil {
		return 0, err
	}
	loss.FinalizeAll()
	return float64(value[0]), nil
}

// predictor is a trained perceptron.
type predictor struct {
	*network
	weights []float32
	classes []int
	report  probe.Report
}

// predictRows is the number of samples a prediction sees at once; the last rows are padded.
const predictRows = 1024

// Predict implements probe.Predictor; the scores are probabilities.
func (p *predictor) Predict(ctx context.Context, x *mat.Dense) (probe.Prediction, error) {
	samples, features := x.Dims()
	if features != p.shape.features {
		return probe.Prediction{}, fmt.Errorf("probe: perceptron: codes with %d features for a probe fitted to %d: %w", features, p.shape.features, probe.ErrMismatch)
	}
	codes, err := float32s(x)
	if err != nil {
		return probe.Prediction{}, err
	}
	weights := tensors.FromFlatDataAndDimensions(p.weights, len(p.weights))
	defer weights.FinalizeAll()
	scores := mat.NewDense(samples, len(p.classes), nil)
	block := make([]float32, predictRows*features)
	for from := 0; from < samples; from += predictRows {
		if err := ctx.Err(); err != nil {
			return probe.Prediction{}, err
		}
		to := min(from+predictRows, samples)
		clear(block)
		copy(block, codes[from*features:to*features])
		input := tensors.FromFlatDataAndDimensions(block, predictRows, features)
		outputs, err := p.predictProgram.Call(weights, input)
		input.FinalizeAll()
		if err != nil {
			return probe.Prediction{}, fmt.Errorf("probe: perceptron: %w", err)
		}
		probabilities, err := tensors.CopyFlatData[float32](outputs[0])
		outputs[0].FinalizeAll()
		if err != nil {
			return probe.Prediction{}, fmt.Errorf("probe: perceptron: %w", err)
		}
		for i := from; i < to; i++ {
			row := scores.RawRowView(i)
			for k := range row {
				row[k] = float64(probabilities[(i-from)*len(row)+k])
			}
		}
	}
	return probe.NewPrediction(scores, p.classes, p.report), nil
}

// float32s are a matrix's elements, row-major; one beyond float32 is refused.
func float32s(x *mat.Dense) ([]float32, error) {
	samples, features := x.Dims()
	values := make([]float32, 0, samples*features)
	for i := range samples {
		for j, v := range x.RawRowView(i) {
			narrow := float32(v)
			if wide := float64(narrow); math.IsNaN(wide) || math.IsInf(wide, 0) {
				return nil, fmt.Errorf("probe: perceptron: %v at sample %d, feature %d does not fit a float32: %w", v, i, j, probe.ErrNotFinite)
			}
			values = append(values, narrow)
		}
	}
	return values, nil
}

// permutation is the order of an epoch.
func permutation(samples int, seed, epoch uint64) []int {
	return rand.New(rand.NewPCG(seed, epoch)).Perm(samples)
}
