package probe

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
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
	const checkEvery = 1 << 12
	report := Report{}
	for {
		rising, least := d.riser()
		greatest := d.greatestFaller()
		report.Residual = max(0, greatest-least)
		if report.Residual <= tolerance {
			report.Converged = true
			break
		}
		if report.Iterations == limit {
			break
		}
		if report.Iterations%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return dualSolution{}, err
			}
		}
		d.step(rising, d.faller(rising, least))
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
