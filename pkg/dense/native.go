package dense

import "gonum.org/v1/gonum/mat"

// Native computes in Go on all cores, without cgo: the kernel is in assembly
// for processors with AVX2 and FMA, in portable Go elsewhere. Its results do
// not depend on the number of cores.
var Native Backend = native{}

type native struct{}

// Name says which kernel computes.
func (native) Name() string {
	if haveAssembly {
		return "Go, AVX2 kernel"
	}
	return "Go, portable kernel"
}

// Load keeps a reference to x.
func (native) Load(x *mat.Dense) (Matrix, error) { return nativeMatrix{view(x)}, nil }

// pairBlock bounds the rows and columns of a block of Dots: one fits into the
// last level of the caches.
const pairBlock = 1536

// Rounding is that of float64 in both precisions.
func (native) Rounding(Precision) float64 { return 0x1p-53 }

// Dots computes each block on all cores, in float64.
func (native) Dots(a, b *mat.Dense, shift []float64, _ Precision, visit func(row, column int, block *mat.Dense)) error {
	half := b == nil
	if half {
		b = a
	}
	if err := CheckDots(a, b, shift); err != nil {
		return err
	}
	x, y := view(a), view(b)
	height, width := EvenBlock(x.rows, pairBlock), EvenBlock(y.rows, pairBlock)
	values := make([]float64, height*width)
	for column := 0; column < y.rows; column += width {
		right := min(column+width, y.rows)
		p := pack(y.rowRange(column, right).transposed(), shift)
		for row := 0; row < x.rows && !(half && row >= right); row += height {
			part := x.rowRange(row, min(row+height, x.rows))
			block := mat.NewDense(part.rows, right-column, values[:part.rows*(right-column)])
			if half {
				multiplyAbove(values, right-column, part, shift, p, row-column)
			} else {
				multiply(values, right-column, part, shift, p)
			}
			visit(row, column, block)
		}
	}
	return nil
}

// EvenBlock is the size of the fewest equal blocks of at most limit that hold n.
func EvenBlock(n, limit int) int {
	blocks := (n + limit - 1) / limit
	return (n + blocks - 1) / max(blocks, 1)
}

type nativeMatrix struct{ x strided }

func (m nativeMatrix) Dims() (rows, columns int) { return m.x.rows, m.x.columns }

func (m nativeMatrix) Release() {}

func (m nativeMatrix) Mul(dst, w *mat.Dense) error {
	if err := CheckMul(m.x.rows, m.x.columns, dst, w); err != nil {
		return err
	}
	to := dst.RawMatrix()
	multiply(to.Data, to.Stride, m.x, nil, pack(view(w), nil))
	return nil
}

// A product xᵀ·r of at most depthSplit values has too few blocks for all cores:
// it is the sum of those of depthRows rows each.
const (
	depthSplit = 1 << 16
	depthRows  = 1024
)

func (m nativeMatrix) MulTrans(dst, r *mat.Dense) error {
	if err := CheckMulTrans(m.x.rows, m.x.columns, dst, r); err != nil {
		return err
	}
	to, factor := dst.RawMatrix(), view(r)
	n := factor.columns
	if m.x.columns*n > depthSplit || m.x.rows <= depthRows {
		multiply(to.Data, to.Stride, m.x.transposed(), nil, pack(factor, nil))
		return nil
	}
	for i := range to.Rows {
		clear(to.Data[i*to.Stride:][:n])
	}
	// The parts are added in order, a round at a time to bound their memory.
	const round = 16
	parts := make([][]float64, round)
	for from := 0; from < m.x.rows; from += round * depthRows {
		left := min(round, (m.x.rows-from+depthRows-1)/depthRows)
		Parallel(left, func(i int) {
			if parts[i] == nil {
				parts[i] = make([]float64, m.x.columns*n)
			}
			clear(parts[i])
			start := from + i*depthRows
			addTrans(parts[i], m.x.rowRange(start, min(start+depthRows, m.x.rows)), factor.rowRange(start, min(start+depthRows, m.x.rows)))
		})
		for _, part := range parts[:left] {
			for i := range to.Rows {
				row := to.Data[i*to.Stride:][:n]
				for j, v := range part[i*n:][:n] {
					row[j] += v
				}
			}
		}
	}
	return nil
}

func (m nativeMatrix) Gram(shift []float64) (*mat.SymDense, error) {
	if err := CheckShift(m.x.columns, shift); err != nil {
		return nil, err
	}
	n := m.x.columns
	sum := make([]float64, n*n)
	block := make([]float64, depthBlock*padded(n))
	for row := 0; row < m.x.rows; row += depthBlock {
		part := m.x.rowRange(row, min(row+depthBlock, m.x.rows))
		p := &panels{part.rows, n, padded(n), block[:part.rows*padded(n)]}
		p.fill(part, shift)
		addGram(sum, p)
	}
	return mat.NewSymDense(n, sum), nil
}

// addTrans adds xᵀ·r to c [x.columns, r.columns] on one core.
func addTrans(c []float64, x, r strided) {
	const depth = 64 // rows whose panels stay in the second level of the caches
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	rows := make([]float64, depth*padded(x.columns))
	columns := make([]float64, depth*padded(r.columns))
	for k := 0; k < x.rows; k += depth {
		height := min(depth, x.rows-k)
		a := &panels{height, x.columns, padded(x.columns), rows[:height*padded(x.columns)]}
		b := &panels{height, r.columns, padded(r.columns), columns[:height*padded(r.columns)]}
		for i := range height {
			a.fillRow(i, x.data[(k+i)*x.rowStride:][:x.columns], nil)
			b.fillRow(i, r.data[(k+i)*r.rowStride:][:r.columns], nil)
		}
		for column := 0; column < r.columns; column += tileColumns {
			panel := b.panel(0, column)
			for row := 0; row < x.columns; row += tileRows {
				of := a.panel(0, row/tileColumns*tileColumns)[row%tileColumns:]
				s.tile(height, of, 1, tileColumns, panel, c[row*r.columns+column:], r.columns, x.columns-row, r.columns-column)
			}
		}
	}
}
