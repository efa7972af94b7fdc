package metric

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
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
	factorA, err := factor(a.Covariance)
	if err != nil {
		return 0, fmt.Errorf("metric: covariance of the first set: %w", err)
	}
	factorB, err := factor(b.Covariance)
	if err != nil {
		return 0, fmt.Errorf("metric: covariance of the second set: %w", err)
	}
	traceOfRoot := 0.0
	if factorA != nil && factorB != nil {
		var product mat.Dense
		product.Mul(factorA.T(), factorB)
		var svd mat.SVD
		if !svd.Factorize(&product, mat.SVDNone) {
			return 0, fmt.Errorf("metric: the singular values of the covariances' product did not converge")
		}
		traceOfRoot = floats.Sum(svd.Values(nil))
	}
	meanTerm := 0.0
	for i, m := range a.Mean {
		meanTerm += (m - b.Mean[i]) * (m - b.Mean[i])
	}
	return meanTerm + mat.Trace(a.Covariance) + mat.Trace(b.Covariance) - 2*traceOfRoot, nil
}

// factor returns F [features, rank] with FFᵀ = covariance, or nil for rank 0,
// by Cholesky factors with pivoting. It stops at pivots that rounding alone can
// explain, and refuses a matrix that F then does not reproduce.
func factor(covariance *mat.SymDense) (*mat.Dense, error) {
	dim := covariance.SymmetricDim()
	largest := 0.0
	for i := range dim {
		largest = max(largest, covariance.At(i, i))
	}
	const epsilon = 0x1p-52
	var cholesky mat.PivotedCholesky
	cholesky.Factorize(covariance, float64(dim)*epsilon*largest)
	rank := cholesky.Rank()

	remainder := mat.DenseCopyOf(covariance)
	var f *mat.Dense
	if rank > 0 {
		f = mat.NewDense(dim, rank, nil)
		u := cholesky.RawU()
		for column, row := range cholesky.ColumnPivots(nil) {
			for i := range min(column+1, rank) {
				f.Set(row, i, u.At(i, column))
			}
		}
		var product mat.Dense
		product.Mul(f, f.T())
		remainder.Sub(remainder, &product)
	}
	if unexplained := max(mat.Max(remainder), -mat.Min(remainder)); unexplained > 1e-6*largest {
		return nil, fmt.Errorf("it has a negative eigenvalue (an entry is %.3g away from any covariance, the largest variance is %.3g)", unexplained, largest)
	}
	return f, nil
}
