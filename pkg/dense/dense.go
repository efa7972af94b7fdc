// Package dense computes what is heavy in the evaluators: products of large
// float64 matrices, and what metrics reduce from the distances of all pairs.
//
// A Backend does the arithmetic. Native is always there: Go, with one kernel in
// assembly for processors with AVX2. Another one, such as pkg/engine's, is
// plugged in by Use. Results agree to rounding whatever computes.
//
// Matrices hold samples in rows. They must be finite, which callers check, and
// a function leaves its inputs unchanged. Pairs are visited in blocks, so that
// no function holds a matrix of samples by samples unless it returns one.
package dense

import (
	"fmt"
	"sync/atomic"

	"gonum.org/v1/gonum/mat"
)

// Backend multiplies matrices. It must be safe for concurrent use.
type Backend interface {
	// Name says what computes, for settings beside a result.
	Name() string

	// Load prepares x [rows, columns] for repeated products. x must not change
	// before Release.
	Load(x *mat.Dense) (Matrix, error)

	// Dots calls visit with the scalar products of the rows of a [m, depth] less
	// shift [depth] with the rows of b [n, depth] less shift, block by block in
	// an order that depends on the sizes alone: element (i, j) of a block is the
	// product of row+i of a and column+j of b. A nil b stands for a itself: then
	// only products of a row with a later row are visited, and what a block
	// holds for other pairs has no meaning. A block is valid during its call,
	// and visit may change it.
	Dots(a, b *mat.Dense, shift []float64, precision Precision, visit func(row, column int, block *mat.Dense)) error

	// Rounding is the relative error of one operation of Dots: 2⁻⁵³ in float64.
	Rounding(precision Precision) float64
}

// Precision says what a product is for.
type Precision int

const (
	Full   Precision = iota // float64
	Coarse                  // a first look: float32 will do where it is faster
)

// Matrix is a matrix x [rows, columns] that a backend has prepared.
type Matrix interface {
	Dims() (rows, columns int)
	// Mul sets dst [rows, n] to x·w, for w [columns, n].
	Mul(dst, w *mat.Dense) error
	// MulTrans sets dst [columns, n] to xᵀ·r, for r [rows, n].
	MulTrans(dst, r *mat.Dense) error
	// Gram returns (x−shift)ᵀ(x−shift), shift [columns] being taken from every
	// row; nil is 0.
	Gram(shift []float64) (*mat.SymDense, error)
	// Release gives back what Load took.
	Release()
}

var inUse atomic.Pointer[Backend]

// Use makes every function of this package compute on b until restore is
// called; nil means Native.
func Use(b Backend) (restore func()) {
	var next *Backend
	if b != nil {
		next = &b
	}
	before := inUse.Swap(next)
	return func() { inUse.Store(before) }
}

// InUse is the backend that computes: Native, unless Use said otherwise.
func InUse() Backend {
	if b := inUse.Load(); b != nil {
		return *b
	}
	return Native
}

// Load prepares x for repeated products on the backend in use.
func Load(x *mat.Dense) (Matrix, error) { return InUse().Load(x) }

// Gram returns (x−shift)ᵀ(x−shift) [columns, columns]; a nil shift is 0.
func Gram(x *mat.Dense, shift []float64) (*mat.SymDense, error) {
	loaded, err := Load(x)
	if err != nil {
		return nil, err
	}
	defer loaded.Release()
	return loaded.Gram(shift)
}

// Mul sets dst [m, n] to a·b, for a [m, depth] and b [depth, n].
func Mul(dst, a, b *mat.Dense) error {
	loaded, err := Load(a)
	if err != nil {
		return err
	}
	defer loaded.Release()
	return loaded.Mul(dst, b)
}

// Dots visits the scalar products of rows with the backend in use, as
// Backend.Dots describes.
func Dots(a, b *mat.Dense, visit func(row, column int, block *mat.Dense)) error {
	return InUse().Dots(a, b, nil, Full, visit)
}

// CheckMul refuses matrices whose dimensions do not fit Matrix.Mul.
func CheckMul(rows, columns int, dst, w *mat.Dense) error {
	return checkProduct("x·w", rows, columns, dst, w)
}

// CheckMulTrans refuses matrices whose dimensions do not fit Matrix.MulTrans.
func CheckMulTrans(rows, columns int, dst, r *mat.Dense) error {
	return checkProduct("xᵀ·r", columns, rows, dst, r)
}

func checkProduct(product string, rows, depth int, dst, factor *mat.Dense) error {
	toRows, toColumns := dst.Dims()
	inner, n := factor.Dims()
	if inner != depth || toRows != rows || toColumns != n {
		return fmt.Errorf("dense: %s of [%d, %d] and [%d, %d] into [%d, %d]; the dimensions must fit", product, rows, depth, inner, n, toRows, toColumns)
	}
	return nil
}

// CheckShift refuses a shift that is neither nil nor as long as a row.
func CheckShift(columns int, shift []float64) error {
	if shift != nil && len(shift) != columns {
		return fmt.Errorf("dense: a shift of %d values for rows of %d", len(shift), columns)
	}
	return nil
}
