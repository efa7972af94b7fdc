package metric

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// FIDInfinityOptions tunes FIDInfinity. The zero value is the paper's protocol.
type FIDInfinityOptions struct {
	Points   int // sample counts at which FID is taken, 2 or more; 0 means 15
	Smallest int // the lowest count, 2 or more; 0 means a tenth of the samples (the paper's 5,000 of 50,000)
	Seed     uint64
}

// Extrapolation is FID as a line over 1/n.
type Extrapolation struct {
	Score            // the line at 1/n = 0
	Counts []int     // [points] generated samples, ascending
	FIDs   []float64 // [points]
	Slope  float64   // of FID over 1/n
	R2     float64   // share of the points' variance that the line explains; 1 when they have none
}

// FIDInfinity extrapolates FID to infinitely many generated samples (Chong and
// Forsyth 2020): FID at Points evenly spaced sample counts, each from a random
// subset of generated [samples, features] against all of real, and a
// least-squares line over 1/n. It takes away most of the bias of few samples,
// for counts well above the number of features; the real set keeps its own.
func FIDInfinity(real, generated *mat.Dense, options FIDInfinityOptions) (Extrapolation, error) {
	if err := checkFeatures(2, "the real set", real, "the generated set", generated); err != nil {
		return Extrapolation{}, err
	}
	realGaussian, err := FitGaussian(real)
	if err != nil {
		return Extrapolation{}, err
	}
	return FIDInfinityOfStatistics(realGaussian, generated, options)
}

// FIDInfinityOfStatistics is FIDInfinity against the statistics of a real set.
func FIDInfinityOfStatistics(real Gaussian, generated *mat.Dense, options FIDInfinityOptions) (Extrapolation, error) {
	samples, features := generated.Dims()
	if options.Points == 0 {
		options.Points = 15
	}
	if options.Smallest == 0 {
		options.Smallest = max(2, samples/10)
	}
	if options.Points < 2 || options.Smallest < 2 || options.Smallest+options.Points-1 > samples {
		return Extrapolation{}, fmt.Errorf("metric: FID∞ from %d sample counts between %d and %d; want 2 different counts or more, of 2 samples or more", options.Points, options.Smallest, samples)
	}
	e := Extrapolation{Counts: make([]int, options.Points), FIDs: make([]float64, options.Points)}
	random := rand.New(rand.NewPCG(options.Seed, 0))
	reciprocals := make([]float64, options.Points)
	for p := range e.Counts {
		count := options.Smallest + p*(samples-options.Smallest)/(options.Points-1)
		subset, err := FitGaussian(Rows(generated, random.Perm(samples)[:count]))
		if err != nil {
			return Extrapolation{}, err
		}
		if e.FIDs[p], err = FrechetDistance(real, subset); err != nil {
			return Extrapolation{}, err
		}
		e.Counts[p], reciprocals[p] = count, 1/float64(count)
	}
	intercept, slope := stat.LinearRegression(reciprocals, e.FIDs, nil, false)
	e.Slope, e.R2 = slope, 1
	if stat.Variance(e.FIDs, nil) > 0 {
		e.R2 = stat.RSquared(reciprocals, e.FIDs, nil, intercept, slope)
	}
	e.Score = Score{
		Name: "FID∞", Value: intercept, N: map[string]int{"generated": samples},
		Settings: map[string]any{
			"features": features, "covariance": "divisor n-1, float64",
			"points": options.Points, "smallest count": options.Smallest, "seed": options.Seed,
		},
	}
	if real.Samples > 0 {
		e.N["real"] = real.Samples
	}
	if options.Smallest <= features {
		e.Notes = []string{"some counts have no more samples than features, where FID is not linear in 1/n: take a larger smallest count"}
	}
	return e, nil
}
