package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/nn"
)

// Training from given weights begins with their loss, and leaves the given weights alone.
func TestInitialWeights(t *testing.T) {
	first := func(net noisyLine) (loss float64) {
		c := toyConfig(1)
		_, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, toyBatches(c.Batch), toyImage, c,
			Options{Progress: func(_, _ int, values map[string]float64) { loss = values["loss"] }})
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	drawn, given := newNoisyLine(), newNoisyLine()
	start := Weights{Values: drawn.Layout.Initialize(toyConfig(1).Seed), Statistics: drawn.Statistics.Initialize(toyConfig(1).Seed)}
	kept := slices.Clone(start.Values)
	given.Initial = &start
	if a, b := first(drawn), first(given); a != b {
		t.Errorf("loss %g from the seed's weights, %g from the same ones given", a, b)
	}
	start.Values[0] += 3
	if a, b := first(drawn), first(given); a == b {
		t.Errorf("loss %g from other weights too", a)
	}
	if kept[0]+3 != start.Values[0] || !slices.Equal(kept[1:], start.Values[1:]) {
		t.Error("training changes the weights that it starts from")
	}
	given.Initial = &Weights{Values: start.Values[1:], Statistics: start.Statistics}
	c := toyConfig(1)
	_, err := Run(t.Context(), enginetest.Go(t), given.Network, given.objective, toyBatches(c.Batch), toyImage, c, Options{})
	if err == nil || !strings.Contains(err.Error(), "weights to start from") {
		t.Errorf("weights of another network: %v", err)
	}
}

// The labels of a network with attributes are a row an image.
func TestAttributes(t *testing.T) {
	net := newLine()
	net.Attributes = 3
	var shape []int
	objective := func(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []Term) {
		shape = labels.Shape().Dimensions
		x := graph.Reshape(images, -1, 2)
		predicted := graph.Add(graph.Dot(x, p.Of(net.weight)).Product(), p.Of(net.bias))
		share := graph.ReduceMean(graph.ConvertDType(labels, dtypes.Float32), -1)
		return graph.ReduceAllMean(graph.Square(graph.Sub(predicted, share))), nil
	}
	c := toyConfig(3)
	if _, err := Run(t.Context(), enginetest.Go(t), net.Network, objective, toyBatches(c.Batch), toyImage, c, Options{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(shape, []int{c.Batch, 3}) {
		t.Errorf("labels have shape %v", shape)
	}
	if _, err := GraphSize(enginetest.Go(t), net.Network, objective, toyImage, c); err != nil {
		t.Error(err)
	}
}
