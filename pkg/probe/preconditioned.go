package probe

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"noisebook/pkg/dense"
)

// metricFeatures is the widest code whose correlations are taken into account;
// beyond it only the scales of the features are.
const metricFeatures = 4096

// curvature is the Hessian of a cross-entropy where all classes are equally
// likely: A for the weights of each output, a number for each intercept. In the
// coordinates u = Lᵀw, A = L·Lᵀ, it is the identity, so a step of LBFGS there
// starts as a step of Newton's method.
type curvature struct {
	factor    blas64.Triangular // L; only its diagonal when diagonal is set
	diagonal  []float64
	intercept float64 // square root of the intercepts' curvature
}

// newMetric estimates the curvature from at most 4 samples a feature.
func (o *crossEntropy) newMetric(codes *mat.Dense) (*curvature, error) {
	samples, features := codes.Dims()
	weight := o.c / float64(o.outputs)
	if o.outputs == 1 {
		weight = o.c / 4
	}
	chosen := min(samples, 4*features)
	sample := codes
	if chosen < samples {
		indices := make([]int, chosen)
		for j := range indices {
			indices[j] = j * samples / chosen
		}
		sample = rows(codes, indices)
	}
	scale := weight * float64(samples) / float64(chosen)
	m := &curvature{intercept: math.Sqrt(weight * float64(samples))}
	if features > metricFeatures {
		m.diagonal = make([]float64, features)
		for i := range chosen {
			for j, v := range sample.RawRowView(i) {
				m.diagonal[j] += (v - o.mean[j]) * (v - o.mean[j])
			}
		}
		for j, v := range m.diagonal {
			m.diagonal[j] = math.Sqrt(1 + scale*v)
		}
		return m, nil
	}
	loaded, err := dense.Load(sample)
	if err != nil {
		return nil, err
	}
	defer loaded.Release()
	a, err := loaded.Gram(o.mean)
	if err != nil {
		return nil, err
	}
	a.ScaleSym(scale, a)
	for j := range features {
		a.SetSym(j, j, a.At(j, j)+1)
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(a) {
		return nil, fmt.Errorf("the codes' covariance overflows: their largest value is %.3g; standardise them", mat.Max(codes))
	}
	var lower mat.TriDense
	cholesky.LTo(&lower)
	m.factor = lower.RawTriangular()
	return m, nil
}

// toWeights overwrites coordinates u with weights w = L⁻ᵀu.
func (m *curvature) toWeights(u *mat.Dense) {
	if m.diagonal != nil {
		for f, d := range m.diagonal {
			floats.Scale(1/d, u.RawRowView(f))
		}
		return
	}
	blas64.Trsm(blas.Left, blas.Trans, 1, m.factor, u.RawMatrix())
}

// toCoordinates overwrites a gradient for weights with that for coordinates, L⁻¹g.
func (m *curvature) toCoordinates(g *mat.Dense) {
	if m.diagonal != nil {
		m.toWeights(g)
		return
	}
	blas64.Trsm(blas.Left, blas.NoTrans, 1, m.factor, g.RawMatrix())
}

// preconditioned is a cross-entropy in the coordinates of its curvature: a
// vector of the weights' coordinates [features, outputs], then the intercepts'.
type preconditioned struct {
	objective *crossEntropy
	metric    *curvature
	start     []float64 // intercepts at the vector 0
	length    float64   // unit of the vector
	threshold float64   // on the largest entry of the gradient for weights and intercepts

	at                             []float64 // where the following were evaluated
	f                              float64
	weights, weightsGradient       *mat.Dense
	intercepts, interceptsGradient []float64
	coordinates                    []float64 // gradient there
	residual                       float64   // largest entry of the gradient for weights and intercepts
	err                            error
}

// move evaluates the objective at a vector, unless it was there last.
func (p *preconditioned) move(vector []float64) {
	if p.err != nil || p.at != nil && floats.Equal(p.at, vector) {
		return
	}
	p.at = append(p.at[:0], vector...)
	inner := len(vector) - len(p.intercepts)
	weights := p.weights.RawMatrix().Data
	floats.ScaleTo(weights, p.length, vector[:inner])
	p.metric.toWeights(p.weights)
	floats.ScaleTo(p.intercepts, p.length/p.metric.intercept, vector[inner:])
	floats.Add(p.intercepts, p.start)

	p.f, p.err = p.objective.evaluate(p.weights, p.intercepts, p.weightsGradient, p.interceptsGradient)
	if p.err == nil && (math.IsNaN(p.f) || math.IsInf(p.f, 0)) {
		p.err = errors.New("the objective overflows; standardise the codes")
	}
	p.residual = max(floats.Norm(p.weightsGradient.RawMatrix().Data, math.Inf(1)), floats.Norm(p.interceptsGradient, math.Inf(1)))
	p.metric.toCoordinates(p.weightsGradient)
	p.coordinates = append(p.coordinates[:0], p.weightsGradient.RawMatrix().Data...)
	p.coordinates = append(p.coordinates, p.interceptsGradient...)
	floats.Scale(p.length, p.coordinates)
	floats.Scale(1/p.metric.intercept, p.coordinates[inner:])
}

func (p *preconditioned) value(vector []float64) float64 {
	p.move(vector)
	return p.f
}

func (p *preconditioned) gradient(dst, vector []float64) {
	p.move(vector)
	copy(dst, p.coordinates)
}

// Init implements optimize.Converger.
func (p *preconditioned) Init(int) {}

// Converged implements optimize.Converger by the gradient for the weights
// themselves, which does not depend on the coordinates.
func (p *preconditioned) Converged(at *optimize.Location) optimize.Status {
	p.move(at.X)
	if p.residual <= p.threshold {
		return optimize.GradientThreshold
	}
	return optimize.NotTerminated
}

// interceptsAtOrigin are the intercepts for codes that are not centred.
func (p *preconditioned) interceptsAtOrigin() []float64 {
	intercepts := append([]float64(nil), p.intercepts...)
	for f, mean := range p.objective.mean {
		floats.AddScaled(intercepts, -mean, p.weights.RawRowView(f))
	}
	return intercepts
}
