package metric

import (
	"cmp"
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// FID is the Fréchet distance of the Gaussians fitted to two feature sets
// [samples, features] (Heusel et al. 2017, eq. 6): 0 for equal sets,
// symmetric, in squared units of a feature. It holds for fewer samples than
// features too, but is biased upwards by few samples: compare only distances
// of one sample count. Each set needs two samples and no NaN or infinity.
func FID(real, generated *mat.Dense) (Score, error) {
	realGaussian, generatedGaussian, err := fitBoth(real, generated)
	if err != nil {
		return Score{}, err
	}
	return FIDOfStatistics(realGaussian, generatedGaussian)
}

// FIDOfStatistics is FID from means and covariances, such as the .npz files
// that pytorch-fid and clean-fid keep. Samples may be 0 for unknown.
func FIDOfStatistics(real, generated Gaussian) (Score, error) {
	distance, err := FrechetDistance(real, generated)
	if err != nil {
		return Score{}, err
	}
	score := Score{
		Name: "FID", Value: distance, N: map[string]int{},
		Settings: map[string]any{"features": len(real.Mean), "covariance": "divisor n-1, float64"},
	}
	few := 0
	for of, samples := range map[string]int{"real": real.Samples, "generated": generated.Samples} {
		if samples == 0 {
			continue
		}
		score.N[of] = samples
		if samples <= len(real.Mean) {
			few++
		}
	}
	if few > 0 {
		score.Notes = []string{"no more samples than features: a covariance is singular and the distance is biased far upwards"}
	}
	return score, nil
}

// fitBoth checks and fits a pair of feature sets.
func fitBoth(real, generated *mat.Dense) (realGaussian, generatedGaussian Gaussian, err error) {
	if err := checkFeatures(2, "the real set", real, "the generated set", generated); err != nil {
		return Gaussian{}, Gaussian{}, err
	}
	if realGaussian, err = FitGaussian(real); err != nil {
		return Gaussian{}, Gaussian{}, err
	}
	generatedGaussian, err = FitGaussian(generated)
	return realGaussian, generatedGaussian, err
}

// FrechetDistance is ‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2(Σ_aΣ_b)^½), the squared
// 2-Wasserstein distance of two Gaussians. A covariance may be singular;
// one with a clearly negative eigenvalue is an error.
//
// The trace of the root is the sum of the singular values of AᵀB for any
// factors Σ_a = AAᵀ and Σ_b = BBᵀ. Unlike a root of Σ_aΣ_b that takes no root
// of a rounding error, so singular covariances cost no digits.
func FrechetDistance(a, b Gaussian) (float64, error) {
	if err := a.check("the first set"); err != nil {
		return 0, err
	}
	if err := b.check("the second set"); err != nil {
		return 0, err
	}
	if len(a.Mean) != len(b.Mean) {
		return 0, fmt.Errorf("metric: Fréchet distance of %d and %d features; both sets must come from one network", len(a.Mean), len(b.Mean))
	}
	var factors [2]*mat.Dense
	var errs [2]error
	dense.Parallel(2, func(i int) {
		set := []struct {
			name string
			of   Gaussian
		}{{"first", a}, {"second", b}}[i]
		if factors[i], errs[i] = factor(set.of.Covariance); errs[i] != nil {
			errs[i] = fmt.Errorf("metric: covariance of the %s set: %w", set.name, errs[i])
		}
	})
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		return 0, err
	}
	traceOfRoot, err := nuclearNorm(factors[0], factors[1])
	if err != nil {
		return 0, err
	}
	meanTerm := 0.0
	for i, m := range a.Mean {
		meanTerm += (m - b.Mean[i]) * (m - b.Mean[i])
	}
	return meanTerm + mat.Trace(a.Covariance) + mat.Trace(b.Covariance) - 2*traceOfRoot, nil
}

// factor returns F [features, rank] with FFᵀ = covariance, or nil for rank 0,
// and refuses a matrix that has no such factor.
func factor(covariance *mat.SymDense) (*mat.Dense, error) {
	f, unexplained := dense.SemidefiniteFactor(covariance)
	largest := 0.0
	for i := range covariance.SymmetricDim() {
		largest = max(largest, covariance.At(i, i))
	}
	if unexplained > 1e-6*largest {
		return nil, fmt.Errorf("it has a negative eigenvalue (an entry is %.3g away from any covariance, the largest variance is %.3g)", unexplained, largest)
	}
	return f, nil
}

// nuclearNorm is the sum of the singular values of aᵀb; nil stands for 0.
func nuclearNorm(a, b *mat.Dense) (float64, error) {
	if a == nil || b == nil {
		return 0, nil
	}
	_, rankA := a.Dims()
	_, rankB := b.Dims()
	product := mat.NewDense(rankA, rankB, nil)
	loaded, err := dense.Load(a)
	if err != nil {
		return 0, fmt.Errorf("metric: product of the covariances: %w", err)
	}
	defer loaded.Release()
	if err := loaded.MulTrans(product, b); err != nil {
		return 0, fmt.Errorf("metric: product of the covariances: %w", err)
	}
	values, err := dense.SingularValues(product)
	if err != nil {
		return 0, fmt.Errorf("metric: product of the covariances: %w", err)
	}
	return floats.Sum(values), nil
}
