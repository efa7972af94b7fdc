package process

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// chains are the processes that the properties below are tried on.
func chains(t *testing.T) map[string]*DDPM {
	t.Helper()
	out := map[string]*DDPM{"joint": jointProcess(t)}
	ho, err := ScaledLinear(1000, HoFirst, HoLast)
	if err != nil {
		t.Fatal(err)
	}
	out["ho"] = mustDDPM(t, ho)
	for _, steps := range []int{1, 2, 50} {
		cosine, err := Cosine(steps)
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprintf("cosine %d", steps)] = mustDDPM(t, cosine)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	random := make([]float64, 30)
	for i := range random {
		random[i] = 0.001 + 0.5*rng.Float64()
	}
	out["random"] = mustDDPM(t, random)
	spaced, err := out["ho"].Respace(7)
	if err != nil {
		t.Fatal(err)
	}
	out["respaced"] = spaced
	return out
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(1e-300, math.Abs(a), math.Abs(b))
}

func TestChainIsVariancePreserving(t *testing.T) {
	for name, d := range chains(t) {
		for i := range d.Steps() {
			m := d.Marginal(i)
			if !near(m.Mean*m.Mean+m.Std*m.Std, 1, 1e-14) {
				t.Errorf("%s: step %d: %+v", name, i, m)
			}
		}
	}
}

// A step forward from the marginal at t-1 is the marginal at t:
// x_t = √(1-β)·x_{t-1} + √β·ε.
func TestForwardStepsComposeToTheMarginal(t *testing.T) {
	for name, d := range chains(t) {
		mean, variance := 1.0, 0.0
		for i, beta := range d.Betas {
			mean *= math.Sqrt(1 - beta)
			variance = (1-beta)*variance + beta
			m := d.Marginal(i)
			if !near(m.Mean, mean, 1e-10) || !near(m.Std*m.Std, variance, 1e-10) {
				t.Fatalf("%s: step %d: %+v, want mean %g and variance %g", name, i, m, mean, variance)
			}
		}
	}
}

// The posterior q(x_{t-1} | x_t, x_0) by Bayes' rule: the product of the
// Gaussians q(x_{t-1} | x_0) and q(x_t | x_{t-1}), whose precisions add.
func TestPosteriorIsBayesRule(t *testing.T) {
	for name, d := range chains(t) {
		for i := 1; i < d.Steps(); i++ {
			before, beta := d.Marginal(i-1), d.Betas[i]
			prior := 1 / (before.Std * before.Std)
			likelihood := (1 - beta) / beta
			variance := 1 / (prior + likelihood)
			if !near(d.PosteriorVariance[i], variance, 1e-10) ||
				!near(d.PosteriorMeanClean[i], variance*prior*before.Mean, 1e-10) ||
				!near(d.PosteriorMeanState[i], variance*math.Sqrt(1-beta)/beta, 1e-10) {
				t.Fatalf("%s: step %d: variance %g, mean %g·x0 + %g·xt", name, i, d.PosteriorVariance[i], d.PosteriorMeanClean[i], d.PosteriorMeanState[i])
			}
			if !near(d.PosteriorLogVarianceClipped[i], math.Log(variance), 1e-9) {
				t.Fatalf("%s: step %d: log variance %g", name, i, d.PosteriorLogVarianceClipped[i])
			}
		}
		if d.PosteriorVariance[0] != 0 || d.PosteriorMeanState[0] != 0 || !near(d.PosteriorMeanClean[0], 1, 1e-12) {
			t.Errorf("%s: at t = 0 the posterior is not the clean image", name)
		}
	}
}

func TestVariances(t *testing.T) {
	for name, d := range chains(t) {
		large, logLarge, err := d.Variances("")
		if err != nil {
			t.Fatal(err)
		}
		small, logSmall, err := d.Variances(FixedSmall)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(large[1:], d.Betas[1:]) || !slices.Equal(small, d.PosteriorVariance) {
			t.Errorf("%s: variances are not beta and the posterior's", name)
		}
		first := d.Betas[0]
		if d.Steps() > 1 {
			first = d.PosteriorVariance[1]
		}
		if large[0] != first || logLarge[0] != math.Log(first) || logSmall[0] != math.Log(first) {
			t.Errorf("%s: at t = 0: large %g (log %g), log small %g, want %g", name, large[0], logLarge[0], logSmall[0], first)
		}
		for i := range large {
			if large[i] < small[i] {
				t.Errorf("%s: step %d: large %g is below small %g", name, i, large[i], small[i])
			}
		}
	}
	if _, _, err := chains(t)["ho"].Variances("medium"); err == nil {
		t.Error("variance medium: no error")
	}
}

func TestRespacingWithAllStepsIsTheIdentity(t *testing.T) {
	for name, d := range chains(t) {
		same, err := d.Respace(d.Steps())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(same.Timesteps, d.Timesteps) || !slices.Equal(same.Betas, d.Betas) ||
			!slices.Equal(same.AlphasCumprod, d.AlphasCumprod) || !slices.Equal(same.PosteriorVariance, d.PosteriorVariance) {
			t.Errorf("%s: respaced to all steps it is another process", name)
		}
	}
}

// A respaced process has the marginals of the chain it came from, and
// respacing twice is respacing once.
func TestRespacingKeepsMarginals(t *testing.T) {
	d := jointProcess(t)
	for _, steps := range []int{1, 3, 50, 250, 499} {
		spaced, err := d.Respace(steps)
		if err != nil {
			t.Fatal(err)
		}
		if spaced.Steps() != steps {
			t.Fatalf("%d steps, want %d", spaced.Steps(), steps)
		}
		for i, original := range spaced.Timesteps {
			if spaced.Marginal(i) != d.Marginal(original) {
				t.Errorf("%d steps: marginal %d is not that of timestep %d", steps, i, original)
			}
		}
	}
	half, err := d.Respace(250)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := half.Respace(50)
	if err != nil {
		t.Fatal(err)
	}
	once, err := d.Respace(50)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(twice.Timesteps, once.Timesteps) || !slices.Equal(twice.AlphasCumprod, once.AlphasCumprod) {
		t.Error("respacing twice differs from respacing once")
	}
}

func TestSpacings(t *testing.T) {
	cases := []struct {
		name  string
		space func(total, count int) ([]int, error)
		total int
		count int
		want  []int
	}{
		{"equal stride", EqualStride, 1000, 4, []int{0, 250, 500, 750}},
		{"equal stride, no divisor", EqualStride, 10, 4, []int{0, 2, 5, 7}},
		{"equal stride, one", EqualStride, 10, 1, []int{0}},
		{"both ends", BothEnds, 1000, 4, []int{0, 333, 666, 999}},
		{"both ends, ties", BothEnds, 6, 3, []int{0, 2, 5}},
		{"both ends, all", BothEnds, 4, 4, []int{0, 1, 2, 3}},
		{"both ends, one", BothEnds, 10, 1, []int{9}},
	}
	for _, c := range cases {
		got, err := c.space(c.total, c.count)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v (%v), want %v", c.name, got, err, c.want)
		}
		for _, count := range []int{-1, 0, c.total + 1} {
			if _, err := c.space(c.total, count); err == nil {
				t.Errorf("%s: %d of %d: no error", c.name, count, c.total)
			}
		}
	}
}

func TestSubsetRefuses(t *testing.T) {
	d := jointProcess(t)
	for _, steps := range [][]int{nil, {-1}, {500}, {3, 3}, {4, 2}} {
		if _, err := d.Subset(steps); err == nil {
			t.Errorf("%v: no error", steps)
		}
	}
}

// Noise, clean image and score are three views of one point.
func TestConversionsRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, d := range chains(t) {
		for i := range d.Steps() {
			m, clean, noise := d.Marginal(i), rng.NormFloat64(), rng.NormFloat64()
			x := m.Diffuse(clean, noise)
			// x has about 1e-16 of error, which 1/Mean and 1/Std enlarge
			slack := 1e-15 * (1 + math.Abs(x)) / min(m.Mean, m.Std)
			if math.Abs(m.Clean(x, noise)-clean) > slack || math.Abs(m.Noise(x, clean)-noise) > slack ||
				!near(m.NoiseFromScore(m.Score(noise)), noise, 1e-14) {
				t.Fatalf("%s: step %d: x_0 %g became %g, ε %g became %g", name, i, clean, m.Clean(x, noise), noise, m.Noise(x, clean))
			}
			if !near(m.SNR(), d.AlphasCumprod[i]/(1-d.AlphasCumprod[i]), 1e-9) {
				t.Fatalf("%s: step %d: SNR %g", name, i, m.SNR())
			}
		}
	}
}

// With the true x_0 and ε a step lands in the marginal of the next timestep:
// its mean is that of x_0, and the variances of what is left of ε and of the
// fresh noise add up. This holds for every eta, and for the posterior's
// variance in ancestral sampling.
func TestStepsLandInTheMarginal(t *testing.T) {
	for name, d := range chains(t) {
		samplers := map[string][]CleanStep{}
		for _, eta := range []float64{0, 0.3, 1} {
			steps, err := d.DDIM(eta)
			if err != nil {
				t.Fatal(err)
			}
			samplers[fmt.Sprintf("DDIM %g", eta)] = steps
		}
		small, err := d.Ancestral(FixedSmall)
		if err != nil {
			t.Fatal(err)
		}
		samplers["ancestral"] = small
		for sampler, steps := range samplers {
			if len(steps) != d.Steps() {
				t.Fatalf("%s, %s: %d steps, want %d", name, sampler, len(steps), d.Steps())
			}
			for i, step := range steps {
				from := d.Steps() - 1 - i
				want, to := Marginal{Mean: 1}, -1
				if from > 0 {
					want, to = d.Marginal(from-1), d.Timesteps[from-1]
				}
				if step.From != d.Timesteps[from] || step.To != to || step.At != d.Marginal(from) {
					t.Fatalf("%s, %s: step %d goes from %d to %d", name, sampler, i, step.From, step.To)
				}
				std := math.Hypot(step.Noise, step.Fresh)
				if !near(step.Clean, want.Mean, 1e-10) || math.Abs(std-want.Std) > 1e-10*want.Std {
					t.Fatalf("%s, %s: step %d lands at mean %g, deviation %g, want %+v", name, sampler, i, step.Clean, std, want)
				}
			}
		}
	}
}

// DDIM with eta 1 is the ancestral sampler with the posterior's variance.
func TestFullEtaIsAncestral(t *testing.T) {
	for name, d := range chains(t) {
		implicit, err := d.DDIM(1)
		if err != nil {
			t.Fatal(err)
		}
		ancestral, err := d.Ancestral(FixedSmall)
		if err != nil {
			t.Fatal(err)
		}
		for i := range implicit {
			a, b := implicit[i], ancestral[i]
			if !near(a.Clean, b.Clean, 1e-10) || !near(a.Noise, b.Noise, 1e-8) || !near(a.Fresh, b.Fresh, 1e-10) {
				t.Fatalf("%s: step %d: %+v and %+v", name, i, a, b)
			}
		}
	}
	for _, eta := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := jointProcess(t).DDIM(eta); err == nil {
			t.Errorf("eta %g: no error", eta)
		}
	}
	if _, err := jointProcess(t).Ancestral("other"); err == nil {
		t.Error("ancestral with variance other: no error")
	}
}

func TestSchedulesRefuse(t *testing.T) {
	betas := func(b []float64, err error) error { return err }
	chain := func(b ...float64) error { _, err := NewDDPM(b); return err }
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"linear, no steps", betas(Linear(0, 0.1, 0.2)), "at least 1"},
		{"linear, first 0", betas(Linear(10, 0, 0.2)), "(0, 1)"},
		{"linear, last 1", betas(Linear(10, 0.1, 1)), "(0, 1)"},
		{"linear, NaN", betas(Linear(10, math.NaN(), 0.2)), "(0, 1)"},
		{"scaled to 20 steps", betas(ScaledLinear(20, HoFirst, HoLast)), "cosine"},
		{"scaled to none", betas(ScaledLinear(0, HoFirst, HoLast)), "at least 1"},
		{"cosine, no steps", betas(Cosine(0)), "at least 1"},
		{"no betas", chain(), "at least one"},
		{"beta 0", chain(0.1, 0), "beta 1 of 2"},
		{"beta 1", chain(1), "beta 0 of 1"},
		{"beta NaN", chain(math.NaN()), "beta 0 of 1"},
		{"nothing left", chain(slices.Repeat([]float64{0.999}, 120)...), "underflows"},
	}
	for _, c := range cases {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, c.err, c.want)
		}
	}
	if _, err := ScaledLinear(21, HoFirst, HoLast); err != nil {
		t.Errorf("scaled to 21 steps: %v", err)
	}
	one, err := Linear(1, 0.3, 0.5)
	if err != nil || !slices.Equal(one, []float64{0.3}) {
		t.Errorf("linear of one step: %v (%v)", one, err)
	}
}

// The last beta of a cosine schedule is capped, and before that ᾱ follows the
// cosine.
func TestCosine(t *testing.T) {
	betas, err := Cosine(100)
	if err != nil {
		t.Fatal(err)
	}
	if betas[99] != 0.999 {
		t.Errorf("last beta %g, want 0.999", betas[99])
	}
	d := mustDDPM(t, betas)
	f := func(u float64) float64 { return math.Pow(math.Cos((u+0.008)/1.008*math.Pi/2), 2) }
	for i := range 98 {
		if want := f(float64(i+1)/100) / f(0); !near(d.AlphasCumprod[i], want, 1e-10) {
			t.Fatalf("ᾱ_%d is %g, want %g", i, d.AlphasCumprod[i], want)
		}
	}
}
