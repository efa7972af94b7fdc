package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// noisy is a random walk of n points.
func noisy(random *rand.Rand, n int) []xy {
	curve := make([]xy, n)
	for i := 1; i < n; i++ {
		curve[i] = xy{curve[i-1].x + random.Float64() + 0.01, curve[i-1].y + random.NormFloat64()}
	}
	return curve
}

func TestDownsampleKeepsWhatMatters(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		curve := noisy(random, 1+random.IntN(3000))
		n := 5 + random.IntN(400)
		kept := downsample(curve, n)
		if want := min(n, len(curve)); len(kept) > want || len(kept) < want-2 {
			t.Fatalf("%d of %d points are kept, want %d", len(kept), len(curve), want)
		}
		low := func(c []xy) xy { return slices.MinFunc(c, func(a, b xy) int { return cmpFloat(a.y, b.y) }) }
		high := func(c []xy) xy { return slices.MaxFunc(c, func(a, b xy) int { return cmpFloat(a.y, b.y) }) }
		if kept[0] != curve[0] || kept[len(kept)-1] != curve[len(curve)-1] || low(kept).y != low(curve).y || high(kept).y != high(curve).y {
			t.Fatal("the first, last, lowest or highest point is lost")
		}
		at := 0
		for _, p := range kept { // a subsequence
			for at < len(curve) && curve[at] != p {
				at++
			}
			if at == len(curve) {
				t.Fatal("a kept point is none of the curve, or out of order")
			}
		}
	}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// interpolated is the value of a drawn line at x.
func interpolated(line []xy, x float64) float64 {
	for i := 1; i < len(line); i++ {
		if line[i].x >= x {
			a, b := line[i-1], line[i]
			return a.y + (b.y-a.y)*(x-a.x)/(b.x-a.x)
		}
	}
	return line[len(line)-1].y
}

// Every tenth point of a slow wave misses short spikes of both signs, which the
// triangles keep, though they are neither lowest nor highest of all.
func TestDownsampleBeatsDecimationOnSpikes(t *testing.T) {
	const n, every = 10000, 10
	curve := make([]xy, n)
	for i := range curve {
		curve[i] = xy{float64(i), 3 * math.Sin(float64(i)/1500)}
	}
	spikes := []int{1234, 2347, 4321, 7777, 9003}
	for k, i := range spikes {
		curve[i].y += []float64{1, -1.5}[k%2]
	}
	var naive []xy
	for i := 0; i < n; i += every {
		naive = append(naive, curve[i])
	}
	kept := downsample(curve, n/every)
	for _, i := range spikes {
		if off := math.Abs(curve[i].y - interpolated(naive, curve[i].x)); off < 0.9 {
			t.Errorf("every tenth point shows the spike at %d to within %g", i, off)
		}
	}
	for _, i := range spikes {
		if !slices.Contains(kept, curve[i]) {
			t.Errorf("the spike at %d is lost", i)
		}
	}
}

func TestDownsampleGaps(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		ys    []float64
		n     int
		gaps  int
		total int
	}{
		{"none", []float64{1, 2, 3}, 10, 0, 3},
		{"one", []float64{1, nan, nan, 2}, 10, 1, 3},
		{"infinite", []float64{1, math.Inf(1), 2, math.Inf(-1), 3}, 10, 2, 5},
		{"at the ends", []float64{nan, 1, 2, nan}, 10, 0, 2},
		{"all", []float64{nan, nan}, 10, 0, 0},
		{"empty", nil, 10, 0, 0},
	} {
		var curve []xy
		for i, y := range c.ys {
			curve = append(curve, xy{float64(i), y})
		}
		kept := downsample(curve, c.n)
		gaps := 0
		for _, p := range kept {
			if math.IsNaN(p.y) {
				gaps++
			}
		}
		if gaps != c.gaps || len(kept) != c.total {
			t.Errorf("%s: %v", c.name, kept)
		}
	}
}

func BenchmarkDownsampleMillion(b *testing.B) {
	curve := noisy(rand.New(rand.NewPCG(1, 2)), 1_000_000)
	for b.Loop() {
		downsample(curve, 1000)
	}
}
