package engine

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
	"noisebook/pkg/plugin"
)

// What is meant for a GPU is right on a CPU too: blocks of the Gram matrix and
// pairs in float64.
func TestProductsAsOnAGPU(t *testing.T) {
	found, err := plugin.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found.Path == "" {
		t.Skip("no PJRT plugin on this machine")
	}
	e, err := Open(t.Context(), "xla")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.info.CPU = false
	p, err := e.Products()
	if err != nil {
		t.Fatal(err)
	}
	if p.Rounding(dense.Coarse) != 0x1p-53 {
		t.Errorf("a first look has a rounding error of %g", p.Rounding(dense.Coarse))
	}
	random := rand.New(rand.NewPCG(1, 1))
	x := mat.NewDense(40, 1100, nil) // three blocks of columns, the last one padded
	x.Apply(func(_, _ int, _ float64) float64 { return random.NormFloat64() }, x)
	shift := x.RawRowView(3)
	loaded, err := p.Load(x)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Release()
	got, err := loaded.Gram(shift)
	if err != nil {
		t.Fatal(err)
	}
	native, err := dense.Native.Load(x)
	if err != nil {
		t.Fatal(err)
	}
	want, err := native.Gram(shift)
	if err != nil {
		t.Fatal(err)
	}
	var off mat.SymDense
	off.ScaleSym(-1, want)
	off.AddSym(&off, got)
	if worst := max(mat.Max(&off), -mat.Min(&off)); !(worst < 1e-11) {
		t.Errorf("Gram matrices differ by %g", worst)
	}

	y := mat.DenseCopyOf(x.T())
	pairs := 0
	err = p.Dots(y, nil, nil, dense.Coarse, func(row, column int, block *mat.Dense) {
		rows, columns := block.Dims()
		for i := range rows {
			for j := max(0, row+i+1-column); j < columns; j++ {
				pairs++
				if got, want := block.At(i, j), mat.Dot(y.RowView(row+i), y.RowView(column+j)); !(math.Abs(got-want) < 1e-11) {
					t.Fatalf("rows %d and %d: product %g, want %g", row+i, column+j, got, want)
				}
			}
		}
	})
	if err != nil || pairs != 1100*1099/2 {
		t.Errorf("%d pairs, error %v", pairs, err)
	}
}
