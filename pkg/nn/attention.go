package nn

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
)

// SelfAttention is the attention block of guided-diffusion: group norm, one
// projection to queries, keys and values of every head, attention over the
// image's positions, a projection that starts at zero, and the shortcut.
type SelfAttention struct {
	name    string
	heads   int
	Norm    GroupNorm
	QKV     Linear // columns head by head: q, k, v of head 0, then of head 1, …
	Project Linear
}

// NewSelfAttention adds an attention block; channels must be a multiple of heads.
func NewSelfAttention(l *Layout, name string, groups, heads, channels int) SelfAttention {
	a := SelfAttention{
		name:  name,
		heads: heads,
		Norm:  NewGroupNorm(l, name+".norm", groups, channels),
		QKV:   NewLinear(l, name+".qkv", channels, 3*channels),
	}
	a.Project = Linear{name + ".project",
		l.Add(name+".project.weight", InitZeros, channels, channels), l.Add(name+".project.bias", InitZeros, channels)}
	return a
}

// Forward maps [B, H, W, C] to the same shape.
func (a SelfAttention) Forward(p *Pass, x *Node) *Node {
	defer engine.InLayer(a.name)
	d := x.Shape().Dimensions
	b, positions, c := d[0], d[1]*d[2], d[3]
	if c%a.heads != 0 {
		panic(fmt.Errorf("%d channels do not divide into %d heads", c, a.heads))
	}
	width := c / a.heads

	h := a.QKV.Forward(p, Reshape(a.Norm.Forward(p, x), b, positions, c))
	h = Reshape(h, b, positions, a.heads, 3, width)
	part := func(i int) *Node { // [B, heads, positions, width]
		return TransposeAllDims(Reshape(Slice(h, AxisRange(), AxisRange(), AxisRange(), AxisElem(i)), b, positions, a.heads, width), 0, 2, 1, 3)
	}
	scale := math.Pow(float64(width), -0.25) // on both, so that neither overflows in half precision
	q, k, v := MulScalar(part(0), scale), MulScalar(part(1), scale), part(2)

	scores := DotGeneral(q, []int{3}, []int{0, 1}, k, []int{3}, []int{0, 1})
	mixed := DotGeneral(p.Narrow(Softmax(Wide(scores), -1)), []int{3}, []int{0, 1}, v, []int{2}, []int{0, 1})
	mixed = Reshape(TransposeAllDims(mixed, 0, 2, 1, 3), b, positions, c)
	return Add(x, Reshape(a.Project.Forward(p, mixed), d...))
}
