package metric

import (
	"errors"
	"fmt"
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
	Precision []float64 // share of the generated distribution that the reference covers, for λ
	Recall    []float64 // share of the reference that the generated distribution covers, for λ
}

// PRD compares two feature sets [samples, features] of equal size by k-means
// on their union: each run histograms both sets over the clusters, and the
// runs' curves are averaged. Sets of different size are refused, because the
// histograms of the smaller one are noisier and the curve would show it:
// subsample the larger one. Samples must number at least half the clusters.
func PRD(generated, reference *mat.Dense, options PRDOptions) (PRDCurve, error) {
	options = options.WithDefaults()
	if options.Runs < 1 {
		return PRDCurve{}, fmt.Errorf("metric: PRD over %d runs, want 1 or more", options.Runs)
	}
	if err := checkFeatures(1, "the generated set", generated, "the reference set", reference); err != nil {
		return PRDCurve{}, err
	}
	samples, _ := generated.Dims()
	if others, _ := reference.Dims(); samples != others {
		return PRDCurve{}, fmt.Errorf("metric: PRD of %d generated and %d reference samples; take equally many of both", samples, others)
	}
	var union mat.Dense
	union.Stack(generated, reference)
	lloyd, err := newLloyd(&union, options.Clusters)
	if err != nil {
		return PRDCurve{}, err
	}

	curves, errs := make([]PRDCurve, options.Runs), make([]error, options.Runs)
	var runs sync.WaitGroup
	for run := range options.Runs {
		runs.Go(func() {
			random := rand.New(rand.NewPCG(options.Seed, uint64(run)))
			// The tolerance is scikit-learn's: later updates move a handful of samples.
			c := lloyd.run(lloyd.plusPlus(options.Clusters, random), KMeansOptions{Tolerance: 1e-4})
			curves[run], errs[run] = PRDFromClusters(c.Labels[:samples], c.Labels[samples:], options.Clusters, options.Angles)
		})
	}
	runs.Wait()
	if err := errors.Join(errs...); err != nil {
		return PRDCurve{}, err
	}
	mean := PRDCurve{Precision: make([]float64, options.Angles), Recall: make([]float64, options.Angles)}
	for _, curve := range curves {
		floats.AddScaled(mean.Precision, 1/float64(options.Runs), curve.Precision)
		floats.AddScaled(mean.Recall, 1/float64(options.Runs), curve.Recall)
	}
	return mean, nil
}

// PRDFromClusters is the curve of two sets whose samples are already assigned
// to clusters 0..clusters-1; neither may be empty. angles is the number of
// points, 0 means 1001.
func PRDFromClusters(generated, reference []int, clusters, angles int) (PRDCurve, error) {
	if clusters < 1 {
		return PRDCurve{}, fmt.Errorf("metric: PRD over %d clusters, want 1 or more", clusters)
	}
	histograms := [2][]float64{}
	for i, set := range []struct {
		name   string
		labels []int
	}{{"the generated set", generated}, {"the reference set", reference}} {
		if err := checkLabels(set.name, set.labels, clusters); err != nil {
			return PRDCurve{}, err
		}
		histograms[i] = make([]float64, clusters)
		for _, k := range set.labels {
			histograms[i][k]++
		}
	}
	return PRDFromHistograms(histograms[0], histograms[1], angles)
}

// PRDFromHistograms is the curve of two histograms over the same bins, in any
// unit: each is scaled to sum 1. Bins must not be negative, nor all 0. angles
// is the number of points, 0 means 1001.
func PRDFromHistograms(generated, reference []float64, angles int) (PRDCurve, error) {
	angles = PRDOptions{Angles: angles}.WithDefaults().Angles
	if angles < 3 {
		return PRDCurve{}, fmt.Errorf("metric: a PRD curve of %d angles, want 3 or more", angles)
	}
	if len(generated) != len(reference) {
		return PRDCurve{}, fmt.Errorf("metric: PRD of histograms with %d and %d bins", len(generated), len(reference))
	}
	p, err := distribution("the generated histogram", generated)
	if err != nil {
		return PRDCurve{}, err
	}
	q, err := distribution("the reference histogram", reference)
	if err != nil {
		return PRDCurve{}, err
	}
	curve := PRDCurve{Precision: make([]float64, angles), Recall: make([]float64, angles)}
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
func (c PRDCurve) Summary() (precision, recall float64) {
	return c.F(1. / 8), c.F(8)
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
