package dense

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Balls counts, for balls around the rows of two matrices a and b, the other
// matrix's rows inside.
type Balls struct {
	InA, InB         []int // [rows of a], [rows of b]: rows of the other matrix inside the ball around a row
	AroundA, AroundB []int // [rows of a], [rows of b]: balls of the other matrix around a row
}

// CountInside compares the distances of all rows of a [m, depth] and b [n,
// depth] with the squared radii of the balls around them. A row at exactly the
// radius is inside when closed. The comparison is that of the sums of squared
// differences, as Nearest returns them.
func CountInside(a, b *mat.Dense, squaredRadiiA, squaredRadiiB []float64, closed bool) (Balls, error) {
	p, err := newPairs(a, b, Coarse)
	if err != nil {
		return Balls{}, err
	}
	m, n := len(p.normsA), len(p.normsB)
	if len(squaredRadiiA) != m || len(squaredRadiiB) != n {
		return Balls{}, fmt.Errorf("dense: %d and %d radii for %d and %d rows", len(squaredRadiiA), len(squaredRadiiB), m, n)
	}
	balls := Balls{InA: make([]int, m), InB: make([]int, n), AroundA: make([]int, m), AroundB: make([]int, n)}
	err = p.visit(func(row, column int, dots *mat.Dense) {
		height, width := dots.Dims()
		// The block becomes a set of flags, so that rows and columns can be
		// counted one after the other, each on all cores.
		const inA, inB = 1, 2
		Parallel(height, func(r int) {
			i := row + r
			norm, radius := p.normsA[i], squaredRadiiA[i]
			norms, radii := p.normsB[column:][:width], squaredRadiiB[column:][:width]
			block := dots.RawRowView(r)
			for c, dot := range block {
				norms := norm + norms[c]
				least, most := norms-2*dot, norms-2*dot
				least, most = least-p.tolerance*norms, most+p.tolerance*norms
				flags := 0
				if least > radius && least > radii[c] {
					block[c] = 0
					continue
				}
				if inside(p, i, column+c, least, most, radius, closed) {
					flags |= inA
					balls.InA[i]++
				}
				if inside(p, i, column+c, least, most, radii[c], closed) {
					flags |= inB
					balls.AroundA[i]++
				}
				block[c] = float64(flags)
			}
		})
		Chunks(0, width, chunk, func(from, to int) {
			for r := range height {
				for c, flags := range dots.RawRowView(r)[from:to] {
					if flags == 0 {
						continue
					}
					balls.AroundB[column+from+c] += int(flags) & inA
					balls.InB[column+from+c] += int(flags) >> 1
				}
			}
		})
	})
	if err != nil {
		return Balls{}, err
	}
	return balls, nil
}

// inside says whether row i of a and row j of b, whose squared distance lies
// from least to most, are closer than the squared radius.
func inside(p *pairs, i, j int, least, most, radius float64, closed bool) bool {
	switch {
	case most < radius:
		return true
	case least > radius:
		return false
	}
	d := p.exact(i, j)
	return d < radius || closed && d == radius
}
