package process

import (
	"fmt"
	"math"
)

// DDPM is the discrete process of Ho, Jain and Abbeel (2020):
//
//	q(x_t | x_{t-1}) = N(√(1-β_t)·x_{t-1}, β_t),  t = 0 … len-1,
//
// where x_{-1} is the clean image. Every table has one entry a step and must
// not be changed. Digits that 1-ᾱ_t would lose near the clean image are kept by
// computing it from the sum of ln(1-β).
type DDPM struct {
	// Timesteps has the index of each step in the chain before respacing: what
	// a network trained on that chain must be told. 0, 1, 2, … if not respaced.
	Timesteps []int

	Betas                       []float64 // β_t
	AlphasCumprod               []float64 // ᾱ_t = Π_{s≤t} (1-β_s)
	SqrtAlphasCumprod           []float64 // √ᾱ_t, the marginal's mean
	SqrtOneMinusAlphasCumprod   []float64 // √(1-ᾱ_t), the marginal's deviation
	SqrtRecipAlphasCumprod      []float64 // √(1/ᾱ_t): x̂_0 = this·x_t - next·ε
	SqrtRecipM1AlphasCumprod    []float64 // √(1/ᾱ_t - 1)
	PosteriorMeanClean          []float64 // factor of x_0 in the mean of q(x_{t-1} | x_t, x_0)
	PosteriorMeanState          []float64 // factor of x_t in it
	PosteriorVariance           []float64 // variance of it; exactly 0 at t = 0
	PosteriorLogVarianceClipped []float64 // its natural logarithm, entry 0 replaced by entry 1

	logAlphasCumprod []float64 // ln ᾱ_t
}

// NewDDPM returns the process with these betas, each in (0, 1).
func NewDDPM(betas []float64) (*DDPM, error) {
	if len(betas) == 0 {
		return nil, fmt.Errorf("process: a DDPM needs at least one beta")
	}
	timesteps := make([]int, len(betas))
	logAlphasCumprod := make([]float64, len(betas))
	sum := 0.0
	for t, beta := range betas {
		if !(beta > 0 && beta < 1) {
			return nil, fmt.Errorf("process: beta %d of %d is %g: want a number in (0, 1)", t, len(betas), beta)
		}
		sum += math.Log1p(-beta)
		timesteps[t], logAlphasCumprod[t] = t, sum
	}
	if math.Exp(sum) == 0 {
		return nil, fmt.Errorf("process: the %d betas leave nothing of the image (alphas_cumprod underflows to 0): take smaller ones", len(betas))
	}
	return newDDPM(timesteps, betas, logAlphasCumprod), nil
}

// newDDPM fills the tables from betas and ln ᾱ that agree with one another.
func newDDPM(timesteps []int, betas, logAlphasCumprod []float64) *DDPM {
	n := len(betas)
	table := func(entry func(t int) float64) []float64 {
		out := make([]float64, n)
		for t := range out {
			out[t] = entry(t)
		}
		return out
	}
	logPrevious := func(t int) float64 { // ln ᾱ_{t-1}, with ᾱ_{-1} = 1
		if t == 0 {
			return 0
		}
		return logAlphasCumprod[t-1]
	}
	oneMinus := func(log float64) float64 { return -math.Expm1(log) } // 1-ᾱ

	d := &DDPM{Timesteps: timesteps, logAlphasCumprod: logAlphasCumprod}
	d.Betas = table(func(t int) float64 { return betas[t] })
	d.AlphasCumprod = table(func(t int) float64 { return math.Exp(logAlphasCumprod[t]) })
	d.SqrtAlphasCumprod = table(func(t int) float64 { return math.Exp(logAlphasCumprod[t] / 2) })
	d.SqrtOneMinusAlphasCumprod = table(func(t int) float64 { return math.Sqrt(oneMinus(logAlphasCumprod[t])) })
	d.SqrtRecipAlphasCumprod = table(func(t int) float64 { return math.Exp(-logAlphasCumprod[t] / 2) })
	d.SqrtRecipM1AlphasCumprod = table(func(t int) float64 { return math.Sqrt(math.Expm1(-logAlphasCumprod[t])) })
	// Ho et al. (2020), eq. 7.
	d.PosteriorMeanClean = table(func(t int) float64 {
		return math.Exp(logPrevious(t)/2) * betas[t] / oneMinus(logAlphasCumprod[t])
	})
	d.PosteriorMeanState = table(func(t int) float64 {
		return math.Sqrt(1-betas[t]) * oneMinus(logPrevious(t)) / oneMinus(logAlphasCumprod[t])
	})
	d.PosteriorVariance = table(func(t int) float64 {
		return betas[t] * oneMinus(logPrevious(t)) / oneMinus(logAlphasCumprod[t])
	})
	d.PosteriorLogVarianceClipped = table(func(t int) float64 {
		if t == 0 {
			return math.Log(d.firstVariance())
		}
		return math.Log(d.PosteriorVariance[t])
	})
	return d
}

// firstVariance stands in at t = 0, where the posterior's variance is 0: that
// of t = 1, or beta in a chain of one step.
func (d *DDPM) firstVariance() float64 {
	if len(d.PosteriorVariance) == 1 {
		return d.Betas[0]
	}
	return d.PosteriorVariance[1]
}

// Steps is the length of the chain.
func (d *DDPM) Steps() int { return len(d.Betas) }

// Marginal is q(x_t | x_0) at step t in [0, Steps).
func (d *DDPM) Marginal(t int) Marginal {
	return Marginal{Mean: d.SqrtAlphasCumprod[t], Std: d.SqrtOneMinusAlphasCumprod[t]}
}

// Variance names the variance of a reverse step that is not learned.
type Variance string

// The two choices of Ho et al. (2020), section 3.2, as guided-diffusion has
// them at t = 0. FixedLarge is β_t, but at t = 0 the posterior's variance of
// t = 1. FixedSmall is the posterior's variance, 0 at t = 0; its logarithm there
// is that of t = 1.
const (
	FixedLarge Variance = "fixed-large"
	FixedSmall Variance = "fixed-small"
)

// Variances returns the variance of the reverse step at each t and its
// logarithm as used for sampling. The empty choice is FixedLarge.
func (d *DDPM) Variances(choice Variance) (variances, logs []float64, err error) {
	switch choice {
	case FixedLarge, "":
		variances = append([]float64{d.firstVariance()}, d.Betas[1:]...)
		logs = make([]float64, len(variances))
		for t, v := range variances {
			logs[t] = math.Log(v)
		}
		return variances, logs, nil
	case FixedSmall:
		return append([]float64{}, d.PosteriorVariance...), append([]float64{}, d.PosteriorLogVarianceClipped...), nil
	}
	return nil, nil, fmt.Errorf("process: variance %q: want %q or %q", choice, FixedLarge, FixedSmall)
}
