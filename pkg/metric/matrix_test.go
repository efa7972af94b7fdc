package metric

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/npy"
)

// normal draws a matrix of independent normals with the given mean.
func normal(samples, features int, mean float64, seed uint64) *mat.Dense {
	random := rand.New(rand.NewPCG(seed, 0))
	m := mat.NewDense(samples, features, nil)
	for i := range samples {
		for j := range features {
			m.Set(i, j, mean+random.NormFloat64())
		}
	}
	return m
}

// golden reads an array of testdata.
func golden(t testing.TB, name string) *npy.Array {
	t.Helper()
	array, err := npy.Open(filepath.Join("testdata", name+".npy"))
	if err != nil {
		t.Fatal(err)
	}
	return array
}

func goldenMatrix(t testing.TB, name string) *mat.Dense {
	t.Helper()
	m, err := golden(t, name).Dense()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func goldenInts(t testing.TB, name string) []int {
	t.Helper()
	values, err := golden(t, name).Ints()
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func wantNear(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.15g, want %.15g within %g", what, got, want, tolerance)
	}
}

func wantError(t testing.TB, err error, fragment string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), fragment) {
		t.Errorf("error %v, want one with %q", err, fragment)
	}
}

func withNaN(m *mat.Dense) *mat.Dense {
	c := mat.DenseCopyOf(m)
	c.Set(1, 0, math.NaN())
	return c
}
