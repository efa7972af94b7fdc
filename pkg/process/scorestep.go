package process

import "math"

// ScoreStep is one step of a sampler that is told the score s at x:
//
//	mean   = State·x + Score·s
//	x_next = mean + Fresh·z,  z ~ N(0, 1)
//
// A sampler's last step returns the mean.
type ScoreStep struct{ State, Score, Fresh float64 }

// Mean returns the state before noise is added.
func (s ScoreStep) Mean(x, score float64) float64 { return s.State*x + s.Score*score }

// Next returns the state after it.
func (s ScoreStep) Next(x, score, fresh float64) float64 { return s.Mean(x, score) + s.Fresh*fresh }

// Flow is the deterministic step of the probability flow: half the score and no
// noise. It is meant for the steps of [ReverseDiffusion] and [EulerMaruyama].
func (s ScoreStep) Flow() ScoreStep { return ScoreStep{State: s.State, Score: s.Score / 2} }

// ReverseDiffusion undoes one step of the process's own discretisation, Song et
// al. (2021), appendix E.
func ReverseDiffusion(sde SDE, at Instant) ScoreStep { return reversed(sde.Discretize(at)) }

// EulerMaruyama follows the reverse SDE from time t for the time 1/N.
func EulerMaruyama(sde SDE, t float64) ScoreStep {
	d, n := sde.Dynamics(t), float64(sde.Steps())
	return reversed(Dynamics{Drift: d.Drift / n, Diffusion: d.Diffusion / math.Sqrt(n)})
}

func reversed(d Dynamics) ScoreStep {
	return ScoreStep{State: 1 - d.Drift, Score: d.Diffusion * d.Diffusion, Fresh: d.Diffusion}
}

// Langevin is one corrector step of annealed Langevin dynamics, Song et al.
// (2021), algorithms 4 and 5, with step size
//
//	e = 2·alpha·(snr·noiseNorm/scoreNorm)².
//
// Alpha is 1 for [VE] and 1-β_i for [VP]. The norms are Euclidean over an
// example and averaged over the batch before they are divided. Snr is 0.16 in
// the paper's experiments.
func Langevin(alpha, snr, noiseNorm, scoreNorm float64) ScoreStep {
	r := snr * noiseNorm / scoreNorm
	e := 2 * alpha * r * r
	return ScoreStep{State: 1, Score: e, Fresh: math.Sqrt(2 * e)}
}
