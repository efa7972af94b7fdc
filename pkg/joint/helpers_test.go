package joint

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
)

const (
	testBatch   = 2
	testClasses = 3
	testSide    = 4
)

// smallModel has every kind of block in a few thousand parameters.
func smallModel(t *testing.T) *Model {
	t.Helper()
	m, err := New(Config{
		UNet: nn.UNetConfig{
			ImageSize: testSide, Channels: 1, Width: 4, Multipliers: []int{1, 2}, Blocks: 1,
			AttentionAt: []int{2}, Heads: 2, NormGroups: 2, Patch: 1,
		},
		Classes: testClasses, HeadDropout: 0.5,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func normal(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0x7e57))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

// livelyWeights are around the initial ones, so that nothing hides behind a zero.
func livelyWeights(m *Model) (weights, statistics []float32) {
	weights, statistics = m.Layout.Initialize(1), m.Statistics.Initialize(1)
	for i, d := range normal(2, len(weights)) {
		weights[i] += 0.2 * d
	}
	for i, d := range normal(3, len(statistics)) {
		statistics[i] += 0.3 * float32(math.Abs(float64(d)))
	}
	return weights, statistics
}

// evaluate runs a graph function of a model on the pure-Go backend: two
// images with labels 2 and 0 at steps 1 and 8 of ten, and their noise.
func evaluate(t *testing.T, m *Model, build func(p *nn.Pass, in inputs) []*graph.Node) [][]float32 {
	t.Helper()
	e := enginetest.Go(t)
	program, err := e.NewProgram("test", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return build(m.Evaluate(in[0], in[1]), inputs{in[2], in[3], in[4], in[5], in[0], in[1]})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Finalize()
	weights, statistics := livelyWeights(m)
	image := func(seed uint64) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(normal(seed, testBatch*testSide*testSide), testBatch, testSide, testSide, 1)
	}
	outputs, err := program.Call(weights, statistics, image(4), []int32{2, 0}, []int32{1, 8}, image(5))
	if err != nil {
		t.Fatal(err)
	}
	values := make([][]float32, len(outputs))
	for i, output := range outputs {
		if values[i], err = tensors.CopyFlatData[float32](output); err != nil {
			t.Fatal(err)
		}
	}
	return values
}

// inputs of a test's graph function.
type inputs struct{ x, y, t, noise, weights, statistics *graph.Node }

func (in inputs) batch() Batch {
	return Batch{Images: in.x, Labels: in.y, Steps: in.t, Noise: in.noise}
}

func tenSteps(t *testing.T) *process.DDPM {
	t.Helper()
	betas, err := process.Linear(10, 0.01, 0.3)
	if err != nil {
		t.Fatal(err)
	}
	d, err := process.NewDDPM(betas)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantClose(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tolerance) {
			t.Fatalf("%s: number %d is %g, want %g", what, i, got[i], want[i])
		}
	}
}
