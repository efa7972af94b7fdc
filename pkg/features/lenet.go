package features

import (
	"context"

	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
	"noisebook/pkg/train"
)

// LeNet measures small images by the last hidden layer (84 numbers, before its
// ReLU) of a LeNet that is trained here on the images' dataset. It also
// classifies them, which tells whether conditional samples are what was asked for.
type LeNet struct {
	Network train.Network
	lenet   *nn.LeNet
}

// NewLeNet lays out a LeNet for a dataset's images.
func NewLeNet(size, channels, classes int) (*LeNet, error) {
	l := &LeNet{Network: train.Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}}
	var err error
	l.lenet, err = nn.NewLeNet(l.Network.Layout, size, channels, classes)
	return l, err
}

// Objective is the mean cross-entropy.
func (l *LeNet) Objective(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []train.Term) {
	_, logits := l.lenet.Forward(p, images)
	loss := graph.ReduceAllMean(nn.CrossEntropy(logits, labels))
	return loss, nil
}

// Measure returns the features [N, 84] and the logits [N, classes] of images.
func (l *LeNet) Measure(ctx context.Context, e *engine.Engine, weights train.Weights, images data.Split) (features, logits *mat.Dense, err error) {
	out, err := Extract(ctx, e, l.Network, weights, func(p *nn.Pass, x *graph.Node) []*graph.Node {
		f, logits := l.lenet.Forward(p, x)
		return []*graph.Node{f, logits}
	}, images)
	if err != nil {
		return nil, nil, err
	}
	return out[0], out[1], nil
}
