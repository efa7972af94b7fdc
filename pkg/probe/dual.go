package probe

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// dualSolution is the optimum of one pair's problem.
type dualSolution struct {
	coefficients []float64 // s
	bias         float64
	report       Report
}

// solveDual solves the dual problem of KernelSVM in s. The gradient is
// Ks − y. At the optimum no coefficient that may rise has a smaller gradient
// than one that may fall; Residual is by how much that fails. It ends, without
// having converged, where float64 cannot tell a better solution.
func solveDual(ctx context.Context, kernel *kernelRows, signs []float64, c, tolerance float64, limit int) (dualSolution, error) {
	d := &dual{
		kernel: kernel, diagonal: kernel.diagonal(),
		s: make([]float64, len(signs)), gradient: make([]float64, len(signs)),
		low: make([]float64, len(signs)), high: make([]float64, len(signs)),
		patience: 1, ridge: 1e-8,
	}
	for i, y := range signs {
		if math.IsInf(d.diagonal[i], 0) {
			return dualSolution{}, errors.New("the kernel overflows; standardise the codes")
		}
		d.gradient[i] = -y
		d.low[i], d.high[i] = min(0, y*c), max(0, y*c)
	}
	const pause = 1 << 12 // iterations
	report := Report{}
	for run := d.pairs; ; run = d.alternate {
		// Computed anew, because rounding of the steps' changes adds up.
		d.setGradient(signs)
		report.Residual = d.violation()
		report.Converged = report.Residual <= tolerance
		if report.Residual <= max(tolerance, d.rounding()) || report.Iterations >= limit {
			break
		}
		if err := ctx.Err(); err != nil {
			return dualSolution{}, err
		}
		report.Iterations += max(1, run(min(pause, limit-report.Iterations), tolerance))
	}
	for i, s := range d.s {
		report.Objective += s * (d.gradient[i] - signs[i]) / 2
	}
	return dualSolution{d.s, d.bias(), report}, nil
}

type dual struct {
	kernel    *kernelRows
	diagonal  []float64
	s         []float64
	gradient  []float64
	low, high []float64 // bounds of s
	patience  int       // with moving all free coefficients, in terms of pairs
	ridge     float64   // added to the kernel there, as a share of its largest value
}

// pairs moves two coefficients at a time until the violation is within the
// tolerance, at most limit times, and returns the number of steps.
func (d *dual) pairs(limit int, tolerance float64) int {
	for step := range limit {
		rising, least := d.riser()
		if d.greatestFaller()-least <= tolerance {
			return step
		}
		falling := d.faller(rising, least)
		if falling < 0 {
			return step
		}
		d.step(rising, falling)
	}
	return limit
}

// violation of the optimality conditions.
func (d *dual) violation() float64 {
	_, least := d.riser()
	return max(0, d.greatestFaller()-least)
}

// rounding is about what float64 leaves open in the violation: the terms of a
// gradient's entry, and the terms of a kernel value, err independently.
func (d *dual) rounding() float64 {
	squares := 0.0
	for i, s := range d.s {
		squares += s * s * d.diagonal[i]
	}
	return 0x1p-48 * math.Sqrt(floats.Max(d.diagonal)*squares)
}

// riser is the coefficient below its upper bound with the least gradient.
func (d *dual) riser() (index int, least float64) {
	index, least = -1, math.Inf(1)
	for i, g := range d.gradient {
		if g < least && d.s[i] < d.high[i] {
			index, least = i, g
		}
	}
	return index, least
}

// greatestFaller is the greatest gradient of the coefficients above their lower bound.
func (d *dual) greatestFaller() float64 {
	greatest := math.Inf(-1)
	for i, g := range d.gradient {
		if g > greatest && d.s[i] > d.low[i] {
			greatest = g
		}
	}
	return greatest
}

// faller is the partner with which the riser lowers the objective most.
func (d *dual) faller(rising int, least float64) int {
	row := d.kernel.row(rising)
	best, index := 0.0, -1
	for j, g := range d.gradient {
		if excess := g - least; excess > 0 && d.s[j] > d.low[j] {
			if gain := excess * excess / d.curvature(rising, j, row[j]); gain > best {
				best, index = gain, j
			}
		}
	}
	return index
}

// curvature of the objective along "i up, j down"; never 0, because equal
// samples with opposite labels leave none.
func (d *dual) curvature(i, j int, kernel float64) float64 {
	return max(d.diagonal[i]+d.diagonal[j]-2*kernel, 1e-12)
}

// setGradient computes it anew.
func (d *dual) setGradient(signs []float64) {
	floats.ScaleTo(d.gradient, -1, signs)
	for i, s := range d.s {
		if s != 0 {
			floats.AddScaled(d.gradient, s, d.kernel.row(i))
		}
	}
}

// alternate between all free coefficients and pairs until the violation is
// within the tolerance, for about limit iterations. Pairs alone take very long
// over what is left at the end of problems whose kernel is nearly singular, such
// as a linear one's.
func (d *dual) alternate(limit int, tolerance float64) (iterations int) {
	const pairWork = 8 // multiplications a sample, or so
	// The longer it takes, the more is spent on the free coefficients, and the
	// finer are the differences in scale that are taken seriously.
	d.patience *= 2
	d.ridge = max(d.ridge/10, 1e-14)
	pair := pairWork * len(d.s)
	for iterations < limit {
		rounds, work := d.newton(d.patience * limit * pair)
		steps := d.pairs(1+work/(rounds+1)/pair, tolerance)
		if steps == 0 {
			return iterations
		}
		iterations += rounds + steps
	}
	return iterations
}

// newton moves all free coefficients at once to where the objective is least
// for them, as far as the bounds allow: each time one meets its bound the others
// go on without it. It takes not much more than most multiplications, and
// returns how many it took in how many rounds.
func (d *dual) newton(most int) (rounds, work int) {
	for blocked := true; blocked && work < most; {
		var free []int
		for i, s := range d.s {
			if s > d.low[i] && s < d.high[i] {
				free = append(free, i)
			}
		}
		if len(free) < 2 {
			break
		}
		blocked = d.newtonStep(free)
		rounds++
		work += len(free) * (len(free)*len(free)/3 + len(d.s))
	}
	return rounds, work
}

// newtonStep is one such move and says whether a bound ended it.
func (d *dual) newtonStep(free []int) (blocked bool) {
	direction := d.newtonDirection(free)
	if direction == nil {
		return false
	}
	length, blocking := 1.0, -1
	for k, i := range free {
		bound := d.high[i]
		if direction[k] < 0 {
			bound = d.low[i]
		}
		if room := (bound - d.s[i]) / direction[k]; direction[k] != 0 && room < length {
			length, blocking = room, k
		}
	}
	for k, i := range free {
		change := length * direction[k]
		d.s[i] = min(max(d.s[i]+change, d.low[i]), d.high[i])
		if k == blocking { // met exactly, so that it counts as bound
			if d.s[i] = d.high[i]; change < 0 {
				d.s[i] = d.low[i]
			}
		}
		floats.AddScaled(d.gradient, change, d.kernel.row(i))
	}
	return blocking >= 0
}

// newtonDirection minimises the objective over the free coefficients with their
// sum kept; it is nil where rounding leaves no direction of descent.
func (d *dual) newtonDirection(free []int) []float64 {
	gradient, ones := mat.NewVecDense(len(free), nil), mat.NewVecDense(len(free), nil)
	for a, i := range free {
		gradient.SetVec(a, d.gradient[i])
		ones.SetVec(a, 1)
	}
	cholesky := d.factorize(free)
	if cholesky == nil {
		return nil
	}
	var ill mat.Condition
	var u, v mat.VecDense // K⁻¹·gradient and K⁻¹·1
	for _, system := range []struct{ to, from *mat.VecDense }{{&u, gradient}, {&v, ones}} {
		if err := cholesky.SolveVecTo(system.to, system.from); err != nil && !errors.As(err, &ill) {
			return nil
		}
	}
	direction := make([]float64, len(free))
	floats.AddScaled(direction, -1, u.RawVector().Data)
	floats.AddScaled(direction, mat.Sum(&u)/mat.Sum(&v), v.RawVector().Data)
	floats.AddConst(-floats.Sum(direction)/float64(len(free)), direction) // what cancellation leaves of the sum
	if !(floats.Dot(direction, gradient.RawVector().Data) < 0) {
		return nil
	}
	return direction
}

// factorize the kernel of the free samples. The ridge keeps the directions that a
// singular kernel leaves flat finite and descending.
func (d *dual) factorize(free []int) *mat.Cholesky {
	k := mat.NewSymDense(len(free), nil)
	largest := 0.0
	for a, i := range free {
		row := d.kernel.row(i)
		largest = max(largest, d.diagonal[i])
		for b := a; b < len(free); b++ {
			k.SetSym(a, b, row[free[b]])
		}
	}
	added := 0.0
	for share := d.ridge; share < 1e-6; share *= 10 {
		ridge := share * (largest + 1e-300)
		for a := range free {
			k.SetSym(a, a, k.At(a, a)+ridge-added)
		}
		added = ridge
		var cholesky mat.Cholesky
		if cholesky.Factorize(k) {
			return &cholesky
		}
	}
	return nil
}

// step moves one coefficient up and another down by what is best for both.
func (d *dual) step(up, down int) {
	rowUp, rowDown := d.kernel.row(up), d.kernel.row(down)
	length := (d.gradient[down] - d.gradient[up]) / d.curvature(up, down, rowUp[down])
	roomUp, roomDown := d.high[up]-d.s[up], d.s[down]-d.low[down]
	switch {
	case length < min(roomUp, roomDown):
		d.s[up] += length
		d.s[down] -= length
	case roomUp <= roomDown: // bounds are met exactly, so that who is at one stays known
		length = roomUp
		d.s[up] = d.high[up]
		if d.s[down] -= length; roomUp == roomDown {
			d.s[down] = d.low[down]
		}
	default:
		length = roomDown
		d.s[up] += length
		d.s[down] = d.low[down]
	}
	floats.AddScaled(d.gradient, length, rowUp)
	floats.AddScaled(d.gradient, -length, rowDown)
}

// bias is that of the free coefficients' mean gradient, or halfway between those
// that may rise and those that may fall when none is free.
func (d *dual) bias() float64 {
	free, sum := 0, 0.0
	rise, fall := math.Inf(1), math.Inf(-1)
	for i, g := range d.gradient {
		above, below := d.s[i] > d.low[i], d.s[i] < d.high[i]
		if above && below {
			free++
			sum += g
		}
		if below {
			rise = min(rise, g)
		}
		if above {
			fall = max(fall, g)
		}
	}
	if free > 0 {
		return -sum / float64(free)
	}
	return -(rise + fall) / 2
}
