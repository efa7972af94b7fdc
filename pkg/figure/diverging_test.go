package figure

import (
	"math"
	"testing"
)

// The scale is grey in the middle, gets bluer downwards and redder upwards, and darker both ways.
func TestDiverging(t *testing.T) {
	if c := Diverging(0); c.R != c.G || c.G != c.B {
		t.Errorf("the middle is %v, not grey", c)
	}
	lightness := func(value float64) float64 {
		c := Diverging(value)
		return 0.3*float64(c.R) + 0.6*float64(c.G) + 0.1*float64(c.B)
	}
	for _, side := range []float64{-1, 1} {
		for step := range 10 {
			near, far := side*float64(step)/10, side*float64(step+1)/10
			if lightness(far) >= lightness(near) {
				t.Errorf("%g is not darker than %g", far, near)
			}
			if c := Diverging(far); (c.R > c.B) != (side > 0) {
				t.Errorf("%g is %v", far, c)
			}
		}
		if Diverging(5*side) != Diverging(side) {
			t.Errorf("beyond %g is another colour", side)
		}
	}
	if Diverging(math.NaN()) != missingColor {
		t.Error("a missing value has a colour of the scale")
	}
}
