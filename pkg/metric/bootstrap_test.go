package metric

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Intervals of scipy.stats.bootstrap 1.17.1 from 400,000 resamples (AUC:
// 200,000), whose own draws leave them uncertain by less than the tolerances.
func TestBootstrapAgreesWithSciPy(t *testing.T) {
	skewed := []float64{1, 2, 2, 3, 3, 3, 4, 5, 7, 11, 16, 23}
	positives, negatives := []float64{2.1, 0.4, 1.7, 3.0, 0.9, 2.2, 1.1}, []float64{0.1, 1.0, -0.5, 0.6, 1.5, 0.2, -1.0, 0.3, 0.8}
	variance := func(picks [][]int) (float64, error) { return stat.Variance(pick(skewed, picks[0]), nil), nil }
	mean := func(picks [][]int) (float64, error) { return stat.Mean(pick(skewed, picks[0]), nil), nil }
	auc := func(picks [][]int) (float64, error) {
		scores := slices.Concat(pick(positives, picks[0]), pick(negatives, picks[1]))
		labels := slices.Concat(slices.Repeat([]int{1}, len(picks[0])), make([]int, len(picks[1])))
		score, err := ROCAUC(scores, labels, nil)
		return score.Value, err
	}
	for _, test := range []struct {
		name                 string
		sizes                []int
		statistic            Statistic
		method               IntervalMethod
		low, high, tolerance float64
	}{
		{"mean", []int{12}, mean, Percentile, 3.41667, 10.66667, 0.17},
		{"mean", []int{12}, mean, Basic, 2.66667, 9.91667, 0.17},
		{"mean", []int{12}, mean, BCa, 3.91667, 11.75, 0.17},
		{"variance", []int{12}, variance, Percentile, 3.9015, 83.3561, 1.2},
		{"variance", []int{12}, variance, BCa, 14.2727, 102.788, 2},
		{"AUC", []int{7, 9}, auc, Percentile, 0.682540, 1, 0.016},
		{"AUC", []int{7, 9}, auc, BCa, 0.603175, 1, 0.016},
	} {
		t.Run(fmt.Sprintf("%s %s", test.name, test.method), func(t *testing.T) {
			got, err := Bootstrap(test.sizes, test.statistic, BootstrapOptions{Resamples: 30000, Method: test.method, Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "low", got.Low, test.low, test.tolerance)
			wantNear(t, "high", got.High, test.high, test.tolerance)
			if got.Resamples != 30000 || got.Level != 0.95 || got.Method != test.method || got.Seed != 7 {
				t.Errorf("settings %+v", got)
			}
		})
	}
}

func TestBootstrapIsSeeded(t *testing.T) {
	values := normal(40, 1, 0, 3).RawMatrix().Data
	interval := func(seed uint64) Interval {
		got, err := BootstrapMean(values, BootstrapOptions{Resamples: 200, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if interval(1) != interval(1) {
		t.Error("the same seed gave another interval")
	}
	if interval(1) == interval(2) {
		t.Error("another seed gave the same interval")
	}
}

// An interval of level 0.9 holds the true mean in about 90% of samples.
func TestBootstrapCoverage(t *testing.T) {
	const repeats = 200
	held := 0
	for r := range repeats {
		values := normal(60, 1, 5, uint64(1000+r)).RawMatrix().Data
		interval, err := BootstrapMean(values, BootstrapOptions{Resamples: 300, Level: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		if interval.Low <= 5 && 5 <= interval.High {
			held++
		}
	}
	if held < repeats*83/100 || held > repeats*96/100 {
		t.Errorf("%d of %d intervals hold the mean, want about %d", held, repeats, repeats*9/10)
	}
}

func TestBootstrapLeavesOutUndefined(t *testing.T) {
	scores, labels := []float64{1, 2, 3, 4, 5}, []int{0, 0, 0, 0, 1}
	statistic := func(picks [][]int) (float64, error) {
		score, err := ROCAUC(pick(scores, picks[0]), pick(labels, picks[0]), nil)
		return score.Value, err
	}
	interval, err := Bootstrap([]int{5}, statistic, BootstrapOptions{Resamples: 400})
	if err != nil {
		t.Fatal(err)
	}
	// (4/5)^5 = 33% of resamples lack the positive, 0.03% have nothing else.
	if interval.Undefined < 90 || interval.Undefined > 180 || interval.Undefined+interval.Resamples != 400 {
		t.Errorf("%d undefined and %d others of 400", interval.Undefined, interval.Resamples)
	}
	_, err = Bootstrap([]int{5}, statistic, BootstrapOptions{Resamples: 400, Method: BCa})
	if !errors.Is(err, ErrUndefined) {
		t.Errorf("BCa with a class of one sample: %v", err)
	}
	rarely := func(picks [][]int) (float64, error) {
		if slices.Equal(picks[0], []int{0, 1, 2, 3}) {
			return 1, nil
		}
		return math.NaN(), nil
	}
	_, err = Bootstrap([]int{4}, rarely, BootstrapOptions{})
	wantError(t, err, "of 1000 resamples are undefined")
}

func TestBootstrapRefuses(t *testing.T) {
	values := []float64{1, 2, 4}
	_, err := BootstrapMean([]float64{1, math.NaN()}, BootstrapOptions{})
	wantError(t, err, "NaN")
	_, err = BootstrapMean(nil, BootstrapOptions{})
	wantError(t, err, "empty")
	_, err = BootstrapMean(values, BootstrapOptions{Level: 1})
	wantError(t, err, "level 1")
	_, err = BootstrapMean(values, BootstrapOptions{Resamples: 1})
	wantError(t, err, "1 resamples")
	_, err = BootstrapMean(values, BootstrapOptions{Method: "exact"})
	wantError(t, err, `no interval "exact"`)
	_, err = BootstrapMean([]float64{1}, BootstrapOptions{Method: BCa})
	wantError(t, err, "want 2")
	_, err = Bootstrap([]int{3, 0}, nil, BootstrapOptions{})
	wantError(t, err, "none empty")
	failing := func([][]int) (float64, error) { return 0, errors.New("broken") }
	_, err = Bootstrap([]int{3}, failing, BootstrapOptions{})
	wantError(t, err, "whole sample: broken")

	// Every resample repeats samples, so the largest gap can only shrink.
	distinct := func(picks [][]int) (float64, error) {
		return float64(len(slices.Compact(slices.Sorted(slices.Values(picks[0]))))), nil
	}
	_, err = Bootstrap([]int{30}, distinct, BootstrapOptions{Method: BCa})
	wantError(t, err, "one side")
}

// The spread of the intervals is that of the score over fresh samples.
func TestKIDIntervalFollowsTheSpread(t *testing.T) {
	const repeats = 60
	values := make([]float64, repeats)
	for r := range values {
		mmd, err := MMD(normal(60, 4, 0, uint64(2*r)), normal(50, 4, 0.7, uint64(2*r+1)), PolynomialKernel{})
		if err != nil {
			t.Fatal(err)
		}
		values[r] = mmd.Unbiased.Value
	}
	a, b := normal(60, 4, 0, 900), normal(50, 4, 0.7, 901)
	mmd, err := MMD(a, b, PolynomialKernel{})
	if err != nil {
		t.Fatal(err)
	}
	interval, err := KIDInterval(a, b, PolynomialKernel{}, BootstrapOptions{Resamples: 400})
	if err != nil {
		t.Fatal(err)
	}
	width, want := interval.High-interval.Low, 2*1.96*stat.StdDev(values, nil)
	if width < want/2 || width > want*2 {
		t.Errorf("width %v, want about %v", width, want)
	}
	if v := mmd.Unbiased.Value; v < interval.Low || v > interval.High {
		t.Errorf("the interval [%v, %v] leaves out the value %v", interval.Low, interval.High, v)
	}
	_, err = KIDInterval(a, b, PolynomialKernel{}, BootstrapOptions{Method: BCa})
	wantError(t, err, "no bca interval")
	_, err = KIDInterval(a, withNaN(b), PolynomialKernel{}, BootstrapOptions{})
	wantError(t, err, "NaN")
}

// Weights of 1 are the plain sums over pairs, for sets beyond one block.
func TestWeightedSumsOfOnes(t *testing.T) {
	const samples = 1600
	a, b := normal(samples, 3, 0, 1), normal(20, 3, 1, 2)
	ones := func(n int) *mat.Dense {
		return mat.NewDense(n, 2, slices.Repeat([]float64{1}, 2*n))
	}
	kernel := KIDKernel.withDefaults(3)
	plain := func(i int, others *mat.Dense, from int) (sum float64) {
		n, _ := others.Dims()
		for j := from; j < n; j++ {
			sum += power(kernel.Gamma*floats.Dot(a.RawRowView(i), others.RawRowView(j))+kernel.Offset, kernel.Degree)
		}
		return sum
	}
	own, cross := 0.0, 0.0
	for i := range samples {
		own += plain(i, a, i+1)
		cross += plain(i, b, 0)
	}
	for _, test := range []struct {
		what        string
		with        *mat.Dense
		withWeights *mat.Dense
		want        float64
	}{
		{"own pairs", nil, ones(samples), own},
		{"cross pairs", b, ones(20), cross},
	} {
		sum, err := kernel.sum(a, test.with)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, test.what, sum, test.want, 1e-9*math.Abs(test.want))
		weighted, err := kernel.weightedSums(a, test.with, ones(samples), test.withWeights)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range weighted {
			wantNear(t, "weighted "+test.what, got, test.want, 1e-9*math.Abs(test.want))
		}
	}
}

func ExampleBootstrap() {
	scores, labels := []float64{0.1, 0.4, 0.35, 0.8, 0.7, 0.2}, []int{0, 0, 1, 1, 1, 0}
	score, err := ROCAUC(scores, labels, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	interval, err := Bootstrap([]int{len(scores)}, func(picks [][]int) (float64, error) {
		var s []float64
		var l []int
		for _, i := range picks[0] {
			s, l = append(s, scores[i]), append(l, labels[i])
		}
		resampled, err := ROCAUC(s, l, nil)
		return resampled.Value, err
	}, BootstrapOptions{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(score.Name, "in its interval:", interval.Low <= score.Value && score.Value <= interval.High)
	// Output: AUC in its interval: true
}
