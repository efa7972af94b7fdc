package process

import (
	"fmt"
	"math"
)

// linearBeta is β(t) = β_min + t·(β_max - β_min), which VP and sub-VP share.
type linearBeta struct {
	betaMin, betaMax float64
	steps            int
}

func newLinearBeta(name string, betaMin, betaMax float64, steps int) (linearBeta, error) {
	if !(betaMin > 0 && betaMin <= betaMax && betaMax <= math.MaxFloat64) || steps < 2 {
		return linearBeta{}, fmt.Errorf("process: %s from beta %g to %g in %d steps: want 0 < min <= max and at least 2 steps", name, betaMin, betaMax, steps)
	}
	return linearBeta{betaMin, betaMax, steps}, nil
}

func (b linearBeta) at(t float64) float64 { return b.betaMin + t*(b.betaMax-b.betaMin) }

// logMean is ln m(t) = -½∫_0^t β, the logarithm of the marginal's mean.
func (b linearBeta) logMean(t float64) float64 {
	return -t*t*(b.betaMax-b.betaMin)/4 - t*b.betaMin/2
}

// VP is the variance-preserving process, the limit of [DDPM] in many steps:
// m(t)² + std(t)² = 1. Its discretisation is that of DDPM.
type VP struct{ beta linearBeta }

// NewVP wants 0 < betaMin ≤ betaMax < steps (so that each discrete beta,
// β(t)/steps, is below 1) and at least 2 steps. Song et al. take 0.1, 20 and
// 1000.
func NewVP(betaMin, betaMax float64, steps int) (VP, error) {
	beta, err := newLinearBeta("VP", betaMin, betaMax, steps)
	if err == nil && betaMax >= float64(steps) {
		err = fmt.Errorf("process: VP with beta up to %g in %d steps: discrete betas reach %g; take more than %g steps", betaMax, steps, betaMax/float64(steps), betaMax)
	}
	return VP{beta}, err
}

// Marginal has mean m(t) and deviation √(1 - m(t)²).
func (p VP) Marginal(t float64) Marginal {
	log := p.beta.logMean(t)
	return Marginal{Mean: math.Exp(log), Std: math.Sqrt(-math.Expm1(2 * log))}
}

// Dynamics has drift -β(t)/2 and diffusion √β(t).
func (p VP) Dynamics(t float64) Dynamics {
	beta := p.beta.at(t)
	return Dynamics{Drift: -beta / 2, Diffusion: math.Sqrt(beta)}
}

// Discretize is the step of a DDPM with β_i = β(i/(N-1))/N: drift
// √(1-β_i) - 1 and diffusion √β_i.
func (p VP) Discretize(at Instant) Dynamics {
	beta := p.DiscreteBeta(at.Index)
	return Dynamics{Drift: math.Expm1(math.Log1p(-beta) / 2), Diffusion: math.Sqrt(beta)}
}

// DiscreteBeta is β_i of the discretisation.
func (p VP) DiscreteBeta(i int) float64 {
	n := float64(p.beta.steps)
	return p.beta.at(float64(i)/(n-1)) / n
}

// Ancestral is the reverse step of the discretisation with variance β_i, Song
// et al. (2021), eq. 4.
func (p VP) Ancestral(at Instant) ScoreStep {
	beta := p.DiscreteBeta(at.Index)
	root := math.Sqrt(1 - beta)
	return ScoreStep{State: 1 / root, Score: beta / root, Fresh: math.Sqrt(beta)}
}

// Steps is the number of discretisation steps.
func (p VP) Steps() int { return p.beta.steps }

// PriorStd is 1.
func (p VP) PriorStd() float64 { return 1 }

// SubVP is the sub-VP process: the mean of [VP] with the smaller deviation
// 1 - m(t)². Its discretisation is Euler and Maruyama's.
type SubVP struct{ beta linearBeta }

// NewSubVP wants 0 < betaMin ≤ betaMax and at least 2 steps. Song et al. take
// 0.1, 20 and 1000.
func NewSubVP(betaMin, betaMax float64, steps int) (SubVP, error) {
	beta, err := newLinearBeta("sub-VP", betaMin, betaMax, steps)
	return SubVP{beta}, err
}

// Marginal has mean m(t) and deviation 1 - m(t)².
func (p SubVP) Marginal(t float64) Marginal {
	log := p.beta.logMean(t)
	return Marginal{Mean: math.Exp(log), Std: -math.Expm1(2 * log)}
}

// Dynamics has drift -β(t)/2 and diffusion √(β(t)·(1 - m(t)⁴)).
func (p SubVP) Dynamics(t float64) Dynamics {
	beta := p.beta.at(t)
	return Dynamics{Drift: -beta / 2, Diffusion: math.Sqrt(-beta * math.Expm1(4*p.beta.logMean(t)))}
}

// Discretize takes [SubVP.Dynamics] for the time 1/N.
func (p SubVP) Discretize(at Instant) Dynamics {
	d, n := p.Dynamics(at.Time), float64(p.beta.steps)
	return Dynamics{Drift: d.Drift / n, Diffusion: d.Diffusion / math.Sqrt(n)}
}

// Steps is the number of discretisation steps.
func (p SubVP) Steps() int { return p.beta.steps }

// PriorStd is 1.
func (p SubVP) PriorStd() float64 { return 1 }
