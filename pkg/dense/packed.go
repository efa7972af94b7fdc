package dense

import "gonum.org/v1/gonum/mat"

// Packed is a small matrix [columns, depth] that is ready for products with
// many rows, such as the centres of clusters. Its products are always native.
type Packed struct{ p *panels }

// Pack prepares m [columns, depth].
func Pack(m *mat.Dense) Packed { return Packed{pack(view(m).transposed(), nil)} }

// Mul sets dst [rows, columns] to x·mᵀ, for x [rows, depth], on the core of the
// caller: it is for parts of a larger product that run in parallel. Dimensions
// that do not fit panic.
func (m Packed) Mul(dst, x *mat.Dense) {
	rows, depth := x.Dims()
	if r, c := dst.Dims(); depth != m.p.depth || r != rows || c != m.p.columns {
		panic("dense: the dimensions of a packed product do not fit")
	}
	to := dst.RawMatrix()
	for top := 0; top < rows; top += rowBlock {
		multiplyBlock(to.Data, to.Stride, view(x), nil, m.p, top, min(top+rowBlock, rows), 0, m.p.columns)
	}
}
