package probe

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
)

// Standardized scales every feature to mean 0 and variance 1 on the training set
// before a probe; features that are constant there become 0.
type Standardized struct{ Probe Probe }

// Fit implements Probe.
func (s Standardized) Fit(ctx context.Context, train, validation Set, seed uint64) (Predictor, error) {
	if err := train.check("training"); err != nil {
		return nil, err
	}
	mean, factors := columnMoments(train.X)
	for j, variance := range factors {
		// A constant's variance is what rounding its mean leaves.
		if factors[j] = 0; variance > 1e-30*mean[j]*mean[j] {
			factors[j] = 1 / math.Sqrt(variance)
		}
	}
	return fitTransformed(ctx, s.Probe, func(x *mat.Dense) (*mat.Dense, error) {
		if err := checkFeatures(x, len(mean)); err != nil {
			return nil, err
		}
		scaled := mat.DenseCopyOf(x)
		for i := range scaled.RawMatrix().Rows {
			row := scaled.RawRowView(i)
			floats.Sub(row, mean)
			floats.Mul(row, factors)
		}
		return scaled, nil
	}, train, validation, seed)
}

// Principal projects codes on the first principal components of the training set
// before a probe.
type Principal struct {
	Components int // 1 to the smaller of training samples and features
	Probe      Probe
}

// Fit implements Probe.
func (p Principal) Fit(ctx context.Context, train, validation Set, seed uint64) (Predictor, error) {
	if err := train.check("training"); err != nil {
		return nil, err
	}
	components, err := metric.PCA(train.X, p.Components)
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	return fitTransformed(ctx, p.Probe, func(x *mat.Dense) (*mat.Dense, error) {
		if err := checkFeatures(x, len(components.Mean)); err != nil {
			return nil, err
		}
		return components.Project(x)
	}, train, validation, seed)
}

// transformed predicts from transformed codes.
type transformed struct {
	transform func(*mat.Dense) (*mat.Dense, error)
	inner     Predictor
}

func fitTransformed(ctx context.Context, probe Probe, transform func(*mat.Dense) (*mat.Dense, error), train, validation Set, seed uint64) (Predictor, error) {
	if probe == nil {
		return nil, fmt.Errorf("probe: a transform without a probe behind it: %w", ErrOption)
	}
	var err error
	for _, set := range []*Set{&train, &validation} {
		if set.Len() == 0 {
			continue
		}
		if set.X, err = transform(set.X); err != nil {
			return nil, err
		}
	}
	inner, err := probe.Fit(ctx, train, validation, seed)
	if err != nil {
		return nil, err
	}
	return &transformed{transform, inner}, nil
}

// Predict implements Predictor.
func (t *transformed) Predict(ctx context.Context, x *mat.Dense) (Prediction, error) {
	x, err := t.transform(x)
	if err != nil {
		return Prediction{}, err
	}
	return t.inner.Predict(ctx, x)
}
