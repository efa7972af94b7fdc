package process

import (
	"fmt"
	"math"
)

// VE is the variance-exploding process: the image stays and noise of deviation
// σ(t) = σ_min·(σ_max/σ_min)^t is added. Its discretisation is that of SMLD.
type VE struct {
	sigmaMin, sigmaMax float64
	steps              int
}

// NewVE wants 0 < sigmaMin < sigmaMax and at least 2 steps. Song et al. take
// 0.01, 50 and 1000 for CIFAR-10.
func NewVE(sigmaMin, sigmaMax float64, steps int) (VE, error) {
	if !(sigmaMin > 0 && sigmaMin < sigmaMax && sigmaMax <= math.MaxFloat64) || steps < 2 {
		return VE{}, fmt.Errorf("process: VE from sigma %g to %g in %d steps: want 0 < min < max and at least 2 steps", sigmaMin, sigmaMax, steps)
	}
	return VE{sigmaMin, sigmaMax, steps}, nil
}

func (p VE) logRatio() float64 { return math.Log(p.sigmaMax / p.sigmaMin) }

// Sigma is the deviation of the noise at time t.
func (p VE) Sigma(t float64) float64 { return p.sigmaMin * math.Exp(t*p.logRatio()) }

// Time is when the noise has deviation sigma: the inverse of [VE.Sigma].
func (p VE) Time(sigma float64) float64 { return math.Log(sigma/p.sigmaMin) / p.logRatio() }

// UniformSigma maps u in [0, 1] to a deviation that is uniform for a uniform u,
// and to its time: how DRL (Diffusion-based Representation Learning, Abstreiter
// et al. 2021) draws the times of its training, where [VE.Sigma] of a uniform
// time would favour small deviations.
func (p VE) UniformSigma(u float64) (sigma, t float64) {
	sigma = p.sigmaMin + u*(p.sigmaMax-p.sigmaMin)
	return sigma, p.Time(sigma)
}

// Marginal has mean 1 and deviation σ(t).
func (p VE) Marginal(t float64) Marginal { return Marginal{Mean: 1, Std: p.Sigma(t)} }

// Dynamics has no drift and diffusion σ(t)·√(2 ln(σ_max/σ_min)).
func (p VE) Dynamics(t float64) Dynamics {
	return Dynamics{Diffusion: p.Sigma(t) * math.Sqrt(2*p.logRatio())}
}

// Discretize adds noise of variance σ_i² - σ_{i-1}², where σ_i are geometric
// from σ_min to σ_max and σ_{-1} = 0.
func (p VE) Discretize(at Instant) Dynamics {
	added, _ := p.levels(at.Index)
	return Dynamics{Diffusion: added}
}

// levels returns √(σ_i² - σ_{i-1}²) and σ_{i-1}/σ_i. The difference is taken as
// σ_i²·(1 - r²) with the constant ratio r, which does not cancel.
func (p VE) levels(i int) (added, ratio float64) {
	sigma := p.Sigma(float64(i) / float64(p.steps-1))
	if i == 0 {
		return sigma, 0
	}
	logRatio := -p.logRatio() / float64(p.steps-1)
	return sigma * math.Sqrt(-math.Expm1(2*logRatio)), math.Exp(logRatio)
}

// Ancestral is the reverse step of the discretisation with the posterior's
// variance, Song et al. (2021), appendix F.
func (p VE) Ancestral(at Instant) ScoreStep {
	added, ratio := p.levels(at.Index)
	return ScoreStep{State: 1, Score: added * added, Fresh: added * ratio}
}

// Steps is the number of discretisation steps.
func (p VE) Steps() int { return p.steps }

// PriorStd is σ_max.
func (p VE) PriorStd() float64 { return p.sigmaMax }
