package jointparity

import (
	"fmt"
	"math"

	"noisebook/pkg/process"
)

// variances are the fixture's names of the reverse step's variance.
var variances = []struct {
	name   string
	choice process.Variance
}{{"large", process.FixedLarge}, {"small", process.FixedSmall}}

// arithmetic compares what is computed from a noise prediction without a
// network, in float64: x̂_0, the reverse step's mean and variance, ancestral
// steps, and the whole step of Algorithm 1. The prediction is the fixture's,
// because √(1/ᾱ_t) at the last t would enlarge any difference in our own.
func (c *comparison) arithmetic() error {
	step, err := c.reverseStep()
	if err != nil {
		return err
	}
	for _, v := range variances {
		values, logs, err := c.schedule.Variances(v.choice)
		if err != nil {
			return err
		}
		c.check("pmv/variance_"+v.name, at(values, step.t))
		c.check("pmv/log_variance_"+v.name, at(logs, step.t))
	}
	if c.cases.Has("net/eps_hat") {
		noise, _, err := c.floats("net/eps_hat")
		if err != nil {
			return err
		}
		for _, suffix := range []string{"_clip", "_noclip"} {
			clean, mean, err := step.mean(noise, suffix == "_clip")
			if err != nil {
				return fmt.Errorf("net/eps_hat: %w", err)
			}
			c.check("pmv/pred_xstart"+suffix, clean)
			c.check("pmv/mean"+suffix, mean)
			for _, v := range variances {
				if err := c.sample("psample/"+v.name+suffix, step, mean, v.choice); err != nil {
					return err
				}
			}
		}
	}
	// The authors sample with the large variance and without clipping.
	for name, run := range c.named("alg1/sample_") {
		noise, _, err := c.floats("alg1/eps_" + run)
		if err != nil {
			c.fail(name, err)
			continue
		}
		_, mean, err := step.mean(noise, false)
		if err != nil {
			c.fail(name, err)
			continue
		}
		if err := c.sample(name, step, mean, process.FixedLarge); err != nil {
			return err
		}
	}
	return nil
}

// reverseStep reads the state that every entry starts from.
func (c *comparison) reverseStep() (reverseStep, error) {
	tensor, err := c.cases.Tensor("in/t")
	if err != nil {
		return reverseStep{}, err
	}
	indices, err := tensor.Int64s()
	if err != nil {
		return reverseStep{}, err
	}
	s := reverseStep{schedule: c.schedule}
	for _, t := range indices {
		if t < 0 || int(t) >= c.schedule.Steps() {
			return reverseStep{}, fmt.Errorf("in/t: %d is outside [0, %d)", t, c.schedule.Steps())
		}
		s.t = append(s.t, int(t))
	}
	if s.x, _, err = c.floats("in/xt"); err != nil {
		return reverseStep{}, err
	}
	return s, nil
}

// sample compares mean + σ_t·z, with z = in/noise_p and none at t = 0.
func (c *comparison) sample(name string, s reverseStep, mean []float64, choice process.Variance) error {
	if !c.cases.Has(name) {
		return nil
	}
	z, _, err := c.floats("in/noise_p")
	if err != nil {
		return err
	}
	if len(z) != len(mean) {
		return fmt.Errorf("in/noise_p has %d numbers, in/xt %d", len(z), len(mean))
	}
	_, logs, err := c.schedule.Variances(choice)
	if err != nil {
		return err
	}
	next := make([]float64, len(mean))
	for i := range next {
		next[i] = mean[i]
		if t := s.stepOf(i); t > 0 {
			next[i] += math.Exp(logs[t]/2) * z[i]
		}
	}
	c.check(name, next)
	return nil
}

// reverseStep is one step of the reverse process from x, example by example.
type reverseStep struct {
	schedule *process.DDPM
	t        []int     // [B]
	x        []float64 // [B, C, H, W]
}

// stepOf is the timestep of the example that holds element i.
func (s reverseStep) stepOf(i int) int { return s.t[i*len(s.t)/len(s.x)] }

// mean is x̂_0 implied by x and the noise, and the posterior's mean with it.
func (s reverseStep) mean(noise []float64, clip bool) (clean, mean []float64, err error) {
	if len(noise) != len(s.x) {
		return nil, nil, fmt.Errorf("the noise has %d numbers, in/xt %d", len(noise), len(s.x))
	}
	clean, mean = make([]float64, len(s.x)), make([]float64, len(s.x))
	for i, x := range s.x {
		t := s.stepOf(i)
		clean[i] = s.schedule.SqrtRecipAlphasCumprod[t]*x - s.schedule.SqrtRecipM1AlphasCumprod[t]*noise[i]
		if clip {
			clean[i] = min(max(clean[i], -1), 1)
		}
		mean[i] = s.schedule.PosteriorMeanClean[t]*clean[i] + s.schedule.PosteriorMeanState[t]*x
	}
	return clean, mean, nil
}

func at(table []float64, indices []int) []float64 {
	values := make([]float64, len(indices))
	for i, t := range indices {
		values[i] = table[t]
	}
	return values
}
