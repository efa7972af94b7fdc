package process

import (
	"fmt"
	"math"
	"slices"
)

// CleanStep is one step of a sampler that is told the noise ε̂ in x:
//
//	x̂_0    = At.Clean(x, ε̂)
//	x_next = Clean·x̂_0 + Noise·ε̂ + Fresh·z,  z ~ N(0, 1)
//
// x̂_0 may be clipped in between. Then ε̂ either stays as predicted, or is
// computed again as At.Noise(x, x̂_0). DDIM is used both ways (diffusers keeps
// it, guided-diffusion recomputes it); for ancestral steps it must be
// recomputed, which gives the posterior's mean at the clipped x̂_0.
type CleanStep struct {
	From, To            int      // entries of [DDPM.Timesteps]; To is -1 for the clean image
	At                  Marginal // of x at From
	Clean, Noise, Fresh float64
}

// Next returns x at To.
func (s CleanStep) Next(clean, noise, fresh float64) float64 {
	return s.Clean*clean + s.Noise*noise + s.Fresh*fresh
}

// DDIM returns the steps of Song, Meng and Ermon (2021), eq. 12, from the
// noisiest to the clean image. Eta in [0, 1] is the share of fresh noise: 0 is
// deterministic, 1 has the posterior's variance.
func (d *DDPM) DDIM(eta float64) ([]CleanStep, error) {
	if !(eta >= 0 && eta <= 1) {
		return nil, fmt.Errorf("process: DDIM with eta %g: want a number in [0, 1]", eta)
	}
	return d.cleanSteps(func(t int) (clean, noise, fresh float64) {
		if t == 0 {
			return 1, 0, 0
		}
		previous := d.Marginal(t - 1)
		// 1-ᾱ_{t-1}-σ² with σ² = η²·β_t·(1-ᾱ_{t-1})/(1-ᾱ_t), without its cancellation
		s := d.SqrtOneMinusAlphasCumprod[t]
		noise = previous.Std * math.Sqrt(max(0, 1-eta*eta*d.Betas[t]/(s*s)))
		return previous.Mean, noise, eta * math.Sqrt(d.PosteriorVariance[t])
	}), nil
}

// Ancestral returns the steps of Ho et al. (2020), algorithm 2, from the
// noisiest to the clean image, without noise in the last.
func (d *DDPM) Ancestral(choice Variance) ([]CleanStep, error) {
	_, logs, err := d.Variances(choice)
	if err != nil {
		return nil, err
	}
	return d.cleanSteps(func(t int) (clean, noise, fresh float64) {
		if t == 0 {
			return 1, 0, 0
		}
		// c_1·x̂_0 + c_2·x_t with x_t = √ᾱ_t·x̂_0 + √(1-ᾱ_t)·ε̂
		m, c := d.Marginal(t), d.PosteriorMeanState[t]
		return d.PosteriorMeanClean[t] + c*m.Mean, c * m.Std, math.Exp(logs[t] / 2)
	}), nil
}

func (d *DDPM) cleanSteps(coefficients func(t int) (clean, noise, fresh float64)) []CleanStep {
	steps := make([]CleanStep, d.Steps())
	to := -1
	for t := range steps {
		clean, noise, fresh := coefficients(t)
		steps[t] = CleanStep{d.Timesteps[t], to, d.Marginal(t), clean, noise, fresh}
		to = d.Timesteps[t]
	}
	slices.Reverse(steps)
	return steps
}
