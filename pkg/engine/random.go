package engine

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// RandomState is the state of the device's random numbers for one step of a
// seeded computation. It depends on seed and step alone, so that a computation
// can resume at any step.
func RandomState(seed, step uint64) (*tensors.Tensor, error) {
	// SplitMix64 (Steele et al. 2014) spreads neighbouring seeds and steps.
	z := seed*0x9e3779b97f4a7c15 + step + 1
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	state, err := graph.RNGStateFromSeed(int64(z ^ (z >> 31)))
	if err != nil {
		return nil, fmt.Errorf("engine: random state: %s", firstLine(err))
	}
	return state, nil
}
