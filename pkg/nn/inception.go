package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/safetensors"
)

// InceptionSize is the side of the images that Inception was trained on and
// that every published distance resizes to.
const InceptionSize = 299

// Inception is Inception-v3 (Szegedy et al. 2015) as the network of 2015-12-05
// that the Fréchet Inception Distance is defined by. It differs from the later
// Inception-v3 of the model zoos: average pools divide by the pixels that are
// there, the last block pools by the maximum, and it knows 1008 classes.
//
// It is only evaluated. Batch norms are folded into the convolutions, so each
// unit is a convolution with a bias and a ReLU.
type Inception struct {
	layout *Layout
	stem1  []inceptionUnit // up to the first pooling
	stem2  []inceptionUnit // up to the second
	blocks []inceptionBlock
	logits Linear
}

// InceptionTaps are the outputs that metrics use, of a batch of B images of side 299.
type InceptionTaps struct {
	Pool1   *Node // [B, 64], after the first max pooling, mean over space
	Pool2   *Node // [B, 192], after the second, mean over space
	Mixed6  *Node // [B, 768], before the last reduction of the image, mean over space
	Spatial *Node // [B, 17·17·7], row by row the first 7 channels of Mixed_6d's 1×1 branch: sFID (Nash et al. 2021)
	Pool3   *Node // [B, 2048], mean over space of the last block: FID, KID, precision and recall
	Logits  *Node // [B, 1008]
	// LogitsWithoutBias are the logits less the last layer's bias, as the
	// Inception Score of the original graph takes them, [B, 1008].
	LogitsWithoutBias *Node
}

// InceptionClasses is the number of logits.
const InceptionClasses = 1008

// inceptionUnit is a convolution with bias and ReLU.
type inceptionUnit struct {
	name         string // as in the published weights
	stride       int
	padded       bool
	kernel, bias Param // [height, width, in, out], [out]
}

// inceptionBlock concatenates its branches' channels.
type inceptionBlock struct {
	name     string
	branches []inceptionBranch
}

// inceptionBranch is a pooling or none, then units in a row, then units side by side.
type inceptionBranch struct {
	pool  func(*Node) *Node
	units []inceptionUnit
	fork  []inceptionUnit
}

// NewInception adds the network's parameters to the layout.
func NewInception(l *Layout) *Inception {
	b := &inceptionBuilder{layout: l}
	n := &Inception{
		layout: l,
		stem1:  b.chain("", 3, unit("Conv2d_1a_3x3", 32, 3, 3).halving(), unit("Conv2d_2a_3x3", 32, 3, 3).unpadded(), unit("Conv2d_2b_3x3", 64, 3, 3)),
		stem2:  b.chain("", 64, unit("Conv2d_3b_1x1", 80, 1, 1), unit("Conv2d_4a_3x3", 192, 3, 3).unpadded()),
		blocks: []inceptionBlock{
			b.blockA("Mixed_5b", 192, 32),
			b.blockA("Mixed_5c", 256, 64),
			b.blockA("Mixed_5d", 288, 64),
			b.blockB("Mixed_6a", 288),
			b.blockC("Mixed_6b", 768, 128),
			b.blockC("Mixed_6c", 768, 160),
			b.blockC("Mixed_6d", 768, 160),
			b.blockC("Mixed_6e", 768, 192),
			b.blockD("Mixed_7a", 768),
			b.blockE("Mixed_7b", 1280, meanPool3),
			b.blockE("Mixed_7c", 2048, maxPool3),
		},
	}
	n.logits = NewLinear(l, "fc", 2048, InceptionClasses)
	return n
}

// Forward maps images [B, 299, 299, 3] with values (pixel − 128)/128 to the
// taps. What a caller does not use is not computed. Other sizes from 75 on give
// other features.
func (n *Inception) Forward(p *Pass, x *Node) InceptionTaps {
	defer engine.InLayer("inception")
	var taps InceptionTaps
	x = maxPool3By2(forwardUnits(p, n.stem1, x))
	taps.Pool1 = ReduceMean(x, 1, 2)
	x = maxPool3By2(forwardUnits(p, n.stem2, x))
	taps.Pool2 = ReduceMean(x, 1, 2)
	for _, block := range n.blocks {
		outputs := block.forward(p, x)
		x = Concatenate(outputs, -1)
		switch block.name {
		case "Mixed_6d": // "mixed_6" in the original graph, its first convolution
			first := Slice(outputs[0], AxisRange(), AxisRange(), AxisRange(), AxisRange(0, 7))
			taps.Spatial = Reshape(first, first.Shape().Dimensions[0], -1)
		case "Mixed_6e":
			taps.Mixed6 = ReduceMean(x, 1, 2)
		}
	}
	taps.Pool3 = ReduceMean(x, 1, 2)
	taps.LogitsWithoutBias = Dot(taps.Pool3, p.Of(n.logits.Weight)).Product()
	taps.Logits = Add(taps.LogitsWithoutBias, InsertAxes(p.Of(n.logits.Bias), 0))
	return taps
}

func (b inceptionBlock) forward(p *Pass, x *Node) []*Node {
	var outputs []*Node
	for _, branch := range b.branches {
		y := x
		if branch.pool != nil {
			y = branch.pool(y)
		}
		y = forwardUnits(p, branch.units, y)
		if branch.fork == nil {
			outputs = append(outputs, y)
			continue
		}
		for _, u := range branch.fork {
			outputs = append(outputs, u.forward(p, y))
		}
	}
	return outputs
}

func forwardUnits(p *Pass, units []inceptionUnit, x *Node) *Node {
	for _, u := range units {
		x = u.forward(p, x)
	}
	return x
}

func (u inceptionUnit) forward(p *Pass, x *Node) *Node {
	defer engine.InLayer(u.name)
	padding := [2]int{}
	if u.padded {
		padding = [2]int{u.kernel.Shape[0] / 2, u.kernel.Shape[1] / 2}
	}
	y := convolvePadded(x, p.Of(u.kernel), u.stride, padding)
	return MaxScalar(Add(y, Reshape(p.Of(u.bias), 1, 1, 1, -1)), 0)
}

// maxPool3By2 takes the largest of 3×3 pixels at every second place, without padding.
func maxPool3By2(x *Node) *Node { return MaxPool(x).Window(3).Strides(2).NoPadding().Done() }

// maxPool3 takes the largest of the 3×3 pixels around each.
func maxPool3(x *Node) *Node { return MaxPool(x).Window(3).Strides(1).PadSame().Done() }

// meanPool3 is the mean of the 3×3 pixels around each, of those that are inside the image.
func meanPool3(x *Node) *Node {
	d := x.Shape().Dimensions
	height, width := d[1], d[2]
	count := make([]float32, height*width)
	inside := func(i, size int) int { return min(i+1, size-1) - max(i-1, 0) + 1 }
	for i := range height {
		for j := range width {
			count[i*width+j] = 1 / float32(inside(i, height)*inside(j, width))
		}
	}
	share := Reshape(Const(x.Graph(), count), 1, height, width, 1)
	return Mul(SumPool(x).Window(3).Strides(1).PaddingPerDim([][2]int{{1, 1}, {1, 1}}).Done(), share)
}

// inceptionBuilder adds units to a layout.
type inceptionBuilder struct{ layout *Layout }

// unitSpec is a unit before its place and its input are known.
type unitSpec struct {
	name               string
	out, height, width int
	stride             int
	padded             bool
}

// unit is a height×width convolution that keeps the image's size.
func unit(name string, out, height, width int) unitSpec {
	return unitSpec{name: name, out: out, height: height, width: width, stride: 1, padded: true}
}

func (s unitSpec) unpadded() unitSpec { s.padded = false; return s }
func (s unitSpec) halving() unitSpec  { s.padded, s.stride = false, 2; return s }

func (b *inceptionBuilder) chain(prefix string, in int, specs ...unitSpec) []inceptionUnit {
	var units []inceptionUnit
	for _, s := range specs {
		name := prefix + s.name
		units = append(units, inceptionUnit{
			name: name, stride: s.stride, padded: s.padded,
			kernel: b.layout.Add(name+".kernel", InitUniformFanIn(s.height*s.width*in), s.height, s.width, in, s.out),
			bias:   b.layout.Add(name+".bias", InitZeros, s.out),
		})
		in = s.out
	}
	return units
}

// branchOf is a branch of units in a row.
func (b *inceptionBuilder) branchOf(block string, in int, specs ...unitSpec) inceptionBranch {
	return inceptionBranch{units: b.chain(block+".", in, specs...)}
}

// forked is a branch whose last unit's output goes to two more, 1×3 and 3×1.
func (b *inceptionBuilder) forked(block string, in int, one, other string, specs ...unitSpec) inceptionBranch {
	branch := b.branchOf(block, in, specs...)
	width := specs[len(specs)-1].out
	branch.fork = append(b.chain(block+".", width, unit(one, 384, 1, 3)), b.chain(block+".", width, unit(other, 384, 3, 1))...)
	return branch
}

// pooled is a branch of a pooling and, where out is not 0, a 1×1 convolution.
func (b *inceptionBuilder) pooled(block string, in int, pool func(*Node) *Node, out int) inceptionBranch {
	branch := inceptionBranch{pool: pool}
	if out > 0 {
		branch.units = b.chain(block+".", in, unit("branch_pool", out, 1, 1))
	}
	return branch
}

// blockA keeps 35×35 pixels.
func (b *inceptionBuilder) blockA(name string, in, pooled int) inceptionBlock {
	return inceptionBlock{name, []inceptionBranch{
		b.branchOf(name, in, unit("branch1x1", 64, 1, 1)),
		b.branchOf(name, in, unit("branch5x5_1", 48, 1, 1), unit("branch5x5_2", 64, 5, 5)),
		b.branchOf(name, in, unit("branch3x3dbl_1", 64, 1, 1), unit("branch3x3dbl_2", 96, 3, 3), unit("branch3x3dbl_3", 96, 3, 3)),
		b.pooled(name, in, meanPool3, pooled),
	}}
}

// blockB goes to 17×17.
func (b *inceptionBuilder) blockB(name string, in int) inceptionBlock {
	return inceptionBlock{name, []inceptionBranch{
		b.branchOf(name, in, unit("branch3x3", 384, 3, 3).halving()),
		b.branchOf(name, in, unit("branch3x3dbl_1", 64, 1, 1), unit("branch3x3dbl_2", 96, 3, 3), unit("branch3x3dbl_3", 96, 3, 3).halving()),
		b.pooled(name, in, maxPool3By2, 0),
	}}
}

// blockC keeps 17×17 and splits 7×7 convolutions in two.
func (b *inceptionBuilder) blockC(name string, in, c int) inceptionBlock {
	return inceptionBlock{name, []inceptionBranch{
		b.branchOf(name, in, unit("branch1x1", 192, 1, 1)),
		b.branchOf(name, in, unit("branch7x7_1", c, 1, 1), unit("branch7x7_2", c, 1, 7), unit("branch7x7_3", 192, 7, 1)),
		b.branchOf(name, in, unit("branch7x7dbl_1", c, 1, 1), unit("branch7x7dbl_2", c, 7, 1), unit("branch7x7dbl_3", c, 1, 7),
			unit("branch7x7dbl_4", c, 7, 1), unit("branch7x7dbl_5", 192, 1, 7)),
		b.pooled(name, in, meanPool3, 192),
	}}
}

// blockD goes to 8×8.
func (b *inceptionBuilder) blockD(name string, in int) inceptionBlock {
	return inceptionBlock{name, []inceptionBranch{
		b.branchOf(name, in, unit("branch3x3_1", 192, 1, 1), unit("branch3x3_2", 320, 3, 3).halving()),
		b.branchOf(name, in, unit("branch7x7x3_1", 192, 1, 1), unit("branch7x7x3_2", 192, 1, 7), unit("branch7x7x3_3", 192, 7, 1),
			unit("branch7x7x3_4", 192, 3, 3).halving()),
		b.pooled(name, in, maxPool3By2, 0),
	}}
}

// blockE keeps 8×8 and widens.
func (b *inceptionBuilder) blockE(name string, in int, pool func(*Node) *Node) inceptionBlock {
	return inceptionBlock{name, []inceptionBranch{
		b.branchOf(name, in, unit("branch1x1", 320, 1, 1)),
		b.forked(name, in, "branch3x3_2a", "branch3x3_2b", unit("branch3x3_1", 384, 1, 1)),
		b.forked(name, in, "branch3x3dbl_3a", "branch3x3dbl_3b", unit("branch3x3dbl_1", 448, 1, 1), unit("branch3x3dbl_2", 384, 3, 3)),
		b.pooled(name, in, pool, 192),
	}}
}

// units lists all of them in the order of the layout.
func (n *Inception) units() []inceptionUnit {
	all := slices.Concat(n.stem1, n.stem2)
	for _, block := range n.blocks {
		for _, branch := range block.branches {
			all = slices.Concat(all, branch.units, branch.fork)
		}
	}
	return all
}

// StateDict is a file of weights by name.
type StateDict interface {
	Names() []string
	Tensor(name string) (safetensors.Tensor, error)
}

// FromPyTorch reads the weights from the published state dict,
// pt_inception-2015-12-05, and folds the batch norms into the convolutions. A
// name that is missing, left over or of another shape is an error.
func (n *Inception) FromPyTorch(file StateDict) ([]float32, error) {
	left := map[string]bool{}
	for _, name := range file.Names() {
		left[name] = !strings.HasSuffix(name, ".num_batches_tracked")
	}
	read := func(name string, shape ...int) ([]float32, error) {
		if !left[name] {
			return nil, fmt.Errorf("nn: the weights have no %s: they are not those of the FID's Inception-v3", name)
		}
		left[name] = false
		tensor, err := file.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("nn: %w", err)
		}
		if !slices.Equal(tensor.Shape, shape) {
			return nil, fmt.Errorf("nn: %s has shape %v, the FID's Inception-v3 has %v", name, tensor.Shape, shape)
		}
		return tensor.Float32s()
	}
	flat := make([]float32, n.layout.Size())
	place := func(p Param) []float32 { return flat[p.Offset : p.Offset+p.Size()] }
	for _, u := range n.units() {
		height, width, in, out := u.kernel.Shape[0], u.kernel.Shape[1], u.kernel.Shape[2], u.kernel.Shape[3]
		kernel, err := read(u.name+".conv.weight", out, in, height, width)
		if err != nil {
			return nil, err
		}
		var norm batchNormState
		for part, values := range map[string]*[]float32{"weight": &norm.scale, "bias": &norm.bias, "running_mean": &norm.mean, "running_var": &norm.variance} {
			if *values, err = read(u.name+".bn."+part, out); err != nil {
				return nil, err
			}
		}
		norm.fold(place(u.kernel), place(u.bias), kernel, in, height*width)
	}
	weight, err := read("fc.weight", InceptionClasses, 2048)
	if err != nil {
		return nil, err
	}
	for o := range InceptionClasses {
		for i := range 2048 {
			flat[n.logits.Weight.Offset+i*InceptionClasses+o] = weight[o*2048+i]
		}
	}
	bias, err := read("fc.bias", InceptionClasses)
	if err != nil {
		return nil, err
	}
	copy(place(n.logits.Bias), bias)
	for _, name := range file.Names() {
		if left[name] {
			return nil, fmt.Errorf("nn: the weights hold %s, which the FID's Inception-v3 has not: they are of another network", name)
		}
	}
	return flat, nil
}

// inceptionEpsilon is the ε of its batch norms.
const inceptionEpsilon = 1e-3

// batchNormState are a trained batch norm's vectors, one number a channel.
type batchNormState struct{ scale, bias, mean, variance []float32 }

// fold writes the convolution [pixels, in, out] that a convolution with kernel
// [out, in, pixels] and this batch norm are together:
// (k∗x − mean)·g + bias with g = scale/√(variance + ε).
func (n batchNormState) fold(toKernel, toBias, kernel []float32, in, pixels int) {
	out := len(n.scale)
	for o := range out {
		gain := float64(n.scale[o]) / math.Sqrt(float64(n.variance[o])+inceptionEpsilon)
		toBias[o] = float32(float64(n.bias[o]) - float64(n.mean[o])*gain)
		for i := range in {
			for k := range pixels {
				toKernel[(k*in+i)*out+o] = float32(float64(kernel[(o*in+i)*pixels+k]) * gain)
			}
		}
	}
}
