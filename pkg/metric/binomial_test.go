package metric

import (
	"math"
	"testing"
)

// By hand: at either end the other bound is z²/(n + z²) away, in the middle both are z/(2√(n + z²)).
func TestWilson(t *testing.T) {
	const z = 1.959963984540054
	end, middle := z*z/(10+z*z), z/(2*math.Sqrt(10+z*z))
	for _, test := range []struct {
		successes int
		low, high float64
	}{{0, 0, end}, {10, 1 - end, 1}, {5, 0.5 - middle, 0.5 + middle}} {
		low, high, err := Wilson(test.successes, 10, 0.95)
		if err != nil || math.Abs(low-test.low) > 1e-12 || math.Abs(high-test.high) > 1e-12 {
			t.Errorf("%d of 10: %.7f to %.7f (%v), want %.7f to %.7f", test.successes, low, high, err, test.low, test.high)
		}
	}
}

// The ends are where the score test is exactly at its limit: |p̂ − p| = z √(p(1−p)/n).
func TestWilsonInvertsTheScoreTest(t *testing.T) {
	const z = 1.959963984540054
	for _, k := range []int{1, 7, 20, 39} {
		low, high, err := Wilson(k, 40, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []float64{low, high} {
			if got := math.Abs(float64(k)/40-p) / math.Sqrt(p*(1-p)/40); math.Abs(got-z) > 1e-9 {
				t.Errorf("%d of 40: the score at %g is %g", k, p, got)
			}
		}
	}
}

func TestWilsonRefuses(t *testing.T) {
	for _, test := range []struct {
		successes, trials int
		level             float64
	}{{0, 0, 0.95}, {-1, 5, 0.95}, {6, 5, 0.95}, {1, 5, 0}, {1, 5, 1}, {1, 5, math.NaN()}} {
		if _, _, err := Wilson(test.successes, test.trials, test.level); err == nil {
			t.Errorf("%+v is accepted", test)
		}
	}
}
