package sample

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/process"
)

// chainOf is Ho's linear schedule scaled to a number of steps.
func chainOf(t *testing.T, steps int) *process.DDPM {
	t.Helper()
	betas, err := process.ScaledLinear(steps, process.HoFirst, process.HoLast)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := process.NewDDPM(betas)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// gaussian predicts the noise of data whose pixels are independent N(mean, deviation²):
//
//	E[ε | x_t] = √(1−ᾱ)·(x_t − √ᾱ·mean) / (ᾱ·deviation² + 1 − ᾱ)
//
// It reads mean and deviation from the weights, so that Run must hand them on.
func gaussian(chain *process.DDPM) Predict {
	return func(weights, _, x, t *graph.Node, _ []*graph.Node) Prediction {
		at := func(table []float64) *graph.Node {
			values := graph.Gather(graph.ConstAsDType(x.Graph(), dtypes.Float32, table), graph.InsertAxes(t, -1))
			return graph.Reshape(values, -1, 1, 1, 1)
		}
		of := func(i int) *graph.Node { return graph.Reshape(graph.Slice(weights, graph.AxisElem(i)), 1, 1, 1, 1) }
		signal, noise := at(chain.SqrtAlphasCumprod), at(chain.SqrtOneMinusAlphasCumprod)
		variance := graph.Add(graph.Square(graph.Mul(signal, of(1))), graph.Square(noise))
		return Prediction{Noise: graph.Div(graph.Mul(noise, graph.Sub(x, graph.Mul(signal, of(0)))), variance)}
	}
}

const testMean, testDeviation = 0.3, 0.5

// run samples 4,000 pixels of the Gaussian, or with another predictor.
func run(t *testing.T, chain *process.DDPM, predict Predict, c Config, seed uint64, extra ...*tensors.Tensor) []float32 {
	t.Helper()
	s, weights, statistics := newSampler(t, chain, predict, c)
	x, err := s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: seed, Extra: extra})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func newSampler(t *testing.T, chain *process.DDPM, predict Predict, c Config) (s *Sampler, weights, statistics *tensors.Tensor) {
	t.Helper()
	e := enginetest.Go(t)
	s, err := New(e, chain, predict, 40, 10, 10, 1, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Finalize)
	return s, tensors.FromFlatDataAndDimensions([]float32{testMean, testDeviation}, 2), tensors.FromFlatDataAndDimensions([]float32{0}, 1)
}

func moments(x []float32) (mean, deviation float64) {
	values := make([]float64, len(x))
	for i, v := range x {
		values[i] = float64(v)
	}
	return stat.MeanStdDev(values, nil)
}

// With the exact predictor every method ends at the data's distribution. The
// tolerances are four standard errors of 4,000 numbers, and what a chain of
// 200 steps leaves out.
func TestGaussianDistribution(t *testing.T) {
	chain := chainOf(t, 200)
	for _, c := range []Config{
		{Method: Ancestral, Variance: process.FixedLarge},
		{Method: Ancestral, Variance: process.FixedSmall},
		{Method: DDIM},
		{Method: DDIM, Eta: 1},
		{Method: DDIM, Eta: 0.5, Steps: 100},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			mean, deviation := moments(run(t, chain, gaussian(chain), c, 1))
			standardError := testDeviation / math.Sqrt(4000)
			if d := math.Abs(mean - testMean); d > 4*standardError+0.005 {
				t.Errorf("mean %.4f, want %g", mean, testMean)
			}
			if d := math.Abs(deviation - testDeviation); d > 4*standardError/math.Sqrt2+0.02 {
				t.Errorf("deviation %.4f, want %g", deviation, testDeviation)
			}
		})
	}
}

// affine follows one pixel's mean and variance through the steps in float64:
// every step is an affine map of x plus fresh noise.
func affine(t *testing.T, chain *process.DDPM, c Config) (mean, deviation float64) {
	t.Helper()
	_, steps, err := c.plan(chain)
	if err != nil {
		t.Fatal(err)
	}
	variance := 1.0
	for _, s := range steps {
		next := func(x, fresh float64) float64 {
			m, d := s.At.Mean, s.At.Std
			noise := d * (x - m*testMean) / (m*m*testDeviation*testDeviation + d*d)
			return s.Next((x-d*noise)/m, noise, fresh)
		}
		slope := next(1, 0) - next(0, 0)
		mean = next(mean, 0)
		variance = slope*slope*variance + s.Fresh*s.Fresh
	}
	return mean, math.Sqrt(variance)
}

// Few steps miss the distribution by an amount that the affine maps tell.
func TestFewStepsMissAsTheyMust(t *testing.T) {
	chain := chainOf(t, 200)
	for _, c := range []Config{
		{Method: Ancestral, Variance: process.FixedSmall, Steps: 5},
		{Method: Ancestral, Variance: process.FixedLarge, Steps: 5},
		{Method: DDIM, Steps: 5},
		{Method: DDIM, Steps: 1},
	} {
		wantMean, wantDeviation := affine(t, chain, c)
		mean, deviation := moments(run(t, chain, gaussian(chain), c, 2))
		if bound := 4 * wantDeviation / math.Sqrt(4000); math.Abs(mean-wantMean) > bound || math.Abs(deviation-wantDeviation) > bound {
			t.Errorf("%+v: %.4f ± %.4f, want %.4f ± %.4f", c, mean, deviation, wantMean, wantDeviation)
		}
	}
}

func TestSeeds(t *testing.T) {
	chain := chainOf(t, 25)
	for _, c := range []Config{{Method: DDIM}, {Method: Ancestral}} {
		first := run(t, chain, gaussian(chain), c, 5)
		if again := run(t, chain, gaussian(chain), c, 5); !slices.Equal(first, again) {
			t.Errorf("%s: equal seeds give other images", c.Method)
		}
		if other := run(t, chain, gaussian(chain), c, 6); slices.Equal(first, other) {
			t.Errorf("%s: another seed gives the same images", c.Method)
		}
	}
}

// DDIM with eta 0 draws no fresh noise: from equal starts the seed does not matter.
func TestDDIMIsDeterministic(t *testing.T) {
	chain := chainOf(t, 25)
	start := priorNoise(4000, 9)
	from := func(c Config, seed uint64) []float32 {
		s, weights, statistics := newSampler(t, chain, gaussian(chain), c)
		x, err := s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: seed, Start: start})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if !slices.Equal(from(Config{Method: DDIM}, 1), from(Config{Method: DDIM}, 2)) {
		t.Error("eta 0 depends on the seed of the steps")
	}
	if slices.Equal(from(Config{Method: DDIM, Eta: 1}, 1), from(Config{Method: DDIM, Eta: 1}, 2)) {
		t.Error("eta 1 does not depend on the seed of the steps")
	}
}

// Equal seeds start from equal noise whatever predicts.
func TestEqualSeedsStartEqual(t *testing.T) {
	chain := chainOf(t, 1000)
	// One step from pure noise with the prediction ε̂ = x: x̂_0 is a multiple of the start.
	echo := func(scale float64) Predict {
		return func(_, _, x, _ *graph.Node, _ []*graph.Node) Prediction {
			return Prediction{Noise: graph.MulScalar(x, scale)}
		}
	}
	one := Config{Method: DDIM, Steps: 1}
	at := chain.Marginal(999)
	want := priorNoise(4000, 3)
	for _, scale := range []float64{0, 0.5} {
		for i, v := range run(t, chain, echo(scale), one, 3) {
			expected := float64(want[i]) * (1 - at.Std*scale) / at.Mean
			if math.Abs(float64(v)-expected) > 1e-4*max(1, math.Abs(expected)) {
				t.Fatalf("scale %g, pixel %d is %g, want %g", scale, i, v, expected)
			}
		}
	}
}

func TestClipKeepsTheCleanImageInRange(t *testing.T) {
	chain := chainOf(t, 30)
	wild := func(_, _, x, _ *graph.Node, _ []*graph.Node) Prediction {
		return Prediction{Noise: graph.MulScalar(x, -3)}
	}
	for _, method := range []Method{Ancestral, DDIM} {
		for i, v := range run(t, chain, wild, Config{Method: method, Clip: true}, 1) {
			if v < -1 || v > 1 {
				t.Fatalf("%s: pixel %d is %g: the last step puts out the clipped image", method, i, v)
			}
		}
		if _, deviation := moments(run(t, chain, wild, Config{Method: method}, 1)); deviation < 10 {
			t.Errorf("%s: without clipping the deviation is %g: the case tests nothing", method, deviation)
		}
	}
}

// Clipping in between is of x̂_0 with ε̂ computed again: from x = 10 at any step
// the next x is Clean·1 + Noise·(10 − mean)/std.
func TestClippedStepRecomputesTheNoise(t *testing.T) {
	chain := chainOf(t, 30)
	zero := func(_, _, x, _ *graph.Node, _ []*graph.Node) Prediction { return Prediction{Noise: graph.ZerosLike(x)} }
	last, weights, statistics := newSampler(t, chain, zero, Config{Method: DDIM, Clip: true, Until: 1})
	x, err := last.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: 1, Start: slices.Repeat([]float32{10}, 4000)})
	if err != nil {
		t.Fatal(err)
	}
	if x[0] != 1 {
		t.Errorf("the last step from 10 gives %g, want 1", x[0])
	}
	s, weights, statistics := newSampler(t, chain, zero, Config{Method: DDIM, Clip: true, Steps: 2})
	x, err = s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: 1, Start: slices.Repeat([]float32{10}, 4000)})
	if err != nil {
		t.Fatal(err)
	}
	step := s.steps[0]
	middle := step.Next(1, (10-step.At.Mean)/step.At.Std, 0)
	if want := min(1, middle/s.steps[1].At.Mean); math.Abs(float64(x[0])-want) > 1e-4 {
		t.Errorf("two steps from 10 give %g, want %g", x[0], want)
	}
}

func TestPlanVisitsBothEnds(t *testing.T) {
	chain := chainOf(t, 100)
	for _, steps := range []int{2, 7, 25, 99, 100, 0, 500} {
		for _, method := range []Method{Ancestral, DDIM} {
			spaced, plan, err := Config{Method: method, Steps: steps}.plan(chain)
			if err != nil {
				t.Fatal(err)
			}
			count := steps
			if steps == 0 || steps > 100 {
				count = 100
			}
			if len(plan) != count || spaced.Steps() != count {
				t.Fatalf("%s: %d steps, want %d", method, len(plan), count)
			}
			if first, last := plan[0], plan[count-1]; first.From != 99 || last.From != 0 || last.To != -1 || last.Fresh != 0 {
				t.Errorf("%s, %d steps: from %d to %d and %d, want 99 to 0 and the clean image without noise", method, steps, first.From, last.From, last.To)
			}
			for i := 1; i < count; i++ {
				if plan[i].From >= plan[i-1].From || plan[i-1].To != plan[i].From {
					t.Errorf("%s, %d steps: step %d goes from %d after one to %d", method, steps, i, plan[i].From, plan[i-1].To)
				}
			}
		}
	}
}

// The network is told the chain's own timesteps, not the numbers of the respaced steps.
func TestPredictorSeesTheChainsTimesteps(t *testing.T) {
	chain := chainOf(t, 100)
	tells := func(_, _, x, t *graph.Node, _ []*graph.Node) Prediction {
		return Prediction{Noise: graph.Mul(graph.OnesLike(x), graph.Reshape(graph.ConvertDType(t, dtypes.Float32), -1, 1, 1, 1))}
	}
	s, weights, statistics := newSampler(t, chain, tells, Config{Method: DDIM, Steps: 3})
	x, err := s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: 1, Start: make([]float32, 4000)})
	if err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for _, step := range s.steps {
		noise := float64(step.From)
		want = step.Next((want-step.At.Std*noise)/step.At.Mean, noise, 0)
	}
	if math.Abs(float64(x[0])-want) > 1e-3*math.Abs(want) {
		t.Errorf("got %g, want %g of timesteps 99, 50 and 0", x[0], want)
	}
}

func TestExtraInputs(t *testing.T) {
	chain := chainOf(t, 25)
	shifted := func(weights, statistics, x, t *graph.Node, extra []*graph.Node) Prediction {
		return Prediction{Noise: graph.Add(gaussian(chain)(weights, statistics, x, t, nil).Noise, extra[0])}
	}
	c := Config{Method: DDIM}
	plain := run(t, chain, gaussian(chain), c, 1)
	if zero := run(t, chain, shifted, c, 1, tensors.FromScalar(float32(0))); !slices.Equal(plain, zero) {
		t.Error("an extra input of 0 changes the images")
	}
	if moved := run(t, chain, shifted, c, 1, tensors.FromScalar(float32(0.1))); slices.Equal(plain, moved) {
		t.Error("an extra input does not reach the predictor")
	}
}

func TestProgressAndCancellation(t *testing.T) {
	chain := chainOf(t, 25)
	s, weights, statistics := newSampler(t, chain, gaussian(chain), Config{Method: DDIM})
	ctx, cancel := context.WithCancel(t.Context())
	var seen []int
	_, err := s.Run(ctx, Draw{Weights: weights, Statistics: statistics, Seed: 1, Progress: func(step, total int) {
		if seen = append(seen, step); total != s.Steps() {
			t.Errorf("total is %d, want %d", total, s.Steps())
		}
		if step == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !slices.Equal(seen, []int{1, 2, 3}) {
		t.Errorf("%v after steps %v, want the context's error after three", err, seen)
	}
}

func TestRefusedConfigs(t *testing.T) {
	e := enginetest.Go(t)
	chain := chainOf(t, 25)
	for want, c := range map[string]Config{
		`method is "euler"`: {Method: "euler"},
		"steps is -1":       {Method: DDIM, Steps: -1},
		"eta is 1.5":        {Method: DDIM, Eta: 1.5},
		"eta is NaN":        {Method: DDIM, Eta: math.NaN()},
		"huge":              {Method: Ancestral, Variance: "huge"},
	} {
		if _, err := New(e, chain, gaussian(chain), 1, 1, 1, 1, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

// Guidance by the gradient of log p(y|x) moves a Gaussian's samples as Bayes's
// rule says: with p(y|x) ∝ exp(k·x) a N(m, d²) becomes N(m + k·d², d²). The exact
// gradient at x_t is k·∂E[x_0|x_t]/∂x_t, and every ancestral step is moved by Σ times it.
func TestGradientMovesTheMean(t *testing.T) {
	chain := chainOf(t, 400)
	const k = 0.8
	guided := func(weights, statistics, x, t *graph.Node, extra []*graph.Node) Prediction {
		p := gaussian(chain)(weights, statistics, x, t, nil)
		at := func(table []float64) *graph.Node {
			values := graph.Gather(graph.ConstAsDType(x.Graph(), dtypes.Float32, table), graph.InsertAxes(t, -1))
			return graph.Reshape(values, -1, 1, 1, 1)
		}
		signal, noise := at(chain.SqrtAlphasCumprod), at(chain.SqrtOneMinusAlphasCumprod)
		const variance = testDeviation * testDeviation
		slope := graph.Div(graph.MulScalar(signal, variance), graph.Add(graph.MulScalar(graph.Square(signal), variance), graph.Square(noise)))
		p.Gradient = graph.Mul(graph.OnesLike(x), graph.MulScalar(slope, k))
		return p
	}
	mean, deviation := moments(run(t, chain, guided, Config{Method: Ancestral, Variance: process.FixedSmall}, 1))
	if want := testMean + k*testDeviation*testDeviation; math.Abs(mean-want) > 4*testDeviation/math.Sqrt(4000)+0.01 {
		t.Errorf("mean %.4f, want %.4f", mean, want)
	}
	if math.Abs(deviation-testDeviation) > 0.05 {
		t.Errorf("deviation %.4f, want %g", deviation, testDeviation)
	}
}

func TestTraceAndStart(t *testing.T) {
	chain := chainOf(t, 50)
	traced := func(weights, statistics, x, t *graph.Node, extra []*graph.Node) Prediction {
		p := gaussian(chain)(weights, statistics, x, t, nil)
		p.Trace = graph.Reshape(graph.ReduceAllMean(graph.ConvertDType(t, dtypes.Float32)), 1)
		return p
	}
	s, weights, statistics := newSampler(t, chain, traced, Config{Method: Ancestral, Variance: process.FixedSmall, Until: 21, Steps: 5})
	var walked []int
	for i := range s.Steps() {
		walked = append(walked, s.Timestep(i))
	}
	if want := []int{20, 15, 10, 5, 0}; !slices.Equal(walked, want) {
		t.Fatalf("timesteps %v, want %v", walked, want)
	}
	image := make([]float32, 4000)
	s.Noised(image, func() float64 { return 1 })
	if want := chain.Marginal(20).Std; math.Abs(float64(image[0])-want) > 1e-6 {
		t.Errorf("black with noise 1 is %g, want %g", image[0], want)
	}
	var seen []int
	_, err := s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: 1, Start: image,
		Trace: func(step int, trace []float32) {
			if seen = append(seen, step); int(trace[0]) != s.Timestep(step) {
				t.Errorf("step %d traces timestep %g, want %d", step, trace[0], s.Timestep(step))
			}
		}})
	if err != nil || len(seen) != s.Steps() || seen[0] != 0 {
		t.Errorf("steps %v, %v", seen, err)
	}
	if _, err := s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: 1}); err == nil || !strings.Contains(err.Error(), "images to start from") {
		t.Errorf("a cut chain starts from the prior: %v", err)
	}
}

// The end of a whole chain is the chain that is cut there.
func TestACutChainTakesTheSameSteps(t *testing.T) {
	chain := chainOf(t, 50)
	for _, method := range []Method{Ancestral, DDIM} {
		_, whole, err := Config{Method: method, Variance: process.FixedSmall}.plan(chain)
		if err != nil {
			t.Fatal(err)
		}
		_, cut, err := Config{Method: method, Variance: process.FixedSmall, Until: 20}.plan(chain)
		if err != nil || !slices.Equal(cut, whole[30:]) {
			t.Errorf("%s: the first steps of a chain cut at 20 are %+v, %v", method, cut[:2], err)
		}
		if _, _, err := (Config{Method: method, Until: 51}).plan(chain); err == nil || !strings.Contains(err.Error(), "until is 51") {
			t.Errorf("%s: a chain of 50 is cut at 51: %v", method, err)
		}
	}
}

// The clean images of DDIM's last step are where the sample ends.
func TestCleanImagesAreHeard(t *testing.T) {
	chain := chainOf(t, 50)
	s, weights, statistics := newSampler(t, chain, gaussian(chain), Config{Method: DDIM, Steps: 5})
	var heard [][]float32
	x, err := s.Run(t.Context(), Draw{Weights: weights, Statistics: statistics, Seed: 1, Clean: func(step int, clean []float32) {
		if step != len(heard) {
			t.Errorf("step %d is heard after %d others", step, len(heard))
		}
		heard = append(heard, clean)
	}})
	if err != nil || len(heard) != s.Steps() {
		t.Fatalf("%d steps heard of %d: %v", len(heard), s.Steps(), err)
	}
	for i, v := range heard[s.Steps()-1] { // DDIM's last step goes to x̂_0
		if math.Abs(float64(v-x[i])) > 1e-5 {
			t.Fatalf("value %d of the last clean image is %g, the sample's %g", i, v, x[i])
		}
	}
	if slices.Equal(heard[0], heard[s.Steps()-1]) {
		t.Error("the first step already sees the sample")
	}
}
