package metric

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Gaussian is the mean and the covariance of a feature set of any size.
type Gaussian struct {
	Samples    int           // 0 where a file of statistics does not say
	Mean       []float64     // [features]
	Covariance *mat.SymDense // [features, features], divisor Samples-1
}

// FitGaussian returns the mean and the covariance of features [samples,
// features]. It needs two samples or more and no NaN or infinity.
func FitGaussian(features *mat.Dense) (Gaussian, error) {
	var moments Moments
	if err := moments.Add(features); err != nil {
		return Gaussian{}, err
	}
	return moments.Gaussian()
}

// Moments gathers mean and covariance batch by batch, so that a feature set
// need never be in memory at once. The zero value is empty and ready.
//
// Batches are merged by the pairwise update of Chan, Golub and LeVeque (1983),
// which loses no digits to a large mean.
type Moments struct {
	samples int
	mean    []float64
	scatter *mat.SymDense // sum of (x-mean)(x-mean)ᵀ
}

// Samples is the number of samples added so far.
func (m *Moments) Samples() int { return m.samples }

// Add takes in a batch [samples, features] of at least one sample. A batch
// that holds a NaN or an infinity, or another number of features than the
// batches before it, is refused and changes nothing.
func (m *Moments) Add(batch *mat.Dense) error {
	n, dim := batch.Dims()
	if n == 0 {
		return fmt.Errorf("metric: the batch is empty")
	}
	if m.scatter != nil && dim != len(m.mean) {
		return fmt.Errorf("metric: the batch has %d features a sample, those before it had %d", dim, len(m.mean))
	}
	if err := checkFinite("the batch", batch); err != nil {
		return err
	}
	mean := dense.ColumnMeans(batch)
	scatter, err := dense.Gram(batch, mean)
	if err != nil {
		return fmt.Errorf("metric: the scatter of the batch: %w", err)
	}
	m.merge(n, mean, scatter)
	return nil
}

// Merge takes in all samples of other, which stays as it is: moments gathered
// in parallel, or on several machines, add up.
func (m *Moments) Merge(other *Moments) error {
	if other.scatter == nil {
		return nil
	}
	if m.scatter != nil && len(other.mean) != len(m.mean) {
		return fmt.Errorf("metric: moments of %d and %d features do not merge", len(m.mean), len(other.mean))
	}
	scatter := mat.NewSymDense(len(other.mean), nil)
	scatter.CopySym(other.scatter)
	m.merge(other.samples, slices.Clone(other.mean), scatter)
	return nil
}

// merge adds the moments of n samples and takes over mean and scatter.
func (m *Moments) merge(n int, mean []float64, scatter *mat.SymDense) {
	if m.scatter == nil {
		m.samples, m.mean, m.scatter = n, mean, scatter
		return
	}
	m.scatter.AddSym(m.scatter, scatter)
	total := float64(m.samples + n)
	floats.Sub(mean, m.mean) // the shift from the old mean to the new samples'
	shift := mat.NewVecDense(len(mean), mean)
	m.scatter.SymRankOne(m.scatter, float64(m.samples)*float64(n)/total, shift)
	floats.AddScaled(m.mean, float64(n)/total, mean)
	m.samples += n
}

// Gaussian returns the statistics of all samples added so far, at least two.
func (m *Moments) Gaussian() (Gaussian, error) {
	if m.samples < 2 {
		return Gaussian{}, fmt.Errorf("metric: a covariance needs at least 2 samples, got %d", m.samples)
	}
	covariance := mat.NewSymDense(len(m.mean), nil)
	covariance.ScaleSym(1/float64(m.samples-1), m.scatter)
	return Gaussian{Samples: m.samples, Mean: append([]float64(nil), m.mean...), Covariance: covariance}, nil
}

// centred is m less mean in every row, as a new matrix.
func centred(m *mat.Dense, mean []float64) *mat.Dense {
	c := mat.DenseCopyOf(m)
	rows, _ := c.Dims()
	for i := range rows {
		floats.Sub(c.RawRowView(i), mean)
	}
	return c
}

// check refuses statistics that no feature set can have.
func (g Gaussian) check(name string) error {
	if g.Covariance == nil || len(g.Mean) == 0 || g.Covariance.SymmetricDim() != len(g.Mean) {
		return fmt.Errorf("metric: the statistics of %s are incomplete: want a mean and a covariance of one dimension", name)
	}
	if err := checkVector("the mean of "+name, g.Mean); err != nil {
		return err
	}
	for i := range g.Mean {
		for j := i; j < len(g.Mean); j++ {
			if v := g.Covariance.At(i, j); math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("metric: the covariance of %s has %v at (%d, %d)", name, v, i, j)
			}
		}
	}
	return nil
}
