package train

import (
	"fmt"
	"math"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
)

// Stepper is a compiled training step: loss, gradient, AdamW (Loshchilov &
// Hutter 2019) and moving average, each over the flat vector at once.
type Stepper struct {
	program *engine.Program
	terms   []string // "loss" first
	args    []any
	meter   meter
}

// Inputs of the step's program.
const (
	inWeights = iota
	inFirst
	inSecond
	inAverage
	inStatistics
	inRandom // from here on the feed's
	inScalars
	inImages
	inLabels
	inCount
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
// Over several devices each computes its part of the batch and all of the update.
func NewStepper(e *engine.Engine, net Network, objective Objective, c Config, devices int) (*Stepper, error) {
	s := &Stepper{}
	split := make([]bool, inCount)
	split[inImages], split[inLabels] = true, true
	precision := c.PrecisionOn(e)
	program, err := e.NewShardedProgram("train-step", devices, split, func(g *graph.Graph, in []*graph.Node) []*graph.Node {
		weights := nn.NewWeights(net.Layout, in[inWeights])
		pass := nn.Train(weights, nn.NewWeights(net.Statistics, in[inStatistics]), in[inRandom])
		pass.Precision = precision
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
		// In this form the average of a weight that does not move is that weight, to the bit.
		average := graph.Add(updated, graph.Mul(graph.Sub(in[inAverage], updated), decay))

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

// scalars are what the step of a number needs of the config.
func (c Config) scalars(step int) [scalarCount]float32 {
	return [scalarCount]float32{
		scalarRate:       float32(c.rate(step)),
		scalarDecay:      float32(c.averageDecay(step)),
		scalarFirstBias:  float32(1 / (1 - math.Pow(beta1, float64(step+1)))),
		scalarSecondBias: float32(1 / (1 - math.Pow(beta2, float64(step+1)))),
	}
}

// EngineBusy names the share of the time in which the engine computed, since
// the first step; what is left it waited for batches, checkpoints and logs.
const EngineBusy = "engine_busy"

// step moves the state by one batch and returns the terms' values by name, and
// from the second step on [EngineBusy].
func (s *Stepper) step(state *state, in *inputs) (map[string]float64, error) {
	s.args = s.args[:0]
	for device, vectors := range state.vectors {
		for _, t := range vectors {
			s.args = append(s.args, t)
		}
		for _, given := range in.devices[device] {
			s.args = append(s.args, given.tensor)
		}
	}
	outputs, err := s.program.Call(s.args...)
	if err != nil {
		return nil, err
	}
	s.meter.read(time.Now(), s.program.Computing())
	reported, err := state.replace(outputs)
	if err != nil {
		return nil, fmt.Errorf("train: reading what step %d reports: %w", state.step, err)
	}
	values := make(map[string]float64, len(s.terms)+1)
	for i, name := range s.terms {
		values[name] = float64(reported[i]) + 0 // a term without weight is −0 in the graph, and 0 here
	}
	if busy, ok := s.meter.busy(); ok {
		values[EngineBusy] = busy
	}
	return values, nil
}

// GraphSize builds the step's graph for a batch without compiling it and
// returns its number of nodes: what a dry run can know of a training.
func GraphSize(e *engine.Engine, net Network, objective Objective, image [3]int, c Config) (int, error) {
	s, err := NewStepper(e, net, objective, c, 1)
	if err != nil {
		return 0, err
	}
	defer s.Finalize()
	weights := shapes.Make(dtypes.Float32, net.Layout.Size())
	all := []shapes.Shape{weights, weights, weights, weights, shapes.Make(dtypes.Float32, net.Statistics.Size())}
	fed := inputShapes(c.Batch, net.example(image))
	return s.program.Dry(append(all, fed[:]...)...)
}
