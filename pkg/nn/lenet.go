package nn

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
)

// LeNetFeatures is the width of LeNet's last hidden layer.
const LeNetFeatures = 84

// LeNet is LeNet-5 (LeCun et al. 1998) with ReLU and max pooling, a classifier
// of small images whose last hidden layer measures generated ones.
type LeNet struct {
	conv1, conv2          Conv2D
	hidden1, hidden2, out Linear
}

// NewLeNet adds a LeNet for size×size images; size must be a multiple of 4 and at least 12.
func NewLeNet(l *Layout, size, channels, classes int) (*LeNet, error) {
	if size < 12 || size%4 != 0 {
		return nil, fmt.Errorf("nn: LeNet: image size %d: it must be a multiple of 4 and at least 12", size)
	}
	side := size/4 - 2 // two poolings and an unpadded 5×5 convolution between them: size/2, −4, /2
	return &LeNet{
		conv1:   NewConv2D(l, "conv1", 5, channels, 6, Conv2DOptions{}),
		conv2:   NewConv2D(l, "conv2", 5, 6, 16, Conv2DOptions{}),
		hidden1: NewLinear(l, "hidden1", 16*side*side, 120),
		hidden2: NewLinear(l, "hidden2", 120, LeNetFeatures),
		out:     NewLinear(l, "logits", LeNetFeatures, classes),
	}, nil
}

// Forward maps images [B, H, W, C] to the last hidden layer before its ReLU
// [B, 84] and to logits [B, classes].
func (n *LeNet) Forward(p *Pass, x *Node) (features, logits *Node) {
	defer engine.InLayer("lenet")
	relu := func(x *Node) *Node { return MaxScalar(x, 0) }
	h := maxPool2(relu(n.conv1.Forward(p, x)))
	h = n.conv2.Forward(p, h)
	h = maxPool2(relu(Slice(h, AxisRange(), AxisRange(2, -2), AxisRange(2, -2)))) // without the padded border
	h = Reshape(h, h.Shape().Dimensions[0], -1)
	features = n.hidden2.Forward(p, relu(n.hidden1.Forward(p, h)))
	return features, n.out.Forward(p, relu(features))
}

// maxPool2 takes the largest of each 2×2 pixels, height and width being even.
// GoMLX's MaxPool has no gradient on the pure-Go backend.
func maxPool2(x *Node) *Node {
	d := x.Shape().Dimensions
	return ReduceMax(Reshape(x, d[0], d[1]/2, 2, d[2]/2, 2, d[3]), 2, 4)
}
