package probe

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestGraph(t *testing.T) {
	set := blobs(1, 60, 4, 3, 2)
	g := must(NewGraph(set.X, 4))(t)
	weight := func(i, j int) float64 {
		for e := g.starts[i]; e < g.starts[i+1]; e++ {
			if g.ends[e] == j {
				return g.weights[e]
			}
		}
		return 0
	}
	edges := 0
	for i := range 60 {
		degree := 0.0
		for j := range 60 {
			w := weight(i, j)
			if w != weight(j, i) {
				t.Errorf("weights %v from %d to %d, %v back", w, i, j, weight(j, i))
			}
			near := slices.Contains(g.Neighbours[i], j) || slices.Contains(g.Neighbours[j], i)
			cosine := mat.Dot(set.X.RowView(i), set.X.RowView(j)) / (mat.Norm(set.X.RowView(i), 2) * mat.Norm(set.X.RowView(j), 2))
			switch {
			case i == j && (near || w != 0):
				t.Errorf("sample %d is its own neighbour", i)
			case !near && w != 0:
				t.Errorf("an edge between %d and %d, which are not near", i, j)
			case near && cosine > 0 && math.Abs(w-cosine) > 1e-14:
				t.Errorf("weight %v between %d and %d, want %v", w, i, j, cosine)
			}
			degree += w
			if w != 0 {
				edges++
			}
		}
		wantClose(t, "degree", g.Degrees[i:i+1], []float64{degree}, 1e-14)
	}
	if g.Edges() != edges/2 {
		t.Errorf("%d edges, want %d", g.Edges(), edges/2)
	}
	for _, k := range []int{0, 60} {
		if _, err := NewGraph(set.X, k); !errors.Is(err, ErrOption) {
			t.Errorf("%d neighbours of 60 samples: %v", k, err)
		}
	}
}

// Conjugate gradients against solving the whole system.
func TestPropagationSolvesTheSystem(t *testing.T) {
	set := blobs(2, 80, 5, 3, 1)
	labelled := []int{0, 1, 2, 10, 20}
	options := LabelPropagation{Neighbours: 6, Alpha: 0.9, Tolerance: 1e-13}
	p := must(options.Propagate(context.Background(), set.X, set.Labels, labelled, 3))(t)
	g := p.Graph
	normalized := must(g.normalize())(t)
	system, y := mat.NewDense(80, 80, nil), mat.NewDense(80, 3, nil)
	for i := range 80 {
		system.Set(i, i, 1)
		for e := g.starts[i]; e < g.starts[i+1]; e++ {
			system.Set(i, g.ends[e], -0.9*normalized[e])
		}
	}
	for _, i := range labelled {
		y.Set(i, set.Labels[i], 1)
	}
	var z mat.Dense
	if err := z.Solve(system, y); err != nil {
		t.Fatal(err)
	}
	wantClose(t, "Z", p.Z.RawMatrix().Data, z.RawMatrix().Data, 1e-11)
	if !p.Report.Converged {
		t.Errorf("%+v", p.Report)
	}
	options.MaxIterations = 2
	if short := must(options.Propagate(context.Background(), set.X, set.Labels, labelled, 3))(t); short.Report.Converged || short.Report.Iterations != 2 {
		t.Errorf("after 2 iterations: %+v", short.Report)
	}
}

func TestPropagationKeepsGivenLabels(t *testing.T) {
	set := blobs(3, 50, 4, 4, 0) // classes that codes do not tell
	every := make([]int, 50)
	for i := range every {
		every[i] = i
	}
	for _, rounds := range []int{0, 100} {
		p := must(LabelPropagation{Neighbours: 7, AlignRounds: rounds}.Propagate(context.Background(), set.X, set.Labels, every, 4))(t)
		if !slices.Equal(p.Labels, set.Labels) {
			t.Errorf("all labelled, %d rounds: labels %v, want %v", rounds, p.Labels, set.Labels)
		}
		wantClose(t, "certainty", p.Certainty, slices.Repeat([]float64{1}, 50), 0)
	}
}

func TestPropagationReachesOnlyWhatIsJoined(t *testing.T) {
	// Three bundles of directions that are at right angles to each other.
	x := mat.NewDense(9, 3, nil)
	for i := range 9 {
		x.Set(i, i/3, 1)
		x.Set(i, (i/3+1)%3, 0.01*float64(i%3))
	}
	labels := []int{0, 9, 9, 1, 9, 9, 9, 9, 9} // 9: not read
	p := must(LabelPropagation{Neighbours: 2}.Propagate(context.Background(), x, labels, []int{0, 3}, 2))(t)
	if want := []int{0, 0, 0, 1, 1, 1, 0, 0, 0}; !slices.Equal(p.Labels, want) {
		t.Errorf("labels %v, want %v", p.Labels, want)
	}
	if p.Unreached != 3 || p.Certainty[7] != 0 || p.Probabilities.At(7, 0) != 0 {
		t.Errorf("%d unreached, certainty %v, probabilities %v; want 3, 0 and 0", p.Unreached, p.Certainty[7], p.Probabilities.RawRowView(7))
	}
}

func TestPropagationIgnoresTheOrderOfSamples(t *testing.T) {
	set := blobs(4, 90, 6, 3, 1)
	other, order := shuffled(set, 4)
	labelled := []int{0, 1, 2, 30, 60}
	var moved []int
	for to, from := range order {
		if slices.Contains(labelled, from) {
			moved = append(moved, to)
		}
	}
	options := LabelPropagation{Neighbours: 8, AlignRounds: 20}
	a := must(options.Propagate(context.Background(), set.X, set.Labels, labelled, 3))(t)
	b := must(options.Propagate(context.Background(), other.X, other.Labels, moved, 3))(t)
	wantClose(t, "probabilities", b.Probabilities.RawMatrix().Data, rows(a.Probabilities, order).RawMatrix().Data, 1e-8)
}

// Alignment draws pseudo-labels towards the labelled samples' frequencies.
func TestAlignment(t *testing.T) {
	known := slices.Repeat([]int{-1}, 202)
	known[0], known[1] = 0, 1
	probabilities := mat.NewDense(202, 2, nil)
	for i := range known {
		p := math.Sqrt(float64(i) / 202) // above a half for three quarters of the samples
		probabilities.SetRow(i, []float64{1 - p, p})
	}
	share := func() (second float64) {
		for _, label := range argmax(probabilities, []int{0, 1})[2:] {
			second += float64(label) / 200
		}
		return second
	}
	before, labelledRow := share(), slices.Clone(probabilities.RawRowView(1))
	for range 100 {
		align(probabilities, argmax(probabilities, []int{0, 1}), known)
	}
	if after := share(); math.Abs(before-0.75) > 0.02 || math.Abs(after-0.5) > 0.02 {
		t.Errorf("share of the second class %v before and %v after, want it drawn from 0.75 to 0.5", before, after)
	}
	wantClose(t, "a labelled row", probabilities.RawRowView(1), labelledRow, 0)
}

func TestPropagationRefusesBadInput(t *testing.T) {
	set := blobs(6, 20, 3, 2, 1)
	for _, bad := range []struct {
		name     string
		options  LabelPropagation
		labels   []int
		labelled []int
		classes  int
		want     error
	}{
		{"labels missing", LabelPropagation{}, set.Labels[:19], []int{0}, 2, ErrMismatch},
		{"nothing labelled", LabelPropagation{}, set.Labels, nil, 2, ErrMismatch},
		{"sample out of range", LabelPropagation{}, set.Labels, []int{20}, 2, ErrMismatch},
		{"label out of range", LabelPropagation{}, slices.Repeat([]int{2}, 20), []int{0}, 2, ErrLabel},
		{"one class", LabelPropagation{}, set.Labels, []int{0}, 1, ErrOneClass},
		{"alpha", LabelPropagation{Alpha: 1}, set.Labels, []int{0}, 2, ErrOption},
		{"neighbours", LabelPropagation{Neighbours: 20}, set.Labels, []int{0}, 2, ErrOption},
		{"rounds", LabelPropagation{AlignRounds: -1}, set.Labels, []int{0}, 2, ErrOption},
	} {
		if _, err := bad.options.Propagate(context.Background(), set.X, bad.labels, bad.labelled, bad.classes); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v, want %v", bad.name, err, bad.want)
		}
	}
}
