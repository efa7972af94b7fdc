package metric

import (
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Values of scikit-learn, from the fixture folder; signs are arbitrary.
func TestPCAGolden(t *testing.T) {
	for name, first := range map[string]float64{"pca": 71.71637765684892, "pca_wide": 436.27698532075374} {
		x := goldenMatrix(t, name+".in.x")
		p, err := PCA(x, 8)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, name+" first variance", p.Variance[0], first, 1e-9*first)
		projected, err := p.Project(x)
		if err != nil {
			t.Fatal(err)
		}
		var absolute mat.Dense
		absolute.Apply(func(_, _ int, v float64) float64 { return max(v, -v) }, projected)
		if !mat.EqualApprox(&absolute, goldenMatrix(t, name+".exp.abs_projection"), 1e-7) {
			t.Errorf("%s: the projection differs from the golden one", name)
		}
	}
}

func TestPCAProperties(t *testing.T) {
	x := normal(50, 6, 3, 1)
	p, err := PCA(x, 6)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "shares of all components", floats.Sum(p.Share), 1, 1e-12)
	var gram mat.Dense
	gram.Mul(p.Components, p.Components.T())
	if !mat.EqualApprox(&gram, mat.NewDiagDense(6, []float64{1, 1, 1, 1, 1, 1}), 1e-12) {
		t.Error("the components are not orthonormal")
	}
	projected, err := p.Project(x)
	if err != nil {
		t.Fatal(err)
	}
	gaussian, err := FitGaussian(projected)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		wantNear(t, "mean of a coordinate", gaussian.Mean[i], 0, 1e-12)
		for j := range 6 {
			want := 0.0
			if i == j {
				want = p.Variance[i]
			}
			wantNear(t, "covariance of coordinates", gaussian.Covariance.At(i, j), want, 1e-12)
		}
		if i > 0 && p.Variance[i] > p.Variance[i-1] {
			t.Error("the variances are not in descending order")
		}
	}
	constant, err := PCA(mat.NewDense(3, 2, nil), 1)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "share of no variance", constant.Share[0], 0, 0)
}

func TestPCARefuses(t *testing.T) {
	x := normal(4, 6, 0, 1)
	for _, components := range []int{0, 5} {
		_, err := PCA(x, components)
		wantError(t, err, "principal components")
	}
	_, err := PCA(withNaN(x), 1)
	wantError(t, err, "NaN")
	p, err := PCA(x, 2)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Project(normal(4, 5, 0, 1))
	wantError(t, err, "5 features")
	_, err = p.Project(withNaN(x))
	wantError(t, err, "NaN")
}
