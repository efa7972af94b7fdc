package metricparity

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

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
		auc, err := metric.ROCAUC(scores, labels, weights)
		switch {
		case errors.Is(err, metric.ErrUndefined):
			auc = math.NaN()
		case err != nil:
			return nil, err
		}
		precision, err := metric.AveragePrecision(scores, labels, weights)
		switch {
		case errors.Is(err, metric.ErrUndefined): // scikit-learn's value
			precision = 0
		case err != nil:
			return nil, err
		}
		o.set("auc"+suffix, auc)
		o.set("average_precision"+suffix, precision)
	}
	return o, nil
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
	s, err := metric.Multilabel(scores, labels)
	if err != nil {
		return nil, err
	}
	macroAUC, withoutAUC := s.MacroAUC()
	macroPrecision, _ := s.MacroAveragePrecision()
	o := outputs{"auc_per_class": s.AUC}
	o.set("auc_macro_defined", macroAUC)
	o.set("auc_macro_sklearn", stat.Mean(s.AUC, nil)) // one NaN makes it NaN
	o.set("auc_macro_prevalence_weighted", s.WeightedAUC())
	o.set("auc_micro", s.MicroAUC)
	o.set("ap_macro_present", macroPrecision)
	o.set("ap_micro", s.MicroAveragePrecision)
	o.set("classes_without_auc", float64(withoutAUC))
	// scikit-learn gives a class without a positive sample 0 and counts it.
	for _, precision := range s.AveragePrecision {
		if math.IsNaN(precision) {
			precision = 0
		}
		o["ap_per_class"] = append(o["ap_per_class"], precision)
	}
	o.set("ap_macro_sklearn", stat.Mean(o["ap_per_class"], nil))
	return o, nil
}
