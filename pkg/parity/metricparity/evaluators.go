package metricparity

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/metric"
)

var evaluators = []evaluator{
	{"fid", []string{"real", "fake"}, fid},
	{"prd", []string{"eval_counts", "ref_counts"}, prdHistograms},
	{"prd", []string{"eval_cluster", "ref_cluster"}, prdClusters},
	{"prd", []string{"eval", "ref"}, prdFeatures},
	{"kmeans", []string{"x", "centres"}, kmeans},
	{"silhouette", []string{"x", "labels"}, silhouette},
	{"accuracy", []string{"logits", "labels"}, accuracy},
	{"f1", []string{"predictions", "labels"}, f1},
}

func fid(f *fixture) (outputs, error) {
	real, err := f.matrix("real")
	if err != nil {
		return nil, err
	}
	fake, err := f.matrix("fake")
	if err != nil {
		return nil, err
	}
	distance, err := metric.FID(real, fake)
	if err != nil {
		return nil, err
	}
	realGaussian, err := metric.FitGaussian(real)
	if err != nil {
		return nil, err
	}
	fakeGaussian, err := metric.FitGaussian(fake)
	if err != nil {
		return nil, err
	}
	apart := floats.Distance(realGaussian.Mean, fakeGaussian.Mean, 2)
	o := outputs{}
	o.set("fid", distance)
	o.set("mean_term", apart*apart)
	o.set("trace_cov_real", mat.Trace(realGaussian.Covariance))
	o.set("trace_cov_fake", mat.Trace(fakeGaussian.Covariance))
	return o, nil
}

func prdHistograms(f *fixture) (outputs, error) {
	angles, err := prdAngles(f)
	if err != nil {
		return nil, err
	}
	eval, err := f.vector("eval_counts")
	if err != nil {
		return nil, err
	}
	ref, err := f.vector("ref_counts")
	if err != nil {
		return nil, err
	}
	curve, err := metric.PRDFromHistograms(eval, ref, angles)
	if err != nil {
		return nil, err
	}
	return prdOutputs(f, curve)
}

func prdClusters(f *fixture) (outputs, error) {
	angles, err := prdAngles(f)
	if err != nil {
		return nil, err
	}
	eval, err := f.ints("eval_cluster")
	if err != nil {
		return nil, err
	}
	ref, err := f.ints("ref_cluster")
	if err != nil {
		return nil, err
	}
	clusters, err := classes(eval, ref) // empty clusters beyond add nothing
	if err != nil {
		return nil, err
	}
	curve, err := metric.PRDFromClusters(eval, ref, clusters, angles)
	if err != nil {
		return nil, err
	}
	return prdOutputs(f, curve)
}

func prdFeatures(f *fixture) (outputs, error) {
	angles, err := prdAngles(f)
	if err != nil {
		return nil, err
	}
	clusters, err := parameter(f, "num_clusters", 20)
	if err != nil {
		return nil, err
	}
	runs, err := parameter(f, "num_runs", 10)
	if err != nil {
		return nil, err
	}
	eval, err := f.matrix("eval")
	if err != nil {
		return nil, err
	}
	ref, err := f.matrix("ref")
	if err != nil {
		return nil, err
	}
	curve, err := metric.PRD(eval, ref, metric.PRDOptions{Clusters: clusters, Runs: runs, Angles: angles})
	if err != nil {
		return nil, err
	}
	return prdOutputs(f, curve)
}

// prdAngles refuses a case whose angles are spaced by another rule than ours.
func prdAngles(f *fixture) (int, error) {
	const ours = 1e-10
	epsilon, err := parameter(f, "epsilon", ours)
	if err != nil {
		return 0, err
	}
	if epsilon != ours {
		return 0, fmt.Errorf("epsilon %g is not supported, only %g", epsilon, ours)
	}
	return parameter(f, "num_angles", 1001)
}

func prdOutputs(f *fixture, curve metric.PRDCurve) (outputs, error) {
	beta, err := parameter(f, "beta", 8.)
	if err != nil {
		return nil, err
	}
	o := outputs{"precision": curve.Precision, "recall": curve.Recall}
	o.set(fmt.Sprintf("f_%g", beta), curve.F(beta))
	o.set(fmt.Sprintf("f_1_%g", beta), curve.F(1/beta))
	return o, nil
}

func kmeans(f *fixture) (outputs, error) {
	x, err := f.matrix("x")
	if err != nil {
		return nil, err
	}
	start, err := f.matrix("centres")
	if err != nil {
		return nil, err
	}
	inertia, err := metric.Inertia(x, start)
	if err != nil {
		return nil, err
	}
	o := outputs{}
	o.set("inertia_start", inertia)
	for updates := 1; updates <= 2; updates++ {
		c, err := metric.KMeansFrom(x, start, metric.KMeansOptions{MaxIterations: updates})
		if err != nil {
			return nil, err
		}
		o.set(fmt.Sprintf("inertia_after%d", updates), c.Inertia)
	}
	c, err := metric.KMeansFrom(x, start, metric.KMeansOptions{})
	if err != nil {
		return nil, err
	}
	if !c.Converged {
		return nil, fmt.Errorf("not converged after %d centre updates", c.Iterations)
	}
	o.set("inertia_converged", c.Inertia)
	o["centres"] = c.Centres.RawMatrix().Data
	o["labels"] = float64s(c.Labels)
	return o, nil
}

func silhouette(f *fixture) (outputs, error) {
	x, err := f.matrix("x")
	if err != nil {
		return nil, err
	}
	labels, err := f.ints("labels")
	if err != nil {
		return nil, err
	}
	samples, err := metric.SilhouetteSamples(x, labels)
	if err != nil {
		return nil, err
	}
	o := outputs{"samples": samples}
	o.set("score", stat.Mean(samples, nil))
	return o, nil
}

func accuracy(f *fixture) (outputs, error) {
	logits, err := f.matrix("logits")
	if err != nil {
		return nil, err
	}
	labels, err := f.ints("labels")
	if err != nil {
		return nil, err
	}
	predictions, err := metric.Argmax(logits)
	if err != nil {
		return nil, err
	}
	_, classes := logits.Dims()
	o, err := classification(predictions, labels, classes)
	if err != nil {
		return nil, err
	}
	for k := 1; k <= classes; k++ {
		share, err := metric.TopK(logits, labels, k)
		if err != nil {
			return nil, err
		}
		o.set(fmt.Sprintf("top%d", k), share)
	}
	// Here, with scores for every class, macro means over all that occur or
	// are predicted, as scikit-learn has it.
	o["f1_macro"] = o["f1_macro_seen"]
	return o, nil
}

func f1(f *fixture) (outputs, error) {
	predictions, err := f.ints("predictions")
	if err != nil {
		return nil, err
	}
	labels, err := f.ints("labels")
	if err != nil {
		return nil, err
	}
	occurring, err := classes(predictions, labels)
	if err != nil {
		return nil, err
	}
	classes := max(2, occurring, len(f.Expected["f1_per_class"].values))
	o, err := classification(predictions, labels, classes)
	if err != nil {
		return nil, err
	}
	// Binary scores are those of class 1.
	const positive = 1
	confusion, err := metric.NewConfusion(predictions, labels, classes)
	if err != nil {
		return nil, err
	}
	o.set("precision", confusion.Precision(positive))
	o.set("recall", confusion.Recall(positive))
	o.set("f1", confusion.F1(positive))
	negative, err := metric.NewConfusion(make([]int, len(labels)), labels, classes)
	if err != nil {
		return nil, err
	}
	o.set("f1_all_negative_prediction", negative.F1(positive))
	return o, nil
}

// classification is what predictions of any number of classes have in common.
func classification(predictions, labels []int, classes int) (outputs, error) {
	share, err := metric.Accuracy(predictions, labels)
	if err != nil {
		return nil, err
	}
	confusion, err := metric.NewConfusion(predictions, labels, classes)
	if err != nil {
		return nil, err
	}
	o := outputs{}
	for class := range classes {
		o["f1_per_class"] = append(o["f1_per_class"], confusion.F1(class))
	}
	o.set("accuracy", share)
	o.set("f1_micro", confusion.Accuracy())
	o.set("f1_macro_all", confusion.MacroF1())
	o.set("f1_macro_seen", confusion.MacroF1Seen())
	o.set("f1_weighted", confusion.WeightedF1())
	return o, nil
}

// classes is one more than the highest class number. It is bounded, because
// tables of that size are made.
func classes(labels ...[]int) (int, error) {
	highest := slices.Max(append(slices.Concat(labels...), 0))
	if highest >= 1<<12 {
		return 0, fmt.Errorf("class number %d, want numbers below %d", highest, 1<<12)
	}
	return highest + 1, nil
}

func float64s(values []int) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}
