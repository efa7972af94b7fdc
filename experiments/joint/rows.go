package joint

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/table"
)

// eachValue visits the rows of each distinct value of a column, in order of appearance.
func eachValue(t table.Table, column string, visit func(value string, rows table.Table) error) error {
	values, err := t.Distinct(column)
	if err != nil {
		return err
	}
	for _, value := range values {
		rows, err := t.Where(column, value)
		if err != nil {
			return err
		}
		if err := visit(value, rows); err != nil {
			return err
		}
	}
	return nil
}

// eachAlpha is eachValue for step sizes.
func eachAlpha(t table.Table, visit func(alpha float64, rows table.Table) error) error {
	return eachValue(t, "alpha", func(value string, rows table.Table) error {
		alpha, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("α is %q: it must be a number", value)
		}
		return visit(alpha, rows)
	})
}

// withAlpha keeps the rows whose step size is wanted.
func withAlpha(t table.Table, wanted func(alpha float64) bool) (table.Table, error) {
	alphas, err := t.Floats("alpha")
	if err != nil {
		return table.Table{}, err
	}
	out := table.New(t.Columns...)
	for i, alpha := range alphas {
		if wanted(alpha) {
			out.Rows = append(out.Rows, t.Rows[i])
		}
	}
	return out, nil
}

// mean is a column's mean.
func mean(t table.Table, column string) (float64, error) {
	values, err := t.Floats(column)
	if err != nil {
		return 0, err
	}
	return stat.Mean(values, nil), nil
}

// meansBy are the distinct x, ascending, and the mean y at each. A y that is NaN is an error.
func meansBy(t table.Table, x, y string) (xs, ys []float64, err error) {
	if err := eachValue(t, x, func(cell string, rows table.Table) error {
		at, err := mean(rows, x)
		if err != nil {
			return err
		}
		value, err := mean(rows, y)
		if err != nil {
			return err
		}
		if math.IsNaN(value) {
			return fmt.Errorf("%s at %s = %s is NaN", y, x, cell)
		}
		xs, ys = append(xs, at), append(ys, value)
		return nil
	}); err != nil {
		return nil, nil, err
	}
	order := make([]int, len(xs))
	floats.Argsort(xs, order)
	sorted := make([]float64, len(ys))
	for i, from := range order {
		sorted[i] = ys[from]
	}
	return xs, sorted, nil
}
