package metric

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/dense"
)

// PolynomialKernel is (Gamma·xᵀy + Offset)^Degree. The zero value stands for
// KIDKernel; in any other, a Gamma of 0 means 1/features.
type PolynomialKernel struct {
	Degree int
	Gamma  float64
	Offset float64
}

// KIDKernel is (xᵀy/features + 1)³, the kernel of the Kernel Inception Distance.
var KIDKernel = PolynomialKernel{Degree: 3, Offset: 1}

// KIDOptions tunes KID. The zero value is 100 subsets of 1,000 samples with
// the kernel of the paper.
type KIDOptions struct {
	Subsets    int // 0 means 100
	SubsetSize int // 0 means 1000; at most the smaller set's samples
	Kernel     PolynomialKernel
	Seed       uint64
}

// KID is the Kernel Inception Distance (Bińkowski et al. 2018) of two feature
// sets [samples, features]: the mean over random subsets, drawn without
// replacement, of the unbiased squared MMD. Its spread is their population
// standard deviation. MMD uses all samples at once instead.
func KID(real, generated *mat.Dense, options KIDOptions) (Score, error) {
	if options.Subsets == 0 {
		options.Subsets = 100
	}
	if options.SubsetSize == 0 {
		options.SubsetSize = 1000
	}
	if err := checkFeatures(2, "the real set", real, "the generated set", generated); err != nil {
		return Score{}, err
	}
	realSamples, features := real.Dims()
	generatedSamples, _ := generated.Dims()
	if options.Subsets < 1 || options.SubsetSize < 2 || options.SubsetSize > min(realSamples, generatedSamples) {
		return Score{}, fmt.Errorf("metric: KID of %d subsets of %d samples from %d real and %d generated; want 1 subset or more of 2 samples up to the smaller set",
			options.Subsets, options.SubsetSize, realSamples, generatedSamples)
	}
	random := rand.New(rand.NewPCG(options.Seed, 0))
	distances := make([]float64, options.Subsets)
	for s := range distances {
		mmd, err := MMD(
			Rows(real, random.Perm(realSamples)[:options.SubsetSize]),
			Rows(generated, random.Perm(generatedSamples)[:options.SubsetSize]), options.Kernel)
		if err != nil {
			return Score{}, err
		}
		distances[s] = mmd.Unbiased.Value
	}
	mean, sd := stat.PopMeanStdDev(distances, nil)
	return Score{
		Name: "KID", Value: mean, N: map[string]int{"real": realSamples, "generated": generatedSamples},
		Settings: map[string]any{
			"kernel": options.Kernel.withDefaults(features).String(), "features": features,
			"subsets": options.Subsets, "subset size": options.SubsetSize, "seed": options.Seed,
		},
		Spread: &Spread{SD: sd, Of: options.Subsets, Over: "subsets"},
	}, nil
}

// SquaredMMD is a squared maximum mean discrepancy in both of its estimates.
type SquaredMMD struct {
	Unbiased Score // leaves out each sample's kernel with itself; may be negative
	Biased   Score // keeps it; never negative
}

// MMD is the squared maximum mean discrepancy of two feature sets [samples,
// features] (Gretton et al. 2012), which may differ in size. Each needs two
// samples. With the zero kernel, Unbiased is the KID of all samples.
func MMD(a, b *mat.Dense, kernel PolynomialKernel) (SquaredMMD, error) {
	if err := checkFeatures(2, "the first set", a, "the second set", b); err != nil {
		return SquaredMMD{}, err
	}
	samplesA, features := a.Dims()
	samplesB, _ := b.Dims()
	kernel = kernel.withDefaults(features)
	if err := kernel.check(); err != nil {
		return SquaredMMD{}, err
	}
	m, n := float64(samplesA), float64(samplesB)
	pairsA, err := kernel.sum(a, nil)
	if err != nil {
		return SquaredMMD{}, err
	}
	pairsB, err := kernel.sum(b, nil)
	if err != nil {
		return SquaredMMD{}, err
	}
	cross, err := kernel.sum(a, b)
	if err != nil {
		return SquaredMMD{}, err
	}
	sameA, sameB := kernel.sumSame(a), kernel.sumSame(b)
	score := func(estimate string, value float64) Score {
		return Score{
			Name: "squared MMD", Value: value, N: map[string]int{"real": samplesA, "generated": samplesB},
			Settings: map[string]any{"kernel": kernel.String(), "features": features, "estimate": estimate},
		}
	}
	return SquaredMMD{
		Unbiased: score("unbiased, all samples", 2*pairsA/(m*(m-1))+2*pairsB/(n*(n-1))-2*cross/(m*n)),
		Biased:   score("biased, all samples", (2*pairsA+sameA)/(m*m)+(2*pairsB+sameB)/(n*n)-2*cross/(m*n)),
	}, nil
}

// KIDInterval is a bootstrap interval of the unbiased squared MMD of all
// samples. A resample weighs each sample by how often it was drawn, and leaves
// out pairs of a sample with itself: a plain bootstrap would take those for
// pairs of equal samples and lie too high. BCa is refused.
func KIDInterval(real, generated *mat.Dense, kernel PolynomialKernel, options BootstrapOptions) (Interval, error) {
	options, err := options.withDefaults()
	if err != nil {
		return Interval{}, err
	}
	if options.Method == BCa {
		return Interval{}, fmt.Errorf("metric: no %s interval of a KID; take %s or %s", BCa, Percentile, Basic)
	}
	mmd, err := MMD(real, generated, kernel)
	if err != nil {
		return Interval{}, err
	}
	n, features := real.Dims()
	m, _ := generated.Dims()
	kernel = kernel.withDefaults(features)
	random := rand.New(rand.NewPCG(options.Seed, 0))
	realDraws, generatedDraws := draws(n, options.Resamples, random), draws(m, options.Resamples, random)
	pairsReal, err := kernel.weightedSums(real, nil, realDraws, realDraws)
	if err != nil {
		return Interval{}, err
	}
	pairsGenerated, err := kernel.weightedSums(generated, nil, generatedDraws, generatedDraws)
	if err != nil {
		return Interval{}, err
	}
	cross, err := kernel.weightedSums(real, generated, realDraws, generatedDraws)
	if err != nil {
		return Interval{}, err
	}
	resampled := make([]float64, options.Resamples)
	for r := range resampled {
		resampled[r] = 2*pairsReal[r]/distinctPairs(realDraws, r) + 2*pairsGenerated[r]/distinctPairs(generatedDraws, r) - 2*cross[r]/(float64(n)*float64(m))
	}
	return options.interval(mmd.Unbiased.Value, resampled, 0)
}

// draws [samples, resamples] counts how often each resample drew each sample.
func draws(samples, resamples int, random *rand.Rand) *mat.Dense {
	counts := mat.NewDense(samples, resamples, nil)
	for r := range resamples {
		for range samples {
			i := random.IntN(samples)
			counts.Set(i, r, counts.At(i, r)+1)
		}
	}
	return counts
}

// distinctPairs is the weight of all ordered pairs of different samples.
func distinctPairs(counts *mat.Dense, resample int) float64 {
	column := mat.Col(nil, resample, counts)
	return floats.Sum(column)*floats.Sum(column) - floats.Dot(column, column)
}

// sum adds the kernel over all pairs of a row of a and one of b; a nil b stands
// for the pairs of a row of a and a later one.
func (k PolynomialKernel) sum(a, b *mat.Dense) (float64, error) {
	all := 0.0
	err := k.blocks(a, b, func(_, _ int, values *mat.Dense) error {
		rows, _ := values.Dims()
		for i := range rows {
			all += floats.Sum(values.RawRowView(i))
		}
		return nil
	})
	return all, err
}

// sumSame adds the kernel of each row with itself.
func (k PolynomialKernel) sumSame(x *mat.Dense) float64 {
	rows, _ := x.Dims()
	sum := 0.0
	for i := range rows {
		row := x.RawRowView(i)
		sum += power(k.Gamma*floats.Dot(row, row)+k.Offset, k.Degree)
	}
	return sum
}

// weightedSums is sum with each pair times the weights of both, for every
// column of weightsA and weightsB [rows, columns].
func (k PolynomialKernel) weightedSums(a, b, weightsA, weightsB *mat.Dense) ([]float64, error) {
	_, columns := weightsA.Dims()
	sums := make([]float64, columns)
	err := k.blocks(a, b, func(row, column int, values *mat.Dense) error {
		rows, width := values.Dims()
		weighted := mat.NewDense(rows, columns, nil)
		if err := dense.Mul(weighted, values, weightsB.Slice(column, column+width, 0, columns).(*mat.Dense)); err != nil {
			return err
		}
		for i := range rows {
			for c, w := range weightsA.RawRowView(row + i) {
				sums[c] += w * weighted.At(i, c)
			}
		}
		return nil
	})
	return sums, err
}

// blocks visits the kernel of the pairs that sum adds, from row number row of a
// and column of b; other values of a block are 0.
func (k PolynomialKernel) blocks(a, b *mat.Dense, visit func(row, column int, values *mat.Dense) error) error {
	var failed error
	err := dense.Dots(a, b, func(row, column int, block *mat.Dense) {
		rows, columns := block.Dims()
		dense.Parallel(rows, func(i int) {
			values := block.RawRowView(i)
			if b == nil {
				// Pairs of a row with itself or an earlier one.
				others := max(0, min(row+i+1-column, columns))
				clear(values[:others])
				values = values[others:]
			}
			for j, dot := range values {
				values[j] = power(k.Gamma*dot+k.Offset, k.Degree)
			}
		})
		if failed == nil {
			failed = visit(row, column, block)
		}
	})
	if err = cmp.Or(err, failed); err != nil {
		return fmt.Errorf("metric: kernel of all pairs: %w", err)
	}
	return nil
}

func (k PolynomialKernel) withDefaults(features int) PolynomialKernel {
	if k == (PolynomialKernel{}) {
		k = KIDKernel
	}
	if k.Gamma == 0 {
		k.Gamma = 1 / float64(features)
	}
	return k
}

func (k PolynomialKernel) check() error {
	if k.Degree < 1 {
		return fmt.Errorf("metric: a polynomial kernel of degree %d, want 1 or more", k.Degree)
	}
	return checkVector("the kernel", []float64{k.Gamma, k.Offset})
}

// String is such as "(0.000488281 x·y + 1)^3".
func (k PolynomialKernel) String() string {
	return fmt.Sprintf("(%g x·y + %g)^%d", k.Gamma, k.Offset, k.Degree)
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

// Rows copies the rows of m at the indices, which may repeat.
func Rows(m *mat.Dense, indices []int) *mat.Dense {
	_, columns := m.Dims()
	out := mat.NewDense(len(indices), columns, nil)
	for to, from := range indices {
		out.SetRow(to, m.RawRowView(from))
	}
	return out
}
