package train

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
)

// Stepper is a compiled training step: loss, gradient, AdamW (Loshchilov &
// Hutter 2019) and moving average, each over the flat vector at once.
type Stepper struct {
	config  Config
	program *engine.Program
	terms   []string // "loss" first
}

// Inputs of the step's program.
const (
	inWeights = iota
	inFirst
	inSecond
	inAverage
	inStatistics
	inRandom
	inScalars
	inImages
	inLabels
)

// Entries of the vector of scalars, which the host computes for each step.
const (
	scalarRate       = iota // learning rate
	scalarDecay             // of the moving average
	scalarFirstBias         // 1/(1−β₁^step)
	scalarSecondBias        // 1/(1−β₂^step)
	scalarCount
)

// NewStepper prepares the step of an objective; it is compiled when first used.
func NewStepper(e *engine.Engine, net Network, objective Objective, c Config) (*Stepper, error) {
	s := &Stepper{config: c}
	program, err := e.NewProgram("train-step", func(g *graph.Graph, in []*graph.Node) []*graph.Node {
		weights := nn.NewWeights(net.Layout, in[inWeights])
		pass := nn.Train(weights, nn.NewWeights(net.Statistics, in[inStatistics]), in[inRandom])
		loss, terms := objective(pass, in[inImages], in[inLabels])

		values := []*graph.Node{loss}
		s.terms = []string{"loss"}
		for _, term := range terms {
			values = append(values, term.Value)
			s.terms = append(s.terms, term.Name)
		}
		scalar := func(i int) *graph.Node { return graph.Slice(in[inScalars], graph.AxisElem(i)) }
		gradient := weights.Gradient(loss)
		norm := graph.Sqrt(graph.ReduceAllSum(graph.Square(gradient)))
		values, s.terms = append(values, norm), append(s.terms, "gradient_norm")
		if c.ClipNorm > 0 {
			gradient = graph.Mul(gradient, graph.MinScalar(graph.Div(graph.Const(g, float32(c.ClipNorm)), graph.AddScalar(norm, 1e-6)), 1))
		}

		move := func(old, new *graph.Node, keep float64) *graph.Node {
			return graph.Add(graph.MulScalar(old, keep), graph.MulScalar(new, 1-keep))
		}
		first := move(in[inFirst], gradient, beta1)
		second := move(in[inSecond], graph.Square(gradient), beta2)
		update := graph.Div(graph.Mul(first, scalar(scalarFirstBias)),
			graph.AddScalar(graph.Sqrt(graph.Mul(second, scalar(scalarSecondBias))), epsilon))
		if c.WeightDecay > 0 {
			update = graph.Add(update, graph.MulScalar(in[inWeights], c.WeightDecay))
		}
		updated := graph.Sub(in[inWeights], graph.Mul(update, scalar(scalarRate)))
		decay := scalar(scalarDecay)
		average := graph.Add(graph.Mul(in[inAverage], decay), graph.Mul(updated, graph.OneMinus(decay)))

		for i := range values {
			values[i] = graph.Reshape(values[i], 1)
		}
		return []*graph.Node{updated, first, second, average, pass.Statistics(), graph.Concatenate(values, 0)}
	})
	s.program = program
	return s, err
}

// Finalize frees the compiled step.
func (s *Stepper) Finalize() { s.program.Finalize() }

// step moves the state by one batch and returns the terms' values by name.
func (s *Stepper) step(state *state, images, labels *tensors.Tensor) (map[string]float64, error) {
	scalars := make([]float32, scalarCount)
	scalars[scalarRate] = float32(s.config.rate(state.step))
	scalars[scalarDecay] = float32(s.config.averageDecay(state.step))
	scalars[scalarFirstBias] = float32(1 / (1 - math.Pow(beta1, float64(state.step+1))))
	scalars[scalarSecondBias] = float32(1 / (1 - math.Pow(beta2, float64(state.step+1))))
	random, err := engine.RandomState(s.config.Seed, uint64(state.step))
	if err != nil {
		return nil, err
	}
	inputs := []*tensors.Tensor{random, tensors.FromFlatDataAndDimensions(scalars, scalarCount), images, labels}
	args := make([]any, 0, len(state.vectors)+len(inputs))
	for _, t := range append(state.vectors, inputs...) {
		args = append(args, t)
	}
	outputs, err := s.program.Call(args...)
	if err != nil {
		return nil, err
	}
	for _, t := range append(state.vectors, inputs...) {
		t.FinalizeAll()
	}
	state.vectors = outputs[:len(outputs)-1]
	state.step++
	reported := outputs[len(outputs)-1]
	flat, err := tensors.CopyFlatData[float32](reported)
	if err != nil {
		return nil, err
	}
	reported.FinalizeAll()
	values := make(map[string]float64, len(flat))
	for i, name := range s.terms {
		values[name] = float64(flat[i])
	}
	return values, nil
}

// GraphSize builds the step's graph for a batch without compiling it and
// returns its number of nodes: what a dry run can know of a training.
func GraphSize(e *engine.Engine, net Network, objective Objective, image [3]int, c Config) (int, error) {
	s, err := NewStepper(e, net, objective, c)
	if err != nil {
		return 0, err
	}
	defer s.Finalize()
	f32 := func(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
	weights := f32(net.Layout.Size())
	return s.program.Dry(weights, weights, weights, weights, f32(net.Statistics.Size()), graph.RNGStateShape,
		f32(scalarCount), f32(c.Batch, image[0], image[1], image[2]), shapes.Make(dtypes.Int32, c.Batch))
}
