package dense

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// CheckDots refuses matrices and a shift whose dimensions do not fit Backend.Dots.
func CheckDots(a, b *mat.Dense, shift []float64) error {
	_, columns := a.Dims()
	if _, others := b.Dims(); others != columns {
		return fmt.Errorf("dense: pairs of rows of %d and of %d values; the dimensions must fit", columns, others)
	}
	return CheckShift(columns, shift)
}

// chunk is the number of columns or rows that a core takes at once.
const chunk = 256

// pairs holds what turns scalar products into squared distances of the rows of
// a and b: ‖x‖² + ‖y‖² − 2x·y. Rows are taken less their mean, which leaves
// distances as they are and lessens what cancels.
//
// The sum is off by at most tolerance·(‖x‖² + ‖y‖²). Whoever needs more, for a
// small distance or for a comparison, recomputes it by exact; so results are
// those of the plain sum of squared differences, whatever the backend.
type pairs struct {
	a, b           *mat.Dense
	normsA, normsB []float64
	mean           []float64
	backend        Backend
	precision      Precision
	tolerance      float64
}

func newPairs(a, b *mat.Dense, precision Precision) (*pairs, error) {
	if err := CheckDots(a, b, nil); err != nil {
		return nil, err
	}
	_, depth := a.Dims()
	p := &pairs{a: a, b: b, mean: columnMeans(a, b), backend: InUse(), precision: precision}
	p.normsA = squaredNorms(a, p.mean)
	p.normsB = p.normsA
	if a != b {
		p.normsB = squaredNorms(b, p.mean)
	}
	// Products of very small or large values leave the range of float32.
	outside := func(norm float64) bool { return norm != 0 && !(norm > 1e-20 && norm < 1e20) }
	if slices.ContainsFunc(p.normsA, outside) || slices.ContainsFunc(p.normsB, outside) {
		p.precision = Full
	}
	// Each of the three sums has a relative error of at most depth roundings,
	// and the differences and their sum a few more.
	p.tolerance = float64(2*depth+16) * p.backend.Rounding(p.precision)
	return p, nil
}

// exact is the squared distance of row i of a and row j of b by differences.
func (p *pairs) exact(i, j int) float64 {
	sum := 0.0
	y := p.b.RawRowView(j)
	for at, v := range p.a.RawRowView(i) {
		d := v - y[at]
		sum += d * d
	}
	return sum
}

// visit calls do with the products of all pairs of a row of a and one of b, and
// half with those of a row of a and a later one of it.
func (p *pairs) visit(do func(row, column int, dots *mat.Dense)) error {
	return p.backend.Dots(p.a, p.b, p.mean, p.precision, do)
}

func (p *pairs) half(do func(row, column int, dots *mat.Dense)) error {
	return p.backend.Dots(p.a, nil, p.mean, p.precision, do)
}

// SquaredDistances sets dst [m, n] to the squared Euclidean distances of the
// rows of a [m, depth] and b [n, depth], each right to about nine digits.
func SquaredDistances(dst, a, b *mat.Dense) error {
	p, err := newPairs(a, b, Full)
	if err != nil {
		return err
	}
	if rows, columns := dst.Dims(); rows != len(p.normsA) || columns != len(p.normsB) {
		return fmt.Errorf("dense: distances of %d and %d rows into [%d, %d]; the dimensions must fit", len(p.normsA), len(p.normsB), rows, columns)
	}
	return p.visit(func(row, column int, dots *mat.Dense) {
		rows, columns := dots.Dims()
		Parallel(rows, func(r int) {
			to := dst.RawRowView(row + r)[column:][:columns]
			for c, dot := range dots.RawRowView(r) {
				to[c] = p.distance(row+r, column+c, dot)
			}
		})
	})
}

// distance is the squared distance of row i of a and row j of b, whose product
// is dot, right to about nine digits.
func (p *pairs) distance(i, j int, dot float64) float64 {
	const digits = 1e-9
	norms := p.normsA[i] + p.normsB[j]
	if d := norms - 2*dot; d*digits >= p.tolerance*norms {
		return d
	}
	return p.exact(i, j)
}

// ClusterDistances returns the sums [rows, clusters] of the Euclidean distances
// from each row of x to all rows of each cluster; cluster numbers the rows'
// clusters from 0.
func ClusterDistances(x *mat.Dense, cluster []int, clusters int) (*mat.Dense, error) {
	p, err := newPairs(x, x, Full)
	if err != nil {
		return nil, err
	}
	if len(cluster) != len(p.normsA) {
		return nil, fmt.Errorf("dense: %d cluster numbers for %d rows", len(cluster), len(p.normsA))
	}
	for i, k := range cluster {
		if k < 0 || k >= clusters {
			return nil, fmt.Errorf("dense: row %d has cluster %d, want 0 to %d", i, k, clusters-1)
		}
	}
	sums := mat.NewDense(len(cluster), clusters, nil)
	err = p.half(func(row, column int, dots *mat.Dense) {
		rows, columns := dots.Dims()
		Parallel(rows, func(r int) {
			i := row + r
			to, block := sums.RawRowView(i), dots.RawRowView(r)
			for c := max(0, i+1-column); c < columns; c++ {
				block[c] = math.Sqrt(p.distance(i, column+c, block[c]))
				to[cluster[column+c]] += block[c]
			}
		})
		Chunks(0, columns, chunk, func(from, to int) {
			for r := range rows {
				i := row + r
				block := dots.RawRowView(r)
				for c := max(from, i+1-column); c < to; c++ {
					sums.RawRowView(column + c)[cluster[i]] += block[c]
				}
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return sums, nil
}

// columnMeans is the mean row of both matrices, which may be one.
func columnMeans(a, b *mat.Dense) []float64 {
	mean := ColumnMeans(a)
	if a == b {
		return mean
	}
	rows, _ := a.Dims()
	others, _ := b.Dims()
	weight := float64(others) / float64(rows+others)
	for j, v := range ColumnMeans(b) {
		mean[j] += weight * (v - mean[j])
	}
	return mean
}

// squaredNorms are those of the rows of m less mean.
func squaredNorms(m *mat.Dense, mean []float64) []float64 {
	rows, _ := m.Dims()
	norms := make([]float64, rows)
	Parallel(rows, func(i int) {
		sum := 0.0
		for j, v := range m.RawRowView(i) {
			d := v - mean[j]
			sum += d * d
		}
		norms[i] = sum
	})
	return norms
}
