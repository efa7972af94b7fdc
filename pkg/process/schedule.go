package process

import (
	"fmt"
	"math"
)

// Ends of the linear schedule for 1000 steps, for [ScaledLinear]. Ho et al.
// (2020) go from HoFirst to HoLast; the public code of Joint Diffusion (Deja
// et al. 2023) starts ten times higher.
const (
	HoFirst    = 1e-4
	HoLast     = 0.02
	JointFirst = 1e-3
)

// Linear returns steps betas in equal distances from first to last inclusive.
// Both ends must lie in (0, 1).
func Linear(steps int, first, last float64) ([]float64, error) {
	if steps < 1 {
		return nil, fmt.Errorf("process: linear schedule of %d steps: want at least 1", steps)
	}
	for _, beta := range []float64{first, last} {
		if !(beta > 0 && beta < 1) {
			return nil, fmt.Errorf("process: linear schedule from %g to %g over %d steps: every beta must lie in (0, 1); take more steps, smaller ends or the cosine schedule", first, last, steps)
		}
	}
	betas := make([]float64, steps)
	betas[0] = first
	for i := 1; i < steps; i++ {
		betas[i] = first + float64(i)*(last-first)/float64(steps-1)
	}
	return betas, nil
}

// ScaledLinear is [Linear] with ends meant for 1000 steps, scaled by
// 1000/steps so that about as much noise is added in all: from
// first·1000/steps to last·1000/steps. With Ho's ends it fails for 20 steps or
// fewer; [DDPM.Respace] a longer chain then.
func ScaledLinear(steps int, first, last float64) ([]float64, error) {
	scale := 1000 / float64(max(steps, 1))
	return Linear(steps, first*scale, last*scale)
}

// Cosine returns the schedule of Nichol and Dhariwal (2021), eq. 17: betas
// with ᾱ_t = f(t)/f(0), f(t) = cos²((t/T + 0.008)/1.008 · π/2), each capped at
// 0.999.
func Cosine(steps int) ([]float64, error) {
	if steps < 1 {
		return nil, fmt.Errorf("process: cosine schedule of %d steps: want at least 1", steps)
	}
	f := func(t int) float64 {
		c := math.Cos((float64(t)/float64(steps) + 0.008) / 1.008 * math.Pi / 2)
		return c * c
	}
	betas := make([]float64, steps)
	for t := range betas {
		betas[t] = min(1-f(t+1)/f(t), 0.999)
	}
	return betas, nil
}
