package dense

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Neighbours holds, for every row, its nearest rows: the nearest first, and of
// several at one distance the one of lower index.
type Neighbours struct {
	Index   [][]int     // [rows][k]
	Squared [][]float64 // [rows][k], squared Euclidean distances as the sum of squared differences gives them
}

// Nearest returns the k nearest rows of b [n, depth] to every row of a [m,
// depth], for k from 1 to n.
func Nearest(a, b *mat.Dense, k int) (Neighbours, error) {
	p, err := newPairs(a, b, Coarse)
	if err != nil {
		return Neighbours{}, err
	}
	if n := len(p.normsB); k < 1 || k > n {
		return Neighbours{}, fmt.Errorf("dense: %d nearest of %d rows, want 1 to %d", k, n, n)
	}
	rows := newShortlists(len(p.normsA), k)
	err = p.visit(func(row, column int, dots *mat.Dense) {
		height, width := dots.Dims()
		Parallel(height, func(r int) {
			i := row + r
			list, norm, norms := rows[i], p.normsA[i], p.normsB[column:][:width]
			for c, dot := range dots.RawRowView(r) {
				if d := norm + norms[c] - 2*dot; d < list.limit {
					list.add(d, column+c)
				}
			}
		})
	})
	if err != nil {
		return Neighbours{}, err
	}
	return p.settle(rows, k, false), nil
}

// NearestOthers returns the k nearest other rows to every row of x [n, depth],
// for k from 1 to n-1. A duplicate of a row is another row.
func NearestOthers(x *mat.Dense, k int) (Neighbours, error) {
	p, err := newPairs(x, x, Coarse)
	if err != nil {
		return Neighbours{}, err
	}
	if n := len(p.normsA); k < 1 || k > n-1 {
		return Neighbours{}, fmt.Errorf("dense: %d nearest others of %d rows, want 1 to %d", k, n, n-1)
	}
	rows := newShortlists(len(p.normsA), k)
	err = p.half(func(row, column int, dots *mat.Dense) {
		height, width := dots.Dims()
		Parallel(height, func(r int) {
			i := row + r
			list, norm, norms := rows[i], p.normsA[i], p.normsB[column:][:width]
			block := dots.RawRowView(r)
			for c := max(0, i+1-column); c < width; c++ {
				d := norm + norms[c] - 2*block[c]
				block[c] = d
				if d < list.limit {
					list.add(d, column+c)
				}
			}
		})
		Chunks(0, width, chunk, func(from, to int) {
			for r := range height {
				i := row + r
				block := dots.RawRowView(r)
				for c := max(from, i+1-column); c < to; c++ {
					if list := rows[column+c]; block[c] < list.limit {
						list.add(block[c], i)
					}
				}
			}
		})
	})
	if err != nil {
		return Neighbours{}, err
	}
	return p.settle(rows, k, true), nil
}

// shortlist keeps the rows of least approximate distance, a few more than are
// asked for, because rounding may have exchanged close ones.
type shortlist struct {
	limit    float64 // what a row must fall below to get in
	distance []float64
	index    []int
}

const spare = 6

func newShortlists(n, k int) []*shortlist {
	lists := make([]*shortlist, n)
	for i := range lists {
		lists[i] = &shortlist{limit: math.Inf(1), distance: make([]float64, 0, k+spare), index: make([]int, 0, k+spare)}
	}
	return lists
}

// add puts a row at its place and drops the furthest one when the list is full.
func (s *shortlist) add(distance float64, index int) {
	if len(s.distance) < cap(s.distance) {
		s.distance, s.index = append(s.distance, 0), append(s.index, 0)
	}
	last := len(s.distance) - 1
	at := last
	for ; at > 0 && s.distance[at-1] > distance; at-- {
		s.distance[at], s.index[at] = s.distance[at-1], s.index[at-1]
	}
	s.distance[at], s.index[at] = distance, index
	if len(s.distance) == cap(s.distance) {
		s.limit = s.distance[last]
	}
}

// holds says that the k nearest rows are surely in the list, when two distances
// less than error apart may have been exchanged. It is false where many rows
// lie equally far, and where distances overflow.
func (s *shortlist) holds(k int, error float64) bool {
	n := len(s.distance)
	return n >= k && (n < cap(s.distance) || s.distance[n-1] > s.distance[k-1]+error)
}

// settle decides by exact distances which of the shortlisted rows are nearest.
func (p *pairs) settle(lists []*shortlist, k int, others bool) Neighbours {
	out := Neighbours{Index: make([][]int, len(lists)), Squared: make([][]float64, len(lists))}
	furthest := slices.Max(p.normsB)
	Parallel(len(lists), func(i int) {
		list := lists[i]
		candidates := list.index
		if !list.holds(k, 2*p.tolerance*(p.normsA[i]+furthest)) {
			candidates = make([]int, 0, len(p.normsB))
			for j := range p.normsB {
				if !others || j != i {
					candidates = append(candidates, j)
				}
			}
		}
		distance := make(map[int]float64, len(candidates))
		for _, j := range candidates {
			distance[j] = p.exact(i, j)
		}
		candidates = slices.Clone(candidates)
		slices.SortFunc(candidates, func(a, b int) int {
			return cmp.Or(cmp.Compare(distance[a], distance[b]), cmp.Compare(a, b))
		})
		out.Index[i] = candidates[:k:k]
		out.Squared[i] = make([]float64, k)
		for at, j := range out.Index[i] {
			out.Squared[i][at] = distance[j]
		}
	})
	return out
}
