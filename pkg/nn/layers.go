package nn

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
)

// Images are NHWC throughout: [batch, height, width, channels].

// Linear is y = x·W + b on the last axis.
type Linear struct {
	name         string
	Weight, Bias Param // [in, out], [out]
}

// NewLinear adds a linear layer with PyTorch's default initialisation.
func NewLinear(l *Layout, name string, in, out int) Linear {
	return Linear{name, l.Add(name+".weight", InitUniformFanIn(in), in, out), l.Add(name+".bias", InitUniformFanIn(in), out)}
}

// Forward maps [..., in] to [..., out].
func (n Linear) Forward(p *Pass, x *Node) *Node {
	defer engine.InLayer(n.name)
	last := x.Rank() - 1
	y := DotGeneral(p.Narrow(x), []int{last}, nil, p.Narrow(p.Of(n.Weight)), []int{0}, nil)
	return p.Narrow(Add(Wide(y), ExpandLeftToRank(p.Of(n.Bias), y.Rank())))
}

// Conv2D is a square convolution (cross-correlation) with zero padding on every side, as PyTorch pads.
type Conv2D struct {
	name         string
	stride       int
	Kernel, Bias Param // [height, width, in, out], [out]
}

// Conv2DOptions are a convolution's choices; the zero value is stride 1 with PyTorch's initialisation.
type Conv2DOptions struct {
	Stride int  // 0 means 1
	Zero   bool // start from zero weights and biases
}

// NewConv2D adds a size×size convolution that keeps the image's size at stride 1.
func NewConv2D(l *Layout, name string, size, in, out int, options Conv2DOptions) Conv2D {
	init := InitUniformFanIn(size * size * in)
	if options.Zero {
		init = InitZeros
	}
	return Conv2D{
		name:   name,
		stride: max(options.Stride, 1),
		Kernel: l.Add(name+".kernel", init, size, size, in, out),
		Bias:   l.Add(name+".bias", init, out),
	}
}

// Forward maps [B, H, W, in] to [B, ⌈H/stride⌉, ⌈W/stride⌉, out].
func (c Conv2D) Forward(p *Pass, x *Node) *Node {
	defer engine.InLayer(c.name)
	size := c.Kernel.Shape[0]
	return c.shifted(p, convolve(p.Narrow(x), p.Narrow(p.Of(c.Kernel)), c.stride, size/2))
}

// Upsampled is Forward of x with every pixel repeated 2×2 (nearest neighbour):
// [B, H, W, in] to [B, 2H, 2W, out]. The layer must be 3×3 with stride 1.
func (c Conv2D) Upsampled(p *Pass, x *Node) *Node {
	defer engine.InLayer(c.name)
	return c.shifted(p, convolveUpsampled(p.Narrow(x), p.Narrow(p.Of(c.Kernel))))
}

// shifted adds the bias. Its gradient sums over space and then over the batch; a
// sum over all three axes at once is several times slower on a CPU.
func (c Conv2D) shifted(p *Pass, y *Node) *Node {
	return p.Narrow(withGradient(func(in []*Node) *Node {
		return Add(in[0], Reshape(in[1], 1, 1, 1, -1))
	}, func(v *Node) []*Node {
		sums := ReduceSum(v, 1, 2) // [batch, out]
		d := sums.Shape().Dimensions
		if d[0]%2 == 0 { // the compiler joins sums of sums, unless a reshape is between
			return []*Node{v, ReduceSum(Reshape(sums, 2, d[0]/2, d[1]), 0, 1)}
		}
		return []*Node{v, ReduceSum(sums, 0)}
	}, Wide(y), p.Of(c.Bias)))
}

// convolveUpsampled is a 3×3 convolution of the image with every pixel repeated
// 2×2, without making that image: an output pixel sees 2×2 different pixels, with
// the kernel's taps summed where they meet the same one. Which taps do depends on
// the parity of its row and column, so that four 2×2 kernels do 16 products
// where the repeated image takes 36.
func convolveUpsampled(x, kernel *Node) *Node {
	d := x.Shape().Dimensions
	b, h, w, out := d[0], d[1], d[2], kernel.Shape().Dimensions[3]
	taps := ConvertDType(Const(x.Graph(), upsampledTaps()), kernel.DType())
	products := Dot(taps, Reshape(kernel, 9, -1)).Product() // [2·2 taps · 2·2 parities, in·out]
	kernels := TransposeAllDims(Reshape(products, 2, 2, 4, -1, out), 0, 1, 3, 2, 4)
	y := convolveEven(zeroBorder(x), Reshape(kernels, 2, 2, -1, 4*out)) // [B, H+1, W+1, 4·out]

	var rows []*Node
	for row := range 2 {
		var columns []*Node
		for column := range 2 {
			first := (2*row + column) * out
			part := Slice(y, AxisRange(), AxisRange(row, row+h), AxisRange(column, column+w), AxisRange(first, first+out))
			columns = append(columns, Reshape(part, b, h, 1, w, 1, out))
		}
		rows = append(rows, Concatenate(columns, 4))
	}
	return Reshape(Concatenate(rows, 2), b, 2*h, 2*w, out)
}

// upsampledTaps says which of a 3×3 kernel's taps are summed into each tap of
// the four 2×2 kernels of convolveUpsampled: [2·2 taps · 2·2 parities, 3·3 taps].
func upsampledTaps() [][]float32 {
	seen := func(tap, parity, of int) bool { // along one axis
		if parity == 0 {
			return (of == 0) == (tap == 0)
		}
		return (of == 2) == (tap == 1)
	}
	var matrix [][]float32
	for i := range 16 {
		row := make([]float32, 9)
		for j := range row {
			if seen(i/8, i/2%2, j/3) && seen(i/4%2, i%2, j%3) {
				row[j] = 1
			}
		}
		matrix = append(matrix, row)
	}
	return matrix
}

func convolve(x, kernel *Node, stride, padding int) *Node {
	return convolvePadded(x, kernel, stride, [2]int{padding, padding})
}

// convolvePadded is a convolution with zero padding of the height and of the width on either side.
func convolvePadded(x, kernel *Node, stride int, padding [2]int) *Node {
	if prefersShifts(x.Graph()) {
		return shiftedConvolution(x, kernel, stride, padding)
	}
	return Convolve(x, kernel).StridePerDim(stride, stride).
		PaddingPerDim([][2]int{{padding[0], padding[0]}, {padding[1], padding[1]}}).Done()
}

// convolveEven is a convolution without padding for kernels of even size, for
// which GoMLX v0.28 derives a wrong gradient.
func convolveEven(x, kernel *Node) *Node {
	if prefersShifts(x.Graph()) {
		return shiftedConvolution(x, kernel, 1, [2]int{})
	}
	size := kernel.Shape().Dimensions[0]
	return withGradient(func(in []*Node) *Node {
		return Convolve(in[0], in[1]).Done()
	}, func(v *Node) []*Node {
		mirrored := TransposeAllDims(Reverse(kernel, 0, 1), 0, 1, 3, 2)
		products := Convolve(TransposeAllDims(x, 3, 1, 2, 0), TransposeAllDims(v, 1, 2, 0, 3)).Done() // [in, size, size, out]
		return []*Node{convolve(v, mirrored, 1, size-1), TransposeAllDims(products, 1, 2, 0, 3)}
	}, x, kernel)
}

// zeroBorder adds a pixel of zeros on every side. (Pad has no gradient in GoMLX.)
func zeroBorder(x *Node) *Node {
	for _, axis := range []int{1, 2} {
		line := x.Shape().Clone()
		line.Dimensions[axis] = 1
		x = Concatenate([]*Node{Zeros(x.Graph(), line), x, Zeros(x.Graph(), line)}, axis)
	}
	return x
}

// GroupNorm normalises groups of neighbouring channels over space (Wu & He 2018), biased variance.
type GroupNorm struct {
	name        string
	groups      int
	Scale, Bias Param // [channels]
}

// groupNormEpsilon is PyTorch's.
const groupNormEpsilon = 1e-5

// NewGroupNorm adds a group norm; channels must be a multiple of groups.
func NewGroupNorm(l *Layout, name string, groups, channels int) GroupNorm {
	return GroupNorm{name, groups, l.Add(name+".scale", InitOnes, channels), l.Add(name+".bias", InitZeros, channels)}
}

// Forward normalises [B, H, W, C].
func (n GroupNorm) Forward(p *Pass, x *Node) *Node { return n.Modulated(p, x, nil, nil) }

// Modulated is norm(x)·(1+scale) + shift with scale and shift [B, C], FiLM
// conditioning (Perez et al. 2018) as guided-diffusion applies it; nil for neither.
func (n GroupNorm) Modulated(p *Pass, x, scale, shift *Node) *Node {
	defer engine.InLayer(n.name)
	dims := x.Shape().Dimensions
	b, c := dims[0], dims[3]
	gain := BroadcastToDims(InsertAxes(p.Of(n.Scale), 0), b, c)
	offset := BroadcastToDims(InsertAxes(p.Of(n.Bias), 0), b, c)
	if scale != nil {
		scale, shift = Wide(scale), Wide(shift)
		gain = Mul(gain, OnePlus(scale))
		offset = Add(Mul(offset, OnePlus(scale)), shift)
	}
	return p.Narrow(normalize(Wide(x), gain, offset, n.groups))
}

// normalize is (x − mean)/√(variance + ε)·gain + offset with moments over space
// and over groups of neighbouring channels; x is [B, H, W, C], gain and offset are [B, C].
//
// Large arrays are read as few times as can be: sums over space come first,
// [B, C], and the rest of the statistics is arithmetic on those. The gradient is
// given in that form as well, because the derived one sums over space three times.
func normalize(x, gain, offset *Node, groups int) *Node {
	d := x.Shape().Dimensions
	b, c := d[0], d[3]
	sum := func(x *Node) *Node { return ReduceSum(x, 1, 2) }      // [B, H, W, C] to [B, C]
	wide := func(x *Node) *Node { return Reshape(x, b, 1, 1, c) } // [B, C] to be broadcast over space
	means := Const(x.Graph(), groupMeans(c, groups, d[1]*d[2]))
	groupMean := func(sums *Node) *Node { return Dot(sums, means).Product() } // [B, C] of sums over space to [B, C] of means over groups
	mean := groupMean(sum(x))
	variance := groupMean(sum(Square(Sub(x, wide(mean)))))
	deviation := Sqrt(AddScalar(variance, groupNormEpsilon))

	return withGradient(func(in []*Node) *Node {
		x, gain, offset := in[0], in[1], in[2]
		rate := Div(gain, StopGradient(deviation))
		return Add(Mul(Sub(x, wide(StopGradient(mean))), wide(rate)), wide(offset))
	}, func(v *Node) []*Node {
		centred := Sub(x, wide(mean))
		total, moment := sum(v), Div(sum(Mul(v, centred)), deviation)
		rate := Div(gain, deviation)
		level := groupMean(Mul(rate, total))
		slope := Div(groupMean(Mul(rate, moment)), deviation)
		return []*Node{
			Sub(Sub(Mul(v, wide(rate)), Mul(centred, wide(slope))), wide(level)),
			moment,
			total,
		}
	}, x, gain, offset)
}

// groupMeans is the matrix [C, C] that takes sums over the space of each
// channel to means over its group. One product is a call of the kernel library,
// where a reduction and its broadcast are programs to compile.
func groupMeans(channels, groups, space int) [][]float32 {
	width := channels / groups
	matrix := make([][]float32, channels)
	for i := range matrix {
		matrix[i] = make([]float32, channels)
		for j := range matrix[i] {
			if i/width == j/width {
				matrix[i][j] = 1 / float32(width*space)
			}
		}
	}
	return matrix
}

// SiLU is x·sigmoid(x).
func SiLU(x *Node) *Node { return Mul(x, Sigmoid(x)) }

// LeakyReLU has the given slope below zero.
func LeakyReLU(x *Node, slope float64) *Node { return Max(x, MulScalar(x, slope)) }

// SinusoidalEmbedding maps times [B] to [B, dim]: cosines first, then sines, of
// t·exp(−ln(10⁴)·i/(dim/2)), as in guided-diffusion. t is not scaled.
func SinusoidalEmbedding(t *Node, dim int) *Node {
	g := t.Graph()
	half := dim / 2
	frequencies := make([]float32, half)
	for i := range frequencies {
		frequencies[i] = float32(math.Exp(-math.Log(10000) * float64(i) / float64(half)))
	}
	angles := Mul(InsertAxes(ConvertDType(t, dtypes.Float32), -1), InsertAxes(Const(g, frequencies), 0))
	return Concatenate([]*Node{Cos(angles), Sin(angles)}, -1)
}

// BatchNorm normalises each feature of [B, F] over the batch (Ioffe & Szegedy
// 2015), with PyTorch's constants: epsilon 1e-5, running statistics moved by
// 0.1, running variance unbiased.
type BatchNorm struct {
	name           string
	Scale, Bias    Param // [F]
	Mean, Variance Param // [F], running statistics
}

const (
	batchNormEpsilon  = 1e-5
	batchNormMomentum = 0.1
)

// NewBatchNorm adds a batch norm: its parameters to l, its running statistics to statistics.
func NewBatchNorm(l, statistics *Layout, name string, features int) BatchNorm {
	return BatchNorm{
		name:     name,
		Scale:    l.Add(name+".scale", InitOnes, features),
		Bias:     l.Add(name+".bias", InitZeros, features),
		Mean:     statistics.Add(name+".mean", InitZeros, features),
		Variance: statistics.Add(name+".variance", InitOnes, features),
	}
}

// Forward normalises by the batch in training and by the running statistics otherwise.
func (n BatchNorm) Forward(p *Pass, x *Node) *Node {
	defer engine.InLayer(n.name)
	x = Wide(x)
	mean, variance := InsertAxes(p.statistics.Of(n.Mean), 0), InsertAxes(p.statistics.Of(n.Variance), 0)
	if p.Training() {
		count := float64(x.Shape().Dimensions[0])
		runningMean, runningVariance := mean, variance
		mean = ReduceAndKeep(x, ReduceMean, 0)
		variance = ReduceAndKeep(Square(Sub(x, mean)), ReduceMean, 0)
		move := func(old, new *Node) *Node {
			return Add(MulScalar(old, 1-batchNormMomentum), MulScalar(StopGradient(new), batchNormMomentum))
		}
		p.updates[n.Mean.Offset] = move(runningMean, mean)
		p.updates[n.Variance.Offset] = move(runningVariance, MulScalar(variance, count/max(count-1, 1)))
	}
	y := Div(Sub(x, mean), Sqrt(AddScalar(variance, batchNormEpsilon)))
	return Add(Mul(y, InsertAxes(p.Of(n.Scale), 0)), InsertAxes(p.Of(n.Bias), 0))
}
