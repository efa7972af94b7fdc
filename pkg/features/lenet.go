package features

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/fetch"
	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
	"noisebook/pkg/train"
)

// LeNet measures small images by the last hidden layer (84 numbers, before its
// ReLU) of a LeNet that is trained here on the images' dataset. It also
// classifies them, which tells whether conditional samples are what was asked for.
type LeNet struct {
	Network train.Network
	lenet   *nn.LeNet
}

// NewLeNet lays out a LeNet for a dataset's images of classes. Where images
// have attributes instead, set Network.Attributes to their number too.
func NewLeNet(size, channels, classes int) (*LeNet, error) {
	l := &LeNet{Network: train.Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}}
	var err error
	l.lenet, err = nn.NewLeNet(l.Network.Layout, size, channels, classes)
	return l, err
}

// Objective is the mean cross-entropy with classes, or of attributes the mean
// binary cross-entropy.
func (l *LeNet) Objective(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []train.Term) {
	_, logits := l.lenet.Forward(p, images)
	loss := nn.CrossEntropy
	if l.Network.Attributes > 0 {
		loss = nn.BinaryCrossEntropy
	}
	return graph.ReduceAllMean(loss(logits, labels)), nil
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

// TrainedLeNet is a LeNet with weights, as a [Network]: its features are the 84
// of [LeNet.Measure].
type TrainedLeNet struct {
	lenet          *LeNet
	weights        train.Weights
	size, channels int
	origin         string
}

// OpenLeNet reads a trained LeNet from a file of this project's weights, which
// says by its shapes what images it takes.
func OpenLeNet(path string) (*TrainedLeNet, error) {
	file, err := safetensors.Read(path)
	if err != nil {
		return nil, fmt.Errorf("features: LeNet weights: %w", err)
	}
	shape := func(name string, axes int) []int {
		t, err := file.Tensor(name)
		if err != nil || len(t.Shape) != axes {
			return make([]int, axes)
		}
		return t.Shape
	}
	channels, inputs, classes := shape("conv1.kernel", 4)[2], shape("hidden1.weight", 2)[0], shape("logits.weight", 2)[1]
	side := int(math.Round(math.Sqrt(float64(inputs) / 16))) // see nn.NewLeNet
	n := &TrainedLeNet{size: 4 * (side + 2), channels: channels}
	if channels == 0 || inputs == 0 || classes == 0 || 16*side*side != inputs {
		return nil, fmt.Errorf("features: %s holds no LeNet of this project", path)
	}
	if n.lenet, err = NewLeNet(n.size, channels, classes); err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	if n.weights, err = train.ReadWeights(path, n.lenet.Network); err != nil {
		return nil, err
	}
	checksum, err := fetch.Digest(path)
	if err != nil {
		return nil, fmt.Errorf("features: LeNet weights: %w", err)
	}
	n.origin = "sha256 " + checksum[:16]
	return n, nil
}

// Name is "lenet".
func (n *TrainedLeNet) Name() string { return "lenet" }

// Settings name the weights and the layer.
func (n *TrainedLeNet) Settings() map[string]string {
	return map[string]string{"layer": "last hidden, 84", "weights": n.origin}
}

// UsesEngine is true.
func (n *TrainedLeNet) UsesEngine() bool { return true }

// Each gives a row of 84 an image. Images must have the size and the channels
// of those that the LeNet was trained on.
func (n *TrainedLeNet) Each(ctx context.Context, e *engine.Engine, images Images, from int, sink Sink) error {
	x, err := newExtractor(e, "lenet", n.lenet.Network, n.weights, min(splitBatch, images.Len()), func(p *nn.Pass, images *graph.Node, _ []*graph.Node) []*graph.Node {
		features, _ := n.lenet.lenet.Forward(p, images)
		return []*graph.Node{features}
	})
	if err != nil {
		return err
	}
	defer x.close()
	return x.run(ctx, from, images.Len(), [3]int{n.size, n.size, n.channels}, func(i int, values []float32) error {
		return readNormalized(images, i, n.size, n.size, n.channels, values)
	}, sink.first)
}
