package metric

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// prdEpsilon keeps the extreme angles off 0 and π/2 and F off 0/0, as the
// authors' code does.
const prdEpsilon = 1e-10

// PRDOptions tunes PRD. The zero value is the protocol of the papers: 20
// clusters, 1001 angles, 10 runs.
type PRDOptions struct {
	Clusters int // of the union of both sets; 0 means 20
	Angles   int // points of the curve, at least 3; 0 means 1001
	Runs     int // k-means runs whose curves are averaged; 0 means 10
	Seed     uint64
}

// WithDefaults returns the options with every zero count replaced by what it means.
func (o PRDOptions) WithDefaults() PRDOptions {
	for _, setting := range []struct {
		value     *int
		otherwise int
	}{{&o.Clusters, 20}, {&o.Angles, 1001}, {&o.Runs, 10}} {
		if *setting.value == 0 {
			*setting.value = setting.otherwise
		}
	}
	return o
}

// PRDCurve is a precision-recall curve of two distributions (Sajjadi et al.
// 2018): entry i belongs to the slope λ = tan(angle i), angles equally spaced
// over (0, π/2). All values are in [0, 1].
type PRDCurve struct {
	Precision []float64 // share of the generated distribution that the real one covers, for λ
	Recall    []float64 // share of the real distribution that the generated one covers, for λ

	n        map[string]int
	settings map[string]any
}

// PRD compares two feature sets [samples, features] of equal size by k-means
// on their union: each run histograms both sets over the clusters, and the
// runs' curves are averaged. Sets of different size are refused, because the
// histograms of the smaller one are noisier and the curve would show it:
// subsample the larger one. Samples must number at least half the clusters.
func PRD(real, generated *mat.Dense, options PRDOptions) (PRDCurve, error) {
	clusters, err := ClusterForPRD(real, generated, options)
	if err != nil {
		return PRDCurve{}, err
	}
	return clusters.Curve()
}

// PRDClusters are the cluster numbers of two sample sets in several k-means
// runs, which a PRD curve follows from.
type PRDClusters struct {
	Options   PRDOptions // with all counts set
	Real      [][]int    // [runs][samples]
	Generated [][]int    // [runs][samples]
}

// ClusterForPRD clusters the union of both sets, under the conditions of PRD.
func ClusterForPRD(real, generated *mat.Dense, options PRDOptions) (PRDClusters, error) {
	options = options.WithDefaults()
	if options.Runs < 1 {
		return PRDClusters{}, fmt.Errorf("metric: PRD over %d runs, want 1 or more", options.Runs)
	}
	if err := checkFeatures(1, "the real set", real, "the generated set", generated); err != nil {
		return PRDClusters{}, err
	}
	samples, _ := generated.Dims()
	if others, _ := real.Dims(); samples != others {
		return PRDClusters{}, fmt.Errorf("metric: PRD of %d generated and %d real samples; take equally many of both", samples, others)
	}
	var union mat.Dense
	union.Stack(generated, real)
	lloyd, err := newLloyd(&union, options.Clusters)
	if err != nil {
		return PRDClusters{}, err
	}
	c := PRDClusters{Options: options, Real: make([][]int, options.Runs), Generated: make([][]int, options.Runs)}
	var runs sync.WaitGroup
	for run := range options.Runs {
		runs.Go(func() {
			random := rand.New(rand.NewPCG(options.Seed, uint64(run)))
			// The tolerance is scikit-learn's: later updates move a handful of samples.
			labels := lloyd.run(lloyd.plusPlus(options.Clusters, random), KMeansOptions{Tolerance: 1e-4}).Labels
			c.Generated[run], c.Real[run] = labels[:samples], labels[samples:]
		})
	}
	runs.Wait()
	return c, nil
}

// Pick is the same clustering of some of the samples, which may repeat: a
// resample of Bootstrap with the clusters fixed.
func (c PRDClusters) Pick(real, generated []int) PRDClusters {
	picked := PRDClusters{Options: c.Options}
	for run := range c.Real {
		picked.Real = append(picked.Real, pick(c.Real[run], real))
		picked.Generated = append(picked.Generated, pick(c.Generated[run], generated))
	}
	return picked
}

// Curve is the mean of the runs' curves.
func (c PRDClusters) Curve() (PRDCurve, error) {
	options := c.Options.WithDefaults()
	runs := len(c.Real)
	if runs == 0 || runs != len(c.Generated) {
		return PRDCurve{}, fmt.Errorf("metric: PRD of %d runs on real and %d on generated samples, want equally many, 1 or more", runs, len(c.Generated))
	}
	mean := PRDCurve{Precision: make([]float64, options.Angles), Recall: make([]float64, options.Angles)}
	for run := range runs {
		curve, err := PRDFromClusters(c.Real[run], c.Generated[run], options.Clusters, options.Angles)
		if err != nil {
			return PRDCurve{}, err
		}
		floats.AddScaled(mean.Precision, 1/float64(runs), curve.Precision)
		floats.AddScaled(mean.Recall, 1/float64(runs), curve.Recall)
		mean.n = curve.n
	}
	mean.settings = map[string]any{"clusters": options.Clusters, "runs": runs, "angles": options.Angles, "seed": options.Seed}
	return mean, nil
}

// PRDFromClusters is the curve of two sets whose samples are already assigned
// to clusters 0..clusters-1; neither may be empty. angles is the number of
// points, 0 means 1001.
func PRDFromClusters(real, generated []int, clusters, angles int) (PRDCurve, error) {
	if clusters < 1 {
		return PRDCurve{}, fmt.Errorf("metric: PRD over %d clusters, want 1 or more", clusters)
	}
	histograms := [2][]float64{}
	for i, set := range []struct {
		name   string
		labels []int
	}{{"the real set", real}, {"the generated set", generated}} {
		if err := checkLabels(set.name, set.labels, clusters); err != nil {
			return PRDCurve{}, err
		}
		histograms[i] = make([]float64, clusters)
		for _, k := range set.labels {
			histograms[i][k]++
		}
	}
	curve, err := PRDFromHistograms(histograms[0], histograms[1], angles)
	curve.n = map[string]int{"real": len(real), "generated": len(generated)}
	return curve, err
}

// PRDFromHistograms is the curve of two histograms over the same bins, in any
// unit: each is scaled to sum 1. Bins must not be negative, nor all 0. angles
// is the number of points, 0 means 1001.
func PRDFromHistograms(real, generated []float64, angles int) (PRDCurve, error) {
	angles = PRDOptions{Angles: angles}.WithDefaults().Angles
	if angles < 3 {
		return PRDCurve{}, fmt.Errorf("metric: a PRD curve of %d angles, want 3 or more", angles)
	}
	if len(generated) != len(real) {
		return PRDCurve{}, fmt.Errorf("metric: PRD of histograms with %d and %d bins", len(real), len(generated))
	}
	p, err := distribution("the generated histogram", generated)
	if err != nil {
		return PRDCurve{}, err
	}
	q, err := distribution("the real histogram", real)
	if err != nil {
		return PRDCurve{}, err
	}
	curve := PRDCurve{
		Precision: make([]float64, angles), Recall: make([]float64, angles),
		settings: map[string]any{"clusters": len(p), "angles": angles},
	}
	theta := floats.Span(make([]float64, angles), prdEpsilon, math.Pi/2-prdEpsilon)
	for i := range theta {
		lambda := math.Tan(theta[i])
		precision := 0.0
		for k := range p {
			precision += min(lambda*q[k], p[k])
		}
		curve.Precision[i] = min(precision, 1)
		curve.Recall[i] = min(precision/lambda, 1)
	}
	return curve, nil
}

// F is the largest F_β over the curve, in [0, 1]: β > 1 weighs recall, β < 1
// precision.
func (c PRDCurve) F(beta float64) float64 {
	best := 0.0
	for i, p := range c.Precision {
		r := c.Recall[i]
		best = max(best, (1+beta*beta)*p*r/(beta*beta*p+r+prdEpsilon))
	}
	return best
}

// Summary is the pair that papers print as precision and recall, F_1/8 and
// F_8. Exchanging the two sets exchanges the two numbers.
func (c PRDCurve) Summary() (precision, recall Score) {
	score := func(name, summary string, beta float64) Score {
		settings := maps.Clone(c.settings)
		if settings == nil {
			settings = map[string]any{}
		}
		settings["summary"] = "max " + summary
		return Score{Name: name, Value: c.F(beta), N: c.n, Settings: settings}
	}
	return score("precision (PRD)", "F_1/8", 1./8), score("recall (PRD)", "F_8", 8)
}

// distribution is a histogram scaled to sum 1.
func distribution(name string, histogram []float64) ([]float64, error) {
	if err := checkVector(name, histogram); err != nil {
		return nil, err
	}
	if floats.Min(histogram) < 0 || floats.Max(histogram) == 0 {
		return nil, fmt.Errorf("metric: %s must have no negative bin and one above 0", name)
	}
	return floats.ScaleTo(make([]float64, len(histogram)), 1/floats.Sum(histogram), histogram), nil
}

// pick takes the values at the indices.
func pick[T any](values []T, indices []int) []T {
	out := make([]T, len(indices))
	for to, from := range indices {
		out[to] = values[from]
	}
	return out
}
