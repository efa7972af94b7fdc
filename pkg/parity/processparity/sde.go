package processparity

import (
	"fmt"

	"noisebook/pkg/process"
)

// snr is the Langevin corrector's signal-to-noise ratio: the one number that
// the layout states in words only.
const snr = 0.16

// newSDE builds the process of that kind, nil if the kind is not known.
func newSDE(kind string, params *object) (process.SDE, error) {
	var p struct {
		SigmaMin float64 `json:"sigma_min"`
		SigmaMax float64 `json:"sigma_max"`
		BetaMin  float64 `json:"beta_min"`
		BetaMax  float64 `json:"beta_max"`
		N        int
		T        float64
	}
	for key, into := range map[string]any{
		"sigma_min": &p.SigmaMin, "sigma_max": &p.SigmaMax,
		"beta_min": &p.BetaMin, "beta_max": &p.BetaMax, "N": &p.N, "T": &p.T,
	} {
		if params.has(key) {
			if err := params.read(key, into); err != nil {
				return nil, err
			}
		}
	}
	if p.T != 1 {
		return nil, fmt.Errorf("%s.T is %g: only processes that end at time 1 are known", params.path, p.T)
	}
	switch kind {
	case "ve":
		return process.NewVE(p.SigmaMin, p.SigmaMax, p.N)
	case "vp":
		return process.NewVP(p.BetaMin, p.BetaMax, p.N)
	case "subvp":
		return process.NewSubVP(p.BetaMin, p.BetaMax, p.N)
	}
	return nil, nil
}

func (c *comparison) sdes(o *object) error {
	for _, kind := range o.keys() {
		c.section(o, kind, func(entry *object) error { return c.sde(entry, kind) })
	}
	return nil
}

func (c *comparison) sde(o *object, kind string) error {
	params, err := o.object("params")
	if err != nil {
		return err
	}
	sde, err := newSDE(kind, params)
	if err != nil {
		return err
	}
	if sde == nil {
		c.report.Unknown = append(c.report.Unknown, o.path)
		return nil
	}
	inputs, err := c.gaussian.inputs.vectors("x", "score", "noise_predictor", "noise_corrector")
	if err != nil {
		return err
	}
	c.each(o, "at", func(entry *object) error { return c.instant(entry, sde, inputs) })
	c.section(o, "prior", func(prior *object) error {
		c.check(prior, "std", sde.PriorStd())
		z, err := prior.floats("z")
		if err != nil {
			return err
		}
		var logp []float64
		for _, row := range c.gaussian.rows(z) {
			logp = append(logp, process.PriorLogDensity(sde, row))
		}
		c.check(prior, "logp", logp...)
		c.unknown(prior)
		return nil
	})
	c.unknown(o)
	return nil
}

// instant compares one entry of sde.<kind>.at.
func (c *comparison) instant(o *object, sde process.SDE, inputs map[string][]float64) error {
	t, err := o.float("t")
	if err != nil {
		return err
	}
	if !(t >= 0 && t <= 1) {
		return fmt.Errorf("t is %g: want a time in [0, 1]", t)
	}
	o.path += fmt.Sprintf("(t=%g)", t)
	o.ignore("float32_max_rel_dev") // about the reference, not a value
	x, score := inputs["x"], inputs["score"]
	at := process.InstantAt(t, sde.Steps())
	marginal, dynamics, discrete := sde.Marginal(t), sde.Dynamics(t), sde.Discretize(at)
	data := c.gaussian.score(x, marginal)

	c.check(o, "timestep", float64(at.Index))
	c.check(o, "mean_coef", marginal.Mean)
	c.check(o, "std", marginal.Std)
	c.check(o, "drift_coef", dynamics.Drift)
	c.check(o, "diffusion", dynamics.Diffusion)
	c.check(o, "score_gaussian", data...)
	c.section(o, "discretize", func(d *object) error {
		c.check(d, "f_coef", discrete.Drift)
		c.check(d, "g", discrete.Diffusion)
		c.unknown(d)
		return nil
	})
	c.section(o, "reverse", func(r *object) error {
		c.check(r, "drift", zip(x, score, dynamics.Reverse)...)
		c.check(r, "drift_probability_flow", zip(x, score, dynamics.Flow)...)
		c.check(r, "discretize_f", zip(x, score, discrete.Reverse)...)
		c.check(r, "discretize_f_probability_flow", zip(x, score, discrete.Flow)...)
		c.unknown(r)
		return nil
	})
	c.section(o, "steps", func(steps *object) error {
		predict := func(name string, step process.ScoreStep, noise []float64) {
			c.section(steps, name, func(s *object) error {
				c.check(s, "x_mean", zip(x, data, step.Mean)...)
				next := zip(x, data, step.Mean)
				for i := range next {
					next[i] = step.Next(x[i], data[i], noise[i])
				}
				c.check(s, "x", next...)
				c.unknown(s)
				return nil
			})
		}
		predict("reverse_diffusion", process.ReverseDiffusion(sde, at), inputs["noise_predictor"])
		predict("euler_maruyama", process.EulerMaruyama(sde, t), inputs["noise_predictor"])
		if p, ok := sde.(interface {
			Ancestral(process.Instant) process.ScoreStep
		}); ok {
			predict("ancestral", p.Ancestral(at), inputs["noise_predictor"])
		}
		if alpha, ok := langevinAlpha(sde, at); ok {
			noise := inputs["noise_corrector"]
			step := process.Langevin(alpha, snr, c.gaussian.meanNorm(noise), c.gaussian.meanNorm(data))
			c.check(o, "langevin_step_size", step.Score)
			predict("langevin", step, noise)
		}
		c.unknown(steps)
		return nil
	})
	c.unknown(o)
	return nil
}

// langevinAlpha scales the corrector's step; the reference has none for sub-VP.
func langevinAlpha(sde process.SDE, at process.Instant) (alpha float64, ok bool) {
	switch p := sde.(type) {
	case process.VE:
		return 1, true
	case process.VP:
		return 1 - p.DiscreteBeta(at.Index), true
	}
	return 0, false
}

// grids holds the sampler's grid to the index that the layout asks for, N-1-i.
func (c *comparison) grids(o, sdes *object) error {
	for _, kind := range o.keys() {
		c.section(o, kind, func(entry *object) error {
			steps, err := stepsOf(sdes, kind)
			if err != nil {
				return err
			}
			epsilon, err := entry.float("eps")
			if err != nil {
				return err
			}
			grid, err := process.Grid(steps, epsilon)
			if err != nil {
				return err
			}
			wrong := 0
			for i, at := range grid {
				if at.Index != steps-1-i {
					wrong++
				}
			}
			c.check(entry, "eps", grid[steps-1].Time)
			c.report.Add(entry.join("index"), float64(wrong), 0, fmt.Sprintf("wrong ones among %d", steps))
			// how grids of floating-point times fare is not about ours
			entry.ignore("index", "wrong_torch_float64", "wrong_torch_float32", "wrong_float32_1_minus_i_step", "wrong_float32_accumulated")
			c.unknown(entry)
			return nil
		})
	}
	return nil
}

// stepsOf is N of sde.<kind>.params.
func stepsOf(sdes *object, kind string) (int, error) {
	sde, err := sdes.object(kind)
	if err != nil {
		return 0, err
	}
	params, err := sde.object("params")
	if err != nil {
		return 0, err
	}
	return params.steps("N")
}

func (c *comparison) uniformSigma(o *object) error {
	low, err := o.float("sigma_min")
	if err != nil {
		return err
	}
	high, err := o.float("sigma_max")
	if err != nil {
		return err
	}
	ve, err := process.NewVE(low, high, 2) // the number of steps has no part in it
	if err != nil {
		return err
	}
	c.each(o, "values", func(entry *object) error {
		u, err := entry.float("u")
		if err != nil {
			return err
		}
		sigma, t := ve.UniformSigma(u)
		c.check(entry, "sigma", sigma)
		c.check(entry, "t", t)
		c.unknown(entry)
		return nil
	})
	c.unknown(o)
	return nil
}

func zip(x, y []float64, f func(x, y float64) float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = f(x[i], y[i])
	}
	return out
}
