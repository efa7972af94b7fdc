package engine

import (
	"fmt"
	"math/rand"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// RandomState is the state of the device's random numbers for one step of a
// seeded computation. It depends on seed and step alone, so that a computation
// can resume at any step.
func RandomState(seed, step uint64) (*tensors.Tensor, error) {
	state, err := graph.RNGStateFromSeed(mix(seed, step))
	if err != nil {
		return nil, fmt.Errorf("engine: random state: %s", firstLine(err))
	}
	return state, nil
}

// RandomStateShape is the shape of a random state.
var RandomStateShape = graph.RNGStateShape

// RandomWords are the numbers of RandomState's tensor. The source, which
// rand.NewSource makes, is seeded anew: nothing is allocated.
func RandomWords(source rand.Source64, seed, step uint64) [3]uint64 {
	source.Seed(mix(seed, step))
	return [3]uint64{source.Uint64(), source.Uint64(), source.Uint64()}
}

// mix is SplitMix64 (Steele et al. 2014), which spreads neighbouring seeds and steps.
func mix(seed, step uint64) int64 {
	z := seed*0x9e3779b97f4a7c15 + step + 1
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return int64(z ^ (z >> 31))
}
