package probe

import (
	"container/list"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// kernelMemory bounds the kernel values that one problem keeps, in bytes.
const kernelMemory = 256 << 20

// matrix overwrites dst [rows of a, rows of b] with the kernel of each pair.
func (k Kernel) matrix(dst, a, b *mat.Dense, gamma float64) error {
	if k == Linear {
		return dense.Mul(dst, a, mat.DenseCopyOf(b.T()))
	}
	if err := dense.SquaredDistances(dst, a, b); err != nil {
		return err
	}
	inBlocks(dst.RawMatrix().Rows, func(_, from, to int) {
		for i := from; i < to; i++ {
			row := dst.RawRowView(i)
			for j, squared := range row {
				row[j] = math.Exp(-gamma * squared)
			}
		}
	})
	return nil
}

// times overwrites dst with k(a, b)·c, without the kernel in full.
func (k Kernel) times(dst, a, b, c *mat.Dense, gamma float64) error {
	rowsA, rowsB := a.RawMatrix().Rows, b.RawMatrix().Rows
	block := max(1, min(rowsA, kernelMemory/8/rowsB))
	for from := 0; from < rowsA; from += block {
		to := min(from+block, rowsA)
		kernel := mat.NewDense(to-from, rowsB, nil)
		if err := k.matrix(kernel, a.Slice(from, to, 0, a.RawMatrix().Cols).(*mat.Dense), b, gamma); err != nil {
			return err
		}
		if err := dense.Mul(dst.Slice(from, to, 0, c.RawMatrix().Cols).(*mat.Dense), kernel, c); err != nil {
			return err
		}
	}
	return nil
}

// kernelRows gives rows of the kernel of a set with itself: from the whole
// matrix where it fits, else computed when asked for and kept while there is room.
type kernelRows struct {
	kernel Kernel
	gamma  float64
	x      *mat.Dense // [samples, features]
	full   *mat.Dense // [samples, samples], nil when it does not fit

	kept   map[int]*list.Element // of keptRow
	recent *list.List            // latest use first
	room   int                   // rows
}

type keptRow struct {
	sample int
	values []float64
}

func newKernelRows(kernel Kernel, gamma float64, x *mat.Dense) (*kernelRows, error) {
	samples := x.RawMatrix().Rows
	k := &kernelRows{kernel: kernel, gamma: gamma, x: x}
	if samples <= kernelMemory/8/samples {
		k.full = mat.NewDense(samples, samples, nil)
		return k, kernel.matrix(k.full, x, x, gamma)
	}
	return newKeptRows(kernel, gamma, x, max(2, kernelMemory/8/samples)), nil
}

// newKeptRows keeps room rows, at least 2.
func newKeptRows(kernel Kernel, gamma float64, x *mat.Dense, room int) *kernelRows {
	return &kernelRows{kernel: kernel, gamma: gamma, x: x, kept: map[int]*list.Element{}, recent: list.New(), room: room}
}

// row is the kernel of a sample with all; it stays valid until two other rows
// have been asked for.
func (k *kernelRows) row(sample int) []float64 {
	if k.full != nil {
		return k.full.RawRowView(sample)
	}
	if element, ok := k.kept[sample]; ok {
		k.recent.MoveToFront(element)
		return element.Value.(keptRow).values
	}
	var values []float64
	if k.recent.Len() < k.room {
		values = make([]float64, k.x.RawMatrix().Rows)
	} else {
		oldest := k.recent.Remove(k.recent.Back()).(keptRow)
		delete(k.kept, oldest.sample)
		values = oldest.values
	}
	own := k.x.RawRowView(sample)
	inBlocks(len(values), func(_, from, to int) {
		for j := from; j < to; j++ {
			values[j] = k.of(own, k.x.RawRowView(j))
		}
	})
	k.kept[sample] = k.recent.PushFront(keptRow{sample, values})
	return values
}

// diagonal is the kernel of each sample with itself.
func (k *kernelRows) diagonal() []float64 {
	diagonal := make([]float64, k.x.RawMatrix().Rows)
	for i := range diagonal {
		if diagonal[i] = 1; k.kernel == Linear {
			diagonal[i] = k.of(k.x.RawRowView(i), k.x.RawRowView(i))
		}
	}
	return diagonal
}

func (k *kernelRows) of(a, b []float64) float64 {
	if k.kernel == Linear {
		return floats.Dot(a, b)
	}
	squared := 0.0
	for i, v := range a {
		d := v - b[i]
		squared += d * d
	}
	return math.Exp(-k.gamma * squared)
}
