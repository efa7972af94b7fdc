package metric

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Principal holds the principal components of a sample set, the one of most
// variance first. The sign of a component is arbitrary.
type Principal struct {
	Mean       []float64  // [features]
	Components *mat.Dense // [components, features], orthonormal rows
	Variance   []float64  // [components], divisor samples-1
	Share      []float64  // [components], of the total variance; 0 when that is 0
}

// PCA returns the first components of x [samples, features], by singular
// values of the centred samples. It needs two samples, and components from 1
// to the smaller of samples and features.
func PCA(x *mat.Dense, components int) (Principal, error) {
	samples, features := x.Dims()
	if samples < 2 || components < 1 || components > min(samples, features) {
		return Principal{}, fmt.Errorf("metric: %d principal components of %d samples with %d features; want 2 samples and 1 component up to the smaller of both", components, samples, features)
	}
	if err := checkFinite("the sample set", x); err != nil {
		return Principal{}, err
	}
	p := Principal{Mean: dense.ColumnMeans(x)}
	var svd mat.SVD
	if !svd.Factorize(centred(x, p.Mean), mat.SVDThinV) {
		return Principal{}, fmt.Errorf("metric: the singular values of the samples did not converge")
	}
	var v mat.Dense
	svd.VTo(&v)
	p.Components = mat.DenseCopyOf(v.Slice(0, features, 0, components).T())
	variance := svd.Values(nil)
	for i, s := range variance {
		variance[i] = s * s / float64(samples-1)
	}
	total := floats.Sum(variance)
	p.Variance = variance[:components]
	p.Share = make([]float64, components)
	if total > 0 {
		floats.ScaleTo(p.Share, 1/total, p.Variance)
	}
	return p, nil
}

// Project returns the coordinates [samples, components] of x [samples,
// features] along the components.
func (p Principal) Project(x *mat.Dense) (*mat.Dense, error) {
	if _, features := x.Dims(); features != len(p.Mean) {
		return nil, fmt.Errorf("metric: samples with %d features, the components have %d", features, len(p.Mean))
	}
	if err := checkFinite("the sample set", x); err != nil {
		return nil, err
	}
	samples, _ := x.Dims()
	components, _ := p.Components.Dims()
	projected := mat.NewDense(samples, components, nil)
	if err := dense.Mul(projected, centred(x, p.Mean), mat.DenseCopyOf(p.Components.T())); err != nil {
		return nil, fmt.Errorf("metric: projection: %w", err)
	}
	return projected, nil
}
