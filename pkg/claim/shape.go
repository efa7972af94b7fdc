package claim

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/metric"
	"noisebook/pkg/table"
)

// Direction is the way in which a trend goes.
type Direction int

const (
	Rises Direction = +1
	Falls Direction = -1
)

func (d Direction) String() string {
	if d == Falls {
		return "falls"
	}
	return "rises"
}

// Trend describes a monotone relation between two columns of a table.
type Trend struct {
	X, Y      string // columns of numbers
	Direction Direction
	Threshold float64 // least rank correlation in the direction; 0 means 0.8
	MinPoints int     // least number of distinct x; 0 means 3
}

// Monotone checks that y rises or falls with x: Spearman's rank correlation of
// x and the mean of y over all rows with that x (seeds are averaged first)
// reaches the threshold. Too few distinct x, or a y that is not finite, is an
// error: such a table cannot tell. A constant y is no trend.
func Monotone(trend Trend) func(table.Table) (Evidence, error) {
	if trend.Threshold == 0 {
		trend.Threshold = 0.8
	}
	if trend.MinPoints == 0 {
		trend.MinPoints = 3
	}
	return func(t table.Table) (Evidence, error) {
		x, y, err := means(t, trend.X, trend.Y)
		if err != nil {
			return Evidence{}, err
		}
		if len(x) < trend.MinPoints {
			return Evidence{}, fmt.Errorf("%d values of %s, want at least %d", len(x), trend.X, trend.MinPoints)
		}
		if slices.Min(y) == slices.Max(y) {
			return Evidence{Value: math.NaN(), Detail: fmt.Sprintf("%s is %v at every %s", trend.Y, y[0], trend.X)}, nil
		}
		rho, err := metric.Spearman(x, y)
		if err != nil {
			return Evidence{}, err
		}
		return Evidence{
			Holds:  rho*float64(trend.Direction) >= trend.Threshold,
			Value:  rho,
			Detail: fmt.Sprintf("%s %s with %s: Spearman %+.2f over %d values, threshold %+.2f", trend.Y, trend.Direction, trend.X, rho, len(x), trend.Threshold*float64(trend.Direction)),
		}, nil
	}
}

// means returns the distinct x in order of appearance and the mean y of each.
func means(t table.Table, xColumn, yColumn string) (x, y []float64, err error) {
	xs, err := t.Floats(xColumn)
	if err != nil {
		return nil, nil, err
	}
	ys, err := t.Floats(yColumn)
	if err != nil {
		return nil, nil, err
	}
	at, n := map[float64]int{}, []float64{}
	for row, value := range xs {
		if math.IsNaN(value) || math.IsNaN(ys[row]) || math.IsInf(ys[row], 0) {
			return nil, nil, fmt.Errorf("row %d: %s = %v, %s = %v", row+1, xColumn, value, yColumn, ys[row])
		}
		i, ok := at[value]
		if !ok {
			i = len(x)
			at[value] = i
			x, y, n = append(x, value), append(y, 0), append(n, 0)
		}
		y[i] += ys[row]
		n[i]++
	}
	for i := range y {
		y[i] /= n[i]
	}
	return x, y, nil
}

// Above checks that the mean of a column over the rows of one group exceeds that
// of another by more than a margin: Above("method", "joint", "classifier",
// "accuracy_pct", 0). The rows of a group repeat one measurement: where there are
// several, a lead of less than twice its standard error cannot be told from chance.
func Above(groupColumn, higher, lower, valueColumn string, margin float64) func(table.Table) (Evidence, error) {
	return func(t table.Table) (Evidence, error) {
		upper, upperVariance, err := groupMean(t, groupColumn, higher, valueColumn)
		if err != nil {
			return Evidence{}, err
		}
		under, underVariance, err := groupMean(t, groupColumn, lower, valueColumn)
		if err != nil {
			return Evidence{}, err
		}
		lead, doubt := upper-under-margin, 2*math.Sqrt(upperVariance+underVariance)
		if lead > 0 && lead < doubt {
			return Evidence{}, fmt.Errorf("it is too close: %s is %.4g of %s and %.4g of %s, with twice the standard error of their difference at %.2g", valueColumn, upper, higher, under, lower, doubt)
		}
		return Evidence{
			Holds:  lead > 0,
			Value:  upper - under,
			Detail: fmt.Sprintf("%s: %s %.4g, %s %.4g", valueColumn, higher, upper, lower, under),
		}, nil
	}
}

// groupMean is a group's mean and the variance of that mean, 0 where one row says nothing of it.
func groupMean(t table.Table, groupColumn, group, valueColumn string) (mean, variance float64, err error) {
	rows, err := t.Where(groupColumn, group)
	if err != nil {
		return 0, 0, err
	}
	values, err := rows.Floats(valueColumn)
	if err != nil {
		return 0, 0, err
	}
	switch len(values) {
	case 0:
		return 0, 0, fmt.Errorf("no row with %s = %s", groupColumn, group)
	case 1:
		mean = values[0]
	default:
		mean, variance = stat.MeanVariance(values, nil)
		variance /= float64(len(values))
	}
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return 0, 0, fmt.Errorf("%s of %s is %v", valueColumn, group, mean)
	}
	return mean, variance, nil
}
