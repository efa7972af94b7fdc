package metric

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Values of the fixture folder's references (torch-fidelity, pytorch-fid,
// clean-fid and SciPy agree to 1e-11, on singular covariances to 1e-5).
func TestFIDGolden(t *testing.T) {
	for _, test := range []struct {
		name            string
		want, tolerance float64
	}{
		{"fid_full_rank", 6.557026805697959, 6.6e-9},
		{"fid_float32", 6.557026791107319, 6.6e-9},
		{"fid_rank_deficient", 148.29343224708714, 1e-8}, // the exact value; the references are 8e-6 off
	} {
		got, err := FID(goldenMatrix(t, test.name+".in.real"), goldenMatrix(t, test.name+".in.fake"))
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, test.name, got.Value, test.want, test.tolerance)
	}
}

func TestFIDProperties(t *testing.T) {
	for _, size := range []struct{ samples, features int }{{300, 12}, {10, 40}, {2, 1}, {50, 50}} {
		t.Run(fmt.Sprintf("%dx%d", size.samples, size.features), func(t *testing.T) {
			a := normal(size.samples, size.features, 0, 1)
			b := normal(size.samples, size.features, 0.5, 2)
			self, err := FID(a, a)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "distance to itself", self.Value, 0, 1e-10)
			ab, err := FID(a, b)
			if err != nil {
				t.Fatal(err)
			}
			ba, err := FID(b, a)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "distance the other way", ba.Value, ab.Value, 1e-10*ab.Value)
			if ab.Value <= 0 {
				t.Errorf("distance of two sets is %v, want above 0", ab.Value)
			}

			// A shift of one set by s adds |s|² when the means were equal.
			const shift = 3.0
			shifted := mat.DenseCopyOf(a)
			shifted.Apply(func(_, _ int, v float64) float64 { return v + shift }, a)
			moved, err := FID(a, shifted)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "distance to the shifted set", moved.Value, float64(size.features)*shift*shift, 1e-9)

			// Scaling features by c scales the distance by c².
			scaledA, scaledB := mat.DenseCopyOf(a), mat.DenseCopyOf(b)
			scaledA.Scale(10, a)
			scaledB.Scale(10, b)
			scaled, err := FID(scaledA, scaledB)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "distance of scaled sets", scaled.Value, 100*ab.Value, 1e-8*ab.Value)
		})
	}
}

// Gaussians with diagonal covariances have the closed form Σ(σ_a−σ_b)² + ‖μ_a−μ_b‖².
func TestFrechetDistanceClosedForm(t *testing.T) {
	diagonal := func(mean []float64, variances ...float64) Gaussian {
		covariance := mat.NewSymDense(len(variances), nil)
		for i, v := range variances {
			covariance.SetSym(i, i, v)
		}
		return Gaussian{Samples: 100, Mean: mean, Covariance: covariance}
	}
	for _, test := range []struct {
		a, b Gaussian
		want float64
	}{
		{diagonal([]float64{0, 0}, 1, 4), diagonal([]float64{3, 4}, 9, 1), 25 + 4 + 1},
		{diagonal([]float64{1, 1}, 0, 0), diagonal([]float64{1, 1}, 1, 4), 5},
		{diagonal([]float64{1, 1}, 0, 0), diagonal([]float64{1, 1}, 0, 0), 0},
	} {
		got, err := FrechetDistance(test.a, test.b)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "distance", got, test.want, 1e-12)
	}
}

func TestMomentsEqualWholeSet(t *testing.T) {
	features := normal(101, 7, 1e6, 3) // a large mean, where Σx²−n·mean² would lose ten digits
	whole, err := FitGaussian(features)
	if err != nil {
		t.Fatal(err)
	}
	var moments Moments
	for from := 0; from < 101; {
		to := min(101, from+1+from%17)
		if err := moments.Add(features.Slice(from, to, 0, 7).(*mat.Dense)); err != nil {
			t.Fatal(err)
		}
		from = to
	}
	streamed, err := moments.Gaussian()
	if err != nil {
		t.Fatal(err)
	}
	if streamed.Samples != 101 || moments.Samples() != 101 {
		t.Errorf("streamed %d samples, want 101", streamed.Samples)
	}
	for j, want := range whole.Mean {
		wantNear(t, "mean", streamed.Mean[j], want, 1e-9)
		for k := range whole.Mean {
			wantNear(t, "covariance", streamed.Covariance.At(j, k), whole.Covariance.At(j, k), 1e-9)
		}
	}

	// Against the definition, on data moved to the origin.
	for j := range 7 {
		for k := range 7 {
			sum := 0.0
			for i := range 101 {
				sum += (features.At(i, j) - whole.Mean[j]) * (features.At(i, k) - whole.Mean[k])
			}
			wantNear(t, "covariance by definition", whole.Covariance.At(j, k), sum/100, 1e-9)
		}
	}
}

func TestFIDRefuses(t *testing.T) {
	good := normal(5, 3, 0, 1)
	_, err := FID(good, normal(5, 4, 0, 1))
	wantError(t, err, "one network")
	_, err = FID(good, normal(1, 3, 0, 1))
	wantError(t, err, "at least 2")
	_, err = FID(withNaN(good), good)
	wantError(t, err, "the real set has NaN in row 1, column 0")

	var moments Moments
	_, err = moments.Gaussian()
	wantError(t, err, "at least 2 samples")
	wantError(t, moments.Add(&mat.Dense{}), "empty")
	if err := moments.Add(good); err != nil {
		t.Fatal(err)
	}
	wantError(t, moments.Add(normal(5, 4, 0, 1)), "those before it had 3")
	before, _ := moments.Gaussian()
	wantError(t, moments.Add(withNaN(good)), "NaN")
	after, _ := moments.Gaussian()
	if after.Samples != before.Samples || !mat.Equal(after.Covariance, before.Covariance) {
		t.Error("a refused batch changed the moments")
	}

	negative := Gaussian{Samples: 9, Mean: []float64{0}, Covariance: mat.NewSymDense(1, []float64{-1})}
	_, err = FrechetDistance(negative, negative)
	wantError(t, err, "negative eigenvalue")
	indefinite := Gaussian{Samples: 9, Mean: []float64{0, 0}, Covariance: mat.NewSymDense(2, []float64{1, 2, 2, 1})}
	_, err = FrechetDistance(indefinite, indefinite)
	wantError(t, err, "negative eigenvalue")
	_, err = FrechetDistance(Gaussian{}, after)
	wantError(t, err, "incomplete")
	infinite := Gaussian{Samples: 9, Mean: []float64{0}, Covariance: mat.NewSymDense(1, []float64{math.Inf(1)})}
	_, err = FrechetDistance(infinite, infinite)
	wantError(t, err, "+Inf")
}

func BenchmarkFID(b *testing.B) {
	x, y := normal(10000, 84, 0, 1), normal(10000, 84, 0.1, 2)
	for b.Loop() {
		if _, err := FID(x, y); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleFID() {
	real := mat.NewDense(4, 1, []float64{-1, 1, -1, 1})
	generated := mat.NewDense(4, 1, []float64{1, 3, 1, 3})
	distance, err := FID(real, generated)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(distance) // equal variances, means 2 apart
	// Output: FID 4 (n = 4 generated, 4 real; covariance divisor n-1, float64, features 1)
}

func ExampleMoments() {
	var moments Moments
	for _, batch := range []*mat.Dense{mat.NewDense(2, 1, []float64{1, 2}), mat.NewDense(1, 1, []float64{6})} {
		if err := moments.Add(batch); err != nil {
			fmt.Println(err)
			return
		}
	}
	gaussian, err := moments.Gaussian()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(gaussian.Samples, gaussian.Mean, gaussian.Covariance.At(0, 0))
	// Output: 3 [3] 7
}

// Moments of parts merge to those of the whole, in any grouping.
func TestMomentsMerge(t *testing.T) {
	features := normal(90, 5, 1e5, 4)
	whole, err := FitGaussian(features)
	if err != nil {
		t.Fatal(err)
	}
	var merged Moments
	for from := 0; from < 90; from += 30 {
		var part Moments
		for _, bound := range [][2]int{{from, from + 11}, {from + 11, from + 30}} {
			if err := part.Add(features.Slice(bound[0], bound[1], 0, 5).(*mat.Dense)); err != nil {
				t.Fatal(err)
			}
		}
		before, err := part.Gaussian()
		if err != nil {
			t.Fatal(err)
		}
		if err := merged.Merge(&part); err != nil {
			t.Fatal(err)
		}
		after, err := part.Gaussian()
		if err != nil {
			t.Fatal(err)
		}
		if !mat.Equal(before.Covariance, after.Covariance) || before.Mean[0] != after.Mean[0] {
			t.Error("a merge changed the moments it took in")
		}
	}
	if err := merged.Merge(&Moments{}); err != nil { // nothing
		t.Fatal(err)
	}
	got, err := merged.Gaussian()
	if err != nil {
		t.Fatal(err)
	}
	if got.Samples != 90 {
		t.Errorf("%d samples, want 90", got.Samples)
	}
	for j, want := range whole.Mean {
		wantNear(t, "mean", got.Mean[j], want, 1e-9)
		for k := range whole.Mean {
			wantNear(t, "covariance", got.Covariance.At(j, k), whole.Covariance.At(j, k), 1e-9)
		}
	}
	var other Moments
	if err := other.Add(normal(3, 4, 0, 1)); err != nil {
		t.Fatal(err)
	}
	wantError(t, merged.Merge(&other), "do not merge")
}
