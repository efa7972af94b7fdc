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
	objective := joint.Objective{ClassScale: c.settings.ClassifierLossScale, Noisy: joint.NoisyAdd}
	return c.run("parity-losses", func(in example, out *outputs) {
		l := c.model.Loss(in.pass, objective, c.schedule, in.x0, in.y, in.t, in.noiseQ)
		// The fixture's total has the clean term alone.
		total := graph.Add(l.Diffusion, graph.MulScalar(l.Clean, objective.ClassScale))
		out.add("joint/l_diff", l.Diffusion)
		out.add("joint/ce", l.Clean)
		out.add("joint/ce_noised", l.Noisy)
		out.add("joint/total", total)
		out.add("gradient/l_diff", in.pass.Gradient(l.Diffusion))
		out.add("gradient/ce", in.pass.Gradient(l.Clean))
		out.add("gradient/total", in.pass.Gradient(total))

		xt := graph.Add(
			graph.Mul(joint.At(in.x0.Graph(), c.schedule.SqrtAlphasCumprod, in.t), in.x0),
			graph.Mul(joint.At(in.x0.Graph(), c.schedule.SqrtOneMinusAlphasCumprod, in.t), in.noiseQ))
		out.addImage("qsample/xt", xt)
		out.add("joint/l_diff_each", graph.ReduceMean(graph.Square(graph.Sub(in.noiseQ, c.model.UNet.PredictNoise(in.pass, xt, in.t))), 1, 2, 3))
	}, func(name string, values []float64) {
		if term, ok := strings.CutPrefix(name, "gradient/"); ok {
			c.checkGradients(term, values)
			return
		}
		c.check(name, values)
	})
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
