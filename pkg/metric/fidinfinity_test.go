package metric

import (
	"math"
	"slices"
	"testing"
)

// FID of samples of one distribution falls towards 0 as 1/n; its line must get
// there, where FID itself stays above.
func TestFIDInfinityTakesTheBiasAway(t *testing.T) {
	const dim = 20
	real, err := FitGaussian(normal(40000, dim, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	generated := normal(3000, dim, 0, 2)
	e, err := FIDInfinityOfStatistics(real, generated, FIDInfinityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Counts) != 15 || e.Counts[0] != 300 || e.Counts[14] != 3000 || !slices.IsSorted(e.Counts) {
		t.Errorf("counts %v, want 15 from 300 to 3000", e.Counts)
	}
	// Of unit Gaussians the mean term is d/n and, to first order, the other d(d+1)/4n.
	if want := dim + dim*(dim+1)/4.; math.Abs(e.Slope-want) > want/4 {
		t.Errorf("slope %v, want about %v", e.Slope, want)
	}
	if all := e.FIDs[14]; all <= 0 || math.Abs(e.Value) > all/4 {
		t.Errorf("extrapolated to %v from %v at 3000 samples, want about 0", e.Value, all)
	}
	if e.R2 < 0.95 || e.R2 > 1 {
		t.Errorf("R² %v, want near 1", e.R2)
	}
	again, err := FIDInfinityOfStatistics(real, generated, FIDInfinityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Value != e.Value {
		t.Error("the same seed gave another value")
	}
}

// With two points the line goes through both.
func TestFIDInfinityOfTwoPoints(t *testing.T) {
	real, generated := normal(100, 3, 0, 1), normal(80, 3, 1, 2)
	e, err := FIDInfinity(real, generated, FIDInfinityOptions{Points: 2, Smallest: 40, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := FID(real, generated)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "FID of all samples", e.FIDs[1], whole.Value, 1e-9)
	wantNear(t, "line at 1/n = 0", e.Value, 2*e.FIDs[1]-e.FIDs[0], 1e-9)
	if e.N["real"] != 100 || e.N["generated"] != 80 || e.Settings["points"] != 2 {
		t.Errorf("it says %v, %v", e.N, e.Settings)
	}
}

func TestFIDInfinityRefuses(t *testing.T) {
	a := normal(20, 3, 0, 1)
	for _, options := range []FIDInfinityOptions{{Points: 1}, {Smallest: 1}, {Smallest: 15, Points: 7}, {Points: 30}} {
		_, err := FIDInfinity(a, a, options)
		wantError(t, err, "different counts")
	}
	_, err := FIDInfinity(a, normal(20, 4, 0, 1), FIDInfinityOptions{})
	wantError(t, err, "one network")
	_, err = FIDInfinity(a, withNaN(a), FIDInfinityOptions{})
	wantError(t, err, "NaN")
}
