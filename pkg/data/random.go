package data

import (
	"math/bits"
	"math/rand/v2"
)

// stream separates the uses of one seed, so that a batch order says nothing about a split made with the same seed.
type stream uint64

const (
	splitStream stream = iota + 1
	maskStream
	batchStream
	sheetStream
	testStream
)

// shuffle permutes values in place, as a function of seed, stream and number (a class or an epoch) alone and for good: the
// generator is PCG-DXSM seeded with (seed, stream·2⁴⁸ + number), and the permutation is Fisher and Yates's from the last
// element down, where the partner of element i is the high word of the 128-bit product of the next 64 random bits and
// i + 1. (The shuffle of math/rand/v2 is not used because its use of the bits may change.)
func shuffle(values []int, seed uint64, use stream, number uint64) {
	generator := rand.NewPCG(seed, uint64(use)<<48+number)
	for i := len(values) - 1; i > 0; i-- {
		j, _ := bits.Mul64(generator.Uint64(), uint64(i+1))
		values[i], values[j] = values[j], values[i]
	}
}
