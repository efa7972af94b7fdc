package joint

import (
	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
)

// Head is g_ω, the classifier on pooled features: dropout, batch norm, linear
// to a hidden layer, leaky ReLU, dropout, batch norm, linear to the logits
// (§4.2 of the paper; dropout and batch norm are the authors' code).
type Head struct {
	dropout      float64
	norm1, norm2 nn.BatchNorm
	hidden, last nn.Linear
}

// headSlope is PyTorch's default slope of a leaky ReLU.
const headSlope = 0.01

// NewHead lays out a head: its weights in l, the running statistics of its
// batch norms in statistics. The paper's hidden layer has half as many numbers
// as there are features.
func NewHead(l, statistics *nn.Layout, inputs, hidden, classes int, dropout float64) Head {
	return Head{
		dropout: dropout,
		norm1:   nn.NewBatchNorm(l, statistics, "head.norm1", inputs),
		hidden:  nn.NewLinear(l, "head.hidden", inputs, hidden),
		norm2:   nn.NewBatchNorm(l, statistics, "head.norm2", hidden),
		last:    nn.NewLinear(l, "head.logits", hidden, classes),
	}
}

// Logits maps features [B, inputs] to [B, classes].
func (h Head) Logits(p *nn.Pass, z *Node) *Node {
	defer engine.InLayer("head")
	z = h.norm1.Forward(p, p.Dropout(z, h.dropout))
	z = nn.LeakyReLU(h.hidden.Forward(p, z), headSlope)
	return h.last.Forward(p, h.norm2.Forward(p, p.Dropout(z, h.dropout)))
}
