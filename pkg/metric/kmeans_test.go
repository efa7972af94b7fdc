package metric

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestKMeansGolden(t *testing.T) {
	x, start := goldenMatrix(t, "kmeans.in.x"), goldenMatrix(t, "kmeans.in.centres")
	inertia, err := Inertia(x, start)
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "inertia at the start", inertia, 6144.728663301656, 1e-7)
	for updates, want := range map[int]float64{1: 3576.9612794315362, 2: 2300.8448099076727} {
		c, err := KMeansFrom(x, start, KMeansOptions{MaxIterations: updates})
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "inertia", c.Inertia, want, 1e-7)
		if c.Iterations != updates || c.Converged {
			t.Errorf("%d iterations, converged %v, want %d, not converged", c.Iterations, c.Converged, updates)
		}
	}
	c, err := KMeansFrom(x, start, KMeansOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "inertia converged", c.Inertia, 2132.250750753359, 1e-7)
	if want := goldenInts(t, "kmeans.exp.labels"); !slices.Equal(c.Labels, want) {
		t.Error("labels differ from the golden ones")
	}
	if !mat.EqualApprox(c.Centres, goldenMatrix(t, "kmeans.exp.centres"), 1e-9) {
		t.Error("centres differ from the golden ones")
	}
}

// What Lloyd's algorithm promises, on data without structure, with structure,
// and far from the origin.
func TestKMeansProperties(t *testing.T) {
	clustered := normal(240, 3, 0, 4)
	for i := range 240 {
		clustered.Set(i, 0, clustered.At(i, 0)+20*float64(i%4))
	}
	for name, x := range map[string]*mat.Dense{
		"unstructured": normal(300, 5, 0, 1), "far": normal(200, 4, 1e5, 2), "clustered": clustered,
	} {
		t.Run(name, func(t *testing.T) {
			samples, _ := x.Dims()
			before := mat.DenseCopyOf(x)
			c, err := KMeans(x, 4, KMeansOptions{Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			if !mat.Equal(x, before) {
				t.Error("the samples were changed")
			}
			for i := range samples {
				own := squaredDistance(x.RawRowView(i), c.Centres.RawRowView(c.Labels[i]))
				for k := range 4 {
					if d := squaredDistance(x.RawRowView(i), c.Centres.RawRowView(k)); d < own-1e-9*(1+own) {
						t.Fatalf("sample %d has label %d at %v, but centre %d is at %v", i, c.Labels[i], own, k, d)
					}
				}
			}
			inertia, err := Inertia(x, c.Centres)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "inertia", c.Inertia, inertia, 1e-8*inertia)

			// The centres are the means of their samples.
			means, sizes := mat.NewDense(4, c.Centres.RawMatrix().Cols, nil), make([]float64, 4)
			for i, k := range c.Labels {
				sizes[k]++
				for j, v := range x.RawRowView(i) {
					means.Set(k, j, means.At(k, j)+v)
				}
			}
			means.Apply(func(k, _ int, v float64) float64 { return v / sizes[k] }, means)
			if !mat.EqualApprox(means, c.Centres, 1e-9*(1+mat.Max(x))) {
				t.Error("centres are not the means of their samples")
			}
		})
	}
}

func TestKMeansInertiaNeverGrows(t *testing.T) {
	x := normal(200, 6, 0, 9)
	start := mat.DenseCopyOf(x.Slice(0, 8, 0, 6))
	start.SetRow(3, []float64{1e3, 0, 0, 0, 0, 0}) // no sample is near: it must be refilled
	previous := math.Inf(1)
	for updates := 1; updates <= 40; updates++ {
		c, err := KMeansFrom(x, start, KMeansOptions{MaxIterations: updates})
		if err != nil {
			t.Fatal(err)
		}
		if c.Inertia > previous*(1+1e-12) {
			t.Errorf("inertia rose from %v to %v at update %d", previous, c.Inertia, updates)
		}
		previous = c.Inertia
		sizes := make([]int, 8)
		for _, k := range c.Labels {
			sizes[k]++
		}
		if slices.Contains(sizes, 0) {
			t.Errorf("an empty cluster after %d updates: sizes %v", updates, sizes)
		}
	}
}

func TestKMeansSeedsAndRestarts(t *testing.T) {
	x := normal(300, 4, 0, 5)
	first, err := KMeans(x, 10, KMeansOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	again, err := KMeans(x, 10, KMeansOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.Labels, again.Labels) || first.Inertia != again.Inertia {
		t.Error("the same seed gave another result")
	}
	other, err := KMeans(x, 10, KMeansOptions{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	if other.Inertia == first.Inertia {
		t.Error("another seed gave the same inertia to the last digit")
	}
	best, err := KMeans(x, 10, KMeansOptions{Seed: 3, Restarts: 8})
	if err != nil {
		t.Fatal(err)
	}
	if best.Inertia > first.Inertia {
		t.Errorf("best of 8 restarts %v is above its first start %v", best.Inertia, first.Inertia)
	}
}

func TestKMeansDegenerate(t *testing.T) {
	same := mat.NewDense(6, 2, nil)
	c, err := KMeans(same, 3, KMeansOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Inertia != 0 || !c.Converged {
		t.Errorf("equal samples: inertia %v, converged %v", c.Inertia, c.Converged)
	}
	each, err := KMeans(normal(5, 2, 0, 1), 5, KMeansOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "inertia with a cluster for each sample", each.Inertia, 0, 1e-20)
}

func TestKMeansRefuses(t *testing.T) {
	x := normal(5, 3, 0, 1)
	_, err := KMeans(x, 6, KMeansOptions{})
	wantError(t, err, "6 clusters of 5 samples")
	_, err = KMeans(x, 0, KMeansOptions{})
	wantError(t, err, "0 clusters")
	_, err = KMeans(withNaN(x), 2, KMeansOptions{})
	wantError(t, err, "NaN")
	_, err = KMeans(x, 2, KMeansOptions{Tolerance: math.NaN()})
	wantError(t, err, "tolerance")
	_, err = KMeansFrom(x, normal(2, 4, 0, 1), KMeansOptions{})
	wantError(t, err, "4 features")
	_, err = KMeansFrom(x, withNaN(normal(2, 3, 0, 1)), KMeansOptions{})
	wantError(t, err, "NaN")
	_, err = Inertia(x, normal(2, 4, 0, 1))
	wantError(t, err, "features")
}
