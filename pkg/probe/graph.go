package probe

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Graph joins every sample to its nearest others by cosine similarity. It is
// undirected: an edge weighs the larger of what its two ends give it, where a
// sample gives its neighbours their similarity and all others 0.
type Graph struct {
	Neighbours [][]int   // [samples][k], of each sample, nearest first
	Degrees    []float64 // [samples], sum of the weights of its edges

	starts  []int     // [samples+1], where each sample's edges start
	ends    []int     // the other end of each, ascending for each sample
	weights []float64 // of each
}

// NewGraph joins the rows of x [samples, features], scaled to length 1, to their
// k nearest others. A row of zeros is similar to nothing.
func NewGraph(x *mat.Dense, k int) (*Graph, error) {
	samples, features := x.Dims()
	if err := checkCodes("given", x); err != nil {
		return nil, err
	}
	if k < 1 || k >= samples {
		return nil, fmt.Errorf("probe: %d neighbours among %d samples, want 1 to %d: %w", k, samples, samples-1, ErrOption)
	}
	unit := mat.NewDense(samples, features, nil)
	for i := range samples {
		row := unit.RawRowView(i)
		copy(row, x.RawRowView(i))
		if length := floats.Norm(row, 2); length > 0 {
			floats.Scale(1/length, row)
		}
	}
	nearest, err := dense.NearestOthers(unit, k)
	if err != nil {
		return nil, fmt.Errorf("probe: graph: %w", err)
	}
	g := &Graph{Neighbours: nearest.Index}
	g.join(unit)
	return g, nil
}

type edge struct {
	end    int
	weight float64
}

// join makes the edges from the neighbours.
func (g *Graph) join(unit *mat.Dense) {
	samples := len(g.Neighbours)
	given := make([][]edge, samples) // both ways, so an edge may be there twice
	for i, neighbours := range g.Neighbours {
		for _, j := range neighbours {
			similarity := floats.Dot(unit.RawRowView(i), unit.RawRowView(j))
			given[i] = append(given[i], edge{j, similarity})
			given[j] = append(given[j], edge{i, similarity})
		}
	}
	g.starts, g.Degrees = make([]int, samples+1), make([]float64, samples)
	for i, edges := range given {
		slices.SortFunc(edges, func(a, b edge) int { return a.end - b.end })
		for e := 0; e < len(edges); {
			weight, mutual := edges[e].weight, e+1 < len(edges) && edges[e+1].end == edges[e].end
			end := edges[e].end
			if e++; mutual {
				e++
			} else {
				weight = max(weight, 0)
			}
			if weight != 0 {
				g.ends, g.weights = append(g.ends, end), append(g.weights, weight)
				g.Degrees[i] += weight
			}
		}
		g.starts[i+1] = len(g.ends)
	}
}

// Samples is the number of nodes.
func (g *Graph) Samples() int { return len(g.Neighbours) }

// Edges is the number of pairs that are joined.
func (g *Graph) Edges() int { return len(g.ends) / 2 }

// normalize returns the weights of S = D^−½ W D^−½. A sample without edges has
// none there either.
func (g *Graph) normalize() ([]float64, error) {
	scale := make([]float64, len(g.Degrees))
	for i, degree := range g.Degrees {
		switch {
		case degree > 0:
			scale[i] = 1 / math.Sqrt(degree)
		case degree < 0:
			return nil, fmt.Errorf("probe: the neighbours of sample %d are opposite to it on balance; take fewer neighbours: %w", i, ErrOption)
		}
	}
	normalized := make([]float64, len(g.weights))
	for i := range g.Degrees {
		for e := g.starts[i]; e < g.starts[i+1]; e++ {
			normalized[e] = g.weights[e] * scale[i] * scale[g.ends[e]]
		}
	}
	return normalized, nil
}
