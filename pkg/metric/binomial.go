package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson is the score interval of a binomial share (Wilson 1927): the shares
// that a two-sided test of 1 − level does not reject after successes of trials.
// It stays within [0, 1] and is sound for few trials, also at 0 and at all of them.
func Wilson(successes, trials int, level float64) (low, high float64, err error) {
	switch {
	case trials < 1 || successes < 0 || successes > trials:
		return 0, 0, fmt.Errorf("metric: %d successes of %d trials", successes, trials)
	case !(level > 0 && level < 1):
		return 0, 0, fmt.Errorf("metric: interval of level %g; it must be in (0, 1)", level)
	}
	n, z := float64(trials), distuv.UnitNormal.Quantile(0.5+level/2)
	share, z2 := float64(successes)/n, z*z
	centre := (share + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(share*(1-share)/n+z2/(4*n*n))
	return max(0, centre-half), min(1, centre+half), nil
}
