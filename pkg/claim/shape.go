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
// several, a lead or lag of less than twice its standard error cannot be told from chance.
func Above(groupColumn, higher, lower, valueColumn string, margin float64) func(table.Table) (Evidence, error) {
	return func(t table.Table) (Evidence, error) {
		return above(t, groupColumn, higher, lower, valueColumn, margin, func(table.Table, float64) (float64, error) { return 0, nil })
	}
}

// AccuracyAbove is [Above] for accuracies in percent, without a margin. imagesColumn
// counts the test images of a row, whose choice adds to the doubt: an accuracy p on n images
// has the variance p(1 − p)/n, however often the training is repeated.
func AccuracyAbove(groupColumn, higher, lower, valueColumn, imagesColumn string) func(table.Table) (Evidence, error) {
	binomial := func(rows table.Table, percent float64) (float64, error) {
		images, err := rows.Floats(imagesColumn)
		if err != nil {
			return 0, err
		}
		n, p := slices.Min(images), percent/100
		if !(n >= 1) || p < 0 || p > 1 {
			return 0, fmt.Errorf("an accuracy of %g %% on %g images", percent, n)
		}
		return 100 * 100 * p * (1 - p) / n, nil
	}
	return func(t table.Table) (Evidence, error) {
		return above(t, groupColumn, higher, lower, valueColumn, 0, binomial)
	}
}

// above adds a further variance to that of each group's mean.
func above(t table.Table, groupColumn, higher, lower, valueColumn string, margin float64, further func(rows table.Table, mean float64) (float64, error)) (Evidence, error) {
	var means [2]float64
	variance := 0.0
	for i, group := range []string{higher, lower} {
		rows, err := t.Where(groupColumn, group)
		if err != nil {
			return Evidence{}, err
		}
		mean, ofMean, err := groupMean(rows, groupColumn, group, valueColumn)
		if err != nil {
			return Evidence{}, err
		}
		more, err := further(rows, mean)
		if err != nil {
			return Evidence{}, err
		}
		means[i], variance = mean, variance+ofMean+more
	}
	lead, doubt := means[0]-means[1]-margin, 2*math.Sqrt(variance)
	if math.Abs(lead) < doubt {
		return Evidence{}, fmt.Errorf("it is too close: %s is %.4g of %s and %.4g of %s, with twice the standard error of their difference at %.2g", valueColumn, means[0], higher, means[1], lower, doubt)
	}
	return Evidence{
		Holds:  lead > 0,
		Value:  means[0] - means[1],
		Detail: fmt.Sprintf("%s: %s %.4g, %s %.4g", valueColumn, higher, means[0], lower, means[1]),
	}, nil
}

// groupMean is a group's mean and the variance of that mean, 0 where one row says nothing of it.
func groupMean(rows table.Table, groupColumn, group, valueColumn string) (mean, variance float64, err error) {
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
