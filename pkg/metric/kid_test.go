package metric

import (
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Values of torch-fidelity, from the fixture folder.
func TestMMDGolden(t *testing.T) {
	got, err := MMD(goldenMatrix(t, "kid.in.real"), goldenMatrix(t, "kid.in.fake"), PolynomialKernel{})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "unbiased", got.Unbiased.Value, 0.09492383971012908, 1e-10)
	wantNear(t, "biased", got.Biased.Value, 0.15099561044371113, 1e-10)
}

func TestMMDProperties(t *testing.T) {
	a, b := normal(40, 3, 0, 1), normal(30, 3, 1, 2)
	ab, err := MMD(a, b, PolynomialKernel{})
	if err != nil {
		t.Fatal(err)
	}
	ba, err := MMD(b, a, PolynomialKernel{})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "the other way", ba.Unbiased.Value, ab.Unbiased.Value, 1e-12)
	self, err := MMD(a, a, PolynomialKernel{})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "biased to itself", self.Biased.Value, 0, 1e-12)

	// A linear kernel without offset measures the distance of the means.
	linear, err := MMD(a, b, PolynomialKernel{Degree: 1, Gamma: 1, Offset: 5})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "linear kernel", linear.Biased.Value, squaredDistance(dense.ColumnMeans(a), dense.ColumnMeans(b)), 1e-12)
}

// A kernel other than the zero one is taken as it is: its offset may be 0.
func TestKernelWithoutOffset(t *testing.T) {
	x := mat.NewDense(2, 1, []float64{1, 3})
	y := mat.NewDense(2, 1, []float64{2, 4})
	got, err := MMD(x, y, PolynomialKernel{Degree: 2, Gamma: 1})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "(x·y)²", got.Unbiased.Value, 9+64-2*(4+16+36+144)/4., 1e-12)
	if kernel := got.Unbiased.Settings["kernel"]; kernel != "(1 x·y + 0)^2" {
		t.Errorf("kernel %v", kernel)
	}
}

func TestKID(t *testing.T) {
	a, b := goldenMatrix(t, "kid.in.real"), goldenMatrix(t, "kid.in.fake")
	options := KIDOptions{Subsets: 20, SubsetSize: 100, Seed: 1}
	got, err := KID(a, b, options)
	if err != nil {
		t.Fatal(err)
	}
	// The expected value of a subset's estimate is that of the whole set.
	wantNear(t, "mean", got.Value, 0.0949, 4*got.Spread.SD/4.47)
	again, err := KID(a, b, options)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "mean with the same seed", again.Value, got.Value, 0)
	whole, err := KID(a, b, KIDOptions{Subsets: 2, SubsetSize: 400})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "subsets of everything", whole.Value, 0.09492383971012908, 1e-10)
	wantNear(t, "their spread", whole.Spread.SD, 0, 1e-10)
}

func TestKIDRefuses(t *testing.T) {
	a := normal(10, 3, 0, 1)
	_, err := KID(a, a, KIDOptions{})
	wantError(t, err, "1000 samples from 10")
	_, err = KID(a, normal(10, 4, 0, 1), KIDOptions{Subsets: 1, SubsetSize: 5})
	wantError(t, err, "one network")
	_, err = MMD(a, withNaN(a), PolynomialKernel{})
	wantError(t, err, "NaN")
	_, err = MMD(a, a, PolynomialKernel{Degree: -1})
	wantError(t, err, "degree -1")
	_, err = MMD(a, mat.NewDense(1, 3, nil), PolynomialKernel{})
	wantError(t, err, "at least 2")
}
