package dense

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// SemidefiniteFactor returns f [n, rank] with f·fᵀ = a, for a positive
// semidefinite a [n, n] (nil when a is 0), by the Cholesky decomposition with
// pivots. It stops when no pivot is left above roundings of the largest
// diagonal element. Where a clearly has a negative eigenvalue, f·fᵀ differs
// from a: unexplained is the largest difference of an element.
func SemidefiniteFactor(a *mat.SymDense) (f *mat.Dense, unexplained float64) {
	n := a.SymmetricDim()
	c := newPivoted(a)
	rank := 0
	for rank < n && c.panel(&rank) {
		c.update(rank)
	}
	unexplained = c.remainder(rank)
	if rank == 0 {
		return nil, unexplained
	}
	f = mat.NewDense(n, rank, nil)
	for i, row := range c.order {
		copy(f.RawRowView(row), c.a[i*n:][:min(i+1, rank)])
	}
	return f, unexplained
}

// pivoted is a Cholesky decomposition on the way: columns that are done hold
// the factor, the rest what is left of the matrix, both halves of it.
type pivoted struct {
	n         int
	a         []float64 // [n][n]
	order     []int     // the row of the matrix that stands at each place
	diagonal  []float64 // what is left of it at each place
	start     int       // of the panel
	tolerance float64   // pivots up to it count as 0
	product   []float64 // scratch of update
}

const panelWidth = 64

func newPivoted(a *mat.SymDense) *pivoted {
	n := a.SymmetricDim()
	c := &pivoted{n: n, a: make([]float64, n*n), order: make([]int, n), diagonal: make([]float64, n), product: make([]float64, n*n)}
	largest := 0.0
	for i := range n {
		c.order[i] = i
		for j := i; j < n; j++ {
			c.a[i*n+j] = a.At(i, j)
			c.a[j*n+i] = a.At(i, j)
		}
		largest = max(largest, a.At(i, i))
	}
	const epsilon = 0x1p-52
	c.tolerance = float64(n) * epsilon * largest
	return c
}

// panel makes the next columns of the factor, without changing the columns
// after them, and counts them in rank. It is false when no pivot is left.
func (c *pivoted) panel(rank *int) bool {
	n := c.n
	c.start = *rank
	for i := c.start; i < n; i++ {
		c.diagonal[i] = c.a[i*n+i]
	}
	for j := c.start; j < min(c.start+panelWidth, n); j++ {
		pivot := j
		for i := j + 1; i < n; i++ {
			if c.diagonal[i] > c.diagonal[pivot] {
				pivot = i
			}
		}
		if !(c.diagonal[pivot] > c.tolerance) {
			return false
		}
		c.exchange(j, pivot)
		root := math.Sqrt(c.diagonal[j])
		c.a[j*n+j] = root
		above := c.a[j*n+c.start : j*n+j]
		for i := j + 1; i < n; i++ {
			row := c.a[i*n+c.start:][:len(above)+1]
			v := row[len(above)]
			for k, x := range above {
				v -= row[k] * x
			}
			v /= root
			row[len(above)] = v
			c.diagonal[i] -= v * v
		}
		*rank++
	}
	return true
}

// exchange swaps two places.
func (c *pivoted) exchange(i, j int) {
	if i == j {
		return
	}
	n := c.n
	a, b := c.a[i*n:][:n], c.a[j*n:][:n]
	for k := range a {
		a[k], b[k] = b[k], a[k]
	}
	for k := c.start; k < n; k++ {
		row := c.a[k*n:][:n]
		row[i], row[j] = row[j], row[i]
	}
	c.order[i], c.order[j] = c.order[j], c.order[i]
	c.diagonal[i], c.diagonal[j] = c.diagonal[j], c.diagonal[i]
}

// update takes the panel's part off what is left of the matrix.
func (c *pivoted) update(rank int) {
	if rank == c.n || rank == c.start {
		return
	}
	left := c.n - rank
	below := strided{c.a[rank*c.n+c.start:], left, rank - c.start, c.n, 1, false}
	multiply(c.product, left, below, nil, pack(below.transposed(), nil))
	Parallel(left, func(i int) {
		row := c.a[(rank+i)*c.n+rank:][:left]
		for j, v := range c.product[i*left:][:left] {
			row[j] -= v
		}
	})
	c.start = rank
}

// remainder is the largest element of what is left of the matrix.
func (c *pivoted) remainder(rank int) float64 {
	c.update(rank)
	largest := 0.0
	for i := rank; i < c.n; i++ {
		for _, v := range c.a[i*c.n+rank : (i+1)*c.n] {
			largest = max(largest, math.Abs(v))
		}
	}
	return largest
}
