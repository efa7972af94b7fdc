package dense

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/lapack/gonum"
	"gonum.org/v1/gonum/mat"
)

// SingularValues returns those of m in descending order, as many as the smaller
// dimension of m. Each is off by some roundings of the largest. m must not hold
// a NaN or an infinity.
func SingularValues(m *mat.Dense) ([]float64, error) {
	rows, columns := m.Dims()
	a := mat.DenseCopyOf(m)
	if rows < columns {
		a = mat.DenseCopyOf(m.T())
	}
	// At unit scale no square of an element can overflow.
	largest := max(mat.Max(a), -mat.Min(a))
	if largest == 0 {
		return make([]float64, min(rows, columns)), nil
	}
	a.Scale(1/largest, a)
	values, above := bidiagonalise(a)
	work := make([]float64, 4*len(values))
	if !(gonum.Implementation{}).Dbdsqr(blas.Upper, len(values), 0, 0, 0, values, above, nil, 1, nil, 1, nil, 1, work) {
		return nil, fmt.Errorf("dense: the singular values of a [%d, %d] matrix did not converge", rows, columns)
	}
	for i := range values {
		values[i] *= largest
	}
	return values, nil
}
