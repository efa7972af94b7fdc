package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/nn"
)

// toyImage is the size of the toy batches' images.
var toyImage = [3]int{1, 2, 1}

// toyBatches draws images from the step alone; a label is 0 or 1.
type toyBatches int

func (b toyBatches) Size() int { return int(b) }

func (b toyBatches) Fill(step int, images []float32, labels []int32) error {
	rng := rand.New(rand.NewPCG(uint64(step), 5))
	for i := range images {
		images[i] = float32(rng.NormFloat64())
	}
	for i := range labels {
		labels[i] = int32(rng.IntN(2))
	}
	return nil
}

// line is the smallest network: two weights and a bias, no running statistics.
type line struct {
	Network
	weight, bias nn.Param
}

func newLine() line {
	l := line{Network: Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}}
	l.weight = l.Layout.Add("weight", nn.InitUniformFanIn(2), 2)
	l.bias = l.Layout.Add("bias", nn.InitUniformFanIn(2), 1)
	return l
}

// objective is the mean squared error of w·x + b as a prediction of the label.
func (l line) objective(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []Term) {
	x := graph.Reshape(images, -1, 2)
	predicted := graph.Add(graph.Dot(x, p.Of(l.weight)).Product(), p.Of(l.bias))
	loss := graph.ReduceAllMean(graph.Square(graph.Sub(predicted, graph.ConvertDType(labels, dtypes.Float32))))
	return loss, []Term{{Name: "bias", Value: graph.ReduceAllSum(p.Of(l.bias))}}
}

// noisyLine also has running statistics and random numbers: all that a resume must carry over.
type noisyLine struct {
	line
	norm nn.BatchNorm
}

func newNoisyLine() noisyLine {
	l := noisyLine{line: newLine()}
	l.norm = nn.NewBatchNorm(l.Layout, l.Statistics, "norm", 2)
	return l
}

func (l noisyLine) objective(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []Term) {
	x := graph.Reshape(images, -1, 2)
	x = graph.Add(x, p.Normal(x.Shape().Dimensions...))
	x = p.Dropout(l.norm.Forward(p, x), 0.2)
	return l.line.objective(p, graph.Reshape(x, images.Shape().Dimensions...), labels)
}

func toyConfig(steps int) Config {
	return Config{Steps: steps, Batch: 4, LearningRate: 0.02, Warmup: 3, CosineDecay: true,
		WeightDecay: 0.1, ClipNorm: 1, EMADecay: 0.9, Seed: 7}
}

func wantClose(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= tolerance) {
			t.Errorf("%s: number %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}
