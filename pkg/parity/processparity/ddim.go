package processparity

import (
	"fmt"
	"strconv"
	"strings"

	"noisebook/pkg/process"
)

func (c *comparison) ddim(o *object) error {
	params, err := o.object("params")
	if err != nil {
		return err
	}
	chain, err := newLinearChain(params)
	if err != nil {
		return err
	}
	c.each(o, "table", func(entry *object) error {
		t, err := entry.integer("t")
		if err != nil {
			return err
		}
		if t < 0 || t >= chain.Steps() {
			return fmt.Errorf("t is %d of %d steps", t, chain.Steps())
		}
		c.check(entry, "beta", chain.Betas[t])
		c.check(entry, "alpha_bar", chain.AlphasCumprod[t])
		c.unknown(entry)
		return nil
	})
	if o.has("steps") {
		in, err := o.object("inputs")
		if err != nil {
			return err
		}
		inputs, err := in.vectors("x_t", "eps", "noise")
		if err != nil {
			return err
		}
		c.each(o, "steps", func(entry *object) error { return c.ddimStep(entry, chain, inputs) })
	}
	c.section(o, "trajectory", func(entry *object) error { return c.ddimTrajectory(entry, chain) })
	o.ignore("inputs", "float32_table_max_rel_dev")
	c.unknown(o)
	return nil
}

func newLinearChain(params *object) (*process.DDPM, error) {
	var schedule string
	if err := params.read("schedule", &schedule); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(schedule, "linear") {
		return nil, fmt.Errorf("%s.schedule is %q: only linear ones are known", params.path, schedule)
	}
	steps, err := params.steps("T")
	if err != nil {
		return nil, err
	}
	first, err := params.float("beta_first")
	if err != nil {
		return nil, err
	}
	last, err := params.float("beta_last")
	if err != nil {
		return nil, err
	}
	betas, err := process.Linear(steps, first, last)
	if err != nil {
		return nil, err
	}
	return process.NewDDPM(betas)
}

// ddimStep compares one step from t to t_prev, for each eta that the entry has.
func (c *comparison) ddimStep(o *object, chain *process.DDPM, inputs map[string][]float64) error {
	from, err := o.integer("t")
	if err != nil {
		return err
	}
	to, err := o.integer("t_prev")
	if err != nil {
		return err
	}
	o.path += fmt.Sprintf("(%d to %d)", from, to)
	visited := []int{to, from}
	if to < 0 { // the clean image
		visited = visited[1:]
	}
	spaced, err := chain.Subset(visited)
	if err != nil {
		return err
	}
	x, noise := inputs["x_t"], inputs["eps"]
	at := spaced.Marginal(spaced.Steps() - 1)
	clean := zip(x, noise, at.Clean)
	clipped := make([]float64, len(clean))
	for i, v := range clean {
		clipped[i] = max(-1, min(1, v))
	}
	recomputed := zip(x, clipped, at.Noise)

	c.check(o, "alpha_bar_t", spaced.AlphasCumprod[spaced.Steps()-1])
	previous := 1.0
	if to >= 0 {
		previous = spaced.AlphasCumprod[0]
	}
	c.check(o, "alpha_bar_prev", previous)
	c.check(o, "pred_x0", clean...)
	c.check(o, "pred_x0_clip", clipped...)
	for _, key := range o.keys() {
		eta, err := strconv.ParseFloat(strings.TrimPrefix(key, "eta"), 64)
		if err != nil || !strings.HasPrefix(key, "eta") {
			continue
		}
		c.section(o, key, func(entry *object) error {
			steps, err := spaced.DDIM(eta)
			if err != nil {
				return err
			}
			next := func(clean, noise []float64) []float64 {
				out := make([]float64, len(clean))
				for i := range out {
					out[i] = steps[0].Next(clean[i], noise[i], inputs["noise"][i])
				}
				return out
			}
			c.check(entry, "sigma", steps[0].Fresh)
			c.check(entry, "x_prev", next(clean, noise)...)
			c.check(entry, "x_prev_clip_keep", next(clipped, noise)...)
			c.check(entry, "x_prev_clip_recompute", next(clipped, recomputed)...)
			c.unknown(entry)
			return nil
		})
	}
	c.unknown(o)
	return nil
}

// ddimTrajectory goes from x_start to the clean image without fresh noise, the
// noise predicted from the score of the noised data.
func (c *comparison) ddimTrajectory(o *object, chain *process.DDPM) error {
	count, err := o.integer("steps")
	if err != nil {
		return err
	}
	stride, err := o.integer("stride")
	if err != nil {
		return err
	}
	if count < 1 || count > chain.Steps() {
		return fmt.Errorf("%d steps of a chain of %d", count, chain.Steps())
	}
	visited := make([]int, count)
	for i := range visited {
		visited[i] = i * stride
	}
	spaced, err := chain.Subset(visited)
	if err != nil {
		return err
	}
	steps, err := spaced.DDIM(0)
	if err != nil {
		return err
	}
	x, err := o.floats("x_start")
	if err != nil {
		return err
	}
	for _, step := range steps {
		score := c.gaussian.score(x, step.At)
		for i := range x {
			noise := step.At.NoiseFromScore(score[i])
			x[i] = step.Next(step.At.Clean(x[i], noise), noise, 0)
		}
	}
	c.check(o, "x_end", x...)
	o.ignore("times") // in words: what steps and stride say
	c.unknown(o)
	return nil
}
