package joint

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
	"noisebook/pkg/engine/enginetest"
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
			l := m.Loss(p, Objective{DiffusionScale: 1, ClassScale: scale, Noisy: noisy}, d, in.batch())
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
		{Objective{DiffusionScale: 1, ClassScale: 0.001, Noisy: NoisyAdd}, ""},
		{Objective{DiffusionScale: 1, Noisy: NoisyNone}, ""},
		{Objective{ClassScale: 1, Noisy: NoisyReplace}, ""},
		{Objective{DiffusionScale: 1, Noisy: "both"}, "noisy"},
		{Objective{DiffusionScale: 1, ClassScale: -1, Noisy: NoisyNone}, "class_scale"},
		{Objective{DiffusionScale: -1, ClassScale: 1, Noisy: NoisyNone}, "diffusion_scale"},
		{Objective{Noisy: NoisyNone}, "nothing would be trained"},
	} {
		err := test.o.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error is %v, want %q", test.o, err, test.want)
		}
	}
}

// A classifier alone has no decoder, and its losses are those of the whole model's encoder and head.
func TestEncoderOnly(t *testing.T) {
	whole, d := smallModel(t), tenSteps(t)
	c := whole.Config
	c.EncoderOnly = true
	alone, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if alone.UNet != nil || alone.Layout.Size() >= whole.Layout.Size() {
		t.Fatalf("%d parameters, the whole model has %d", alone.Layout.Size(), whole.Layout.Size())
	}
	for _, noisy := range []Noisy{NoisyNone, NoisyAdd, NoisyReplace} {
		losses := evaluate(t, alone, func(p *nn.Pass, in inputs) []*graph.Node {
			l := alone.Loss(p, Objective{ClassScale: 0.5, Noisy: noisy}, d, in.batch())
			class := func(x, t *graph.Node) *graph.Node {
				return graph.ReduceAllMean(nn.CrossEntropy(alone.Logits(p, alone.Encoder.Encode(p, x, t), t), in.y))
			}
			g := in.x.Graph()
			xt := graph.Add(graph.Mul(At(g, d.SqrtAlphasCumprod, in.t), in.x), graph.Mul(At(g, d.SqrtOneMinusAlphasCumprod, in.t), in.noise))
			clean, noised := class(in.x, graph.ZerosLike(in.t)), class(xt, in.t)
			want := map[Noisy]*graph.Node{NoisyNone: clean, NoisyAdd: graph.Add(clean, noised), NoisyReplace: noised}[noisy]
			return []*graph.Node{l.Total, graph.MulScalar(want, 0.5)}
		})
		wantClose(t, string(noisy), losses[0], losses[1], 1e-5)
	}
}

// The gradient that guides from outside is that of log p(y|x_t), by finite differences along a direction.
func TestClassGradientIsTheDerivative(t *testing.T) {
	m := smallModel(t)
	const h = 2e-3
	out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		gradient, _ := m.ClassGradient(p, in.x, in.t, in.y)
		logLikelihood := func(x *graph.Node) *graph.Node {
			_, logits := m.ClassGradient(p, x, in.t, in.y)
			return graph.Neg(graph.ReduceAllSum(nn.CrossEntropy(logits, in.y)))
		}
		step := graph.MulScalar(in.noise, h)
		difference := graph.MulScalar(graph.Sub(logLikelihood(graph.Add(in.x, step)), logLikelihood(graph.Sub(in.x, step))), 1/(2*h))
		return []*graph.Node{graph.ReduceAllSum(graph.Mul(gradient, in.noise)), difference}
	})
	if got, want := float64(out[0][0]), float64(out[1][0]); math.Abs(got-want) > 1e-2*math.Max(1, math.Abs(want)) {
		t.Errorf("derivative %g, by differences %g", got, want)
	}
}

// Algorithm 1 steps along the total derivative of the summed loss by each feature
// map: a change of an early map reaches the loss through every later block too.
// Here each map is changed by the weights of the block that puts it out, all later
// blocks are computed anew from it, and the loss's difference is compared. The
// partial derivative, the other maps held, must be another number for every map
// but the middle one, which no block follows: otherwise this could not tell them apart.
func TestOptimizedIsTheTotalDerivative(t *testing.T) {
	m := smallModel(t)
	const h, tolerance = 3e-4, 1e-2 // a larger h meets kinks of the head's leaky ReLUs
	for i, changed := range m.Encoder.FeatureMaps() {
		direction := make([]float32, m.Layout.Size())
		for _, p := range m.Layout.Parameters() {
			if strings.HasPrefix(p.Name, changed.Name+".") {
				copy(direction[p.Offset:], normal(uint64(6+p.Offset), p.Size()))
			}
		}
		out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
			g := in.x.Graph()
			f := m.Encoder.Encode(p, in.x, in.t)
			shifted := func(by float32) nn.Features {
				weights := graph.Add(in.weights, graph.MulScalar(graph.Const(g, direction), by))
				return m.Encoder.Encode(m.Evaluate(weights, in.statistics), in.x, in.t)
			}
			alone := func(to nn.Features) nn.Features {
				maps := f.Maps()
				maps[i] = to.Maps()[i]
				return f.WithMaps(maps)
			}
			loss := func(f nn.Features) *graph.Node {
				return graph.ReduceAllSum(nn.CrossEntropy(m.Logits(p, f, in.t), in.y))
			}
			slope := func(after, before *graph.Node) *graph.Node { return graph.MulScalar(graph.Sub(after, before), 1/(2*h)) }
			after, before := shifted(h), shifted(-h)
			step := graph.Sub(m.Optimized(p, f, in.t, in.y, graph.Const(g, float32(1))).Maps()[i], f.Maps()[i])
			return []*graph.Node{
				graph.ReduceAllSum(graph.Mul(step, slope(after.Maps()[i], before.Maps()[i]))),
				slope(loss(after), loss(before)),
				slope(loss(alone(after)), loss(alone(before))),
			}
		})
		got, total, partial := float64(out[0][0]), float64(out[1][0]), float64(out[2][0])
		near := func(a, b float64) bool { return math.Abs(a-b) <= tolerance*math.Max(math.Abs(total), 0.1) }
		if !near(got, total) {
			t.Errorf("%s: derivative %g, by differences %g (of this map alone %g)", changed.Name, got, total, partial)
		}
		if near(total, 0) || near(total, partial) != (changed.Name == "middle") {
			t.Errorf("%s: total derivative %g and partial one %g cannot be told apart", changed.Name, total, partial)
		}
	}
}

// With all labels known the semi-supervised loss and its gradient are those of
// the clean objective; with an empty buffer they are the diffusion's alone.
func TestSemiLoss(t *testing.T) {
	m, d := smallModel(t), tenSteps(t)
	objective := Objective{DiffusionScale: 1, ClassScale: 0.25, Noisy: NoisyNone}
	out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		semi := func(weight float32) *graph.Node {
			return m.SemiLoss(p, objective, d, in.batch(), in.x, in.y, graph.Const(in.x.Graph(), weight)).Total
		}
		full := m.Loss(p, objective, d, in.batch())
		nodes := []*graph.Node{full.Total, semi(1), full.Diffusion, semi(0)}
		for _, loss := range nodes[:4] {
			nodes = append(nodes, p.Gradient(loss))
		}
		return nodes
	})
	wantClose(t, "all labels", out[1], out[0], 1e-6)
	wantClose(t, "no labels", out[3], out[2], 1e-6)
	wantClose(t, "gradient of all labels", out[5], out[4], 1e-5)
	wantClose(t, "gradient of no labels", out[7], out[6], 1e-5)
}

// An empty buffer leaves the head's running statistics alone; a full one moves them.
func TestEmptyBufferKeepsStatistics(t *testing.T) {
	m, d := smallModel(t), tenSteps(t)
	e := enginetest.Go(t)
	program, err := e.NewProgram("test", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		p := nn.Train(nn.NewWeights(m.Layout, in[0]), nn.NewWeights(m.Statistics, in[1]), in[2])
		b := inputs{x: in[3], y: in[4], t: in[5], noise: in[3]}.batch()
		l := m.SemiLoss(p, Objective{DiffusionScale: 1, ClassScale: 1, Noisy: NoisyNone}, d, b, in[3], in[4], in[6])
		return []*graph.Node{p.Statistics(), l.Total}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Finalize()
	weights, statistics := livelyWeights(m)
	image := tensors.FromFlatDataAndDimensions(normal(4, testBatch*testSide*testSide), testBatch, testSide, testSide, 1)
	for weight, moves := range map[float32]bool{0: false, 1: true} {
		random, err := engine.RandomState(1, 1)
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := program.Call(weights, statistics, random, image, []int32{2, 0}, []int32{1, 8}, weight)
		if err != nil {
			t.Fatal(err)
		}
		after, err := tensors.CopyFlatData[float32](outputs[0])
		if err != nil {
			t.Fatal(err)
		}
		if moved := !slices.Equal(after, statistics); moved != moves {
			t.Errorf("weight %g: statistics moved: %v", weight, moved)
		}
	}
}

// Attributes are judged one by one: the loss is the mean of binary cross-entropies.
func TestAttributes(t *testing.T) {
	c := smallModel(t).Config
	c.Attributes = true
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	out := evaluate(t, m, func(p *nn.Pass, in inputs) []*graph.Node {
		g := in.x.Graph()
		y := graph.Const(g, [][]int32{{1, 0, 1}, {0, 0, 1}})
		logits := m.Logits(p, m.Encoder.Encode(p, in.x, in.t), in.t)
		return []*graph.Node{m.ClassLoss(logits, y), logits, m.ClassLoss(graph.MulScalar(logits, 1e4), y)}
	})
	labels := [][]float64{{1, 0, 1}, {0, 0, 1}}
	for i, row := range labels {
		sum := 0.0
		for k, y := range row {
			x := float64(out[1][i*testClasses+k])
			p := 1 / (1 + math.Exp(-x))
			sum -= y*math.Log(p) + (1-y)*math.Log(1-p)
		}
		if got, want := float64(out[0][i]), sum/testClasses; math.Abs(got-want) > 1e-5*math.Max(1, want) {
			t.Errorf("image %d: loss %g, want %g", i, got, want)
		}
		if v := float64(out[2][i]); math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("image %d: large logits give %g", i, v)
		}
	}
}
