package figure

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"gonum.org/v1/plot/vg"
)

func TestPositionsIncrease(t *testing.T) {
	cells := []string{"-1000", "-10", "0", "10", "50", "100", "250", "1000"}
	for _, scale := range []Scale{Linear, SymmetricLog, Even} {
		axis, err := newHorizontal(cells, scale)
		if err != nil {
			t.Fatal(err)
		}
		increases := func(a, b float64) bool {
			a, b = math.Mod(a, 2000), math.Mod(b, 2000)
			if a > b {
				a, b = b, a
			}
			return axis.position(a) <= axis.position(b)
		}
		if err := quick.Check(increases, nil); err != nil {
			t.Errorf("scale %d: %v", scale, err)
		}
	}
}

func TestSymmetricLogIsOddAndMeetsItsThreshold(t *testing.T) {
	axis, err := newHorizontal([]string{"0", "10", "100", "1000"}, SymmetricLog)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]float64{0: 0, 5: 0.5, 10: 1, 100: 2, 1000: 3} {
		if got := axis.position(x); math.Abs(got-want) > 1e-12 {
			t.Errorf("position(%g) = %g, want %g", x, got, want)
		}
		if got := axis.position(-x); math.Abs(got+want) > 1e-12 {
			t.Errorf("position(%g) = %g, want %g", -x, got, -want)
		}
	}
}

func TestEvenPlacesBetweenValues(t *testing.T) {
	axis, err := newHorizontal([]string{"100", "0", "50"}, Even)
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]float64{-1: -0.5, 0: 0, 25: 0.5, 50: 1, 75: 1.5, 100: 2, 101: 2.5} {
		if got := axis.position(x); got != want {
			t.Errorf("position(%g) = %g, want %g", x, got, want)
		}
	}
}

func TestRoundTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      []string
	}{
		{0, 1, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{-1, 1, []string{"−1.0", "−0.5", "0.0", "0.5", "1.0"}},
		{0.37, 0.96, []string{"0.4", "0.5", "0.6", "0.7", "0.8", "0.9"}},
		{0, 95, []string{"0", "20", "40", "60", "80"}},
		{0, 3e6, []string{"0", "500000", "1e6", "1.5e6", "2e6", "2.5e6", "3e6"}},
	} {
		var got []string
		for _, mark := range roundTicks(c.low, c.high, 5) {
			got = append(got, mark.label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%g … %g: %q, want %q", c.low, c.high, got, c.want)
		}
	}
}

// However many ticks there are, the labels that stay never touch and the ends stay.
func TestLabelsDoNotTouch(t *testing.T) {
	style := textStyle(tickSize, ink)
	for _, count := range []int{1, 2, 7, 40, 400} {
		ticks := make([]tick, count)
		for i := range ticks {
			ticks[i] = tick{at: math.Pow(float64(i), 1.3), label: strings.Repeat("9", 1+i%5)}
		}
		span := max(1, ticks[count-1].at)
		ticks = dropTouching(ticks, vg.Length(300/span), style)
		if ticks[0].label == "" && count < 3 || ticks[count-1].label == "" {
			t.Errorf("%d ticks: an end lost its label", count)
		}
		right := math.Inf(-1)
		for _, mark := range ticks {
			if mark.label == "" {
				continue
			}
			middle, half := mark.at*300/span, float64(style.Width(mark.label))/2
			if middle-half < right {
				t.Errorf("%d ticks: label %q at %g overlaps its neighbour", count, mark.label, mark.at)
			}
			right = middle + half
		}
	}
}

func TestFormatNumber(t *testing.T) {
	for _, c := range []struct {
		x        float64
		decimals int
		want     string
	}{
		{-0.0001, 2, "0.00"}, {-3, 0, "−3"}, {0.5, 1, "0.5"}, {1e-7, -1, "1e−7"}, {250, -1, "250"}, {-2e9, -1, "−2e9"}, {0, -1, "0"},
	} {
		if got := formatNumber(c.x, c.decimals); got != c.want {
			t.Errorf("formatNumber(%g, %d) = %q, want %q", c.x, c.decimals, got, c.want)
		}
	}
}

func TestReversedAxis(t *testing.T) {
	f := frame{x: axis{low: 0, high: 10, reversed: true}, y: axis{low: 0, high: 10}, data: vg.Rectangle{Max: vg.Point{X: 100, Y: 50}}}
	for value, want := range map[float64]vg.Length{0: 100, 10: 0, 2.5: 75} {
		if got := f.placeX(value); math.Abs(float64(got-want)) > 1e-9 {
			t.Errorf("%g lies at %g, want %g", value, got, want)
		}
	}
	if left, right := f.between(2, 4); !(left < right) || math.Abs(float64(right-80)) > 1e-9 {
		t.Errorf("2 to 4 lies between %g and %g, want 60 and 80", left, right)
	}
	if got := f.placeY(10); got != 50 {
		t.Errorf("the highest y lies at %g, want 50", got)
	}
}
