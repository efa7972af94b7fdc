package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// referenceConv is a convolution with zero padding size/2 on every side, in
// float64 by its definition. x is [B, H, W, in], kernel [size, size, in, out].
func referenceConv(x, kernel, bias []float32, b, h, w, in, out, size, stride int) []float32 {
	var y []float32
	for n := range b {
		for i := 0; i < h; i += stride {
			for j := 0; j < w; j += stride {
				for o := range out {
					sum := float64(bias[o])
					for u := range size {
						for v := range size {
							row, column := i+u-size/2, j+v-size/2
							if row < 0 || row >= h || column < 0 || column >= w {
								continue
							}
							for c := range in {
								sum += float64(x[((n*h+row)*w+column)*in+c]) * float64(kernel[((u*size+v)*in+c)*out+o])
							}
						}
					}
					y = append(y, float32(sum))
				}
			}
		}
	}
	return y
}

func TestConvolutionMatchesDefinition(t *testing.T) {
	for _, test := range []struct{ h, w, in, out, size, stride int }{
		{5, 5, 2, 3, 3, 1}, {6, 6, 2, 3, 3, 2}, {5, 5, 2, 3, 3, 2}, {4, 6, 3, 2, 3, 2},
		{4, 4, 3, 2, 1, 1}, {7, 7, 1, 2, 5, 1}, {2, 2, 1, 1, 3, 2},
	} {
		t.Run(fmt.Sprintf("%d×%d×%d to %d, size %d, stride %d", test.h, test.w, test.in, test.out, test.size, test.stride), func(t *testing.T) {
			var layout Layout
			conv := NewConv2D(&layout, "conv", test.size, test.in, test.out, Conv2DOptions{Stride: test.stride})
			weights := lively(&layout, 1)
			const b = 2
			x := normal(2, b*test.h*test.w*test.in, 1)
			got := evaluate(t, func(in []*graph.Node) []*graph.Node {
				return []*graph.Node{conv.Forward(Evaluate(NewWeights(&layout, in[0]), nil), in[1])}
			}, tensor(weights, len(weights)), tensor(x, b, test.h, test.w, test.in))[0]
			kernel := weights[conv.Kernel.Offset : conv.Kernel.Offset+conv.Kernel.Size()]
			bias := weights[conv.Bias.Offset : conv.Bias.Offset+conv.Bias.Size()]
			wantClose(t, "output", got, referenceConv(x, kernel, bias, b, test.h, test.w, test.in, test.out, test.size, test.stride), 1e-5)
		})
	}
}

// normalise runs a group norm of the given initial values, scale 1 and bias 0.
func normalise(t *testing.T, groups, channels int, x *tensors.Tensor) []float32 {
	t.Helper()
	var layout Layout
	norm := NewGroupNorm(&layout, "norm", groups, channels)
	weights := layout.Initialize(0)
	return evaluate(t, func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{norm.Forward(Evaluate(NewWeights(&layout, in[0]), nil), in[1])}
	}, tensor(weights, len(weights)), x)[0]
}

func TestGroupNormHasMeanZeroAndVarianceOneInEachGroup(t *testing.T) {
	const b, side, channels, groups = 2, 4, 6, 3
	x := normal(1, b*side*side*channels, 2)
	for i := range x {
		x[i] += float32(i % channels * 5) // channels of different means
	}
	y := normalise(t, groups, channels, tensor(x, b, side, side, channels))
	const perGroup = channels / groups
	for n := range b {
		for g := range groups {
			sum, squares, count := 0.0, 0.0, 0.0
			for pixel := range side * side {
				for c := g * perGroup; c < (g+1)*perGroup; c++ {
					v := float64(y[(n*side*side+pixel)*channels+c])
					sum, squares, count = sum+v, squares+v*v, count+1
				}
			}
			if mean, variance := sum/count, squares/count; math.Abs(mean) > 1e-5 || math.Abs(variance-1) > 1e-4 {
				t.Errorf("example %d group %d: mean %g, variance %g; want 0 and 1", n, g, mean, variance)
			}
		}
	}
}

func TestGroupNormInvariances(t *testing.T) {
	const b, side, channels, groups = 2, 3, 4, 2
	x := normal(3, b*side*side*channels, 1)
	y := normalise(t, groups, channels, tensor(x, b, side, side, channels))

	scaled := make([]float32, len(x)) // each example and group by numbers of its own
	for i, v := range x {
		n, group := i/(side*side*channels), i%channels/(channels/groups)
		scaled[i] = v*float32(2+3*n+group) + float32(10*n-4*group)
	}
	wantClose(t, "scaled and shifted", normalise(t, groups, channels, tensor(scaled, b, side, side, channels)), y, 1e-4)

	single := normalise(t, groups, channels, tensor(x[:side*side*channels], 1, side, side, channels))
	wantClose(t, "the first example alone", single, y[:len(single)], 1e-6)
}

// An input of variance 1e-5 halves the output's variance: epsilon is 1e-5, inside the root.
func TestGroupNormEpsilon(t *testing.T) {
	d := float32(math.Sqrt(1e-5))
	y := normalise(t, 1, 1, tensor([]float32{d, -d, -d, d}, 1, 2, 2, 1))
	h := float32(math.Sqrt(0.5))
	wantClose(t, "small input", y, []float32{h, -h, -h, h}, 1e-5)
}

func TestModulatedScalesAfterOwnScaleAndBias(t *testing.T) {
	const b, side, channels = 2, 3, 4
	var layout Layout
	norm := NewGroupNorm(&layout, "norm", 2, channels)
	weights := lively(&layout, 1)
	x, scale, shift := normal(2, b*side*side*channels, 1), normal(3, b*channels, 1), normal(4, b*channels, 1)
	out := evaluate(t, func(in []*graph.Node) []*graph.Node {
		p := Evaluate(NewWeights(&layout, in[0]), nil)
		return []*graph.Node{norm.Forward(p, in[1]), norm.Modulated(p, in[1], in[2], in[3])}
	}, tensor(weights, len(weights)), tensor(x, b, side, side, channels), tensor(scale, b, channels), tensor(shift, b, channels))
	want := make([]float32, len(x))
	for i, plain := range out[0] {
		k := i/(side*side*channels)*channels + i%channels
		want[i] = plain*(1+scale[k]) + shift[k]
	}
	wantClose(t, "norm·(1+scale)+shift", out[1], want, 1e-5)
}

func TestBatchNorm(t *testing.T) {
	const batch, features = 4, 2
	var layout, statistics Layout
	norm := NewBatchNorm(&layout, &statistics, "norm", features)
	weights := layout.Initialize(0)
	running := []float32{1, -2, 4, 0.25} // means, then variances
	x := []float32{1, 10, 2, 20, 3, 30, 6, 40}
	program := func(training bool) [][]float32 {
		return evaluate(t, func(in []*graph.Node) []*graph.Node {
			w, s := NewWeights(&layout, in[0]), NewWeights(&statistics, in[1])
			p := Evaluate(w, s)
			if training {
				p = Train(w, s, graph.Const(in[0].Graph(), []uint64{1, 2, 3}))
			}
			return []*graph.Node{norm.Forward(p, in[2]), p.Statistics()}
		}, tensor(weights, len(weights)), tensor(running, len(running)), tensor(x, batch, features))
	}
	t.Run("training", func(t *testing.T) {
		out := program(true)
		// Column 0 has mean 3 and biased variance 3.5; column 1 mean 25 and 125.
		var want []float32
		for i, v := range x {
			mean, variance := []float64{3, 25}[i%2], []float64{3.5, 125}[i%2]
			want = append(want, float32((float64(v)-mean)/math.Sqrt(variance+1e-5)))
		}
		wantClose(t, "normalised by the batch", out[0], want, 1e-5)
		unbiased := 4.0 / 3
		wantClose(t, "running statistics", out[1], []float32{
			0.9*1 + 0.1*3, 0.9*-2 + 0.1*25, float32(0.9*4 + 0.1*3.5*unbiased), float32(0.9*0.25 + 0.1*125*unbiased),
		}, 1e-4)
	})
	t.Run("evaluating", func(t *testing.T) {
		out := program(false)
		var want []float32
		for i, v := range x {
			want = append(want, float32((float64(v)-float64(running[i%2]))/math.Sqrt(float64(running[2+i%2])+1e-5)))
		}
		wantClose(t, "normalised by the running statistics", out[0], want, 1e-3)
		wantClose(t, "statistics left alone", out[1], running, 0)
	})
}

func TestDropout(t *testing.T) {
	const n, rate = 20000, 0.3
	var layout Layout
	layout.Add("unused", InitZeros, 1)
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	dropped := func(state []uint64) []float32 {
		return evaluate(t, func(in []*graph.Node) []*graph.Node {
			p := Evaluate(NewWeights(&layout, in[0]), nil)
			if state != nil {
				p = Train(NewWeights(&layout, in[0]), nil, graph.Const(in[0].Graph(), state))
			}
			return []*graph.Node{p.Dropout(in[1], rate)}
		}, tensor([]float32{0}, 1), tensor(ones, n))[0]
	}
	wantClose(t, "evaluating", dropped(nil), ones, 0)

	y := dropped([]uint64{1, 2, 3})
	zeros, sum := 0, 0.0
	for _, v := range y {
		if v == 0 {
			zeros++
		} else if math.Abs(float64(v)-1/(1-rate)) > 1e-6 {
			t.Fatalf("a kept number is %g, want %g", v, 1/(1-rate))
		}
		sum += float64(v)
	}
	// Four standard deviations of a share of 20,000.
	if share := float64(zeros) / n; math.Abs(share-rate) > 0.013 {
		t.Errorf("%.3f are dropped, want %.1f", share, rate)
	}
	if mean := sum / n; math.Abs(mean-1) > 0.02 {
		t.Errorf("the mean is %.3f, want 1", mean)
	}
	other := dropped([]uint64{4, 5, 6})
	same := 0
	for i := range y {
		if y[i] == other[i] {
			same++
		}
	}
	if want := (rate*rate + (1-rate)*(1-rate)) * n; math.Abs(float64(same)-want) > 300 {
		t.Errorf("another state drops %d of %d alike, want about %.0f", same, n, want)
	}
}

func TestSinusoidalEmbedding(t *testing.T) {
	times, dim := []int32{0, 1, 37, 999}, 6
	got := evaluate(t, func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{SinusoidalEmbedding(in[0], dim)}
	}, times)[0]
	var want []float32
	for _, time := range times {
		for _, f := range []func(float64) float64{math.Cos, math.Sin} {
			for i := range dim / 2 {
				want = append(want, float32(f(float64(time)*math.Pow(10000, -float64(i)/float64(dim/2)))))
			}
		}
	}
	wantClose(t, "cosines, then sines", got, want, 1e-4)
}

// A convolution of the repeated image, computed without it, is the convolution of it.
func TestUpsampledIsTheConvolutionOfRepeatedPixels(t *testing.T) {
	const b, h, w, in, out = 2, 3, 4, 2, 3
	var layout Layout
	conv := NewConv2D(&layout, "conv", 3, in, out, Conv2DOptions{})
	weights := lively(&layout, 1)
	got := evaluate(t, func(args []*graph.Node) []*graph.Node {
		p, x := Evaluate(NewWeights(&layout, args[0]), nil), args[1]
		repeated := graph.BroadcastToDims(graph.Reshape(x, b, h, 1, w, 1, in), b, h, 2, w, 2, in)
		return []*graph.Node{conv.Upsampled(p, x), conv.Forward(p, graph.Reshape(repeated, b, 2*h, 2*w, in))}
	}, tensor(weights, len(weights)), tensor(normal(2, b*h*w*in, 1), b, h, w, in))
	wantClose(t, "upsampled", got[0], got[1], 1e-5)
}

// Attention treats positions alike: it commutes with any permutation of the pixels.
func TestAttentionCommutesWithPermutations(t *testing.T) {
	const side, channels = 3, 4
	var layout Layout
	attention := NewSelfAttention(&layout, "attention", 2, 2, channels)
	weights := lively(&layout, 1)
	run := func(x []float32) []float32 {
		return evaluate(t, func(in []*graph.Node) []*graph.Node {
			return []*graph.Node{attention.Forward(Evaluate(NewWeights(&layout, in[0]), nil), in[1])}
		}, tensor(weights, len(weights)), tensor(x, 1, side, side, channels))[0]
	}
	permute := func(x []float32) []float32 {
		out := make([]float32, 0, len(x))
		for i := range side * side {
			from := (i*4 + 2) % (side * side)
			out = append(out, x[from*channels:(from+1)*channels]...)
		}
		return out
	}
	x := normal(2, side*side*channels, 1)
	wantClose(t, "attention of permuted pixels", run(permute(x)), permute(run(x)), 1e-5)
}

func TestAttentionStartsAsIdentity(t *testing.T) {
	var layout Layout
	attention := NewSelfAttention(&layout, "attention", 2, 2, 4)
	weights := layout.Initialize(1)
	x := normal(2, 2*2*4, 1)
	got := evaluate(t, func(in []*graph.Node) []*graph.Node {
		return []*graph.Node{attention.Forward(Evaluate(NewWeights(&layout, in[0]), nil), in[1])}
	}, tensor(weights, len(weights)), tensor(x, 1, 2, 2, 4))[0]
	wantClose(t, "output", got, x, 0)
}

func TestCrossEntropy(t *testing.T) {
	logits := []float32{1, 2, 3, 0, 0, 0, 500, -500, 0}
	got := evaluate(t, func(in []*graph.Node) []*graph.Node { return []*graph.Node{CrossEntropy(in[0], in[1])} },
		tensor(logits, 3, 3), []int32{2, 1, 1})[0]
	wantClose(t, "nats", got, []float32{
		float32(math.Log(1 + math.Exp(-1) + math.Exp(-2))), float32(math.Log(3)), 1000, // no overflow
	}, 1e-4)
}
