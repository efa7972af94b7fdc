package metricparity

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"noisebook/pkg/metric"
)

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
		o.set(fmt.Sprintf("top%d", k), share.Value)
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
	o.set("precision", confusion.Precision(positive).Value)
	o.set("recall", confusion.Recall(positive).Value)
	o.set("f1", confusion.F1(positive).Value)
	negative, err := metric.NewConfusion(make([]int, len(labels)), labels, classes)
	if err != nil {
		return nil, err
	}
	o.set("f1_all_negative_prediction", negative.F1(positive).Value)
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
		o["f1_per_class"] = append(o["f1_per_class"], confusion.F1(class).Value)
	}
	o.set("accuracy", share.Value)
	o.set("f1_micro", confusion.Accuracy().Value)
	o.set("f1_macro_all", confusion.MacroF1().Value)
	o.set("f1_macro_seen", confusion.MacroF1Seen().Value)
	o.set("f1_weighted", confusion.WeightedF1().Value)
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

func rocAUC(f *fixture) (outputs, error) {
	scores, err := f.vector("scores")
	if err != nil {
		return nil, err
	}
	labels, err := f.ints("labels")
	if err != nil {
		return nil, err
	}
	weightings := map[string][]float64{"": nil}
	if f.Inputs["weights"] != nil {
		if weightings["_weighted"], err = f.vector("weights"); err != nil {
			return nil, err
		}
	}
	o := outputs{}
	for suffix, weights := range weightings {
		auc, err := definedOr(math.NaN())(metric.ROCAUC(scores, labels, weights))
		if err != nil {
			return nil, err
		}
		// Without a positive sample scikit-learn's average precision is 0.
		precision, err := definedOr(0)(metric.AveragePrecision(scores, labels, weights))
		if err != nil {
			return nil, err
		}
		o.set("auc"+suffix, auc)
		o.set("average_precision"+suffix, precision)
	}
	return o, nil
}

// definedOr takes a score's value, or otherwise when it is undefined.
func definedOr(otherwise float64) func(metric.Score, error) (float64, error) {
	return func(score metric.Score, err error) (float64, error) {
		if errors.Is(err, metric.ErrUndefined) {
			return otherwise, nil
		}
		return score.Value, err
	}
}

func multilabel(f *fixture) (outputs, error) {
	scores, err := f.matrix("scores")
	if err != nil {
		return nil, err
	}
	labels, err := f.matrix("labels")
	if err != nil {
		return nil, err
	}
	var weights []float64
	if f.Inputs["weights"] != nil {
		if weights, err = f.vector("weights"); err != nil {
			return nil, err
		}
	}
	s, err := metric.Multilabel(scores, labels, weights)
	if err != nil {
		return nil, err
	}
	o := outputs{"auc_per_class": s.AUC}
	for name, macro := range map[string]struct {
		mean   func(metric.AbsentClass) (metric.Score, error)
		absent metric.AbsentClass
	}{
		"auc_macro_defined": {s.MacroAUC, metric.SkipAbsent},
		"auc_macro_sklearn": {s.MacroAUC, metric.AbsentUndefined},
		"ap_macro_present":  {s.MacroAveragePrecision, metric.SkipAbsent},
		"ap_macro_sklearn":  {s.MacroAveragePrecision, metric.AbsentAsZero},
	} {
		score, err := macro.mean(macro.absent)
		if err != nil {
			return nil, err
		}
		o.set(name, score.Value)
	}
	o.set("auc_macro_prevalence_weighted", s.WeightedAUC().Value)
	o.set("auc_micro", s.MicroAUC().Value)
	o.set("ap_micro", s.MicroAveragePrecision().Value)
	without := 0
	for class, auc := range s.AUC {
		if math.IsNaN(auc) {
			without++
		}
		precision := s.AveragePrecision[class]
		if math.IsNaN(precision) { // without a positive sample, as above
			precision = 0
		}
		o["ap_per_class"] = append(o["ap_per_class"], precision)
	}
	o.set("classes_without_auc", float64(without))
	return o, nil
}
