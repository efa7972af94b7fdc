package metric

import (
	"fmt"
	"sort"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// MeanSD is the mean of values and their sample standard deviation (divisor
// n-1). It needs two values or more.
func MeanSD(values []float64) (mean, sd float64, err error) {
	if err := checkVector("the series", values); err != nil {
		return 0, 0, err
	}
	if len(values) < 2 {
		return 0, 0, fmt.Errorf("metric: a standard deviation needs at least 2 values, got %d", len(values))
	}
	mean, sd = stat.MeanStdDev(values, nil)
	return mean, sd, nil
}

// Spearman is the rank correlation of two paired series, in [-1, 1]: Pearson's
// of their ranks, where ties share the mean of their ranks. It is ErrUndefined
// unless each series has two different values.
func Spearman(a, b []float64) (float64, error) {
	if err := checkPaired("values of one series", len(a), "of the other", len(b)); err != nil {
		return 0, err
	}
	for _, series := range [][]float64{a, b} {
		if err := checkVector("a series", series); err != nil {
			return 0, err
		}
		if floats.Min(series) == floats.Max(series) {
			return 0, fmt.Errorf("metric: a rank correlation needs two different values in each series; all %d are %v: %w", len(series), series[0], ErrUndefined)
		}
	}
	rho := stat.Correlation(Ranks(a), Ranks(b), nil)
	return max(-1, min(1, rho)), nil
}

// Ranks numbers values from 1 in ascending order; equal values share the mean
// of their ranks. Values must not be NaN.
func Ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return values[order[i]] < values[order[j]] })
	ranks := make([]float64, len(values))
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && values[order[end]] == values[order[start]] {
			end++
		}
		for _, i := range order[start:end] {
			ranks[i] = float64(start+1+end) / 2
		}
		start = end
	}
	return ranks
}
