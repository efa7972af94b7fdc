package process

import (
	"math"
	"testing"
)

func sdes(t *testing.T, steps int) map[string]SDE {
	t.Helper()
	ve, err := NewVE(0.01, 50, steps)
	if err != nil {
		t.Fatal(err)
	}
	vp, err := NewVP(0.1, 20, steps)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := NewSubVP(0.1, 20, steps)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]SDE{"VE": ve, "VP": vp, "sub-VP": sub}
}

var sometimes = []float64{1e-5, 1e-3, 0.1, 0.35, 0.5, 0.9, 1}

// The moments of a linear SDE obey m' = c·m and v' = 2c·v + g². The marginal
// is held to them by central differences.
func TestMarginalsSolveTheMomentEquations(t *testing.T) {
	const h = 1e-5
	for name, sde := range sdes(t, 1000) {
		for _, time := range sometimes[1:6] {
			before, at, after := sde.Marginal(time-h), sde.Marginal(time), sde.Marginal(time+h)
			d := sde.Dynamics(time)
			slope := (after.Mean - before.Mean) / (2 * h)
			if math.Abs(slope-d.Drift*at.Mean) > 1e-6*(1+math.Abs(slope)) {
				t.Errorf("%s at %g: the mean's slope is %g, the drift says %g", name, time, slope, d.Drift*at.Mean)
			}
			growth := (after.Std*after.Std - before.Std*before.Std) / (2 * h)
			want := 2*d.Drift*at.Std*at.Std + d.Diffusion*d.Diffusion
			if math.Abs(growth-want) > 1e-6*(1+math.Abs(growth)) {
				t.Errorf("%s at %g: the variance grows by %g, the SDE says %g", name, time, growth, want)
			}
		}
	}
}

func TestMarginalsOfContinuousProcesses(t *testing.T) {
	all := sdes(t, 1000)
	for _, time := range sometimes {
		vp, sub, ve := all["VP"].Marginal(time), all["sub-VP"].Marginal(time), all["VE"].Marginal(time)
		if !near(vp.Mean*vp.Mean+vp.Std*vp.Std, 1, 1e-14) {
			t.Errorf("VP at %g: mean² + deviation² is not 1: %+v", time, vp)
		}
		if sub.Mean != vp.Mean || !near(sub.Std, vp.Std*vp.Std, 1e-14) {
			t.Errorf("sub-VP at %g: %+v beside VP's %+v", time, sub, vp)
		}
		if ve.Mean != 1 {
			t.Errorf("VE at %g: mean %g", time, ve.Mean)
		}
	}
	if ve := all["VE"]; !near(ve.Marginal(1).Std, ve.PriorStd(), 1e-14) || !near(ve.Marginal(0).Std, 0.01, 1e-14) {
		t.Error("VE does not go from sigma_min to its prior")
	}
	// No digits are lost near the clean image: the first terms of the series.
	const tiny = 1e-12
	if got, want := all["VP"].Marginal(tiny).Std, math.Sqrt(0.1*tiny); !near(got, want, 1e-10) {
		t.Errorf("VP at %g: deviation %g, want %g", tiny, got, want)
	}
	if got, want := all["sub-VP"].Marginal(tiny).Std, 0.1*tiny; !near(got, want, 1e-10) {
		t.Errorf("sub-VP at %g: deviation %g, want %g", tiny, got, want)
	}
}

// The discretisations of VE and VP, applied from the clean image on, reach
// marginals of their own: the geometric sigmas, and those of a DDPM.
func TestDiscretisationsReachTheirMarginals(t *testing.T) {
	const steps = 200
	all := sdes(t, steps)
	betas := make([]float64, steps)
	for i := range betas {
		betas[i] = all["VP"].(VP).DiscreteBeta(i)
	}
	chain := mustDDPM(t, betas)
	want := map[string]func(i int) Marginal{
		"VE": func(i int) Marginal { return all["VE"].Marginal(float64(i) / (steps - 1)) },
		"VP": chain.Marginal,
	}
	for name, marginal := range want {
		mean, variance := 1.0, 0.0
		for i := range steps {
			d := all[name].Discretize(Instant{Index: i})
			mean *= 1 + d.Drift
			variance = (1+d.Drift)*(1+d.Drift)*variance + d.Diffusion*d.Diffusion
			m := marginal(i)
			if !near(mean, m.Mean, 1e-10) || !near(math.Sqrt(variance), m.Std, 1e-10) {
				t.Fatalf("%s, step %d: mean %g and deviation %g, want %+v", name, i, mean, math.Sqrt(variance), m)
			}
		}
	}
}

// In many steps the discretisations become the continuous dynamics.
func TestDiscretisationsConverge(t *testing.T) {
	const steps = 1_000_000
	for name, sde := range sdes(t, steps) {
		d, c := sde.Discretize(InstantAt(0.5, steps)), sde.Dynamics(0.5)
		if math.Abs(d.Drift*steps-c.Drift) > 1e-4*math.Abs(c.Drift) || !near(d.Diffusion*math.Sqrt(steps), c.Diffusion, 1e-4) {
			t.Errorf("%s: a step of %+v, dynamics %+v", name, d, c)
		}
	}
}

// Data N(0, 1) under VP stays N(0, 1) and has the score -x at all times: there
// the probability flow stands still, and the reverse drift pulls as strongly
// as the forward one.
func TestReverseOfStationaryData(t *testing.T) {
	vp := sdes(t, 1000)["VP"]
	for _, time := range sometimes {
		d := vp.Dynamics(time)
		if flow := d.Flow(1.7, -1.7); math.Abs(flow) > 1e-14 {
			t.Errorf("at %g the flow is %g", time, flow)
		}
		if reverse := d.Reverse(1.7, -1.7); !near(reverse, -d.Drift*1.7, 1e-14) {
			t.Errorf("at %g the reverse drift is %g", time, reverse)
		}
	}
}

// Samplers of VE run back on data N(0, s²) with its exact score must return
// that deviation. As every step is linear, the variance is followed exactly.
func TestScoreStepsReturnTheData(t *testing.T) {
	const steps, s = 4000, 0.6
	grid, err := Grid(steps, 1e-5)
	if err != nil {
		t.Fatal(err)
	}
	all := sdes(t, steps)
	run := func(sde SDE, step func(Instant) ScoreStep) float64 {
		m := sde.Marginal(1)
		variance := m.Mean*m.Mean*s*s + m.Std*m.Std
		for _, at := range grid {
			m := sde.Marginal(at.Time)
			gain := -1 / (m.Mean*m.Mean*s*s + m.Std*m.Std) // score = gain·x
			next := step(at)
			mean := next.Mean(1, gain)
			variance = mean*mean*variance + next.Fresh*next.Fresh
		}
		return math.Sqrt(variance)
	}
	for name, sde := range all {
		samplers := map[string]func(Instant) ScoreStep{
			"reverse diffusion":          func(at Instant) ScoreStep { return ReverseDiffusion(sde, at) },
			"reverse diffusion, flow":    func(at Instant) ScoreStep { return ReverseDiffusion(sde, at).Flow() },
			"Euler and Maruyama":         func(at Instant) ScoreStep { return EulerMaruyama(sde, at.Time) },
			"Euler and Maruyama, a flow": func(at Instant) ScoreStep { return EulerMaruyama(sde, at.Time).Flow() },
		}
		if p, ok := sde.(interface{ Ancestral(Instant) ScoreStep }); ok {
			samplers["ancestral"] = p.Ancestral
		}
		for sampler, step := range samplers {
			if got := run(sde, step); !near(got, s, 0.02) {
				t.Errorf("%s, %s: deviation %g, want %g", name, sampler, got, s)
			}
		}
	}
}

// e = 2α(snr·|z|/|s|)² and noise √(2e), from numbers worked out by hand:
// 0.16·3/2 = 0.24.
func TestLangevin(t *testing.T) {
	step := Langevin(0.5, 0.16, 3, 2)
	if !near(step.Score, 2*0.5*0.24*0.24, 1e-14) || !near(step.Fresh*step.Fresh, 2*step.Score, 1e-14) || step.State != 1 {
		t.Errorf("%+v", step)
	}
}

func TestGrid(t *testing.T) {
	for _, n := range []int{2, 3, 1000} {
		grid, err := Grid(n, 1e-3)
		if err != nil {
			t.Fatal(err)
		}
		if len(grid) != n || grid[0] != (Instant{1, n - 1}) || grid[n-1].Index != 0 || !near(grid[n-1].Time, 1e-3, 1e-12) {
			t.Errorf("grid of %d: from %+v to %+v", n, grid[0], grid[n-1])
		}
		for _, at := range grid {
			if found := InstantAt(at.Time, n); found != at {
				t.Errorf("grid of %d: %+v lies in step %d", n, at, found.Index)
			}
		}
	}
	for _, n := range []int{-1, 0, 1} {
		if _, err := Grid(n, 0); err == nil {
			t.Errorf("grid of %d: no error", n)
		}
	}
	for _, epsilon := range []float64{-1, 1, math.NaN()} {
		if _, err := Grid(10, epsilon); err == nil {
			t.Errorf("grid to %g: no error", epsilon)
		}
	}
}

// The prior's density integrates to 1.
func TestPriorLogDensity(t *testing.T) {
	for name, sde := range sdes(t, 1000) {
		const cells = 4000
		width := 20 * sde.PriorStd() / cells
		sum := 0.0
		for i := range cells {
			x := -10*sde.PriorStd() + (float64(i)+0.5)*width
			sum += width * math.Exp(PriorLogDensity(sde, []float64{x}))
		}
		if !near(sum, 1, 1e-9) {
			t.Errorf("%s: the prior's mass is %g", name, sum)
		}
		pair := PriorLogDensity(sde, []float64{0.3, -2})
		if !near(pair, PriorLogDensity(sde, []float64{0.3})+PriorLogDensity(sde, []float64{-2}), 1e-14) {
			t.Errorf("%s: the density of a pair is not the product", name)
		}
	}
}

func TestUniformSigma(t *testing.T) {
	ve := sdes(t, 1000)["VE"].(VE)
	for _, u := range []float64{0, 0.1, 0.5, 1} {
		sigma, time := ve.UniformSigma(u)
		if !near(sigma, 0.01+u*49.99, 1e-14) || !near(ve.Sigma(time), sigma, 1e-12) {
			t.Errorf("u = %g: sigma %g at %g, where it is %g", u, sigma, time, ve.Sigma(time))
		}
	}
}

func TestProcessesRefuse(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, p := range []struct {
		low, high float64
		steps     int
	}{{0, 1, 10}, {-1, 1, 10}, {2, 1, 10}, {1, 2, 1}, {nan, 2, 10}, {1, nan, 10}, {1, inf, 10}} {
		if _, err := NewVE(p.low, p.high, p.steps); err == nil {
			t.Errorf("VE %+v: no error", p)
		}
		if _, err := NewVP(p.low, p.high, p.steps); err == nil {
			t.Errorf("VP %+v: no error", p)
		}
		if _, err := NewSubVP(p.low, p.high, p.steps); err == nil {
			t.Errorf("sub-VP %+v: no error", p)
		}
	}
	if _, err := NewVP(0.1, 20, 20); err == nil {
		t.Error("VP whose last discrete beta is 1: no error")
	}
}
