package joint

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/nn"
)

func TestGuidanceOfZeroIsPlainNoise(t *testing.T) {
	m := smallModel(t)
	out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		alpha := func(a float32) *graph.Node { return graph.Const(in.x.Graph(), a) }
		zero, logits := m.GuidedNoise(p, in.x, in.t, in.y, alpha(0))
		strong, _ := m.GuidedNoise(p, in.x, in.t, in.y, alpha(50))
		f := m.UNet.Encode(p, in.x, in.t)
		return []*graph.Node{m.UNet.PredictNoise(p, in.x, in.t), zero, strong, logits, m.Logits(p, f, in.t)}
	})
	plain, zero, strong := out[0], out[1], out[2]
	wantClose(t, "alpha 0", zero, plain, 1e-6)
	wantClose(t, "logits of the features before they move", out[3], out[4], 1e-6)
	moved := 0.0
	for i := range plain {
		moved = max(moved, math.Abs(float64(strong[i]-plain[i])))
	}
	if moved < 1e-3 {
		t.Errorf("alpha 50 moves the noise by %g at most", moved)
	}
}

// A small step along the gradient raises every example's cross-entropy with its class.
func TestGuidanceRaisesTheClassLoss(t *testing.T) {
	m := smallModel(t)
	out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		f := m.UNet.Encode(p, in.x, in.t)
		moved := m.Optimized(p, f, in.t, in.y, graph.Const(in.x.Graph(), float32(0.1)))
		return []*graph.Node{
			nn.CrossEntropy(m.Logits(p, f, in.t), in.y),
			nn.CrossEntropy(m.Logits(p, moved, in.t), in.y),
		}
	})
	for i := range out[0] {
		if out[1][i] <= out[0][i] {
			t.Errorf("example %d: cross-entropy %g after the step, %g before", i, out[1][i], out[0][i])
		}
	}
}

func TestPoolJoinsMiddleSkipsAndTime(t *testing.T) {
	m := smallModel(t)
	out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		f := m.UNet.Encode(p, in.x, in.t)
		return append([]*graph.Node{m.Pool(f, in.t)}, f.Maps()...)
	})
	z, maps := out[0], out[1:]
	width := m.UNet.FeatureWidth() + 1
	if len(z) != testBatch*width {
		t.Fatalf("z has %d numbers, want %d × %d", len(z), testBatch, width)
	}
	channels := []int{8, 4, 4, 4, 8} // the middle, then the skips
	for n, time := range []float32{1, 8} {
		var want []float32
		for i, values := range maps {
			pixels := len(values) / testBatch / channels[i]
			for c := range channels[i] {
				sum := 0.0
				for k := range pixels {
					sum += float64(values[(n*pixels+k)*channels[i]+c])
				}
				want = append(want, float32(sum/float64(pixels)))
			}
		}
		wantClose(t, "z", z[n*width:(n+1)*width], append(want, time), 1e-5)
	}
}

func TestLossTerms(t *testing.T) {
	m, d := smallModel(t), tenSteps(t)
	const scale = 0.25
	terms := func(noisy Noisy, scale float64) map[string]float64 {
		var names []string
		out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
			l := m.Loss(p, Objective{ClassScale: scale, Noisy: noisy}, d, in.x, in.y, in.t, in.noise)
			var nodes []*graph.Node
			names = nil
			for _, term := range []struct {
				name string
				node *graph.Node
			}{{"total", l.Total}, {"diffusion", l.Diffusion}, {"clean", l.Clean}, {"noisy", l.Noisy}} {
				if term.node != nil {
					names, nodes = append(names, term.name), append(nodes, term.node)
				}
			}
			return nodes
		})
		values := map[string]float64{}
		for i, name := range names {
			values[name] = float64(out[i][0])
		}
		return values
	}
	// Each term by its definition, from passes of their own.
	reference := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		g := in.x.Graph()
		xt := graph.Add(graph.Mul(At(g, d.SqrtAlphasCumprod, in.t), in.x), graph.Mul(At(g, d.SqrtOneMinusAlphasCumprod, in.t), in.noise))
		zero := graph.ZerosLike(in.t)
		class := func(x, t *graph.Node) *graph.Node {
			return graph.ReduceAllMean(nn.CrossEntropy(m.Logits(p, m.UNet.Encode(p, x, t), t), in.y))
		}
		diffusion := graph.ReduceAllMean(graph.Square(graph.Sub(in.noise, m.UNet.PredictNoise(p, xt, in.t))))
		return []*graph.Node{diffusion, class(in.x, zero), class(xt, in.t)}
	})
	diffusion, clean, noisy := float64(reference[0][0]), float64(reference[1][0]), float64(reference[2][0])
	for _, test := range []struct {
		noisy Noisy
		scale float64
		want  map[string]float64
	}{
		{NoisyNone, scale, map[string]float64{"total": diffusion + scale*clean, "diffusion": diffusion, "clean": clean}},
		{NoisyAdd, scale, map[string]float64{"total": diffusion + scale*(clean+noisy), "diffusion": diffusion, "clean": clean, "noisy": noisy}},
		{NoisyReplace, scale, map[string]float64{"total": diffusion + scale*noisy, "diffusion": diffusion, "noisy": noisy}},
		{NoisyAdd, 0, map[string]float64{"total": diffusion, "diffusion": diffusion}},
	} {
		got := terms(test.noisy, test.scale)
		if len(got) != len(test.want) {
			t.Errorf("%s, scale %g: terms %v, want %v", test.noisy, test.scale, got, test.want)
		}
		for name, want := range test.want {
			if math.Abs(got[name]-want) > 1e-5*math.Abs(want) {
				t.Errorf("%s, scale %g: %s is %g, want %g", test.noisy, test.scale, name, got[name], want)
			}
		}
	}
}

func TestAtLooksUpEachExample(t *testing.T) {
	m, d := smallModel(t), tenSteps(t)
	out := evaluate(t, m, func(_ *nn.Pass, in inputs) []*graph.Node {
		return []*graph.Node{At(in.x.Graph(), d.Betas, in.t)}
	})
	wantClose(t, "betas at 1 and 8", out[0], []float32{float32(d.Betas[1]), float32(d.Betas[8])}, 0)
}

func TestValidate(t *testing.T) {
	good := smallModel(t).Config
	for _, test := range []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"one class", func(c *Config) { c.Classes = 1 }, "classes"},
		{"dropout of everything", func(c *Config) { c.HeadDropout = 1 }, "head_dropout"},
		{"network", func(c *Config) { c.UNet.Heads = 3 }, "heads"},
	} {
		c := good
		test.change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v, want one about %s", test.name, err, test.want)
		}
	}
	for _, test := range []struct {
		o    Objective
		want string // part of the error, empty for none
	}{
		{Objective{ClassScale: 0.001, Noisy: NoisyAdd}, ""},
		{Objective{Noisy: NoisyNone}, ""},
		{Objective{Noisy: "both"}, "noisy"},
		{Objective{ClassScale: -1, Noisy: NoisyNone}, "class_scale"},
	} {
		err := test.o.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error is %v, want %q", test.o, err, test.want)
		}
	}
}
