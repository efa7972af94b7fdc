package process

import (
	"fmt"
	"math"
)

// Respace returns the process that visits only steps of d's timesteps in equal
// strides, 0, k, 2k, … with k = d.Steps()/steps (rounded down one by one where
// that is no integer). All steps give d again, to the last digit.
func (d *DDPM) Respace(steps int) (*DDPM, error) {
	timesteps, err := EqualStride(d.Steps(), steps)
	if err != nil {
		return nil, err
	}
	return d.Subset(timesteps)
}

// Subset returns the process that visits only the given steps of d, which must
// increase and lie in [0, d.Steps()). Its marginals are those of d; its betas
// are 1 - ᾱ_t/ᾱ_previous, so it is a DDPM in its own right (Nichol and Dhariwal
// 2021, section 4; SpacedDiffusion in guided-diffusion).
func (d *DDPM) Subset(steps []int) (*DDPM, error) {
	if len(steps) == 0 {
		return nil, fmt.Errorf("process: respacing to no steps: want at least 1")
	}
	timesteps := make([]int, len(steps))
	betas := make([]float64, len(steps))
	logs := make([]float64, len(steps))
	previous, logPrevious := -1, 0.0
	for i, t := range steps {
		if t <= previous || t >= d.Steps() {
			return nil, fmt.Errorf("process: respacing: step %d follows %d: want increasing steps in [0, %d)", t, previous, d.Steps())
		}
		timesteps[i], logs[i] = d.Timesteps[t], d.logAlphasCumprod[t]
		if t == previous+1 {
			betas[i] = d.Betas[t] // the same number, not one that rounds differently
		} else {
			betas[i] = -math.Expm1(logs[i] - logPrevious)
		}
		previous, logPrevious = t, logs[i]
	}
	return newDDPM(timesteps, betas, logs), nil
}

// EqualStride returns count of total timesteps, ⌊i·total/count⌋ for i = 0 …
// count-1: the spacing of the DDIM paper (appendix D.2, linear). The last
// timestep is left out unless count = total, so for few steps a sampler starts
// a stride below pure noise: see [BothEnds].
func EqualStride(total, count int) ([]int, error) {
	if count < 1 || count > total {
		return nil, fmt.Errorf("process: %d of %d timesteps: want 1 to %d", count, total, total)
	}
	out := make([]int, count)
	for i := range out {
		out[i] = i * total / count
	}
	return out, nil
}

// BothEnds returns count of total timesteps from 0 to total-1 inclusive, spaced
// as evenly as rounding allows (ties to even), as space_timesteps of
// guided-diffusion does for one section. A single step is the last one here,
// since a sampler can start nowhere else.
func BothEnds(total, count int) ([]int, error) {
	if count < 1 || count > total {
		return nil, fmt.Errorf("process: %d of %d timesteps: want 1 to %d", count, total, total)
	}
	if count == 1 {
		return []int{total - 1}, nil
	}
	out := make([]int, count)
	for i := range out {
		out[i] = int(math.RoundToEven(float64(i) * float64(total-1) / float64(count-1)))
	}
	return out, nil
}
