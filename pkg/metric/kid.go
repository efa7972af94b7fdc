package metric

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// PolynomialKernel is (Gamma·xᵀy + Offset)^Degree. A zero field means the
// value of the Kernel Inception Distance.
type PolynomialKernel struct {
	Degree int     // 0 means 3
	Gamma  float64 // 0 means 1/features
	Offset float64 // 0 means 1
}

// KIDOptions tunes KID. The zero value is 100 subsets of 1,000 samples with
// the kernel of the paper.
type KIDOptions struct {
	Subsets    int // 0 means 100
	SubsetSize int // 0 means 1000; at most the smaller set's samples
	Kernel     PolynomialKernel
	Seed       uint64
}

// KID is the Kernel Inception Distance (Bińkowski et al. 2018) of two feature
// sets [samples, features]: mean and population standard deviation over
// random subsets, drawn without replacement, of the unbiased squared MMD.
func KID(real, generated *mat.Dense, options KIDOptions) (mean, sd float64, err error) {
	if options.Subsets == 0 {
		options.Subsets = 100
	}
	if options.SubsetSize == 0 {
		options.SubsetSize = 1000
	}
	realSamples, _ := real.Dims()
	generatedSamples, _ := generated.Dims()
	if options.Subsets < 1 || options.SubsetSize < 2 || options.SubsetSize > min(realSamples, generatedSamples) {
		return 0, 0, fmt.Errorf("metric: KID of %d subsets of %d samples from %d real and %d generated; want 1 subset or more of 2 samples up to the smaller set",
			options.Subsets, options.SubsetSize, realSamples, generatedSamples)
	}
	random := rand.New(rand.NewPCG(options.Seed, 0))
	distances := make([]float64, options.Subsets)
	for s := range distances {
		mmd, err := MMD(
			rows(real, random.Perm(realSamples)[:options.SubsetSize]),
			rows(generated, random.Perm(generatedSamples)[:options.SubsetSize]), options.Kernel)
		if err != nil {
			return 0, 0, err
		}
		distances[s] = mmd.Unbiased
	}
	mean, sd = stat.PopMeanStdDev(distances, nil)
	return mean, sd, nil
}

// SquaredMMD is a squared maximum mean discrepancy in both of its estimates.
type SquaredMMD struct {
	Unbiased float64 // leaves out each sample's kernel with itself; may be negative
	Biased   float64 // keeps it; never negative
}

// MMD is the squared maximum mean discrepancy of two feature sets [samples,
// features] (Gretton et al. 2012), which may differ in size. Each needs two
// samples.
func MMD(a, b *mat.Dense, kernel PolynomialKernel) (SquaredMMD, error) {
	if err := checkFeatures(2, "the first set", a, "the second set", b); err != nil {
		return SquaredMMD{}, err
	}
	samplesA, features := a.Dims()
	samplesB, _ := b.Dims()
	if kernel.Degree == 0 {
		kernel.Degree = 3
	}
	if kernel.Gamma == 0 {
		kernel.Gamma = 1 / float64(features)
	}
	if kernel.Offset == 0 {
		kernel.Offset = 1
	}
	if kernel.Degree < 0 {
		return SquaredMMD{}, fmt.Errorf("metric: a polynomial kernel of degree %d, want 1 or more", kernel.Degree)
	}
	m, n := float64(samplesA), float64(samplesB)
	sumA, diagonalA := kernel.sum(a, a)
	sumB, diagonalB := kernel.sum(b, b)
	cross, _ := kernel.sum(a, b)
	return SquaredMMD{
		Unbiased: (sumA-diagonalA)/(m*(m-1)) + (sumB-diagonalB)/(n*(n-1)) - 2*cross/(m*n),
		Biased:   sumA/(m*m) + sumB/(n*n) - 2*cross/(m*n),
	}, nil
}

// sum adds the kernel over all pairs of rows, and over pairs of equal index.
func (k PolynomialKernel) sum(a, b *mat.Dense) (all, diagonal float64) {
	var gram mat.Dense
	gram.Mul(a, b.T())
	samples, _ := gram.Dims()
	for i := range samples {
		row := gram.RawRowView(i)
		for j, dot := range row {
			row[j] = power(k.Gamma*dot+k.Offset, k.Degree)
		}
		all += floats.Sum(row)
		if i < len(row) {
			diagonal += row[i]
		}
	}
	return all, diagonal
}

// power is base^exponent by squaring, for an exponent of 0 or more.
func power(base float64, exponent int) float64 {
	result := 1.0
	for ; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result *= base
		}
		base *= base
	}
	return result
}

// rows copies the rows of m at the indices.
func rows(m *mat.Dense, indices []int) *mat.Dense {
	_, columns := m.Dims()
	out := mat.NewDense(len(indices), columns, nil)
	for to, from := range indices {
		out.SetRow(to, m.RawRowView(from))
	}
	return out
}
