package probe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// margins solves one linear SVM,
//
//	min ½‖w‖² + Σᵢ ℓ(zᵢ),  zᵢ = 1 − yᵢ·w·xᵢ,
//
// where xᵢ ends in a constant 1. Every smooth problem on the way has the form
// ½‖w‖² + Σᵢ ψ(zᵢ) with a slope ψ′(z) = clip(a + σz, 0, cap), the force by which a
// sample pushes; it is piecewise quadratic, so Newton's method with an exact
// line search ends after finitely many steps (Mangasarian 2002, Keerthi and
// DeCoste 2005).
//
// The squared hinge is that with a = 0, σ = 2C and no cap. The hinge is reached
// by augmented Lagrangians (Yan and Li 2020): cap = C, the forces of one problem
// are the next one's a, and σ grows; at the end they are the dual variables.
type margins struct {
	x       dense.Matrix // [samples, features], without the constant
	codes   *mat.Dense   // the same
	largest []float64    // [features], absolute values
	signs   []float64    // [samples], y
	c       float64

	weights []float64 // [features+1], the intercept last
	slack   []float64 // [samples], z
	forces  []float64 // [samples], ψ′(z)

	base []float64 // [samples], a
	rate float64   // σ
	cap  float64

	column, row *mat.Dense // [samples, 1] and [features, 1], for products
}

func newMargins(x dense.Matrix, codes *mat.Dense, signs []float64, c float64) *margins {
	samples, features := codes.Dims()
	largest := make([]float64, features)
	for i := range samples {
		for f, v := range codes.RawRowView(i) {
			largest[f] = max(largest[f], math.Abs(v))
		}
	}
	return &margins{
		x: x, codes: codes, largest: largest, signs: signs, c: c,
		weights: make([]float64, features+1), slack: make([]float64, samples), forces: make([]float64, samples),
		base: make([]float64, samples), cap: math.Inf(1),
		column: mat.NewDense(samples, 1, nil), row: mat.NewDense(features, 1, nil),
	}
}

// minimize starts at weights of 0. It ends, without having converged, where
// float64 cannot tell better weights.
func (m *margins) minimize(ctx context.Context, options LinearSVM) (Report, error) {
	m.rate = 2 * m.c
	if options.Loss == Hinge {
		m.cap, m.rate = m.c, m.c/2
	}
	report := Report{}
	for {
		steps, err := m.newton(ctx, options.MaxIterations-report.Iterations)
		if err != nil {
			return report, err
		}
		report.Iterations += max(steps, 1)
		before := report.Residual
		if report.Residual, err = m.violation(options.Loss); err != nil {
			return report, err
		}
		report.Objective = m.penalty() + m.loss(options.Loss)
		report.Converged = report.Residual <= options.Tolerance
		if options.Loss == SquaredHinge || report.Residual <= max(options.Tolerance, m.rounding()) || report.Iterations >= options.MaxIterations {
			return report, nil
		}
		// Growth trades the number of problems against the steps that each takes;
		// beyond the steepest rate, rounding of the slacks would show in the forces.
		const growth = 8
		steepest := 1e-3 * m.c / m.rounding()
		if m.rate >= steepest && report.Residual > before/2 {
			return report, nil
		}
		copy(m.base, m.forces)
		m.rate = min(m.rate*growth, steepest)
	}
}

// violation of the optimality conditions, in units of the margin: how far
// samples are from where their forces belong, and how far the slacks are from
// those of the weights that the forces make, less what rounding makes of that.
func (m *margins) violation(l Loss) (float64, error) {
	gradient, change := make([]float64, len(m.weights)), make([]float64, len(m.slack))
	if err := m.setGradient(gradient); err != nil {
		return 0, err
	}
	if err := m.slackChange(change, gradient); err != nil {
		return 0, err
	}
	squares := 1.0
	for _, largest := range m.largest {
		squares += largest * largest
	}
	// That of the sums over samples, and that of the slacks in the forces.
	rounding := squares * (0x1p-50*floats.Norm(m.forces, 2) + m.rate*m.rounding()*math.Sqrt(float64(len(m.forces))))
	violation := max(0, floats.Norm(change, math.Inf(1))-rounding)
	if l == Hinge {
		violation = max(violation, m.complementarity())
	}
	return violation, nil
}

// rounding is about what float64 leaves open in the slacks of the weights.
func (m *margins) rounding() float64 {
	size := 1 + math.Abs(m.weights[len(m.largest)])
	for f, largest := range m.largest {
		size += math.Abs(m.weights[f]) * largest
	}
	return 0x1p-51 * size
}

func (m *margins) penalty() float64 { return floats.Dot(m.weights, m.weights) / 2 }

func (m *margins) loss(l Loss) float64 {
	sum := 0.0
	for _, z := range m.slack {
		if z > 0 && l == Hinge {
			sum += z
		} else if z > 0 {
			sum += z * z
		}
	}
	return m.c * sum
}

// complementarity is the worst violation of: a sample without force has a margin
// of 1 or more, one with full force 1 or less, any other exactly 1.
func (m *margins) complementarity() float64 {
	worst := 0.0
	for i, z := range m.slack {
		switch m.forces[i] {
		case 0:
			worst = max(worst, z)
		case m.cap:
			worst = max(worst, -z)
		default:
			worst = max(worst, math.Abs(z))
		}
	}
	return worst
}

// newton minimises the smooth problem in at most limit steps, and returns their
// number.
func (m *margins) newton(ctx context.Context, limit int) (steps int, err error) {
	gradient, direction := make([]float64, len(m.weights)), make([]float64, len(m.weights))
	change := make([]float64, len(m.slack)) // along the direction
	if err := m.setSlack(); err != nil {
		return 0, err
	}
	var previous []int8
	for ; ; steps++ {
		pieces := m.push()
		// On unchanged pieces the last step has led to the minimum.
		if previous != nil && slices.Equal(previous, pieces) || steps == limit {
			return steps, nil
		}
		if err := ctx.Err(); err != nil {
			return steps, err
		}
		if err := m.setGradient(gradient); err != nil {
			return steps, err
		}
		if err := m.solve(direction, gradient, pieces); err != nil {
			return steps, err
		}
		if err := m.slackChange(change, direction); err != nil {
			return steps, err
		}
		length := m.lineSearch(direction, change)
		if length == 0 {
			return steps, nil
		}
		floats.AddScaled(m.weights, length, direction)
		floats.AddScaled(m.slack, length, change)
		if previous = nil; math.Abs(length-1) < 1e-9 {
			previous = pieces
		}
	}
}

// push sets the forces and returns the piece of each: 0 none, 1 linear in the slack, 2 full.
func (m *margins) push() []int8 {
	pieces := make([]int8, len(m.slack))
	for i, z := range m.slack {
		m.forces[i], pieces[i] = m.force(m.base[i] + m.rate*z)
	}
	return pieces
}

func (m *margins) force(u float64) (force float64, piece int8) {
	switch {
	case u <= 0:
		return 0, 0
	case u < m.cap:
		return u, 1
	}
	return m.cap, 2
}

// setSlack computes the slacks of the weights.
func (m *margins) setSlack() error {
	if err := m.slackChange(m.slack, m.weights); err != nil {
		return err
	}
	floats.AddConst(1, m.slack)
	return nil
}

// slackChange is −yᵢ·xᵢ·d.
func (m *margins) slackChange(dst, direction []float64) error {
	features := len(direction) - 1
	copy(m.row.RawMatrix().Data, direction[:features])
	if err := m.x.Mul(m.column, m.row); err != nil {
		return err
	}
	for i, v := range m.column.RawMatrix().Data {
		dst[i] = -m.signs[i] * (v + direction[features])
	}
	return nil
}

// setGradient is w − Σᵢ forceᵢ·yᵢ·xᵢ.
func (m *margins) setGradient(gradient []float64) error {
	features := len(gradient) - 1
	signed := m.column.RawMatrix().Data
	floats.MulTo(signed, m.forces, m.signs)
	if err := m.x.MulTrans(m.row, m.column); err != nil {
		return err
	}
	floats.SubTo(gradient[:features], m.weights[:features], m.row.RawMatrix().Data)
	gradient[features] = m.weights[features] - floats.Sum(signed)
	return nil
}

// solve sets direction to −H⁻¹·gradient, where H = I + σ·XᵀX over the samples
// with a force that is linear in the slack.
func (m *margins) solve(direction, gradient []float64, pieces []int8) error {
	var moving []int
	for i, piece := range pieces {
		if piece == 1 {
			moving = append(moving, i)
		}
	}
	floats.ScaleTo(direction, -1, gradient)
	if len(moving) == 0 {
		return nil
	}
	x := withConstant(m.codes, moving)
	if 4*len(moving) < len(gradient) { // it is less exact where features differ in scale
		return m.solveInSamples(direction, x)
	}
	loaded, err := dense.Load(x)
	if err != nil {
		return err
	}
	defer loaded.Release()
	h, err := loaded.Gram(nil)
	if err != nil {
		return err
	}
	return solveShifted(h, m.rate, direction)
}

// solveInSamples is solve by the Woodbury identity,
// H⁻¹ = I − σXᵀ(I + σXXᵀ)⁻¹X, which is smaller when few samples move.
func (m *margins) solveInSamples(direction []float64, x *mat.Dense) error {
	moving := x.RawMatrix().Rows
	full := mat.NewDense(moving, moving, nil)
	if err := dense.Mul(full, x, mat.DenseCopyOf(x.T())); err != nil {
		return err
	}
	products := make([]float64, moving)
	mat.NewVecDense(moving, products).MulVec(x, mat.NewVecDense(len(direction), direction))
	if err := solveShifted(mat.NewSymDense(moving, full.RawMatrix().Data), m.rate, products); err != nil {
		return err
	}
	for i, p := range products {
		floats.AddScaled(direction, -m.rate*p, x.RawRowView(i))
	}
	return nil
}

// solveShifted overwrites b with (I + scale·a)⁻¹·b, and a with the bracket. Where
// that is singular in float64 its diagonal grows by as small a share as will do:
// the step is a direction of descent still.
func solveShifted(a *mat.SymDense, scale float64, b []float64) error {
	a.ScaleSym(scale, a)
	growDiagonal := func(share, constant float64) {
		for j := range a.SymmetricDim() {
			a.SetSym(j, j, a.At(j, j)*(1+share)+constant)
		}
	}
	growDiagonal(0, 1)
	if trace := a.Trace(); math.IsInf(trace, 0) || math.IsNaN(trace) {
		return errors.New("the codes overflow; standardise them")
	}
	var cholesky mat.Cholesky
	for share := 1e-15; !cholesky.Factorize(a); share *= 10 {
		if share > 1e-6 {
			return errors.New("no step can be solved for; standardise the codes")
		}
		growDiagonal(share, 0)
	}
	v := mat.NewVecDense(len(b), b)
	var ill mat.Condition
	if err := cholesky.SolveVecTo(v, v); err != nil && !errors.As(err, &ill) {
		return fmt.Errorf("solving for a step: %w", err)
	}
	return nil
}

// withConstant copies the samples at the indices and appends a feature 1.
func withConstant(codes *mat.Dense, indices []int) *mat.Dense {
	features := codes.RawMatrix().Cols
	x := mat.NewDense(len(indices), features+1, nil)
	for to, from := range indices {
		row := x.RawRowView(to)
		copy(row, codes.RawRowView(from))
		row[features] = 1
	}
	return x
}

// lineSearch returns the step along direction to the minimum there, 0 where
// rounding leaves none. The objective's slope is increasing and piecewise
// linear in the step, so Newton's method inside a bracket finds its zero.
func (m *margins) lineSearch(direction, change []float64) float64 {
	along, squared := floats.Dot(m.weights, direction), floats.Dot(direction, direction)
	slope := func(step float64) (first, second float64) {
		first, second = along+step*squared, squared
		for i, d := range change {
			force, piece := m.force(m.base[i] + m.rate*(m.slack[i]+step*d))
			first += force * d
			if piece == 1 {
				second += m.rate * d * d
			}
		}
		return first, second
	}
	start, _ := slope(0)
	if start >= 0 {
		return 0
	}
	step, below, above := 1.0, 0.0, math.Inf(1)
	for range 100 {
		first, second := slope(step)
		if math.Abs(first) <= 1e-12*math.Abs(start) {
			break
		}
		if first < 0 {
			below = step
		} else {
			above = step
		}
		next := step - first/second
		if next <= below || next >= above {
			if math.IsInf(above, 1) {
				next = 2 * step
			} else {
				next = (below + above) / 2
			}
		}
		if next == step {
			break
		}
		step = next
	}
	return step
}
