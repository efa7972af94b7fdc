package nn

import . "github.com/gomlx/gomlx/core/graph"

// goBackend is what GoMLX's pure-Go backend calls itself.
const goBackend = "Go Backend"

// prefersShifts says whether the graph's backend has fast products and slow
// convolutions: the pure-Go one visits every tap of every output pixel by itself.
func prefersShifts(g *Graph) bool { return g.Backend().Name() == goBackend }

// shiftedConvolution is a convolution with padding of the height and of the width
// on either side, as one matrix product between shifted copies. Unlike GoMLX's
// own it has right gradients at any size, and second ones.
//
// The taps of a row are laid side by side as channels, [B, H, W', width·in]. A
// product with the kernel gives what each of its rows adds, [B, H, W', height·out],
// which the rows' shifts then bring to where it belongs. So an element is copied
// once a column and once a row of the kernel, not once a tap.
func shiftedConvolution(x, kernel *Node, stride int, padding [2]int) *Node {
	k := kernel.Shape().Dimensions // [height, width, in, out]
	for i, border := range padding {
		x = spread(x, 1+i, border, 1, x.Shape().Dimensions[1+i]+2*border)
	}
	taps := sideBySide(x, k[1], stride)
	weights := Reshape(TransposeAllDims(kernel, 1, 2, 0, 3), k[1]*k[2], k[0]*k[3])
	return sumOfRows(DotGeneral(taps, []int{3}, nil, weights, []int{0}, nil), k[0], stride)
}

// sideBySide lays the pixels that a row of the kernel sees side by side as
// channels: [B, H, W, C] to [B, H, W', width·C].
func sideBySide(x *Node, width, stride int) *Node {
	d := x.Shape().Dimensions
	if width == 1 && stride == 1 {
		return x
	}
	count := (d[2]-width)/stride + 1
	return withGradient(func(in []*Node) *Node {
		taps := make([]*Node, width)
		for i := range taps {
			taps[i] = every(in[0], 2, i, stride, count)
		}
		return Concatenate(taps, 3)
	}, func(v *Node) []*Node {
		var sum *Node
		for i, tap := range Split(v, 3, width) {
			sum = plus(sum, spread(tap, 2, i, stride, d[2]))
		}
		return []*Node{sum}
	}, x)
}

// sumOfRows adds up what each row of the kernel contributes to an output pixel:
// [B, H, W, height·C] to [B, H', W, C].
func sumOfRows(y *Node, height, stride int) *Node {
	d := y.Shape().Dimensions
	if height == 1 && stride == 1 {
		return y
	}
	count := (d[1]-height)/stride + 1
	return withGradient(func(in []*Node) *Node {
		channels := d[3] / height
		var sum *Node
		for i := range height {
			row := Slice(in[0], AxisRange(), AxisRange(i, i+(count-1)*stride+1).Stride(stride), AxisRange(), AxisRange(i*channels, (i+1)*channels))
			sum = plus(sum, row)
		}
		return sum
	}, func(v *Node) []*Node {
		rows := make([]*Node, height)
		for i := range rows {
			rows[i] = spread(v, 1, i, stride, d[1])
		}
		return []*Node{Concatenate(rows, 3)}
	}, y)
}

func plus(sum, x *Node) *Node {
	if sum == nil {
		return x
	}
	return Add(sum, x)
}

// every takes count entries of an axis, from first on and stride apart.
func every(x *Node, axis, first, stride, count int) *Node {
	return SliceAxis(x, axis, AxisRange(first, first+(count-1)*stride+1).Stride(stride))
}

// spread puts the entries of an axis at first, first+stride, … of an axis of the
// given size, between zeros. It joins pieces, because GoMLX's Pad has no gradient.
func spread(x *Node, axis, first, stride, size int) *Node {
	zeros := func(n int) *Node {
		shape := x.Shape().Clone()
		shape.Dimensions[axis] = n
		return Zeros(x.Graph(), shape)
	}
	if stride > 1 {
		count := x.Shape().Dimensions[axis]
		apart := x.Shape().Clone().Dimensions
		apart[axis] = count * stride
		spaced := []*Node{x}
		for range stride - 1 {
			spaced = append(spaced, zeros(count))
		}
		x = every(Reshape(Stack(spaced, axis+1), apart...), axis, 0, 1, (count-1)*stride+1)
	}
	var pieces []*Node
	if first > 0 {
		pieces = append(pieces, zeros(first))
	}
	pieces = append(pieces, x)
	if rest := size - first - x.Shape().Dimensions[axis]; rest > 0 {
		pieces = append(pieces, zeros(rest))
	}
	return Concatenate(pieces, axis)
}
