// Package sample runs reverse diffusion: ancestral steps (Ho et al. 2020) and
// DDIM (Song et al. 2021), with any predictor of the noise. What guides a sampler
// (Algorithm 1 of Joint Diffusion, a classifier's gradient) is a predictor too.
package sample

import (
	"context"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
	"noisebook/pkg/process"
)

// Method is a kind of reverse step.
type Method string

// The methods. Ancestral steps over fewer steps than the chain has are those of the respaced chain.
const (
	Ancestral Method = "ancestral"
	DDIM      Method = "ddim"
)

// Config is how to sample.
type Config struct {
	Method   Method           `json:"method"`
	Steps    int              `json:"steps"`    // of the chain's steps, evenly spaced; 0 means all
	Variance process.Variance `json:"variance"` // of ancestral steps
	Eta      float64          `json:"eta"`      // share of fresh noise in DDIM
	Clip     bool             `json:"clip"`     // the predicted clean image to [−1, 1]
	// Until keeps the chain's first timesteps, 0 to Until − 1, of which Steps are then taken:
	// a draw starts from an image noised as the last of them has it. 0 keeps the whole chain.
	Until int `json:"until,omitempty"`
}

// Validate says what is wrong, by field.
func (c Config) Validate() error {
	switch {
	case c.Method != Ancestral && c.Method != DDIM:
		return fmt.Errorf("method is %q: use ancestral or ddim", c.Method)
	case c.Variance != "" && c.Variance != process.FixedLarge && c.Variance != process.FixedSmall:
		return fmt.Errorf("variance is %q: use %s or %s", c.Variance, process.FixedLarge, process.FixedSmall)
	case c.Steps < 0:
		return fmt.Errorf("steps is %d: it must not be negative", c.Steps)
	case c.Until < 0:
		return fmt.Errorf("until is %d: it must not be negative", c.Until)
	case !(c.Eta >= 0 && c.Eta <= 1):
		return fmt.Errorf("eta is %g: it must be in [0, 1]", c.Eta)
	}
	return nil
}

// plan is the list of steps on a chain, noisiest first.
func (c Config) plan(chain *process.DDPM) (*process.DDPM, []process.CleanStep, error) {
	if c.Until > 0 {
		kept := make([]int, c.Until)
		for t := range kept {
			kept[t] = t
		}
		var err error
		if chain, err = chain.Subset(kept); err != nil {
			return nil, nil, fmt.Errorf("until is %d: %w", c.Until, err)
		}
	}
	if c.Steps > 0 && c.Steps < chain.Steps() {
		kept, err := process.BothEnds(chain.Steps(), c.Steps)
		if err != nil {
			return nil, nil, err
		}
		if chain, err = chain.Subset(kept); err != nil {
			return nil, nil, err
		}
	}
	var steps []process.CleanStep
	var err error
	if c.Method == DDIM {
		steps, err = chain.DDIM(c.Eta)
	} else {
		steps, err = chain.Ancestral(c.Variance)
	}
	return chain, steps, err
}

// Prediction is what a network says of noised images.
type Prediction struct {
	Noise *graph.Node // ε̂, of the images' shape
	// Gradient, if there is one, is s·∇ log p(y|x_t), of the images' shape: it
	// moves the mean of an ancestral step by Σ times itself (classifier guidance,
	// eq. 12 of Joint Diffusion; Dhariwal & Nichol 2021, algorithm 1). A step
	// without fresh noise is not moved.
	Gradient *graph.Node
	// Trace, if there is one, is handed to Draw's Trace after each step.
	Trace *graph.Node
}

// Predict builds the graph of a prediction: the network's flat weights and
// statistics, images x [B, H, W, C] at timestep indices t [B], and the extra
// inputs of a [Draw].
type Predict func(weights, statistics, x, t *graph.Node, extra []*graph.Node) Prediction

// Sampler is a compiled reverse step over a chain.
type Sampler struct {
	config  Config
	chain   *process.DDPM
	steps   []process.CleanStep
	shape   shapes.Shape
	program *engine.Program
}

// Entries of a step's vector of coefficients; see process.CleanStep.
const (
	coefficientMean = iota
	coefficientStd
	coefficientClean
	coefficientNoise
	coefficientFresh
	coefficientCount
)

// New prepares a sampler of batches of a shape [B, H, W, C].
func New(e *engine.Engine, chain *process.DDPM, predict Predict, batch, height, width, channels int, c Config) (*Sampler, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	spaced, steps, err := c.plan(chain)
	if err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	s := &Sampler{config: c, chain: spaced, steps: steps, shape: shapes.Make(dtypes.Float32, batch, height, width, channels)}
	s.program, err = e.NewProgram("sample-step", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		weights, statistics, x, t, coefficients, random, extra := in[0], in[1], in[2], in[3], in[4], in[5], in[6:]
		k := func(i int) *graph.Node { return graph.Slice(coefficients, graph.AxisElem(i)) }
		of := func(i int) *graph.Node { return graph.Reshape(k(i), 1, 1, 1, 1) }

		predicted := predict(weights, statistics, x, graph.BroadcastToDims(t, batch), extra)
		noise := predicted.Noise
		clean := graph.Div(graph.Sub(x, graph.Mul(of(coefficientStd), noise)), of(coefficientMean))
		if c.Clip {
			clean = graph.ClipScalar(clean, -1, 1)
			noise = graph.Div(graph.Sub(x, graph.Mul(of(coefficientMean), clean)), of(coefficientStd))
		}
		_, fresh := graph.RandomNormal(random, x.Shape())
		next := graph.Add(graph.Mul(of(coefficientClean), clean), graph.Mul(of(coefficientNoise), noise))
		if predicted.Gradient != nil {
			next = graph.Add(next, graph.Mul(graph.Square(of(coefficientFresh)), predicted.Gradient))
		}
		outputs := []*graph.Node{graph.Add(next, graph.Mul(of(coefficientFresh), fresh)), clean}
		if predicted.Trace != nil {
			outputs = append(outputs, predicted.Trace)
		}
		return outputs
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Steps is the number of network evaluations of a run.
func (s *Sampler) Steps() int { return len(s.steps) }

// Finalize frees the compiled step.
func (s *Sampler) Finalize() { s.program.Finalize() }

// Timestep is the chain's timestep that a step starts from.
func (s *Sampler) Timestep(step int) int { return s.steps[step].From }

// Draw is one use of a sampler.
type Draw struct {
	Weights, Statistics *tensors.Tensor
	Extra               []*tensors.Tensor // inputs of the predictor

	// Seed gives all random numbers, those of the start and of each step, so that
	// equal seeds with another guide start from the same noise.
	Seed uint64
	// Start are images [B, H, W, C], row-major, noised as the first step takes them (see
	// [Sampler.Noised]); nil draws from the prior, which only a whole chain starts from.
	Start []float32

	// Each of these is called after each step, and may be nil.
	Progress func(step, total int)
	Clean    func(step int, clean []float32) // x̂_0 [B, H, W, C], the clean images that the step sees in its x_t
	Trace    func(step int, trace []float32) // what a predictor traces
}

// Run samples one batch and returns its images, row-major [B, H, W, C], unclipped.
func (s *Sampler) Run(ctx context.Context, d Draw) ([]float32, error) {
	if d.Start == nil {
		if s.config.Until > 0 {
			return nil, fmt.Errorf("sample: the chain is cut at timestep %d, where no prior is known: give images to start from", s.config.Until)
		}
		d.Start = priorNoise(s.shape.Size(), d.Seed)
	}
	x := tensors.FromFlatDataAndDimensions(d.Start, s.shape.Dimensions...)
	for i := range s.steps {
		if err := ctx.Err(); err != nil {
			x.FinalizeAll()
			return nil, err
		}
		random, err := engine.RandomState(d.Seed, uint64(i))
		if err != nil {
			return nil, err
		}
		args := []any{d.Weights, d.Statistics, x, int32(s.steps[i].From), coefficients(s.steps[i]), random}
		for _, t := range d.Extra {
			args = append(args, t)
		}
		outputs, err := s.program.Call(args...)
		x.FinalizeAll()
		random.FinalizeAll()
		if err != nil {
			return nil, err
		}
		x = outputs[0]
		for k, hear := range []func(int, []float32){d.Clean, d.Trace}[:len(outputs)-1] {
			if err := tell(hear, i, outputs[1+k]); err != nil {
				x.FinalizeAll()
				return nil, err
			}
		}
		if d.Progress != nil {
			d.Progress(i+1, len(s.steps))
		}
	}
	defer x.FinalizeAll()
	return tensors.CopyFlatData[float32](x)
}

// tell hands a step's output to whom it may concern, and frees it.
func tell(hear func(step int, values []float32), step int, output *tensors.Tensor) error {
	defer output.FinalizeAll()
	if hear == nil {
		return nil
	}
	values, err := tensors.CopyFlatData[float32](output)
	if err != nil {
		return err
	}
	hear(step, values)
	return nil
}

// Noised diffuses a clean image to what the first step takes, in place: x_t = √ᾱ_t·x_0 + √(1−ᾱ_t)·ε.
func (s *Sampler) Noised(image []float32, noise func() float64) {
	at := s.steps[0].At
	for i, v := range image {
		image[i] = float32(at.Diffuse(float64(v), noise()))
	}
}

func coefficients(step process.CleanStep) []float32 {
	values := make([]float32, coefficientCount)
	values[coefficientMean] = float32(step.At.Mean)
	values[coefficientStd] = float32(step.At.Std)
	values[coefficientClean] = float32(step.Clean)
	values[coefficientNoise] = float32(step.Noise)
	values[coefficientFresh] = float32(step.Fresh)
	return values
}
