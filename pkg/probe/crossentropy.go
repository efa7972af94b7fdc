package probe

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"noisebook/pkg/dense"
)

// crossEntropy is the objective of logistic regression. Intercepts are those at
// the samples' mean, which parts their curvature from that of the weights.
type crossEntropy struct {
	x       dense.Matrix // [samples, features]
	mean    []float64    // [features]
	place   []int        // [samples], class of each
	outputs int          // 1 for two classes, else the number of classes
	c       float64

	residuals *mat.Dense // [samples, outputs], also the logits before
	losses    []float64  // by block of rows, so that the sum does not depend on the number of cores
}

func newCrossEntropy(x dense.Matrix, codes *mat.Dense, place []int, classes int, c float64) *crossEntropy {
	samples, outputs := len(place), classes
	if classes == 2 {
		outputs = 1
	}
	return &crossEntropy{
		x: x, mean: columnMeans(codes), place: place, outputs: outputs, c: c,
		residuals: mat.NewDense(samples, outputs, nil),
		losses:    make([]float64, blocks(samples)),
	}
}

// evaluate returns the objective at weights [features, outputs] and intercepts
// [outputs] and overwrites their gradients.
func (o *crossEntropy) evaluate(weights *mat.Dense, intercepts []float64, weightsGradient *mat.Dense, interceptsGradient []float64) (float64, error) {
	if err := o.x.Mul(o.residuals, weights); err != nil {
		return 0, err
	}
	shift := make([]float64, o.outputs) // x·w + shift = (x - mean)·w + intercept
	for f, mean := range o.mean {
		floats.AddScaled(shift, -mean, weights.RawRowView(f))
	}
	floats.Add(shift, intercepts)
	inBlocks(len(o.place), func(block, from, to int) { o.losses[block] = o.lossAndResiduals(from, to, shift) })

	if err := o.x.MulTrans(weightsGradient, o.residuals); err != nil {
		return 0, err
	}
	clear(interceptsGradient)
	for i := range o.place {
		floats.Add(interceptsGradient, o.residuals.RawRowView(i))
	}
	penalty := 0.0
	for f, mean := range o.mean {
		w, g := weights.RawRowView(f), weightsGradient.RawRowView(f)
		floats.AddScaled(g, -mean, interceptsGradient)
		floats.Scale(o.c, g)
		floats.Add(g, w)
		penalty += floats.Dot(w, w)
	}
	floats.Scale(o.c, interceptsGradient)
	return o.c*floats.Sum(o.losses) + penalty/2, nil
}

// lossAndResiduals turns rows of logits into probability − target and returns
// the sum of their cross-entropies.
func (o *crossEntropy) lossAndResiduals(from, to int, shift []float64) float64 {
	loss := 0.0
	for i := from; i < to; i++ {
		row := o.residuals.RawRowView(i)
		floats.Add(row, shift)
		class := o.place[i]
		if o.outputs == 1 {
			margin := row[0]
			loss += max(margin, 0) + math.Log1p(math.Exp(-math.Abs(margin))) - float64(class)*margin
			row[0] = sigmoid(margin) - float64(class)
			continue
		}
		logit := row[class]
		loss += softmax(row) - logit
		row[class]--
	}
	return loss
}

// minimum is where the objective is least.
type minimum struct {
	weights    *mat.Dense // [features, outputs]
	intercepts []float64  // [outputs], at the origin
	report     Report
}

// minimize runs LBFGS from weights of 0 and the classes' frequencies, in
// coordinates in which the curvature there is about 1 in every direction.
func (o *crossEntropy) minimize(ctx context.Context, codes *mat.Dense, tolerance float64, iterations int) (minimum, error) {
	metric, err := o.newMetric(codes)
	if err != nil {
		return minimum{}, err
	}
	features := len(o.mean)
	p := &preconditioned{
		objective: o, metric: metric, start: o.logFrequencies(),
		weights: mat.NewDense(features, o.outputs, nil), weightsGradient: mat.NewDense(features, o.outputs, nil),
		intercepts: make([]float64, o.outputs), interceptsGradient: make([]float64, o.outputs),
		threshold: tolerance * o.c * float64(len(o.place)),
		length:    1,
	}
	size := (features + 1) * o.outputs
	origin, gradient := make([]float64, size), make([]float64, size)
	p.gradient(gradient, origin)
	if p.err != nil {
		return minimum{}, p.err
	}
	// LBFGS begins with a step of length 1 along the gradient; in this unit that is Newton's.
	if norm := floats.Norm(gradient, 2); norm > 0 {
		p.length = norm
		floats.Scale(norm, p.coordinates)
	}
	result, err := optimize.Minimize(optimize.Problem{
		Func: p.value,
		Grad: p.gradient,
		Status: func() (optimize.Status, error) {
			if err := errors.Join(ctx.Err(), p.err); err != nil {
				return optimize.Failure, err
			}
			return optimize.NotTerminated, nil
		},
	}, origin, &optimize.Settings{Converger: p, MajorIterations: iterations},
		&optimize.LBFGS{Linesearcher: &slopeSearch{}, GradStopThreshold: math.NaN()})
	if err := errors.Join(ctx.Err(), p.err); err != nil {
		return minimum{}, err
	}
	if err != nil && !errors.Is(err, optimize.ErrLinesearcherFailure) && !errors.Is(err, optimize.ErrNonDescentDirection) {
		return minimum{}, err
	}
	p.move(result.X)
	return minimum{
		weights:    p.weights,
		intercepts: p.interceptsAtOrigin(),
		report: Report{
			Converged:  p.residual <= p.threshold,
			Iterations: result.MajorIterations,
			Residual:   p.residual / (o.c * float64(len(o.place))),
			Objective:  result.F,
		},
	}, nil
}

// logFrequencies are the intercepts that are best while the weights are 0.
func (o *crossEntropy) logFrequencies() []float64 {
	counts := make([]float64, max(2, o.outputs))
	for _, class := range o.place {
		counts[class]++
	}
	if o.outputs == 1 {
		return []float64{math.Log(counts[1] / counts[0])}
	}
	mean := 0.0
	for k := range counts {
		counts[k] = math.Log(counts[k])
		mean += counts[k] / float64(o.outputs)
	}
	floats.AddConst(-mean, counts)
	return counts
}

// slopeSearch is a line search for convex functions. There the slope alone
// tells on which side of the minimum a step ends, and it stays exact where
// differences of the function drown in rounding. A step is taken once the slope
// has fallen to 0.9 of its size, unless the function has risen by more than
// rounding explains.
type slopeSearch struct {
	value, slope float64 // at step 0
	step         float64
	below, above float64 // steps with a negative and with a positive slope
	slopeBelow   float64
	trials       int
}

const evaluateBoth = optimize.FuncEvaluation | optimize.GradEvaluation

// Init implements optimize.Linesearcher.
func (s *slopeSearch) Init(value, slope, step float64) optimize.Operation {
	*s = slopeSearch{value: value, slope: slope, step: step, slopeBelow: slope, above: math.Inf(1)}
	return evaluateBoth
}

// Iterate implements optimize.Linesearcher.
func (s *slopeSearch) Iterate(value, slope float64) (optimize.Operation, float64, error) {
	const curvature, rounding, limit = 0.9, 1e-12, 60
	s.trials++
	if math.Abs(slope) <= curvature*math.Abs(s.slope) && value <= s.value+rounding*math.Abs(s.value) {
		return optimize.MajorIteration, s.step, nil
	}
	if s.trials == limit || math.IsNaN(slope) {
		return optimize.NoOperation, s.step, optimize.ErrLinesearcherFailure
	}
	if slope < 0 {
		s.below, s.slopeBelow = s.step, slope
		if math.IsInf(s.above, 1) {
			s.step *= 4
			return evaluateBoth, s.step, nil
		}
		s.step = (s.below + s.above) / 2
		return evaluateBoth, s.step, nil
	}
	s.above = s.step
	// Where the slope would be 0 on a straight line, kept away from the ends.
	share := s.slopeBelow / (s.slopeBelow - slope)
	s.step = s.below + min(max(share, 0.1), 0.9)*(s.above-s.below)
	return evaluateBoth, s.step, nil
}
