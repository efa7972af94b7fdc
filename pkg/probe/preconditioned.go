package probe

import (
	"context"
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

// curvature is the Hessian of a cross-entropy, taken to be the same A
// [features+1, features+1] for every output. In the coordinates u = Lᵀw,
// A = L·Lᵀ, it is the identity, so a step of LBFGS there starts as a step of
// Newton's method.
type curvature struct {
	factor   blas64.Triangular // L
	diagonal []float64         // that of L, when it has nothing else
}

// curvature is that where evaluate was last. It is estimated from enough samples
// that chance moves no direction's by more than a half, and memory bounds them.
func (o *crossEntropy) curvature(codes *mat.Dense) (*curvature, error) {
	const samplesPerFeature, mostValues = 16, 1 << 25
	samples, features := codes.Dims()
	chosen := min(samples, samplesPerFeature*features, max(1, mostValues/(features+1)))
	scale := o.c * float64(samples) / float64(chosen)
	root := mat.NewDense(chosen, features+1, nil) // A = rootᵀ·root + penalty
	for j := range chosen {
		i := j * samples / chosen
		row := root.RawRowView(j)
		floats.SubTo(row[:features], codes.RawRowView(i), o.mean)
		row[features] = 1
		floats.Scale(math.Sqrt(scale*o.sampleCurvature(i)), row)
	}
	// Intercepts have no penalty: keep them from standing on nothing.
	penalty := func(f int) float64 {
		if f == features {
			return 1e-9 * o.c
		}
		return 1
	}
	if features > metricFeatures {
		diagonal := make([]float64, features+1)
		for f := range diagonal {
			diagonal[f] = math.Sqrt(math.Pow(mat.Norm(root.ColView(f), 2), 2) + penalty(f))
		}
		return &curvature{diagonal: diagonal}, nil
	}
	a, err := dense.Gram(root, nil)
	if err != nil {
		return nil, err
	}
	for f := range features + 1 {
		a.SetSym(f, f, a.At(f, f)+penalty(f))
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(a) {
		return nil, fmt.Errorf("the codes' covariance overflows: their largest value is %.3g; standardise them", mat.Max(codes))
	}
	var lower mat.TriDense
	cholesky.LTo(&lower)
	return &curvature{factor: lower.RawTriangular()}, nil
}

// toParameters overwrites coordinates u with parameters L⁻ᵀu.
func (m *curvature) toParameters(u *mat.Dense) {
	if m.diagonal == nil {
		blas64.Trsm(blas.Left, blas.Trans, 1, m.factor, u.RawMatrix())
		return
	}
	for f, d := range m.diagonal {
		floats.Scale(1/d, u.RawRowView(f))
	}
}

// toCoordinates overwrites a gradient for parameters with that for coordinates, L⁻¹g.
func (m *curvature) toCoordinates(g *mat.Dense) {
	if m.diagonal != nil {
		m.toParameters(g) // the same for a diagonal
		return
	}
	blas64.Trsm(blas.Left, blas.NoTrans, 1, m.factor, g.RawMatrix())
}

// preconditioned is a cross-entropy as a function of a vector: the coordinates,
// in a unit of length, of the way from the start.
type preconditioned struct {
	objective *crossEntropy
	curvature *curvature
	start     *mat.Dense // [features+1, outputs], parameters at the vector 0
	length    float64    // unit of the vector
	threshold float64    // on the residual

	at                   []float64 // where the following were evaluated
	f                    float64
	parameters, gradient *mat.Dense // [features+1, outputs]; the gradient for coordinates
	residual             float64    // of the gradient for the parameters
	err                  error
}

// recentre starts anew, in the coordinates of the curvature there, from where
// the last evaluation was, the first time from start.
func (p *preconditioned) recentre(codes *mat.Dense) error {
	if p.curvature != nil {
		p.start.Copy(p.parameters)
	}
	p.parameters.Copy(p.start)
	p.evaluate()
	if p.err != nil {
		return p.err
	}
	if p.curvature, p.err = p.objective.curvature(codes); p.err != nil {
		return p.err
	}
	p.curvature.toCoordinates(p.gradient)
	// LBFGS begins with a step of length 1 along the gradient; in this unit that is Newton's.
	p.length = 1
	if norm := mat.Norm(p.gradient, 2); norm > 0 {
		p.length = norm
	}
	p.at = make([]float64, len(p.gradient.RawMatrix().Data))
	return nil
}

// evaluate computes the objective and its gradient at the parameters.
func (p *preconditioned) evaluate() {
	p.f, p.err = p.objective.evaluate(p.parameters, p.gradient)
	if p.err == nil && (math.IsNaN(p.f) || math.IsInf(p.f, 0)) {
		p.err = errors.New("the objective overflows; standardise the codes")
	}
	p.residual = p.objective.residual(p.gradient)
}

// move evaluates the objective at a vector, unless it was there last.
func (p *preconditioned) move(vector []float64) {
	if p.err != nil || floats.Equal(p.at, vector) {
		return
	}
	copy(p.at, vector)
	floats.ScaleTo(p.parameters.RawMatrix().Data, p.length, vector)
	p.curvature.toParameters(p.parameters)
	p.parameters.Add(p.parameters, p.start)
	p.evaluate()
	p.curvature.toCoordinates(p.gradient)
}

// lbfgs runs at most limit iterations from the vector 0, stays where they end
// and returns their number.
func (p *preconditioned) lbfgs(ctx context.Context, limit int) (int, error) {
	result, err := optimize.Minimize(optimize.Problem{
		Func: func(vector []float64) float64 {
			p.move(vector)
			return p.f
		},
		Grad: func(dst, vector []float64) {
			p.move(vector)
			floats.ScaleTo(dst, p.length, p.gradient.RawMatrix().Data)
		},
		Status: func() (optimize.Status, error) {
			if err := errors.Join(ctx.Err(), p.err); err != nil {
				return optimize.Failure, err
			}
			return optimize.NotTerminated, nil
		},
	}, make([]float64, len(p.at)), &optimize.Settings{Converger: p, MajorIterations: limit},
		&optimize.LBFGS{Linesearcher: &slopeSearch{}, GradStopThreshold: math.NaN()})
	if err := errors.Join(ctx.Err(), p.err); err != nil {
		return 0, err
	}
	// Where rounding leaves no better point the residual says how good this one is.
	if err != nil && !errors.Is(err, optimize.ErrLinesearcherFailure) && !errors.Is(err, optimize.ErrNonDescentDirection) {
		return 0, err
	}
	p.move(result.X)
	return result.MajorIterations, p.err
}

// Init implements optimize.Converger.
func (p *preconditioned) Init(int) {}

// Converged implements optimize.Converger by the gradient for the parameters
// themselves, which does not depend on the coordinates.
func (p *preconditioned) Converged(at *optimize.Location) optimize.Status {
	p.move(at.X)
	if p.residual <= p.threshold {
		return optimize.GradientThreshold
	}
	return optimize.NotTerminated
}
