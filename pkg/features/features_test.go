package features

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/nn"
	"noisebook/pkg/train"
)

func randomImages(n, size, channels int) data.Split {
	rng := rand.New(rand.NewPCG(1, 2))
	s := data.Split{Images: make([]uint8, n*size*size*channels), Labels: make([]int32, n), Height: size, Width: size, Channels: channels}
	for i := range s.Images {
		s.Images[i] = uint8(rng.IntN(256))
	}
	for i := range s.Labels {
		s.Labels[i] = int32(rng.IntN(3))
	}
	return s
}

func newWeights(net train.Network) train.Weights {
	return train.Weights{Values: net.Layout.Initialize(1), Statistics: net.Statistics.Initialize(1)}
}

// projection is a normalised linear map to two features and their sum: cheap,
// and its running statistics are those of an evaluation.
type projection struct {
	net    train.Network
	norm   nn.BatchNorm
	linear nn.Linear
}

func newProjection(pixels int) projection {
	p := projection{net: train.Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}}
	p.norm = nn.NewBatchNorm(p.net.Layout, p.net.Statistics, "norm", pixels)
	p.linear = nn.NewLinear(p.net.Layout, "linear", pixels, 2)
	return p
}

func (p projection) forward(pass *nn.Pass, x *graph.Node) []*graph.Node {
	x = graph.Reshape(x, x.Shape().Dimensions[0], -1)
	y := p.linear.Forward(pass, p.norm.Forward(pass, x))
	return []*graph.Node{y, graph.ReduceAndKeep(y, graph.ReduceSum, 1)}
}

func extract(t *testing.T, p projection, weights train.Weights, images data.Split) []*mat.Dense {
	t.Helper()
	out, err := Extract(t.Context(), enginetest.Go(t), p.net, weights, p.forward, images)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A set of any length gives what each image gives alone: the padding of the
// last batch changes nothing.
func TestExtractEqualsOneAtATime(t *testing.T) {
	p := newProjection(12)
	weights := newWeights(p.net)
	images := randomImages(2*splitBatch+7, 2, 3)
	whole := extract(t, p, weights, images)
	if len(whole) != 2 {
		t.Fatalf("%d outputs, want 2", len(whole))
	}
	if rows, columns := whole[0].Dims(); rows != images.Len() || columns != 2 {
		t.Fatalf("%d×%d features, want %d×2", rows, columns, images.Len())
	}
	for _, n := range []int{1, splitBatch - 1, splitBatch, splitBatch + 1} {
		part := extract(t, p, weights, images.First(n))
		if !mat.EqualApprox(part[0], whole[0].Slice(0, n, 0, 2), 1e-6) { // a batch of another size: sums may be taken in another order
			t.Errorf("the first %d images give other features than within the whole set", n)
		}
	}
	for _, i := range []int{0, splitBatch - 1, splitBatch, 2*splitBatch + 6} {
		alone := extract(t, p, weights, images.Subset([]int{i}))
		if !mat.EqualApprox(alone[0], whole[0].Slice(i, i+1, 0, 2), 1e-6) { // another row of the batch: sums may be taken in another order
			t.Errorf("image %d alone has features %v, in the set %v", i, alone[0].RawRowView(0), whole[0].RawRowView(i))
		}
		row := whole[0].RawRowView(i)
		if sum := whole[1].At(i, 0); math.Abs(sum-row[0]-row[1]) > 1e-5 {
			t.Errorf("image %d: second output %g, want the sum of %v", i, sum, row)
		}
	}
}

func TestExtractUsesTheWeights(t *testing.T) {
	p := newProjection(4)
	images := randomImages(3, 2, 1)
	weights := newWeights(p.net)
	before := extract(t, p, weights, images)[0]
	weights.Statistics[0] += 0.5
	if mat.Equal(before, extract(t, p, weights, images)[0]) {
		t.Error("running statistics do not change the features")
	}
}

func TestExtractRefuses(t *testing.T) {
	p := newProjection(4)
	weights := newWeights(p.net)
	if _, err := Extract(t.Context(), enginetest.Go(t), p.net, weights, p.forward, data.Split{Height: 2, Width: 2, Channels: 1}); err == nil {
		t.Error("features of no images")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Extract(ctx, enginetest.Go(t), p.net, weights, p.forward, randomImages(3, 2, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	if _, err := Extract(t.Context(), enginetest.Go(t), p.net, weights, p.forward, randomImages(3, 3, 1)); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("images of another size: %v, want an error of one line", err)
	}
	weights.Values = weights.Values[1:]
	if _, err := Extract(t.Context(), enginetest.Go(t), p.net, weights, p.forward, randomImages(3, 2, 1)); err == nil || !strings.Contains(err.Error(), "parameters") {
		t.Errorf("weights of another network: %v", err)
	}
}

func TestLeNetShapes(t *testing.T) {
	for _, test := range []struct{ size, channels, classes, parameters int }{
		{12, 1, 3, 6*25 + 6 + 16*6*25 + 16 + 16*120 + 120 + 120*84 + 84 + 84*3 + 3},
		{28, 1, 10, 61706}, // LeNet-5 with full second convolution
		{32, 3, 10, 6*75 + 6 + 16*6*25 + 16 + 576*120 + 120 + 120*84 + 84 + 84*10 + 10},
	} {
		l, err := NewLeNet(test.size, test.channels, test.classes)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Network.Layout.Size(); got != test.parameters {
			t.Errorf("%d×%d×%d: %d parameters, want %d", test.size, test.size, test.channels, got, test.parameters)
		}
	}
	for _, size := range []int{8, 13, 30} {
		if _, err := NewLeNet(size, 1, 10); err == nil {
			t.Errorf("a LeNet of %d×%d images", size, size)
		}
	}
}

func TestLeNetMeasures(t *testing.T) {
	l, err := NewLeNet(12, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	images := randomImages(3, 12, 1)
	features, logits, err := l.Measure(t.Context(), enginetest.Go(t), newWeights(l.Network), images)
	if err != nil {
		t.Fatal(err)
	}
	if r, c := features.Dims(); r != 3 || c != nn.LeNetFeatures {
		t.Errorf("%d×%d features, want 3×84", r, c)
	}
	if r, c := logits.Dims(); r != 3 || c != 3 {
		t.Errorf("%d×%d logits, want 3×3", r, c)
	}
	if mat.Min(features) >= 0 {
		t.Error("no feature is negative: they are to be taken before the ReLU")
	}
}
