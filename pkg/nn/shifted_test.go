package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

// The engine's pure-Go backend is the one that takes shifted products.
func TestShiftedBackend(t *testing.T) {
	evaluate(t, func(in []*graph.Node) []*graph.Node {
		if name := in[0].Graph().Backend().Name(); name != goBackend {
			t.Errorf("the pure-Go backend is called %q, not %q", name, goBackend)
		}
		return in
	}, tensor([]float32{1}, 1))
}

// Products of shifted copies equal GoMLX's convolution, and so do their derivatives.
func TestShiftedConvolution(t *testing.T) {
	for _, test := range []struct {
		image         []int // [B, H, W, in]
		height, width int
		out           int
		stride        int
		padding       [2]int
	}{
		{[]int{2, 5, 5, 2}, 3, 3, 3, 1, [2]int{1, 1}},
		{[]int{2, 6, 4, 1}, 3, 3, 2, 1, [2]int{1, 1}},
		{[]int{2, 6, 6, 2}, 3, 3, 3, 2, [2]int{1, 1}},
		{[]int{2, 5, 5, 2}, 3, 3, 3, 2, [2]int{1, 1}}, // all pixels of the border count
		{[]int{1, 7, 7, 2}, 3, 3, 2, 3, [2]int{0, 0}}, // pixels at the end do not
		{[]int{2, 3, 3, 2}, 1, 1, 3, 1, [2]int{0, 0}},
		{[]int{2, 4, 4, 2}, 1, 1, 3, 2, [2]int{0, 0}},
		{[]int{2, 8, 8, 1}, 5, 5, 2, 1, [2]int{0, 0}},
		{[]int{2, 5, 6, 2}, 2, 2, 3, 1, [2]int{0, 0}},
		{[]int{2, 4, 5, 1}, 2, 3, 2, 1, [2]int{0, 0}},
		{[]int{1, 4, 7, 2}, 1, 3, 2, 1, [2]int{0, 1}},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			in := test.image[3]
			kernel := []int{test.height, test.width, in, test.out}
			size := func(dimensions []int) int {
				n := 1
				for _, d := range dimensions {
					n *= d
				}
				return n
			}
			ordinary := func(x, k *graph.Node) *graph.Node {
				for axis, size := range kernel[:2] {
					if size%2 == 0 { // GoMLX's gradient is wrong for kernels of even size: a line of zeros makes it odd
						k = spread(k, axis, 0, 1, size+1)
						x = spread(x, 1+axis, 0, 1, test.image[1+axis]+1)
					}
				}
				return graph.Convolve(x, k).StridePerDim(test.stride, test.stride).
					PaddingPerDim([][2]int{{test.padding[0], test.padding[0]}, {test.padding[1], test.padding[1]}}).Done()
			}
			shifted := func(x, k *graph.Node) *graph.Node {
				return shiftedConvolution(x, k, test.stride, test.padding)
			}
			// Of a nonlinear function of the output, so that the gradient depends on it.
			outputs := func(convolve func(x, k *graph.Node) *graph.Node) func(in []*graph.Node) []*graph.Node {
				return func(in []*graph.Node) []*graph.Node {
					y := convolve(in[0], in[1])
					first := graph.Gradient(graph.ReduceAllSum(graph.Sin(y)), in...)
					return append(first, y)
				}
			}
			x := tensor(normal(1, size(test.image), 1), test.image...)
			k := tensor(normal(2, size(kernel), 1), kernel...)
			want := evaluate(t, outputs(ordinary), x, k)
			got := evaluate(t, outputs(shifted), x, k)
			for i, name := range []string{"gradient by the image", "gradient by the kernel", "output"} {
				if len(got[i]) != len(want[i]) {
					t.Fatalf("%s has %d numbers, want %d", name, len(got[i]), len(want[i]))
				}
				scale := 1.0
				for _, w := range want[i] {
					scale = max(scale, math.Abs(float64(w)))
				}
				for j, w := range want[i] {
					if math.Abs(float64(got[i][j]-w)) > 1e-5*scale {
						t.Fatalf("%s: number %d is %g, want %g", name, j, got[i][j], w)
					}
				}
			}
		})
	}
}

// The derivative of a gradient's norm along a direction is that of differences.
func TestShiftedConvolutionHasSecondDerivatives(t *testing.T) {
	for _, stride := range []int{1, 2} {
		image, kernel := []int{1, 5, 5, 2}, []int{3, 3, 2, 2}
		norm := func(in []*graph.Node) *graph.Node {
			y := shiftedConvolution(in[0], in[1], stride, [2]int{1, 1})
			sum := graph.ReduceAllSum(graph.Sin(y))
			gradients := graph.Gradient(sum, in[0], in[1])
			return graph.Add(graph.ReduceAllSum(graph.Square(gradients[0])), graph.ReduceAllSum(graph.Square(gradients[1])))
		}
		x, k := normal(1, 50, 0.3), normal(2, 36, 0.3)
		dx, dk := normal(3, 50, 1), normal(4, 36, 1)
		along := evaluate(t, func(in []*graph.Node) []*graph.Node {
			second := graph.Gradient(norm(in[:2]), in[0], in[1])
			slope := graph.Add(graph.ReduceAllSum(graph.Mul(second[0], in[2])), graph.ReduceAllSum(graph.Mul(second[1], in[3])))
			return []*graph.Node{graph.Reshape(slope, 1)}
		}, tensor(x, image...), tensor(k, kernel...), tensor(dx, image...), tensor(dk, kernel...))[0][0]

		const step = 1e-3
		at := func(sign float32) float32 {
			moved := func(from, by []float32) []float32 {
				out := make([]float32, len(from))
				for i := range from {
					out[i] = from[i] + sign*step*by[i]
				}
				return out
			}
			return evaluate(t, func(in []*graph.Node) []*graph.Node { return []*graph.Node{graph.Reshape(norm(in), 1)} },
				tensor(moved(x, dx), image...), tensor(moved(k, dk), kernel...))[0][0]
		}
		want := (at(1) - at(-1)) / (2 * step)
		if math.Abs(float64(along-want)) > 1e-2*math.Abs(float64(want)) {
			t.Errorf("stride %d: slope %g, differences give %g", stride, along, want)
		}
	}
}
