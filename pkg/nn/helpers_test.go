package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
	"noisebook/pkg/engine/enginetest"
)

// compile prepares a program whose outputs are float32.
func compile(t *testing.T, e *engine.Engine, build func(in []*graph.Node) []*graph.Node) func(args ...any) [][]float32 {
	t.Helper()
	program, err := e.NewProgram("test", func(_ *graph.Graph, in []*graph.Node) []*graph.Node { return build(in) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(program.Finalize)
	return func(args ...any) [][]float32 {
		t.Helper()
		outputs, err := program.Call(args...)
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
}

// evaluate runs a graph function once on the pure-Go backend.
func evaluate(t *testing.T, build func(in []*graph.Node) []*graph.Node, args ...any) [][]float32 {
	t.Helper()
	e := enginetest.Go(t)
	return compile(t, e, build)(args...)
}

func tensor(values []float32, dimensions ...int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(values, dimensions...)
}

// normal draws n numbers of a deviation; seeds give independent draws.
func normal(seed uint64, n int, deviation float64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0x7e57))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64() * deviation)
	}
	return values
}

// lively draws every parameter around its initial value, so that nothing hides behind a zero.
func lively(l *Layout, seed uint64) []float32 {
	values := l.Initialize(seed)
	for i, d := range normal(seed+1, len(values), 0.2) {
		values[i] += d
	}
	return values
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
