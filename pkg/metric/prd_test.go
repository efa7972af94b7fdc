package metric

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Values of the authors' prd_score.py, from the fixture folder.
func TestPRDGolden(t *testing.T) {
	histograms, err := PRDFromHistograms(golden(t, "prd_histogram.in.ref_counts").Float64s(), golden(t, "prd_histogram.in.eval_counts").Float64s(), 0)
	if err != nil {
		t.Fatal(err)
	}
	wantPRD(t, histograms, 0.818356268, 0.719578027, 1e-9)
	wantCurve(t, "prd_histogram", histograms)

	clusters, err := PRDFromClusters(goldenInts(t, "prd_fixed_assignment.in.ref_cluster"), goldenInts(t, "prd_fixed_assignment.in.eval_cluster"), 20, 1001)
	if err != nil {
		t.Fatal(err)
	}
	wantPRD(t, clusters, 0.979878456, 0.690328518, 1e-9)
	wantCurve(t, "prd_fixed_assignment", clusters)
}

// k-means is random: the folder's value is the mean over 30 seeds of the
// authors' code and its tolerance covers their spread.
func TestPRDFeaturesGolden(t *testing.T) {
	eval, ref := goldenMatrix(t, "prd_kmeans.in.eval"), goldenMatrix(t, "prd_kmeans.in.ref")
	for seed := range uint64(3) {
		curve, err := PRD(ref, eval, PRDOptions{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		precision, recall := curve.Summary()
		wantNear(t, "precision", precision.Value, 0.973928557, 0.0129)
		wantNear(t, "recall", recall.Value, 0.686523521, 0.0079)
	}
}

func TestPRDExtremes(t *testing.T) {
	equal, err := PRDFromHistograms([]float64{3, 1, 6}, []float64{6, 2, 12}, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantPRD(t, equal, 1, 1, 1e-9)
	disjoint, err := PRDFromHistograms([]float64{0, 1}, []float64{1, 0}, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantPRD(t, disjoint, 0, 0, 0)

	// Half of the modes, each as in the reference: precise, recall ½.
	half, err := PRDFromHistograms([]float64{1, 1}, []float64{1, 0}, 0)
	if err != nil {
		t.Fatal(err)
	}
	precision, recall := half.Summary()
	if precision.Value < 0.95 || recall.Value > 0.55 {
		t.Errorf("half of the modes: precision %v, recall %v, want near 1 and ½", precision.Value, recall.Value)
	}
}

func TestPRDSwapExchangesPrecisionAndRecall(t *testing.T) {
	p, q := []float64{5, 0, 3, 9, 1}, []float64{1, 2, 3, 4, 5}
	pq, err := PRDFromHistograms(p, q, 0)
	if err != nil {
		t.Fatal(err)
	}
	qp, err := PRDFromHistograms(q, p, 0)
	if err != nil {
		t.Fatal(err)
	}
	precision, recall := pq.Summary()
	wantPRD(t, qp, recall.Value, precision.Value, 1e-9)
	for _, beta := range []float64{1. / 8, 1, 3, 8} {
		wantNear(t, fmt.Sprintf("F_%g", beta), pq.F(beta), qp.F(1/beta), 1e-9)
	}
}

// Along the curve precision never falls and recall never rises.
func TestPRDCurveIsMonotone(t *testing.T) {
	curve, err := PRD(normal(80, 3, 0, 1), normal(80, 3, 1, 2), PRDOptions{Clusters: 8, Runs: 3, Angles: 101})
	if err != nil {
		t.Fatal(err)
	}
	if len(curve.Precision) != 101 || len(curve.Recall) != 101 {
		t.Fatalf("%d and %d points, want 101", len(curve.Precision), len(curve.Recall))
	}
	for i := 1; i < 101; i++ {
		if curve.Precision[i] < curve.Precision[i-1]-1e-12 || curve.Recall[i] > curve.Recall[i-1]+1e-12 {
			t.Fatalf("not monotone at point %d", i)
		}
	}
}

func TestPRDIsSeeded(t *testing.T) {
	a, b := normal(60, 4, 0, 1), normal(60, 4, 1, 2)
	options := PRDOptions{Clusters: 7, Runs: 4, Seed: 5}
	first, err := PRD(a, b, options)
	if err != nil {
		t.Fatal(err)
	}
	again, err := PRD(a, b, options)
	if err != nil {
		t.Fatal(err)
	}
	if first.F(8) != again.F(8) || first.F(1./8) != again.F(1./8) {
		t.Error("the same seed gave another curve")
	}
	self, err := PRD(a, a, options)
	if err != nil {
		t.Fatal(err)
	}
	wantPRD(t, self, 1, 1, 1e-9)
}

func TestPRDRefuses(t *testing.T) {
	a := normal(30, 3, 0, 1)
	_, err := PRD(a, normal(31, 3, 0, 1), PRDOptions{})
	wantError(t, err, "equally many")
	_, err = PRD(a, normal(30, 4, 0, 1), PRDOptions{})
	wantError(t, err, "one network")
	_, err = PRD(a, withNaN(a), PRDOptions{})
	wantError(t, err, "the generated set has NaN")
	_, err = PRD(a, a, PRDOptions{Clusters: 61})
	wantError(t, err, "61 clusters of 60 samples")
	_, err = PRD(a, a, PRDOptions{Runs: -1})
	wantError(t, err, "runs")
	_, err = PRD(a, a, PRDOptions{Angles: 2})
	wantError(t, err, "angles")
	_, err = PRDFromHistograms([]float64{1}, []float64{1, 2}, 0)
	wantError(t, err, "bins")
	_, err = PRDFromHistograms([]float64{0, 0}, []float64{1, 2}, 0)
	wantError(t, err, "above 0")
	_, err = PRDFromHistograms([]float64{1, math.NaN()}, []float64{1, 2}, 0)
	wantError(t, err, "NaN")
	_, err = PRDFromClusters([]int{0, 3}, []int{1}, 3, 0)
	wantError(t, err, "label 3")
	_, err = PRDFromClusters(nil, []int{1}, 3, 0)
	wantError(t, err, "above 0")
	_, err = PRDFromClusters(nil, nil, -1, 0)
	wantError(t, err, "clusters")
}

func wantPRD(t *testing.T, curve PRDCurve, precision, recall, tolerance float64) {
	t.Helper()
	p, r := curve.Summary()
	wantNear(t, "precision", p.Value, precision, tolerance)
	wantNear(t, "recall", r.Value, recall, tolerance)
}

func wantCurve(t *testing.T, name string, curve PRDCurve) {
	t.Helper()
	for what, pair := range map[string][2][]float64{
		"precision": {curve.Precision, golden(t, name+".exp.precision").Float64s()},
		"recall":    {curve.Recall, golden(t, name+".exp.recall").Float64s()},
	} {
		if !mat.EqualApprox(mat.NewVecDense(len(pair[0]), pair[0]), mat.NewVecDense(len(pair[1]), pair[1]), 1e-9) {
			t.Errorf("%s: the %s curve differs from the golden one", name, what)
		}
	}
}

func ExamplePRDFromHistograms() {
	// The generated set has one of the real set's two modes.
	curve, err := PRDFromHistograms([]float64{5, 5}, []float64{10, 0}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	precision, recall := curve.Summary()
	fmt.Printf("precision %.2f, recall %.2f\n", precision.Value, recall.Value)
	// Output: precision 0.98, recall 0.50
}

// k-means starts from samples by their position, so another order moves a PRD
// by no more than another seed does.
func TestPRDInAnotherOrder(t *testing.T) {
	eval, ref := goldenMatrix(t, "prd_kmeans.in.eval"), goldenMatrix(t, "prd_kmeans.in.ref")
	samples, _ := eval.Dims()
	reversed := make([]int, samples)
	for i := range reversed {
		reversed[i] = samples - 1 - i
	}
	straight, err := PRD(ref, eval, PRDOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := PRD(Rows(ref, reversed), Rows(eval, reversed), PRDOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "recall", other.F(8), straight.F(8), 0.0079)
	wantNear(t, "precision", other.F(1./8), straight.F(1./8), 0.0129)
}
