package joint

import (
	"fmt"
	"math"
	"slices"

	"noisebook/pkg/table"
)

// cell is what a comparison holds in one place, the values of some columns: each
// method's mean over seeds.
type cell struct {
	keys  []string
	means map[string]float64
}

// ourMeans averages our own rows of a comparison's table over seeds, by the
// values of some columns, in order of appearance, and by method.
func ourMeans(t table.Table, columns ...string) ([]cell, error) {
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
	var counts []map[string]float64
	for row, value := range values {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("row %d: the value is %v", row+1, value)
		}
		i := slices.IndexFunc(out, func(c cell) bool { return slices.Equal(c.keys, keys[row]) })
		if i < 0 {
			i = len(out)
			out = append(out, cell{keys: keys[row], means: map[string]float64{}})
			counts = append(counts, map[string]float64{})
		}
		counts[i][methods[row]]++
		out[i].means[methods[row]] += (value - out[i].means[methods[row]]) / counts[i][methods[row]]
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the table has no rows of ours")
	}
	return out, nil
}

// margin is by how much a method's mean lies above another's.
func (c cell) margin(higher, lower string) (float64, error) {
	for _, method := range []string{higher, lower} {
		if _, ok := c.means[method]; !ok {
			return 0, fmt.Errorf("%v has no row of %s", c.keys, method)
		}
	}
	return c.means[higher] - c.means[lower], nil
}
