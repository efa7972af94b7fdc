package probe

import (
	"context"
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// crossEntropy is the objective of logistic regression in parameters
// [features+1, outputs]: the weights, then a row of intercepts for centred codes.
type crossEntropy struct {
	x       dense.Matrix // [samples, features]
	mean    []float64    // [features]
	scale   []float64    // [features+1], standard deviations where they are above 1, else 1
	place   []int        // [samples], class of each
	outputs int          // 1 for two classes, else the number of classes
	c       float64

	residuals *mat.Dense // [samples, outputs], probability − target; the logits before
	losses    []float64  // by block of rows, so that the sum does not depend on the number of cores
}

func newCrossEntropy(x dense.Matrix, codes *mat.Dense, place []int, classes int, c float64) *crossEntropy {
	samples, outputs := len(place), classes
	if classes == 2 {
		outputs = 1
	}
	mean, variance := columnMoments(codes)
	scale := append(variance, 0)
	for f, v := range scale {
		scale[f] = max(1, math.Sqrt(v))
	}
	return &crossEntropy{
		x: x, mean: mean, scale: scale, place: place, outputs: outputs, c: c,
		residuals: mat.NewDense(samples, outputs, nil),
		losses:    make([]float64, blocks(samples)),
	}
}

// parts are the weights [features, outputs] of parameters or of a gradient, and
// the intercepts.
func (o *crossEntropy) parts(parameters *mat.Dense) (weights *mat.Dense, intercepts []float64) {
	features := len(o.mean)
	return parameters.Slice(0, features, 0, o.outputs).(*mat.Dense), parameters.RawRowView(features)
}

// evaluate returns the objective at the parameters and overwrites its gradient.
func (o *crossEntropy) evaluate(parameters, gradient *mat.Dense) (float64, error) {
	weights, intercepts := o.parts(parameters)
	weightsGradient, interceptsGradient := o.parts(gradient)
	if err := o.x.Mul(o.residuals, weights); err != nil {
		return 0, err
	}
	shift := o.atOrigin(weights, intercepts)
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

// residual is the largest entry of a gradient, in units of the features' scale.
func (o *crossEntropy) residual(gradient *mat.Dense) float64 {
	largest := 0.0
	for f, scale := range o.scale {
		largest = max(largest, floats.Norm(gradient.RawRowView(f), math.Inf(1))/scale)
	}
	return largest
}

// atOrigin are the intercepts for codes that are not centred.
func (o *crossEntropy) atOrigin(weights *mat.Dense, intercepts []float64) []float64 {
	shifted := slices.Clone(intercepts)
	for f, mean := range o.mean {
		floats.AddScaled(shifted, -mean, weights.RawRowView(f))
	}
	return shifted
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

// sampleCurvature is the mean second derivative of a sample's cross-entropy by
// its logits, over the directions that change it, where evaluate was last.
func (o *crossEntropy) sampleCurvature(i int) float64 {
	row := o.residuals.RawRowView(i)
	if o.outputs == 1 {
		p := math.Abs(row[0])
		return p * (1 - p)
	}
	squares := 0.0
	for k, p := range row {
		if k == o.place[i] {
			p++
		}
		squares += p * p
	}
	return max(0, 1-squares) / float64(o.outputs-1)
}

// minimum is where the objective is least.
type minimum struct {
	weights    *mat.Dense // [features, outputs]
	intercepts []float64  // [outputs], at the origin
	report     Report
}

// roundIterations is how long LBFGS runs in one set of coordinates.
const roundIterations = 100

// minimize runs LBFGS from weights of 0 and the classes' frequencies, in
// coordinates in which the curvature is about 1 in every direction. A long run
// is taken up again in the coordinates of where it has come to, because the
// curvature falls as samples are told apart.
func (o *crossEntropy) minimize(ctx context.Context, codes *mat.Dense, tolerance float64, iterations int) (minimum, error) {
	if math.IsInf(floats.Max(o.scale), 1) {
		return minimum{}, errors.New("the codes overflow; standardise them")
	}
	features, samples := len(o.mean), float64(len(o.place))
	p := &preconditioned{
		objective: o,
		start:     mat.NewDense(features+1, o.outputs, nil), parameters: mat.NewDense(features+1, o.outputs, nil), gradient: mat.NewDense(features+1, o.outputs, nil),
		threshold: tolerance * o.c * samples,
	}
	p.start.SetRow(features, o.logFrequencies())
	report := Report{}
	for {
		if err := p.recentre(codes); err != nil {
			return minimum{}, err
		}
		limit := min(roundIterations, iterations-report.Iterations)
		if p.residual > p.threshold && limit > 0 {
			steps, err := p.lbfgs(ctx, limit)
			if err != nil {
				return minimum{}, err
			}
			report.Iterations += steps
			if steps > 1 && report.Iterations < iterations && p.residual > p.threshold {
				continue
			}
		}
		report.Converged, report.Residual, report.Objective = p.residual <= p.threshold, p.residual/(o.c*samples), p.f
		weights, intercepts := o.parts(p.parameters)
		return minimum{weights, o.atOrigin(weights, intercepts), report}, nil
	}
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
	for k := range counts {
		counts[k] = math.Log(counts[k])
	}
	floats.AddConst(-floats.Sum(counts)/float64(o.outputs), counts)
	return counts
}
