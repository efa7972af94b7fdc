package metricparity

import (
	"slices"
	"strings"

	"noisebook/pkg/probe"
)

// evaluator computes whatever it can of the values a case may expect.
type evaluator struct {
	name   string   // of a case, or what comes before an underscore in it
	inputs []string // all must be there
	run    func(*fixture) (outputs, error)
}

// evaluatorFor is nil for a case that this version does not know.
func evaluatorFor(name string, f *fixture) func(*fixture) (outputs, error) {
	for _, e := range evaluators {
		if name != e.name && !strings.HasPrefix(name, e.name+"_") {
			continue
		}
		if !slices.ContainsFunc(e.inputs, func(input string) bool { return f.Inputs[input] == nil }) {
			return e.run
		}
	}
	return nil
}

var evaluators = []evaluator{
	{"fid", []string{"real", "fake"}, fid},
	{"prd", []string{"eval_counts", "ref_counts"}, prdHistograms},
	{"prd", []string{"eval_cluster", "ref_cluster"}, prdClusters},
	{"prd", []string{"eval", "ref"}, prdFeatures},
	{"kid", []string{"real", "fake"}, kid},
	{"inception_score", []string{"probs"}, inceptionScore},
	{"prdc", []string{"real", "fake"}, neighbourhood},
	{"kmeans", []string{"x", "centres"}, kmeans},
	{"silhouette", []string{"x", "labels"}, silhouette},
	{"pca", []string{"x"}, pca},
	{"roc_auc", []string{"scores", "labels"}, rocAUC},
	{"multilabel", []string{"scores", "labels"}, multilabel},
	{"accuracy", []string{"logits", "labels"}, accuracy},
	{"f1", []string{"predictions", "labels"}, f1},
	{"logistic", []string{"x", "labels", "x_test"}, logistic},
	{"svm_linear_squared_hinge", []string{"x", "labels", "x_test"}, linearSVM(probe.SquaredHinge)},
	{"svm_linear_hinge", []string{"x", "labels", "x_test"}, linearSVM(probe.Hinge)},
	{"svm", []string{"x", "labels", "x_test"}, kernelSVM},
	{"label_propagation", []string{"features", "labels", "labelled"}, labelPropagation},
}
