package sample

import "math/rand/v2"

// priorNoise draws n standard normal numbers.
func priorNoise(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0x6e6f697365)) // "noise"
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}
