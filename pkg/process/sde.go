package process

import (
	"fmt"
	"math"
)

// SDE is a process in continuous time t in [0, 1],
//
//	dx = Drift(t)·x dt + Diffusion(t) dw,
//
// after Song et al. (2021), "Score-based generative modeling through
// stochastic differential equations", whose appendices B and C have the
// formulas.
type SDE interface {
	// Marginal is q(x_t | x_0).
	Marginal(t float64) Marginal
	// Dynamics has the coefficients of dt and dw.
	Dynamics(t float64) Dynamics
	// Discretize has the coefficients of one step forward.
	Discretize(at Instant) Dynamics
	// Steps is the number N of discretisation steps.
	Steps() int
	// PriorStd is the deviation of the prior N(0, PriorStd²) at t = 1.
	PriorStd() float64
}

// Dynamics is how x moves: by Drift·x and by noise of deviation Diffusion, in a
// unit of time or, discretised, in one step.
type Dynamics struct{ Drift, Diffusion float64 }

// Reverse is the drift of the reversed process, Drift·x - Diffusion²·score. Its
// noise keeps the deviation Diffusion.
func (d Dynamics) Reverse(x, score float64) float64 {
	return d.Drift*x - d.Diffusion*d.Diffusion*score
}

// Flow is the drift of the probability-flow ODE, which has the same marginals
// and no noise: Drift·x - Diffusion²·score/2.
func (d Dynamics) Flow(x, score float64) float64 {
	return d.Drift*x - d.Diffusion*d.Diffusion*score/2
}

// Instant is a time together with the index of its discretisation step. The
// index is carried and not computed from the time, because a rounded time can
// fall into the step below.
type Instant struct {
	Time  float64 // in [0, 1]
	Index int     // in [0, N)
}

// InstantAt finds the step of any time in [0, 1] among n: ⌊t·(n-1)⌋.
func InstantAt(t float64, n int) Instant {
	return Instant{Time: t, Index: int(math.Floor(t * float64(n-1)))}
}

// Grid returns the n ≥ 2 instants that a predictor-corrector sampler visits,
// from time 1 to epsilon in equal distances and from index n-1 to 0.
func Grid(n int, epsilon float64) ([]Instant, error) {
	if n < 2 || !(epsilon >= 0 && epsilon < 1) {
		return nil, fmt.Errorf("process: grid of %d times down to %g: want at least 2 times and an end in [0, 1)", n, epsilon)
	}
	grid := make([]Instant, n)
	for i := range grid {
		grid[i] = Instant{Time: 1 - float64(i)*(1-epsilon)/float64(n-1), Index: n - 1 - i}
	}
	return grid, nil
}

// PriorLogDensity is ln N(x; 0, PriorStd²·I) in nats.
func PriorLogDensity(sde SDE, x []float64) float64 {
	std, squares := sde.PriorStd(), 0.0
	for _, v := range x {
		squares += v * v
	}
	return -float64(len(x))/2*math.Log(2*math.Pi*std*std) - squares/(2*std*std)
}
