package joint

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/table"
)

// cell is what a comparison holds in one place, the values of some columns: each
// method's values and the seeds that they are of.
type cell struct {
	keys   []string
	values map[string][]float64
	seeds  map[string][]string
}

// ourCells gathers our own rows of a comparison's table by the values of some
// columns, in order of appearance, and by method.
func ourCells(t table.Table, columns ...string) ([]cell, error) {
	t, err := t.Where("source", sourceHere)
	if err != nil {
		return nil, err
	}
	values, err := t.Floats("value")
	if err != nil {
		return nil, err
	}
	methods, err := t.Strings("method")
	if err != nil {
		return nil, err
	}
	seeds, err := t.Strings("seed")
	if err != nil {
		return nil, err
	}
	keys := make([][]string, t.Len())
	for _, column := range columns {
		cells, err := t.Strings(column)
		if err != nil {
			return nil, err
		}
		for row, key := range cells {
			keys[row] = append(keys[row], key)
		}
	}
	var out []cell
	for row, value := range values {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("row %d: the value is %v", row+1, value)
		}
		i := slices.IndexFunc(out, func(c cell) bool { return slices.Equal(c.keys, keys[row]) })
		if i < 0 {
			i = len(out)
			out = append(out, cell{keys: keys[row], values: map[string][]float64{}, seeds: map[string][]string{}})
		}
		out[i].values[methods[row]] = append(out[i].values[methods[row]], value)
		out[i].seeds[methods[row]] = append(out[i].seeds[methods[row]], seeds[row])
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the table has no rows of ours")
	}
	return out, nil
}

// mean is a method's mean over seeds and the variance of that mean, 0 of a single seed.
func (c cell) mean(method string) (mean, variance float64, err error) {
	values := c.values[method]
	if len(values) == 0 {
		return 0, 0, fmt.Errorf("%v has no row of %s", c.keys, method)
	}
	mean, variance = meanOverSeeds(values)
	return mean, variance, nil
}

// meanOverSeeds is the mean of some values, one a seed, and the variance of that mean,
// 0 of a single one.
func meanOverSeeds(values []float64) (mean, variance float64) {
	if len(values) == 1 {
		return values[0], 0
	}
	mean, variance = stat.MeanVariance(values, nil)
	return mean, variance / float64(len(values))
}

// varianceBySeed is the variance of the mean difference of values that come in pairs,
// one a seed.
func varianceBySeed(higher, lower []float64) float64 {
	differences := make([]float64, len(higher))
	_, variance := meanOverSeeds(floats.SubTo(differences, higher, lower))
	return variance
}

// lead is by how much a method's mean lies above another's, which may be of another
// cell. Its doubt is that of the differences, seed by seed, where both have the same
// seeds: these share the labelled images, and what is adapted its first training.
func (c cell) lead(higher string, other cell, lower string) (lead, error) {
	above, ofAbove, err := c.mean(higher)
	if err != nil {
		return lead{}, err
	}
	below, ofBelow, err := other.mean(lower)
	if err != nil {
		return lead{}, err
	}
	variance := ofAbove + ofBelow
	if slices.Equal(c.seeds[higher], other.seeds[lower]) {
		variance = varianceBySeed(c.values[higher], other.values[lower])
	}
	return lead{points: above - below, doubt: 2 * math.Sqrt(variance), detail: fmt.Sprintf("%.1f against %.1f", above, below)}, nil
}
