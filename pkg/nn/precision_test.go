package nn

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine/enginetest"
)

// In bfloat16 a UNet's gradient is float32's to the format's 8 bits, parameter
// by parameter, and is itself float32.
func TestBFloat16Gradient(t *testing.T) {
	e := enginetest.XLA(t)
	layout := &Layout{}
	unet, err := NewUNet(layout, UNetConfig{ImageSize: 8, Channels: 1, Width: 8, Multipliers: []int{1, 2}, Blocks: 1,
		AttentionAt: []int{2}, Heads: 2, NormGroups: 4, Patch: 1})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 4
	gradient := func(precision Precision) (loss float64, gradient []float32) {
		out := compile(t, e, func(in []*graph.Node) []*graph.Node {
			weights := NewWeights(layout, in[0])
			p := Evaluate(weights, nil)
			p.Precision = precision
			p.Observe = func(block string, output *graph.Node) {
				if narrow := output.DType() == dtypes.BFloat16; narrow != (precision == BFloat16) {
					t.Errorf("%s puts out %s in %s", block, output.DType(), precision)
				}
			}
			predicted := unet.PredictNoise(p, in[1], in[2])
			loss := graph.ReduceAllMean(graph.Square(graph.Sub(predicted, in[3])))
			g := weights.Gradient(loss)
			if loss.DType() != dtypes.Float32 || g.DType() != dtypes.Float32 {
				t.Errorf("loss %s and gradient %s, want float32", loss.DType(), g.DType())
			}
			return []*graph.Node{loss, g}
		})(tensor(lively(layout, 1), layout.Size()), tensor(normal(2, batch*64, 1), batch, 8, 8, 1),
			[]int32{0, 10, 100, 400}, tensor(normal(3, batch*64, 1), batch, 8, 8, 1))
		return float64(out[0][0]), out[1]
	}
	wideLoss, wide := gradient(Float32)
	narrowLoss, narrow := gradient(BFloat16)
	if d := math.Abs(narrowLoss - wideLoss); d == 0 || d > 0.01*wideLoss {
		t.Errorf("loss %g in bfloat16, %g in float32: want them close and not equal", narrowLoss, wideLoss)
	}
	norm := func(values []float32) float64 {
		sum := 0.0
		for _, v := range values {
			sum += float64(v) * float64(v)
		}
		return math.Sqrt(sum)
	}
	whole := norm(wide)
	for _, p := range layout.Parameters() {
		w := wide[p.Offset : p.Offset+p.Size()]
		difference := make([]float32, len(w))
		for i := range w {
			difference[i] = narrow[p.Offset+i] - w[i]
		}
		// A few roundings of 2⁻⁸ in a row, of what this parameter and the largest ones see.
		if d := norm(difference); !(d <= 0.05*norm(w)+0.002*whole) {
			t.Errorf("%s: the gradient of norm %g is off by %g", p.Name, norm(w), d)
		}
	}
}
