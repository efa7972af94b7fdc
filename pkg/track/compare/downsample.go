package compare

import (
	"math"
	"slices"
)

// xy is a place on a curve.
type xy struct{ x, y float64 }

// downsample keeps at most n points of a curve in order of x that look like all
// of them: the first, the last, the lowest, the highest, and in between of each
// bucket the point that makes the largest triangle with its neighbours
// (largest-triangle-three-buckets: S. Steinarsson, Downsampling Time Series for
// Visual Representation, 2013). Points without a finite y become gaps of one NaN,
// which come on top of n.
func downsample(curve []xy, n int) []xy {
	finite := make([]xy, 0, len(curve))
	var gaps []int // indices in finite before which a gap lies
	for _, p := range curve {
		if math.IsNaN(p.y) || math.IsInf(p.y, 0) {
			if k := len(gaps); k == 0 || gaps[k-1] != len(finite) {
				gaps = append(gaps, len(finite))
			}
			continue
		}
		finite = append(finite, p)
	}
	kept := pick(finite, n)
	out := make([]xy, 0, len(kept))
	for k, i := range kept {
		// One gap between two kept points tells as much as several.
		if k > 0 && crosses(gaps, kept[k-1], i) {
			out = append(out, xy{(finite[kept[k-1]].x + finite[i].x) / 2, math.NaN()})
		}
		out = append(out, finite[i])
	}
	return out
}

// crosses says that a gap lies between two indices.
func crosses(gaps []int, from, to int) bool {
	at, _ := slices.BinarySearch(gaps, from+1)
	return at < len(gaps) && gaps[at] <= to
}

// pick returns the indices of the points to keep.
func pick(curve []xy, n int) []int {
	if len(curve) <= n || n < 5 {
		all := make([]int, len(curve))
		for i := range all {
			all[i] = i
		}
		return all
	}
	low, high := 0, 0
	for i, p := range curve {
		if p.y < curve[low].y {
			low = i
		}
		if p.y > curve[high].y {
			high = i
		}
	}
	kept := append(triangles(curve, n-2), low, high)
	slices.Sort(kept)
	return slices.Compact(kept)
}

// triangles is the algorithm itself, for n ≥ 3 and more points than n.
func triangles(curve []xy, n int) []int {
	last := len(curve) - 1
	bucket := func(k int) int { return 1 + k*(last-1)/(n-2) } // where the kth begins
	kept := []int{0}
	for k := range n - 2 {
		// The corner to the right is the mean of the next bucket, or the last point.
		next := curve[bucket(k+1):max(bucket(k+1)+1, bucket(min(k+2, n-2)))]
		if k == n-3 {
			next = curve[last:]
		}
		var mean xy
		for _, p := range next {
			mean.x += p.x / float64(len(next))
			mean.y += p.y / float64(len(next))
		}
		left := curve[kept[len(kept)-1]]
		best, largest := bucket(k), -1.0
		for i := bucket(k); i < bucket(k+1); i++ {
			area := math.Abs((left.x-mean.x)*(curve[i].y-left.y) - (left.x-curve[i].x)*(mean.y-left.y))
			if area > largest {
				best, largest = i, area
			}
		}
		kept = append(kept, best)
	}
	return append(kept, last)
}
