package augment

import (
	"math/bits"
	"math/rand/v2"
)

// random gives the numbers of one decision.
type random struct{ generator rand.PCG }

// decision is what random numbers are for. Each has numbers of its own for every
// step and image, so that a changed probability leaves the other decisions alone.
type decision uint64

const (
	jitterOrder decision = iota + 1
	jitterImage
	cropBatch
	cropImage
	rotation
	flipping
	contrast
	sharpness
	brightness
	mixupBatch
	mixupImage
)

// begin turns to a decision on an image of a step, or on the whole batch with image 0.
// The key is mixed as SplitMix64 does, since keys next to each other must have nothing in common.
func (r *random) begin(seed uint64, of decision, step, image int) {
	key := uint64(of)<<56 | uint64(step)<<24 | uint64(image)
	key += 0x9e3779b97f4a7c15
	key = (key ^ key>>30) * 0xbf58476d1ce4e5b9
	key = (key ^ key>>27) * 0x94d049bb133111eb
	r.generator.Seed(seed, key^key>>31)
}

// unit is even in [0, 1).
func (r *random) unit() float64 { return float64(r.generator.Uint64()>>11) / (1 << 53) }

func (r *random) chance(probability float64) bool { return r.unit() < probability }

func (r *random) between(low, high float64) float64 { return low + (high-low)*r.unit() }

// below is even in 0 … n−1.
func (r *random) below(n int) int {
	high, _ := bits.Mul64(r.generator.Uint64(), uint64(n))
	return int(high)
}

// permute fills order with a random permutation (Fisher and Yates).
func (r *random) permute(order []int) {
	for i := range order {
		order[i] = i
	}
	for i := len(order) - 1; i > 0; i-- {
		j := r.below(i + 1)
		order[i], order[j] = order[j], order[i]
	}
}
