package jointparity

import (
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
)

// losses compares the objective's terms and their gradients.
func (c *comparison) losses() error {
	if err := c.run("parity-noised", c.noised); err != nil {
		return err
	}
	p, err := c.program("parity-losses", func(in example, out *outputs) {
		objective := joint.Objective{DiffusionScale: 1, ClassScale: 1, Noisy: joint.NoisyAdd} // its own total is not used
		l := c.model.Loss(in.pass, objective, c.schedule, joint.Batch{Images: in.x0, Labels: in.y, Steps: in.t, Noise: in.noiseQ})
		out.add("joint/ce_noised", l.Noisy)
		weighted := graph.Add(graph.Mul(in.more[0], l.Diffusion), graph.Mul(in.more[1], l.Clean))
		out.add("weighted", weighted)
		out.add("gradient", in.pass.Gradient(weighted))
	})
	if err != nil {
		return err
	}
	defer p.program.Finalize()
	// One graph gives each term's gradient: the terms are weighed by its inputs.
	// The fixture's total has the clean term alone.
	for _, term := range []struct {
		name             string
		diffusion, class float32
	}{{"l_diff", 1, 0}, {"ce", 0, 1}, {"total", 1, float32(c.settings.ClassifierLossScale)}} {
		err := p.call(func(name string, values []float64) {
			switch {
			case name == "gradient":
				c.checkGradients(term.name, values)
			case name == "weighted":
				c.check("joint/"+term.name, values)
			case term.name == "total": // it is the same in every call
				c.check(name, values)
			}
		}, term.diffusion, term.class)
		if err != nil {
			return err
		}
	}
	return nil
}

// noised compares the diffused images and each example's share of the diffusion loss.
func (c *comparison) noised(in example, out *outputs) {
	g := in.x0.Graph()
	xt := graph.Add(
		graph.Mul(joint.At(g, c.schedule.SqrtAlphasCumprod, in.t), in.x0),
		graph.Mul(joint.At(g, c.schedule.SqrtOneMinusAlphasCumprod, in.t), in.noiseQ))
	out.addImage("qsample/xt", xt)
	squares := graph.Square(graph.Sub(in.noiseQ, c.model.UNet.PredictNoise(in.pass, xt, in.t)))
	out.add("joint/l_diff_each", graph.ReduceMean(squares, 1, 2, 3))
}

// checkGradients compares the norm of each tensor's gradient, and some tensors' gradients whole.
func (c *comparison) checkGradients(term string, flat []float64) {
	parameters := slices.Clone(c.model.Layout.Parameters())
	// The authors' network registers its head first.
	slices.SortStableFunc(parameters, func(a, b nn.Param) int {
		return headLast(b) - headLast(a)
	})
	norms := make([]float64, len(parameters))
	for i, p := range parameters {
		part := flat[p.Offset : p.Offset+p.Size()]
		for _, v := range part {
			norms[i] += v * v
		}
		norms[i] = math.Sqrt(norms[i])
		c.check("joint/grad_"+term+"/"+c.model.PyTorchName(p.Name), toPyTorch(part, p.Shape))
	}
	c.check("joint/grad_l2_"+term, norms)
}

func headLast(p nn.Param) int {
	if strings.HasPrefix(p.Name, "head.") {
		return 1
	}
	return 0
}

// toPyTorch reorders a parameter's values to kernels [out, in, h, w] and matrices [out, in].
func toPyTorch(values []float64, shape []int) []float64 {
	out := make([]float64, 0, len(values))
	switch len(shape) {
	case 4:
		h, w, in, channels := shape[0], shape[1], shape[2], shape[3]
		for o := range channels {
			for i := range in {
				for k := range h * w {
					out = append(out, values[(k*in+i)*channels+o])
				}
			}
		}
	case 2:
		for o := range shape[1] {
			for i := range shape[0] {
				out = append(out, values[i*shape[1]+o])
			}
		}
	default:
		out = append(out, values...)
	}
	return out
}
