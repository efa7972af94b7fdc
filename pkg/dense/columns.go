package dense

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// ColumnMeans is the mean over the rows of m [rows, columns], exact to rounding
// whatever the offset: a second pass adds what the first one lost.
func ColumnMeans(m *mat.Dense) []float64 {
	rows, columns := m.Dims()
	mean := make([]float64, columns)
	for range 2 {
		residual := sumRows(m, mean)
		floats.AddScaled(mean, 1/float64(rows), residual)
	}
	return mean
}

// sumRows adds the rows of m less mean.
func sumRows(m *mat.Dense, mean []float64) []float64 {
	rows, columns := m.Dims()
	const size = 1024
	parts := make([][]float64, (rows+size-1)/size)
	Chunks(0, rows, size, func(from, to int) {
		sum := make([]float64, columns)
		for i := from; i < to; i++ {
			for j, v := range m.RawRowView(i) {
				sum[j] += v - mean[j]
			}
		}
		parts[from/size] = sum
	})
	sum := make([]float64, columns)
	for _, part := range parts {
		floats.Add(sum, part)
	}
	return sum
}

// NonFinite returns the place of the first element of m, by rows, that is NaN
// or infinite, and whether there is one.
func NonFinite(m *mat.Dense) (row, column int, found bool) {
	rows, _ := m.Dims()
	const size = 1024
	first := make([]int, (rows+size-1)/size) // the first such row of each chunk, from 1
	Chunks(0, rows, size, func(from, to int) {
		for i := from; i < to; i++ {
			for _, v := range m.RawRowView(i) {
				if v-v != 0 { // NaN or infinite
					first[from/size] = i + 1
					return
				}
			}
		}
	})
	for _, i := range first {
		if i == 0 {
			continue
		}
		for j, v := range m.RawRowView(i - 1) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return i - 1, j, true
			}
		}
	}
	return 0, 0, false
}
