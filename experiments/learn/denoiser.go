package learn

import (
	"context"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/process"
	"noisebook/pkg/track"
)

// denoiser is the joint model's one step: from a noised image to its guess of
// the clean one, and to the head's logits.
type denoiser struct {
	step    *engine.Program
	weights [2]*tensors.Tensor // values, statistics
	batch   int
}

func newDenoiser(ctx context.Context, job *track.Job, model *joint.Model, batch int) (*denoiser, error) {
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return nil, err
	}
	net := model.Network
	program, err := e.NewProgram("denoise in one step", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		pass, x, t, mean, std := net.Evaluate(in[0], in[1]), in[2], in[3], in[4], in[5]
		features := net.UNet.Encode(pass, x, t)
		epsilon := net.UNet.Decode(pass, features)
		clean := graph.Div(graph.Sub(x, graph.Mul(epsilon, std)), mean) // x̂_0 = (x_t − √(1−ᾱ_t)·ε̂) / √ᾱ_t
		return []*graph.Node{graph.ClipScalar(clean, -1, 1), net.Logits(pass, features, t)}
	})
	if err != nil {
		return nil, err
	}
	w := model.Weights
	return &denoiser{step: program, batch: batch, weights: [2]*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(w.Values, len(w.Values)),
		tensors.FromFlatDataAndDimensions(w.Statistics, len(w.Statistics)),
	}}, nil
}

func (d *denoiser) close() {
	d.step.Finalize()
	for _, w := range d.weights {
		w.FinalizeAll()
	}
}

// run fills guessed from noised, images of the split's shape at one timestep,
// and returns the class that the head takes each for.
func (d *denoiser) run(ctx context.Context, noised, guessed []float32, images data.Split, at process.Marginal, timestep int) ([]int32, error) {
	size := images.ImageSize()
	timesteps := make([]int32, d.batch)
	for i := range timesteps {
		timesteps[i] = int32(timestep)
	}
	t := tensors.FromFlatDataAndDimensions(timesteps, d.batch)
	defer t.FinalizeAll()
	padded := make([]float32, d.batch*size) // the last batch may be short
	var classes []int32
	for from := 0; from < images.Len(); from += d.batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(d.batch, images.Len()-from)
		copy(padded, noised[from*size:(from+n)*size])
		x := tensors.FromFlatDataAndDimensions(padded, d.batch, images.Height, images.Width, images.Channels)
		outputs, err := d.step.Call(d.weights[0], d.weights[1], x, t, float32(at.Mean), float32(at.Std))
		x.FinalizeAll()
		if err != nil {
			return nil, err
		}
		clean, err := take(outputs[0])
		if err != nil {
			return nil, err
		}
		logits, err := take(outputs[1])
		if err != nil {
			return nil, err
		}
		copy(guessed[from*size:], clean[:n*size])
		width := len(logits) / d.batch
		for i := range n {
			classes = append(classes, argmax(logits[i*width:(i+1)*width]))
		}
	}
	return classes, nil
}

// take copies a tensor's values and frees it.
func take(t *tensors.Tensor) ([]float32, error) {
	values, err := tensors.CopyFlatData[float32](t)
	t.FinalizeAll()
	return values, err
}

func argmax(values []float32) int32 {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return int32(best)
}
