package metric

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// NeighbourhoodOptions tunes Neighbourhood. The zero value takes 5 neighbours
// and open balls.
type NeighbourhoodOptions struct {
	Neighbours int  // 0 means 5
	Closed     bool // count a sample on the surface of a ball (Kynkäänniemi et al.) too
}

// NeighbourhoodScores compares two feature sets by balls around their samples
// that reach to the k-th nearest other sample of the same set.
type NeighbourhoodScores struct {
	Precision float64 // share of generated samples inside a real ball (Kynkäänniemi et al. 2019)
	Recall    float64 // share of real samples inside a generated ball
	Density   float64 // mean number of real balls around a generated sample, over k (Naeem et al. 2020); may exceed 1
	Coverage  float64 // share of real balls with a generated sample inside
}

// Neighbourhood compares feature sets [samples, features], each of more
// samples than neighbours. A ball of radius 0, around duplicates, contains
// nothing unless Closed. The time is quadratic in samples.
func Neighbourhood(real, generated *mat.Dense, options NeighbourhoodOptions) (NeighbourhoodScores, error) {
	k := options.Neighbours
	if k == 0 {
		k = 5
	}
	if k < 0 {
		return NeighbourhoodScores{}, fmt.Errorf("metric: %d neighbours, want 1 or more", k)
	}
	if err := checkFeatures(k+1, "the real set", real, "the generated set", generated); err != nil {
		return NeighbourhoodScores{}, err
	}
	inside := func(distance, radius float64) bool {
		return distance < radius || options.Closed && distance == radius
	}
	realRadii, generatedRadii := radii(real, k), radii(generated, k)
	n, m := len(realRadii), len(generatedRadii)
	covered, recalled := make([]bool, n), make([]bool, n)
	precise, balls := 0, 0
	for j := range m {
		within := 0
		for i := range n {
			d := squaredDistance(real.RawRowView(i), generated.RawRowView(j))
			if inside(d, realRadii[i]) {
				within++
				covered[i] = true
			}
			if inside(d, generatedRadii[j]) {
				recalled[i] = true
			}
		}
		balls += within
		if within > 0 {
			precise++
		}
	}
	return NeighbourhoodScores{
		Precision: float64(precise) / float64(m),
		Recall:    share(recalled),
		Density:   float64(balls) / float64(k*m),
		Coverage:  share(covered),
	}, nil
}

// radii are the squared distances from each row to its k-th nearest other row.
func radii(x *mat.Dense, k int) []float64 {
	samples, _ := x.Dims()
	out := make([]float64, samples)
	distances := make([]float64, samples)
	for i := range samples {
		for j := range samples {
			distances[j] = squaredDistance(x.RawRowView(i), x.RawRowView(j))
		}
		slices.Sort(distances)
		out[i] = distances[k] // the 0-th is the row itself
	}
	return out
}

func share(flags []bool) float64 {
	set := 0
	for _, f := range flags {
		if f {
			set++
		}
	}
	return float64(set) / float64(len(flags))
}
