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
	mixed := Reshape(attend(p, Reshape(h, b, positions, a.heads, 3, width)), b, positions, c)
	return Add(x, Reshape(a.Project.Forward(p, mixed), d...))
}

// attend is softmax(q·kᵀ/√width)·v for queries, keys and values
// [B, positions, heads, 3, width]; the answer is [B, positions, heads, width].
//
// The matrices of positions × positions would be most of what a training step
// remembers, so the gradient makes them anew from each row's log-sum-exp (Dao
// et al. 2022, FlashAttention, algorithm 4).
func attend(p *Pass, qkv *Node) *Node {
	d := qkv.Shape().Dimensions
	b, positions, heads, width := d[0], d[1], d[2], d[4]
	scale := math.Pow(float64(width), -0.25) // on both, so that neither overflows in half precision
	multiply := func(x *Node, xAxis int, y *Node, yAxis int) *Node {
		return DotGeneral(p.Narrow(x), []int{xAxis}, []int{0, 1}, p.Narrow(y), []int{yAxis}, []int{0, 1})
	}
	toHeads := func(x *Node) *Node { return TransposeAllDims(x, 0, 2, 1, 3) } // its own inverse
	split := func(qkv *Node) (q, k, v *Node) {                                // each [B, heads, positions, width]
		part := func(i int) *Node {
			return toHeads(Reshape(Slice(qkv, AxisRange(), AxisRange(), AxisRange(), AxisElem(i)), b, positions, heads, width))
		}
		return MulScalar(part(0), scale), MulScalar(part(1), scale), part(2)
	}
	var mixed, logSum *Node
	return withGradient(func(in []*Node) *Node {
		q, k, v := split(in[0])
		scores := Wide(multiply(q, 3, k, 3))
		peak := StopGradient(ReduceAndKeep(scores, ReduceMax, -1))
		shares := Exp(Sub(scores, peak))
		total := ReduceAndKeep(shares, ReduceSum, -1)
		logSum = Add(peak, Log(total))
		mixed = Div(Wide(multiply(shares, 3, v, 2)), total)
		return p.Narrow(toHeads(mixed))
	}, func(adjoint *Node) []*Node {
		q, k, v := split(qkv)
		adjoint = toHeads(adjoint)
		// The scores wait for the adjoint; otherwise the compiler would find
		// them equal to the forward pass's and keep those.
		late := Add(q, MulScalar(adjoint, 0))
		shares := Exp(Sub(Wide(multiply(late, 3, k, 3)), logSum))
		slope := Sub(Wide(multiply(adjoint, 3, v, 3)), ReduceAndKeep(Mul(Wide(adjoint), mixed), ReduceSum, -1))
		scores := Mul(shares, slope)
		join := func(x *Node) *Node { return Reshape(toHeads(x), b, positions, heads, 1, width) }
		return []*Node{Concatenate([]*Node{
			join(MulScalar(multiply(scores, 3, k, 2), scale)),
			join(MulScalar(multiply(scores, 2, q, 2), scale)),
			join(multiply(shares, 2, adjoint, 2)),
		}, 3)}
	}, qkv)
}
