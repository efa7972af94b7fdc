package joint

import (
	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/nn"
)

// Optimized moves features away from the target class y [B] by one gradient
// step of size alpha (Algorithm 1):
//
//	Z'_t = Z_t + α ∇_{Z_t} Σ_b CE(g_ω(Z_t), y)
//
// The decoder predicts the noise, which is subtracted: the noise is made
// anything but the class. The gradient is the total derivative, through later
// encoder blocks too, and all maps move at once. Of attributes y [B, K] the
// binary cross-entropies are summed.
func (m *Model) Optimized(p *nn.Pass, f nn.Features, t, y, alpha *Node) nn.Features {
	loss := ReduceAllSum(m.summedClassLoss(m.Logits(p, f, t), y))
	maps := f.Maps()
	moved := make([]*Node, len(maps))
	for i, gradient := range Gradient(loss, maps...) {
		moved[i] = Add(maps[i], Mul(alpha, gradient))
	}
	return f.WithMaps(moved)
}

// summedClassLoss is [Model.ClassLoss] with the sum over attributes in place of the mean.
func (m *Model) summedClassLoss(logits, y *Node) *Node {
	if m.Config.Attributes {
		return nn.BinaryCrossEntropy(logits, y)
	}
	return nn.CrossEntropy(logits, y)
}

// GuidedNoise is the noise decoded from the optimized features, and the
// logits of the features before they move.
func (m *Model) GuidedNoise(p *nn.Pass, x, t, y, alpha *Node) (noise, logits *Node) {
	f := m.Encoder.Encode(p, x, t)
	return m.UNet.Decode(p, m.Optimized(p, f, t, y, alpha)), m.Logits(p, f, t)
}

// ClassGradient is ∇_{x_t} Σ_b log c(y|x_t) of the model as a classifier of
// noised images x [B, H, W, C] at timestep indices t [B], and the logits: what
// guides a sampler from outside (eq. 12; Dhariwal & Nichol 2021).
func (m *Model) ClassGradient(p *nn.Pass, x, t, y *Node) (gradient, logits *Node) {
	logits = m.Logits(p, m.Encoder.Encode(p, x, t), t)
	return Neg(Gradient(ReduceAllSum(m.summedClassLoss(logits, y)), x)[0]), logits
}
