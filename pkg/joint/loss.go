package joint

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/nn"
	"noisebook/pkg/process"
)

// Noisy says how the classifier meets noised images in training (eq. 10).
type Noisy string

const (
	NoisyNone    Noisy = "none"    // clean images only
	NoisyAdd     Noisy = "add"     // the noisy term beside the clean one: the paper's text
	NoisyReplace Noisy = "replace" // the noisy term alone: the authors' code
)

// Objective is L = L_diff + s·L_class, with the noisy classifiers' term if wanted.
type Objective struct {
	ClassScale float64 `json:"class_scale"` // s; 0.001 in all of the authors' commands
	Noisy      Noisy   `json:"noisy"`
}

// Validate says what is wrong, by field.
func (o Objective) Validate() error {
	switch o.Noisy {
	case NoisyNone, NoisyAdd, NoisyReplace:
	default:
		return fmt.Errorf("noisy is %q: use none, add or replace", o.Noisy)
	}
	if o.ClassScale < 0 {
		return fmt.Errorf("class_scale is %g: it must not be negative", o.ClassScale)
	}
	return nil
}

// Losses are the terms of the objective, scalars; nil where the objective has no such term.
type Losses struct {
	Total     *Node
	Diffusion *Node // mean squared error of the noise, over pixels and batch
	Clean     *Node // cross-entropy of clean images at t = 0, batch mean, nats
	Noisy     *Node // cross-entropy of noised images at their t, batch mean, nats
}

// Loss is the objective on images x0 [B, H, W, C] in [−1, 1] with labels y [B],
// diffused to timestep indices t [B] with the given standard normal noise.
//
// The encoder runs once: on the noised images, joined by the clean ones where
// the objective needs them, whose features go to the head alone.
func (m *Model) Loss(p *nn.Pass, o Objective, d *process.DDPM, x0, y, t, noise *Node) Losses {
	g, batch := x0.Graph(), x0.Shape().Dimensions[0]
	xt := Add(Mul(At(g, d.SqrtAlphasCumprod, t), x0), Mul(At(g, d.SqrtOneMinusAlphasCumprod, t), noise))
	clean := o.Noisy != NoisyReplace && o.ClassScale > 0
	noisy := o.Noisy != NoisyNone && o.ClassScale > 0

	images, times := xt, t
	if clean {
		images = Concatenate([]*Node{xt, x0}, 0)
		times = Concatenate([]*Node{t, ZerosLike(t)}, 0)
	}
	features := m.UNet.Encode(p, images, times)
	noised := features
	if clean {
		noised = features.Slice(0, batch)
	}
	var l Losses
	l.Diffusion = ReduceAllMean(Square(Sub(noise, m.UNet.Decode(p, noised))))
	l.Total = l.Diffusion
	add := func(logits *Node) *Node {
		ce := ReduceAllMean(nn.CrossEntropy(logits, y))
		l.Total = Add(l.Total, MulScalar(ce, o.ClassScale))
		return ce
	}
	switch {
	case clean && noisy: // one pass of the head, so that its batch norms see both
		logits := m.Logits(p, features, times)
		l.Noisy = add(Slice(logits, AxisRange(0, batch)))
		l.Clean = add(Slice(logits, AxisRange(batch)))
	case clean:
		l.Clean = add(m.Logits(p, features.Slice(batch, 2*batch), Slice(times, AxisRange(batch))))
	case noisy:
		l.Noisy = add(m.Logits(p, noised, t))
	}
	return l
}

// At looks a table of the process up at timestep indices t [B], as [B, 1, 1, 1] float32.
func At(g *Graph, table []float64, t *Node) *Node {
	values := Gather(ConstAsDType(g, dtypes.Float32, table), InsertAxes(t, -1))
	return Reshape(values, -1, 1, 1, 1)
}
