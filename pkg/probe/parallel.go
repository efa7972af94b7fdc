package probe

import (
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// blockRows is the number of rows whose sums are taken together. Sums over
// blocks are added in order, so they do not depend on the number of cores.
const blockRows = 512

func blocks(rows int) int { return (rows + blockRows - 1) / blockRows }

// inBlocks calls run concurrently for all blocks of rows from..to.
func inBlocks(rows int, run func(block, from, to int)) {
	dense.Parallel(blocks(rows), func(block int) {
		run(block, block*blockRows, min((block+1)*blockRows, rows))
	})
}

// columnMoments are the mean and the variance (divisor n) of each feature.
func columnMoments(x *mat.Dense) (mean, variance []float64) {
	mean = columnMeans(x)
	samples := x.RawMatrix().Rows
	parts := mat.NewDense(blocks(samples), len(mean), nil)
	inBlocks(samples, func(block, from, to int) {
		sums := parts.RawRowView(block)
		for i := from; i < to; i++ {
			for f, v := range x.RawRowView(i) {
				sums[f] += (v - mean[f]) * (v - mean[f])
			}
		}
	})
	variance = columnSums(parts)
	floats.Scale(1/float64(samples), variance)
	return mean, variance
}

func columnMeans(x *mat.Dense) []float64 {
	samples, features := x.Dims()
	parts := mat.NewDense(blocks(samples), features, nil)
	inBlocks(samples, func(block, from, to int) {
		for i := from; i < to; i++ {
			floats.Add(parts.RawRowView(block), x.RawRowView(i))
		}
	})
	mean := columnSums(parts)
	floats.Scale(1/float64(samples), mean)
	return mean
}

func columnSums(x *mat.Dense) []float64 {
	sums := make([]float64, x.RawMatrix().Cols)
	for i := range x.RawMatrix().Rows {
		floats.Add(sums, x.RawRowView(i))
	}
	return sums
}
