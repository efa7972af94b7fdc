package engine

import (
	"sync"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Products returns a backend of package dense that multiplies on this engine:
//
//	restore := dense.Use(products)
//	defer restore()
//
// On XLA it computes in float64, and in float32 where dense asks for a first
// look only and the device is a CPU (a GPU may round float32 products to TF32).
// Small products stay in Go. The pure-Go backend has nothing to add to
// dense.Native, so that is what it returns.
func (e *Engine) Products() (dense.Backend, error) {
	if e.info.Backend != "xla" {
		return dense.Native, nil
	}
	p := &products{cpu: e.info.CPU, device: e.info.Device}
	for _, program := range []struct {
		to   **Program
		name string
		axes [2]int // that the product sums over
	}{
		{&p.mul, "x·w", [2]int{1, 0}},
		{&p.mulTrans, "xᵀ·r", [2]int{0, 0}},
		{&p.dots, "x·yᵀ", [2]int{1, 1}},
	} {
		made, err := e.NewProgram(program.name, func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
			return []*graph.Node{graph.Dot(in[0], in[1]).General(program.axes[:1], nil, program.axes[1:], nil)}
		})
		if err != nil {
			return nil, err
		}
		made.exec.SetMaxCache(-1) // any number of shapes
		*program.to = made
	}
	return p, nil
}

type products struct {
	cpu                 bool
	device              string
	mul, mulTrans, dots *Program
}

// Name says what computes.
func (p *products) Name() string { return "XLA, " + p.device }

// Rounding is that of float32 for a first look on a CPU.
func (p *products) Rounding(precision dense.Precision) float64 {
	if p.dtype(precision) == dtypes.Float32 {
		return 0x1p-24
	}
	return 0x1p-53
}

func (p *products) dtype(precision dense.Precision) dtypes.DType {
	if precision == dense.Coarse && p.cpu {
		return dtypes.Float32
	}
	return dtypes.Float64
}

const (
	smallProduct = 1 << 22 // multiplications that are not worth a call
	pairBlock    = 2048    // bounds the rows and columns of a block of Dots
	gramBlock    = 512     // bounds the columns of a block of Gram
)

// Dots keeps both matrices on the device, in blocks of rows.
func (p *products) Dots(a, b *mat.Dense, shift []float64, precision dense.Precision, visit func(row, column int, block *mat.Dense)) error {
	other := b
	if b == nil {
		other = a
	}
	if err := dense.CheckDots(a, other, shift); err != nil {
		return err
	}
	m, depth := a.Dims()
	n, _ := other.Dims()
	if m*n*depth < smallProduct {
		return dense.Native.Dots(a, b, shift, precision, visit)
	}
	dtype, height, width := p.dtype(precision), dense.EvenBlock(m, pairBlock), dense.EvenBlock(n, pairBlock)
	rows := rowBlocks(a, shift, height, dtype)
	defer finalize(rows)
	columns := rows
	if b != nil {
		columns = rowBlocks(b, shift, width, dtype)
		defer finalize(columns)
	}
	values := make([]float64, height*width)
	for j, y := range columns {
		for i, x := range rows {
			if b == nil && i > j {
				break
			}
			rows, columns := min(height, m-i*height), min(width, n-j*width)
			block := mat.NewDense(rows, columns, values[:rows*columns])
			if err := p.dots.into(block, x, y); err != nil {
				return err
			}
			visit(i*height, j*width, block)
		}
	}
	return nil
}

// Load copies x to the device at the first product that is worth it.
func (p *products) Load(x *mat.Dense) (dense.Matrix, error) {
	native, err := dense.Native.Load(x)
	return &loaded{Matrix: native, products: p, x: x}, err
}

// loaded is a matrix on the device; the native one beside it takes the small products.
type loaded struct {
	dense.Matrix
	products *products
	x        *mat.Dense
	copying  sync.Mutex
	tensor   *tensors.Tensor
}

func (l *loaded) onDevice() *tensors.Tensor {
	l.copying.Lock()
	defer l.copying.Unlock()
	if l.tensor == nil {
		rows, columns := l.x.Dims()
		l.tensor = upload(l.x, nil, 0, rows, 0, columns, dtypes.Float64)
	}
	return l.tensor
}

func (l *loaded) Release() {
	l.copying.Lock()
	defer l.copying.Unlock()
	if l.tensor != nil {
		l.tensor.FinalizeAll()
		l.tensor = nil
	}
}

func (l *loaded) Mul(dst, w *mat.Dense) error {
	rows, columns := l.Dims()
	if err := dense.CheckMul(rows, columns, dst, w); err != nil {
		return err
	}
	return l.product(l.products.mul, dst, w, l.Matrix.Mul)
}

func (l *loaded) MulTrans(dst, r *mat.Dense) error {
	rows, columns := l.Dims()
	if err := dense.CheckMulTrans(rows, columns, dst, r); err != nil {
		return err
	}
	return l.product(l.products.mulTrans, dst, r, l.Matrix.MulTrans)
}

func (l *loaded) product(program *Program, dst, factor *mat.Dense, native func(dst, factor *mat.Dense) error) error {
	rows, columns := l.Dims()
	inner, n := factor.Dims()
	if rows*columns*n < smallProduct {
		return native(dst, factor)
	}
	other := upload(factor, nil, 0, inner, 0, n, dtypes.Float64)
	defer other.FinalizeAll()
	return program.into(dst, l.onDevice(), other)
}

// Gram multiplies blocks of columns, those on and above the diagonal. A CPU
// leaves it to Go, which computes half of every block on the diagonal only.
func (l *loaded) Gram(shift []float64) (*mat.SymDense, error) {
	rows, n := l.Dims()
	if l.products.cpu || rows*n*n < smallProduct {
		return l.Matrix.Gram(shift)
	}
	if err := dense.CheckShift(n, shift); err != nil {
		return nil, err
	}
	width := dense.EvenBlock(n, gramBlock)
	var blocks []*tensors.Tensor
	for left := 0; left < n; left += width {
		blocks = append(blocks, upload(l.x, shift, 0, rows, left, width, dtypes.Float64))
	}
	defer finalize(blocks)
	gram := mat.NewSymDense(n, nil)
	sums := mat.NewDense(n, n, gram.RawSymmetric().Data)
	for j, right := range blocks {
		for i, left := range blocks[:j+1] {
			top, column := i*width, j*width
			block := sums.Slice(top, min(top+width, n), column, min(column+width, n)).(*mat.Dense)
			if err := l.products.mulTrans.into(block, left, right); err != nil {
				return nil, err
			}
		}
	}
	return gram, nil
}

// into runs a program on two matrices and copies its result to dst; rows and
// columns of the result that dst lacks are left out.
func (p *Program) into(dst *mat.Dense, a, b *tensors.Tensor) error {
	outputs, err := p.Call(a, b)
	if err != nil {
		return err
	}
	result := outputs[0]
	defer result.FinalizeAll()
	rows, columns := dst.Dims()
	width := result.Shape().Dimensions[1]
	return result.ConstFlatData(func(flat any) {
		dense.Parallel(rows, func(i int) {
			to := dst.RawRowView(i)
			switch flat := flat.(type) {
			case []float64:
				copy(to, flat[i*width:][:columns])
			case []float32:
				for j, v := range flat[i*width:][:columns] {
					to[j] = float64(v)
				}
			}
		})
	})
}

// rowBlocks uploads m less shift in blocks of height rows.
func rowBlocks(m *mat.Dense, shift []float64, height int, dtype dtypes.DType) []*tensors.Tensor {
	rows, columns := m.Dims()
	var blocks []*tensors.Tensor
	for top := 0; top < rows; top += height {
		blocks = append(blocks, upload(m, shift, top, height, 0, columns, dtype))
	}
	return blocks
}

// upload returns a part of m less shift (nil is 0) as a tensor; what reaches
// beyond m is 0, so that all blocks have one shape and share a program.
func upload(m *mat.Dense, shift []float64, top, rows, left, columns int, dtype dtypes.DType) *tensors.Tensor {
	height, width := m.Dims()
	t := tensors.FromShape(shapes.Make(dtype, rows, columns))
	last := min(left+columns, width)
	if shift == nil {
		shift = make([]float64, width)
	}
	t.MustMutableFlatData(func(flat any) {
		dense.Parallel(min(rows, height-top), func(i int) {
			from, less := m.RawRowView(top + i)[left:last], shift[left:last]
			switch flat := flat.(type) {
			case []float64:
				to := flat[i*columns:]
				for j, v := range from {
					to[j] = v - less[j]
				}
			case []float32:
				to := flat[i*columns:]
				for j, v := range from {
					to[j] = float32(v - less[j])
				}
			}
		})
	})
	return t
}

func finalize(blocks []*tensors.Tensor) {
	for _, t := range blocks {
		t.FinalizeAll()
	}
}
