package metric

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// IntervalMethod says how a confidence interval is read off the resamples.
type IntervalMethod string

const (
	// Percentile takes the quantiles of the resampled values. It is the usual
	// choice for means, rates and AUC. Where the statistic is biased by few
	// samples (FID), resamples carry the bias twice and it lies too high.
	Percentile IntervalMethod = "percentile"
	// Basic mirrors the quantiles at the value, 2v - q, which takes the second
	// helping of a bias away. It may leave the range of a score.
	Basic IntervalMethod = "basic"
	// BCa corrects the quantiles for bias and skewness (Efron 1987) by leaving
	// out one sample at a time, so it evaluates the statistic once more for
	// every sample. It is for smooth statistics: AUC, accuracy, means.
	BCa IntervalMethod = "bca"
)

// BootstrapOptions tunes an interval. The zero value is a percentile interval
// of level 0.95 from 1,000 resamples.
type BootstrapOptions struct {
	Resamples int            // 0 means 1000
	Level     float64        // in (0, 1); 0 means 0.95
	Method    IntervalMethod // "" means Percentile
	Seed      uint64
}

// Interval is a bootstrap confidence interval (Efron and Tibshirani 1993).
type Interval struct {
	Low       float64        `json:"low"`
	High      float64        `json:"high"`
	Level     float64        `json:"level"`
	Method    IntervalMethod `json:"method"`
	Resamples int            `json:"resamples"`           // that had a value
	Undefined int            `json:"undefined,omitempty"` // left out, such as an AUC of one class
	Fixed     string         `json:"fixed,omitempty"`     // what was not resampled
	Seed      uint64         `json:"seed"`
}

// String is such as "[0.61, 0.73] (95% percentile bootstrap, 1000 resamples)".
func (i Interval) String() string {
	text := fmt.Sprintf("[%.6g, %.6g] (%g%% %s bootstrap, %d resamples", i.Low, i.High, 100*i.Level, i.Method, i.Resamples)
	if i.Undefined > 0 {
		text += fmt.Sprintf(", %d undefined", i.Undefined)
	}
	if i.Fixed != "" {
		text += ", fixed: " + i.Fixed
	}
	return text + ")"
}

// Statistic evaluates one resample: picks[g] are the samples drawn of group g,
// as indices that may repeat. An error that is ErrUndefined, or a NaN, leaves
// the resample out. It is called by several goroutines at once and must not
// keep picks.
type Statistic func(picks [][]int) (float64, error)

// Bootstrap returns a confidence interval of any statistic. sizes are the
// numbers of samples of the groups that are drawn from independently, with
// replacement: one group for accuracy, two for FID, positives and negatives
// apart for an AUC of fixed prevalence. Use Rows to pick rows of a matrix.
//
// A repeated sample is a neighbour of itself at distance 0, so statistics of
// neighbours and of own-set pairs are not for this: resample the means of
// NeighbourhoodSamples and SilhouetteSamples by BootstrapMean, and take
// KIDInterval. More than half of the resamples undefined is an error.
func Bootstrap(sizes []int, statistic Statistic, options BootstrapOptions) (Interval, error) {
	options, err := options.withDefaults()
	if err != nil {
		return Interval{}, err
	}
	if len(sizes) == 0 || slices.Min(sizes) < 1 {
		return Interval{}, fmt.Errorf("metric: a bootstrap of groups with %v samples, want one group or more, none empty", sizes)
	}
	value, err := statistic(identity(sizes))
	if err != nil {
		return Interval{}, fmt.Errorf("metric: the statistic of the whole sample: %w", err)
	}
	resampled, err := inParallel(options.Resamples, func(r int) (float64, error) {
		random := rand.New(rand.NewPCG(options.Seed, uint64(r)))
		picks := make([][]int, len(sizes))
		for g, n := range sizes {
			picks[g] = make([]int, n)
			for i := range picks[g] {
				picks[g][i] = random.IntN(n)
			}
		}
		v, err := statistic(picks)
		if errors.Is(err, ErrUndefined) {
			return math.NaN(), nil
		}
		return v, err
	})
	if err != nil {
		return Interval{}, fmt.Errorf("metric: the statistic of a resample: %w", err)
	}
	acceleration := 0.0
	if options.Method == BCa {
		if acceleration, err = jackknifeAcceleration(sizes, statistic); err != nil {
			return Interval{}, err
		}
	}
	return options.interval(value, resampled, acceleration)
}

// BootstrapMean is Bootstrap for the mean of per-sample values: hits of an
// accuracy, SilhouetteSamples, NeighbourhoodSamples, changes by image.
func BootstrapMean(values []float64, options BootstrapOptions) (Interval, error) {
	if err := checkVector("the series", values); err != nil {
		return Interval{}, err
	}
	return Bootstrap([]int{len(values)}, func(picks [][]int) (float64, error) {
		sum := 0.0
		for _, i := range picks[0] {
			sum += values[i]
		}
		return sum / float64(len(picks[0])), nil
	}, options)
}

func (o BootstrapOptions) withDefaults() (BootstrapOptions, error) {
	if o.Resamples == 0 {
		o.Resamples = 1000
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Method == "" {
		o.Method = Percentile
	}
	if o.Resamples < 2 || !(o.Level > 0 && o.Level < 1) {
		return o, fmt.Errorf("metric: a bootstrap interval of level %v from %d resamples; want a level between 0 and 1 and 2 resamples or more", o.Level, o.Resamples)
	}
	if !slices.Contains([]IntervalMethod{Percentile, Basic, BCa}, o.Method) {
		return o, fmt.Errorf("metric: no interval %q; there are %s, %s and %s", o.Method, Percentile, Basic, BCa)
	}
	return o, nil
}

// interval reads the bounds off the resampled values, of which NaN is undefined.
func (o BootstrapOptions) interval(value float64, resampled []float64, acceleration float64) (Interval, error) {
	defined := slices.DeleteFunc(slices.Clone(resampled), math.IsNaN)
	interval := Interval{
		Level: o.Level, Method: o.Method, Resamples: len(defined), Undefined: len(resampled) - len(defined), Seed: o.Seed,
	}
	if 2*len(defined) < len(resampled) || len(defined) < 2 {
		return Interval{}, fmt.Errorf("metric: %d of %d resamples are undefined: %w", interval.Undefined, len(resampled), ErrUndefined)
	}
	slices.Sort(defined)
	low, high := (1-o.Level)/2, (1+o.Level)/2
	if o.Method == BCa {
		below := 0.0
		for _, v := range defined {
			switch {
			case v < value:
				below++
			case v == value:
				below += 0.5
			}
		}
		if below == 0 || below == float64(len(defined)) {
			return Interval{}, fmt.Errorf("metric: no BCa interval: all %d resamples lie on one side of the value %.6g, so the statistic is biased; take %s or %s", len(defined), value, Basic, Percentile)
		}
		bias := distuv.UnitNormal.Quantile(below / float64(len(defined)))
		shifted := func(p float64) float64 {
			z := bias + distuv.UnitNormal.Quantile(p)
			return distuv.UnitNormal.CDF(bias + z/(1-acceleration*z))
		}
		low, high = shifted(low), shifted(high)
	}
	interval.Low, interval.High = quantile(defined, low), quantile(defined, high)
	if o.Method == Basic {
		interval.Low, interval.High = 2*value-interval.High, 2*value-interval.Low
	}
	return interval, nil
}

// jackknifeAcceleration is a sixth of the skewness of the statistic's influence
// values (Efron and Tibshirani 1993, eq. 14.15), groups added as independent.
func jackknifeAcceleration(sizes []int, statistic Statistic) (float64, error) {
	cubes, squares := 0.0, 0.0
	for g, n := range sizes {
		if n < 2 {
			return 0, fmt.Errorf("metric: no BCa interval: group %d has %d samples, want 2 to leave one out", g, n)
		}
		without, err := inParallel(n, func(left int) (float64, error) {
			picks := identity(sizes)
			picks[g] = slices.Delete(picks[g], left, left+1)
			v, err := statistic(picks)
			if err == nil && math.IsNaN(v) {
				err = ErrUndefined
			}
			return v, err
		})
		if err != nil {
			return 0, fmt.Errorf("metric: no BCa interval: the statistic without one sample: %w", err)
		}
		mean := stat.Mean(without, nil)
		for _, v := range without {
			influence := float64(n-1) * (mean - v) / float64(n)
			squares += influence * influence
			cubes += influence * influence * influence
		}
	}
	if squares == 0 {
		return 0, nil // the statistic is constant
	}
	return cubes / 6 / math.Pow(squares, 1.5), nil
}

// identity picks every sample of every group once.
func identity(sizes []int) [][]int {
	picks := make([][]int, len(sizes))
	for g, n := range sizes {
		picks[g] = make([]int, n)
		for i := range picks[g] {
			picks[g][i] = i
		}
	}
	return picks
}

// inParallel evaluates f for 0..n-1 on all cores. Of several errors it returns
// that of the lowest number, so that a failure too is the same every time.
func inParallel(n int, f func(i int) (float64, error)) ([]float64, error) {
	values, errs := make([]float64, n), make([]error, n)
	var workers sync.WaitGroup
	stride := min(n, runtime.GOMAXPROCS(0))
	for worker := range stride {
		workers.Go(func() {
			for i := worker; i < n; i += stride {
				if values[i], errs[i] = f(i); errs[i] != nil {
					return
				}
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

// quantile interpolates between sorted values as numpy.quantile does by default.
func quantile(sorted []float64, p float64) float64 {
	position := p * float64(len(sorted)-1)
	below := int(math.Floor(position))
	if below >= len(sorted)-1 {
		return floats.Max(sorted)
	}
	share := position - float64(below)
	return (1-share)*sorted[below] + share*sorted[below+1]
}
