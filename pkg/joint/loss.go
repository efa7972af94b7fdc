package joint

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
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

// Objective is L = d·L_diff + s·L_class, with the noisy classifiers' term if wanted.
type Objective struct {
	DiffusionScale float64 `json:"diffusion_scale"` // d: 1, or 0 to train a classifier alone
	ClassScale     float64 `json:"class_scale"`     // s; 0.001 in all of the authors' commands, 0 trains a DDGM
	Noisy          Noisy   `json:"noisy"`
}

// Validate says what is wrong, by field.
func (o Objective) Validate() error {
	switch o.Noisy {
	case NoisyNone, NoisyAdd, NoisyReplace:
	default:
		return fmt.Errorf("noisy is %q: use none, add or replace", o.Noisy)
	}
	switch {
	case o.ClassScale < 0:
		return fmt.Errorf("class_scale is %g: it must not be negative", o.ClassScale)
	case o.DiffusionScale < 0:
		return fmt.Errorf("diffusion_scale is %g: it must not be negative", o.DiffusionScale)
	case o.DiffusionScale == 0 && o.ClassScale == 0:
		return fmt.Errorf("diffusion_scale and class_scale are 0: nothing would be trained")
	}
	return nil
}

// Losses are the terms of the objective, scalars before their scales; nil where the objective has no such term.
type Losses struct {
	Total     *Node
	Diffusion *Node // mean squared error of the noise, over pixels and batch
	Clean     *Node // cross-entropy of clean images at t = 0, batch mean, nats
	Noisy     *Node // cross-entropy of noised images at their t, batch mean, nats
}

// Batch is what a step of training sees.
type Batch struct {
	Images *Node // x_0 [B, H, W, C] in [−1, 1]
	Labels *Node // y: classes [B], or attributes [B, K]
	Steps  *Node // timestep indices t [B]
	Noise  *Node // ε, standard normal, of the images' shape
}

// Loss is the objective on a batch diffused by d.
//
// The encoder runs once: on the noised images, joined by the clean ones where
// the objective needs them, whose features go to the head alone.
func (m *Model) Loss(p *nn.Pass, o Objective, d *process.DDPM, b Batch) Losses {
	return m.loss(p, o, d, b, b.Images, b.Labels, nil)
}

// AugmentedLoss is the objective where the clean images that are classified are
// not those that are diffused: the given images [N, H, W, C] in [−1, 1] with
// labels y of the batch's kind. The authors' code classifies augmented images and
// diffuses plain ones.
//
// The noised images of the other classification term (eq. 10) are the batch's,
// plain: the encoder sees them anyway. There the authors' code departs from the
// equation twice: that term replaces the clean one, and it is of x_t augmented
// after the noise was added, so that clipping and interpolation distort the noise
// itself and no longer fit t. The paper says nothing of either.
func (m *Model) AugmentedLoss(p *nn.Pass, o Objective, d *process.DDPM, b Batch, images, y *Node) Losses {
	return m.loss(p, o, d, b, images, y, nil)
}

// SemiLoss is the clean objective where few images have labels (§A.1): every
// image of the batch is diffused, and the images of the label buffer are
// classified, clean. Weight [] is 1 when the buffer is full and 0 otherwise;
// then neither the gradient nor the head's running statistics see the buffer.
func (m *Model) SemiLoss(p *nn.Pass, o Objective, d *process.DDPM, b Batch, buffered, labels, weight *Node) Losses {
	o.Noisy = NoisyNone
	return m.loss(p, o, d, b, buffered, labels, weight)
}

// loss classifies the given clean images, and the noised ones by the batch's labels.
func (m *Model) loss(p *nn.Pass, o Objective, d *process.DDPM, b Batch, x0, y, weight *Node) Losses {
	g, batch, t := b.Images.Graph(), b.Images.Shape().Dimensions[0], b.Steps
	clean := o.Noisy != NoisyReplace && o.ClassScale > 0
	noisy := o.Noisy != NoisyNone && o.ClassScale > 0
	diffused := noisy || o.DiffusionScale > 0

	var images, times []*Node
	if diffused {
		xt := Add(Mul(At(g, d.SqrtAlphasCumprod, t), b.Images), Mul(At(g, d.SqrtOneMinusAlphasCumprod, t), b.Noise))
		images, times = append(images, xt), append(times, t)
	}
	if clean {
		images = append(images, x0)
		times = append(times, FillScalar(g, shapes.Make(dtypes.Int32, x0.Shape().Dimensions[0]), 0))
	}
	x, steps := Concatenate(images, 0), Concatenate(times, 0)
	features := m.Encoder.Encode(p, x, steps)

	l := Losses{Total: ScalarZero(g, dtypes.Float32)}
	if o.DiffusionScale > 0 {
		noised := features
		if clean {
			noised = features.Slice(0, batch)
		}
		l.Diffusion = ReduceAllMean(Square(Sub(b.Noise, m.UNet.Decode(p, noised))))
		l.Total = MulScalar(l.Diffusion, o.DiffusionScale)
	}
	add := func(logits, labels *Node) *Node {
		ce := ReduceAllMean(m.ClassLoss(logits, labels))
		if weight != nil {
			ce = Mul(ce, weight) // of an empty buffer it is no loss, and not reported as one
		}
		l.Total = Add(l.Total, MulScalar(ce, o.ClassScale))
		return ce
	}
	switch {
	case clean && noisy: // one pass of the head, so that its batch norms see both
		logits := m.Logits(p, features, steps)
		l.Noisy = add(Slice(logits, AxisRange(0, batch)), b.Labels)
		l.Clean = add(Slice(logits, AxisRange(batch)), y)
	case clean && diffused:
		all := x.Shape().Dimensions[0]
		l.Clean = add(m.Logits(p, features.Slice(batch, all), Slice(steps, AxisRange(batch))), y)
	case clean:
		l.Clean = add(m.Logits(p, features, steps), y)
	case noisy:
		l.Noisy = add(m.Logits(p, features.Slice(0, batch), t), b.Labels)
	}
	if weight != nil {
		p.KeepStatistics(weight)
	}
	return l
}

// At looks a table of the process up at timestep indices t [B], as [B, 1, 1, 1] float32.
func At(g *Graph, table []float64, t *Node) *Node {
	values := Gather(ConstAsDType(g, dtypes.Float32, table), InsertAxes(t, -1))
	return Reshape(values, -1, 1, 1, 1)
}
