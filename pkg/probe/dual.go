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
// than one that may fall; Residual is by how much that fails.
func solveDual(ctx context.Context, kernel *kernelRows, signs []float64, c, tolerance float64, limit int) (dualSolution, error) {
	d := &dual{
		kernel: kernel, diagonal: kernel.diagonal(),
		s: make([]float64, len(signs)), gradient: make([]float64, len(signs)),
		low: make([]float64, len(signs)), high: make([]float64, len(signs)),
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
	exact := true // the gradient is that of s, without what rounding of its changes adds up to
	for {
		rising, least := d.riser()
		report.Residual = max(0, d.greatestFaller()-least)
		report.Converged = report.Residual <= tolerance
		if stop := report.Converged || report.Iterations == limit; stop && exact {
			break
		} else if stop {
			d.setGradient(signs)
			exact = true
			continue
		}
		if report.Iterations%pause == 0 {
			if err := ctx.Err(); err != nil {
				return dualSolution{}, err
			}
			if report.Iterations > 0 {
				d.newton()
				rising, least = d.riser()
			}
		}
		exact = false
		if falling := d.faller(rising, least); falling >= 0 {
			d.step(rising, falling)
		}
		report.Iterations++
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

// newton moves all free coefficients at once to where the objective is least
// for them, as far as the bounds allow: each time one meets its bound the others
// go on without it. Pairs would take very long over what is left at the end of
// problems whose kernel is nearly singular, such as a linear one's.
func (d *dual) newton() {
	const most, rounds = 600, 30 // bound the time, which grows with the cube of their number
	for range rounds {
		var free []int
		for i, s := range d.s {
			if s > d.low[i] && s < d.high[i] {
				free = append(free, i)
			}
		}
		if len(free) < 2 || len(free) > most || !d.newtonStep(free) {
			return
		}
	}
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
	k := mat.NewSymDense(len(free), nil)
	gradient, ones := mat.NewVecDense(len(free), nil), mat.NewVecDense(len(free), nil)
	for a, i := range free {
		row := d.kernel.row(i)
		for b := a; b < len(free); b++ {
			k.SetSym(a, b, row[free[b]])
		}
		// The ridge keeps a singular kernel's directions finite and descending.
		k.SetSym(a, a, row[i]+1e-10*(1+d.diagonal[i]))
		gradient.SetVec(a, d.gradient[i])
		ones.SetVec(a, 1)
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(k) {
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
	if !(floats.Dot(direction, gradient.RawVector().Data) < 0) {
		return nil
	}
	return direction
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
