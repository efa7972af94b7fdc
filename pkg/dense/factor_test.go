package dense

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestSingularValuesAgreeWithGonum(t *testing.T) {
	withEachKernel(t, func(t *testing.T) {
		for _, size := range [][2]int{{1, 1}, {1, 5}, {3, 2}, {24, 24}, {31, 40}, {33, 33}, {70, 70}, {130, 65}, {200, 171}} {
			m := normal(size[0], size[1], 1)
			wantSingularValues(t, fmt.Sprint(size), m)
		}
		product := mat.NewDense(90, 80, nil) // rank 7
		product.Mul(normal(90, 7, 2), normal(7, 80, 3))
		wantSingularValues(t, "rank 7", product)
		product.Scale(1e-200, product)
		wantSingularValues(t, "tiny", product)
		product.Scale(1e300, product)
		product.Scale(1e80, product)
		wantSingularValues(t, "huge", product)
		graded := normal(60, 60, 4)
		graded.Apply(func(i, j int, v float64) float64 { return v * math.Pow(10, -float64(i+j)/10) }, graded)
		wantSingularValues(t, "graded", graded)
		wantSingularValues(t, "zero", mat.NewDense(5, 4, nil))
		diagonal := mat.NewDense(4, 4, nil)
		diagonal.Set(2, 2, -3)
		wantSingularValues(t, "one element", diagonal)
	})
}

func wantSingularValues(t *testing.T, what string, m *mat.Dense) {
	t.Helper()
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDNone) {
		t.Fatal("gonum's singular values did not converge")
	}
	want := svd.Values(nil)
	got, err := SingularValues(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d singular values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= 1e-13*want[0]) {
			t.Fatalf("%s: singular value %d is %.17g, want %.17g", what, i, got[i], w)
		}
	}
}

func TestSemidefiniteFactor(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 5}, {63, 63}, {64, 64}, {65, 65}, {150, 150}, {150, 64}, {150, 70}, {40, 1}} {
		n, rank := size[0], size[1]
		var a mat.SymDense
		a.SymOuterK(1, normal(n, rank, 1))
		f, unexplained := SemidefiniteFactor(&a)
		if _, got := f.Dims(); got != rank || unexplained > 1e-11 {
			t.Errorf("%v: rank %d with %g left, want %d with nothing left", size, got, unexplained, rank)
		}
		var product mat.Dense
		product.Mul(f, f.T())
		wantClose(t, fmt.Sprint("f·fᵀ of ", size), &product, &a, 1e-11)
	}
	if f, unexplained := SemidefiniteFactor(mat.NewSymDense(3, nil)); f != nil || unexplained != 0 {
		t.Errorf("factor of 0: %v, %g left", f, unexplained)
	}
	indefinite := mat.NewSymDense(2, []float64{1, 2, 2, 1})
	if _, unexplained := SemidefiniteFactor(indefinite); unexplained < 1 {
		t.Errorf("%g left of a matrix with the eigenvalue -1", unexplained)
	}
}
