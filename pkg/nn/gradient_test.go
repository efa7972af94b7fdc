package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine/enginetest"
)

// differentiable is a block on small inputs, with its parameters in a layout.
type differentiable struct {
	name    string
	input   []int
	train   bool // batch statistics instead of running ones
	prepare func(t *testing.T, l, statistics *Layout) func(p *Pass, x *graph.Node) *graph.Node
}

var differentiables = []differentiable{
	{"linear", []int{3, 4}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewLinear(l, "linear", 4, 3).Forward
	}},
	{"convolution", []int{2, 5, 5, 2}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewConv2D(l, "conv", 3, 2, 3, Conv2DOptions{}).Forward
	}},
	{"convolution of stride 2, even size", []int{2, 6, 6, 2}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewConv2D(l, "conv", 3, 2, 3, Conv2DOptions{Stride: 2}).Forward
	}},
	{"convolution of stride 2, odd size", []int{2, 5, 5, 2}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewConv2D(l, "conv", 3, 2, 3, Conv2DOptions{Stride: 2}).Forward
	}},
	{"convolution 1×1", []int{2, 3, 3, 2}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewConv2D(l, "conv", 1, 2, 3, Conv2DOptions{}).Forward
	}},
	{"group norm", []int{2, 3, 3, 4}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewGroupNorm(l, "norm", 2, 4).Forward
	}},
	{"group norm of single channels", []int{2, 3, 3, 4}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewGroupNorm(l, "norm", 4, 4).Forward
	}},
	{"batch norm, evaluating", []int{5, 3}, false, func(_ *testing.T, l, statistics *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewBatchNorm(l, statistics, "norm", 3).Forward
	}},
	{"batch norm, training", []int{5, 3}, true, func(_ *testing.T, l, statistics *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewBatchNorm(l, statistics, "norm", 3).Forward
	}},
	{"attention", []int{2, 2, 3, 4}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewSelfAttention(l, "attention", 2, 2, 4).Forward
	}},
	{"residual block", []int{2, 4, 4, 2}, false, residual(2)},
	{"residual block with a shortcut", []int{2, 4, 4, 2}, false, residual(4)},
	{"upsampled convolution", []int{2, 3, 3, 2}, false, func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		return NewConv2D(l, "conv", 3, 2, 3, Conv2DOptions{}).Upsampled
	}},
	{"SiLU", []int{7}, false, func(*testing.T, *Layout, *Layout) func(*Pass, *graph.Node) *graph.Node {
		return func(_ *Pass, x *graph.Node) *graph.Node { return SiLU(x) }
	}},
	{"UNet", []int{2, 4, 4, 1}, false, func(t *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		u, err := NewUNet(l, smallUNet(4, 1))
		if err != nil {
			t.Fatal(err)
		}
		return func(p *Pass, x *graph.Node) *graph.Node {
			return u.PredictNoise(p, x, graph.Const(x.Graph(), []int32{0, 7}))
		}
	}},
}

// smallUNet has every kind of block in a network of a few thousand parameters.
func smallUNet(size, patch int) UNetConfig {
	return UNetConfig{
		ImageSize: size, Channels: 1, Width: 4, Multipliers: []int{1, 2}, Blocks: 1,
		AttentionAt: []int{2}, Heads: 2, NormGroups: 2, Patch: patch,
	}
}

func residual(out int) func(*testing.T, *Layout, *Layout) func(*Pass, *graph.Node) *graph.Node {
	return func(_ *testing.T, l, _ *Layout) func(*Pass, *graph.Node) *graph.Node {
		block := NewResidualBlock(l, "block", UNetConfig{Width: 2, NormGroups: 2}, 2, out)
		embedding := l.Add("embedding", InitUniformFanIn(1), 2, 8)
		return func(p *Pass, x *graph.Node) *graph.Node { return block.Forward(p, x, p.Of(embedding)) }
	}
}

// Every parameter's and the input's gradient agree with central differences of
// the loss along random directions of signs. The loss is a random weighing of
// the block's outputs; in float32 its difference keeps about three digits.
func TestGradientsAgreeWithDifferences(t *testing.T) {
	e := enginetest.Go(t)
	for _, block := range differentiables {
		t.Run(block.name, func(t *testing.T) {
			var layout, statistics Layout
			layout.Add("unused", InitZeros, 1) // no layout is empty, and its gradient must be zero
			forward := block.prepare(t, &layout, &statistics)
			moving := lively(&statistics, 5)
			for i := range moving {
				moving[i] = float32(math.Abs(float64(moving[i])) + 0.5) // variances are positive
			}
			run := compile(t, e, func(in []*graph.Node) []*graph.Node {
				var s *Weights
				if statistics.Size() > 0 {
					s = NewWeights(&statistics, in[2])
				}
				pass := Evaluate(NewWeights(&layout, in[0]), s)
				if block.train {
					pass = Train(NewWeights(&layout, in[0]), s, graph.Const(in[0].Graph(), []uint64{1, 2, 3}))
				}
				y := forward(pass, in[1])
				weigh := graph.Const(y.Graph(), tensor(normal(9, y.Shape().Size(), 1), y.Shape().Dimensions...))
				loss := graph.ReduceAllSum(graph.Mul(y, weigh))
				outputs := []*graph.Node{loss, graph.Gradient(loss, in[1])[0], graph.FillScalar(in[0].Graph(), in[0].Shape(), 0)}
				if layout.Size() > 1 {
					outputs[2] = pass.Gradient(loss)
				}
				return outputs
			})
			size := 1
			for _, d := range block.input {
				size *= d
			}
			weights, x := lively(&layout, 3), normal(4, size, 1)
			call := func(weights, x []float32) [][]float32 {
				return run(tensor(weights, len(weights)), tensor(x, block.input...), tensor(moving, max(len(moving), 0)))
			}
			at := call(weights, x)
			check := func(what string, values, gradient []float32) {
				t.Helper()
				if err := alongSigns(values, gradient, func() float64 { return float64(call(weights, x)[0][0]) }); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			check("input", x, at[1])
			for _, part := range parts(&layout) {
				check(part.name, weights[part.from:part.to], at[2][part.from:part.to])
			}
		})
	}
}

type part struct {
	name     string
	from, to int // in the flat vector
}

// parts are a layout's parameters; of a network, its parameters by the first
// word of their names, because every part costs six passes.
func parts(l *Layout) []part {
	var all []part
	for _, p := range l.Parameters() {
		name := p.Name
		if l.Size() > 1000 {
			name, _, _ = strings.Cut(name, ".")
		}
		if last := len(all) - 1; last >= 0 && all[last].name == name {
			all[last].to += p.Size()
			continue
		}
		all = append(all, part{name, p.Offset, p.Offset + p.Size()})
	}
	return all
}

// alongSigns compares the derivatives of f along directions of random signs of
// values, which it moves and puts back, with those that the gradient gives.
func alongSigns(values, gradient []float32, f func() float64) error {
	const step, directions = 5e-3, 3
	rng := rand.New(rand.NewPCG(11, 13))
	before := append([]float32{}, values...)
	norm := 0.0
	for _, g := range gradient {
		norm += float64(g) * float64(g)
	}
	norm = math.Sqrt(norm)
	for range directions {
		h := step / math.Sqrt(float64(len(values)))
		signs := make([]float64, len(values))
		want := 0.0
		for i, g := range gradient {
			signs[i] = float64(1 - 2*rng.IntN(2))
			want += signs[i] * float64(g) / math.Sqrt(float64(len(values)))
		}
		moved := func(sign float64) float64 {
			for i := range values {
				values[i] = before[i] + float32(sign*h*signs[i])
			}
			return f()
		}
		got := (moved(1) - moved(-1)) / (2 * step)
		copy(values, before)
		if d := math.Abs(got - want); !(d <= 0.01*norm+0.02) {
			return fmt.Errorf("derivative along a direction is %.4g, the gradient says %.4g (its norm is %.3g)", got, want, norm)
		}
	}
	return nil
}
