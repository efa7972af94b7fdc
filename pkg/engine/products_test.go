package engine_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
	"noisebook/pkg/engine"
)

func normal(rows, columns int, seed uint64) *mat.Dense {
	random := rand.New(rand.NewPCG(seed, 1))
	m := mat.NewDense(rows, columns, nil)
	for i := range rows {
		for j := range columns {
			m.Set(i, j, 3+random.NormFloat64())
		}
	}
	return m
}

// products are those of XLA, where this machine has a plugin.
func products(t *testing.T) dense.Backend {
	t.Helper()
	needPlugin(t)
	e, err := engine.Open(t.Context(), "xla")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	p, err := e.Products()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantClose(t *testing.T, what string, got, want mat.Matrix, tolerance float64) {
	t.Helper()
	rows, columns := want.Dims()
	for i := range rows {
		for j := range columns {
			if g, w := got.At(i, j), want.At(i, j); !(math.Abs(g-w) <= tolerance) {
				t.Fatalf("%s: (%d, %d) is %.17g, want %.17g", what, i, j, g, w)
			}
		}
	}
}

// XLA's products are those of Go, at sizes above the one that stays in Go.
func TestProductsAgreeWithNative(t *testing.T) {
	p := products(t)
	x, w, r := normal(3000, 150, 1), normal(150, 11, 2), normal(3000, 11, 3)
	on, err := p.Load(x)
	if err != nil {
		t.Fatal(err)
	}
	defer on.Release()
	native, err := dense.Native.Load(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, product := range []struct {
		what          string
		rows, columns int
		got, want     func(dst *mat.Dense) error
	}{
		{"x·w", 3000, 11, func(dst *mat.Dense) error { return on.Mul(dst, w) }, func(dst *mat.Dense) error { return native.Mul(dst, w) }},
		{"xᵀ·r", 150, 11, func(dst *mat.Dense) error { return on.MulTrans(dst, r) }, func(dst *mat.Dense) error { return native.MulTrans(dst, r) }},
	} {
		got, want := mat.NewDense(product.rows, product.columns, nil), mat.NewDense(product.rows, product.columns, nil)
		if err := product.got(got); err != nil {
			t.Fatal(err)
		}
		if err := product.want(want); err != nil {
			t.Fatal(err)
		}
		wantClose(t, product.what, got, want, 1e-9)
	}
	if err := on.Mul(mat.NewDense(3000, 11, nil), r); err == nil {
		t.Error("x·w with w of 3000 rows was accepted")
	}
}

// What reduces all pairs comes out the same to the last neighbour, although
// the first look at them is in float32.
func TestPairsAgreeWithNative(t *testing.T) {
	p := products(t)
	a, b := normal(2500, 40, 1), normal(2100, 40, 2)
	for i := range 100 { // ties
		b.SetRow(i, a.RawRowView(2*i))
		a.SetRow(i+1000, a.RawRowView(i))
	}
	cluster := make([]int, 2500)
	for i := range cluster {
		cluster[i] = i % 3
	}
	type results struct {
		nearest, others dense.Neighbours
		balls           dense.Balls
		sums            *mat.Dense
	}
	compute := func() (r results) {
		var err error
		if r.nearest, err = dense.Nearest(a, b, 3); err != nil {
			t.Fatal(err)
		}
		if r.others, err = dense.NearestOthers(a, 4); err != nil {
			t.Fatal(err)
		}
		radiiA, radiiB := make([]float64, 2500), make([]float64, 2100)
		for i := range radiiA {
			radiiA[i] = r.others.Squared[i][3]
		}
		for j := range radiiB {
			radiiB[j] = radiiA[j]
		}
		if r.balls, err = dense.CountInside(a, b, radiiA, radiiB, true); err != nil {
			t.Fatal(err)
		}
		if r.sums, err = dense.ClusterDistances(a, cluster, 3); err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := compute()
	restore := dense.Use(p)
	defer restore()
	got := compute()
	for i := range want.nearest.Index {
		if !slices.Equal(got.nearest.Index[i], want.nearest.Index[i]) || !slices.Equal(got.others.Squared[i], want.others.Squared[i]) {
			t.Fatalf("row %d: nearest %v and %v, want %v and %v", i, got.nearest.Index[i], got.others.Squared[i], want.nearest.Index[i], want.others.Squared[i])
		}
	}
	if fmt.Sprint(got.balls) != fmt.Sprint(want.balls) {
		t.Error("balls differ")
	}
	wantClose(t, "distances to clusters", got.sums, want.sums, 1e-7)
}

func TestProductsOfThePureGoBackendAreNative(t *testing.T) {
	p, err := openGo(t).Products()
	if err != nil {
		t.Fatal(err)
	}
	if p != dense.Native {
		t.Errorf("products of the pure-Go backend: %s", p.Name())
	}
}
