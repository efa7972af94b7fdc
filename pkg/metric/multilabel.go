package metric

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// AbsentClass says what a class counts as in a mean over classes when its
// labels leave its score undefined: no positive sample, or for an AUC no
// negative one.
type AbsentClass string

const (
	SkipAbsent      AbsentClass = "skip"      // leave it out and say so: the mean of what there is
	AbsentAsZero    AbsentClass = "zero"      // count 0: torchmetrics' AUC, scikit-learn's average precision
	AbsentUndefined AbsentClass = "undefined" // the mean is NaN: scikit-learn's AUC
)

// MultilabelScores holds the scores of independent yes-or-no labels, one a
// class. NaN stands for undefined.
type MultilabelScores struct {
	AUC              []float64 // [classes], NaN where one label does not occur
	AveragePrecision []float64 // [classes], NaN where no sample is positive
	Positives        []int     // [classes], samples

	samples                         int
	weighted                        bool
	positiveWeight                  []float64 // [classes]
	microAUC, microAveragePrecision float64
}

// Multilabel scores predictions [samples, classes] against labels of the same
// shape whose entries are 0 or 1. weights, one a sample and not negative, may
// be nil for equal ones. Labels of one class a sample come in by OneHot, which
// makes the AUCs one-against-rest.
func Multilabel(scores, labels *mat.Dense, weights []float64) (MultilabelScores, error) {
	samples, classes := scores.Dims()
	if rows, columns := labels.Dims(); rows != samples || columns != classes {
		return MultilabelScores{}, fmt.Errorf("metric: %dx%d scores for %dx%d labels", samples, classes, rows, columns)
	}
	if err := checkWeights(weights, samples); err != nil {
		return MultilabelScores{}, err
	}
	all := MultilabelScores{
		Positives: make([]int, classes), positiveWeight: make([]float64, classes), samples: samples, weighted: weights != nil,
	}
	var allScores, allWeights []float64
	var allLabels []int
	for class := range classes {
		column := mat.Col(nil, class, scores)
		is := make([]int, samples)
		for i := range is {
			switch labels.At(i, class) {
			case 0:
			case 1:
				is[i] = 1
				all.Positives[class]++
				all.positiveWeight[class] += weightOf(weights, i)
			default:
				return MultilabelScores{}, fmt.Errorf("metric: label %v of sample %d, class %d, want 0 or 1", labels.At(i, class), i, class)
			}
		}
		auc, precision, err := binaryScores(column, is, weights)
		if err != nil {
			return MultilabelScores{}, fmt.Errorf("class %d: %w", class, err)
		}
		all.AUC = append(all.AUC, auc)
		all.AveragePrecision = append(all.AveragePrecision, precision)
		allScores, allLabels = append(allScores, column...), append(allLabels, is...)
		if weights != nil {
			allWeights = append(allWeights, weights...)
		}
	}
	var err error
	all.microAUC, all.microAveragePrecision, err = binaryScores(allScores, allLabels, allWeights)
	return all, err
}

// OneHot is the matrix [samples, classes] with a 1 at each label.
func OneHot(labels []int, classes int) (*mat.Dense, error) {
	if len(labels) == 0 || classes < 1 {
		return nil, fmt.Errorf("metric: %d labels of %d classes, want 1 or more of both", len(labels), classes)
	}
	if err := checkLabels("the label set", labels, classes); err != nil {
		return nil, err
	}
	oneHot := mat.NewDense(len(labels), classes, nil)
	for i, label := range labels {
		oneHot.Set(i, label, 1)
	}
	return oneHot, nil
}

// MacroAUC is the mean AUC over the classes.
func (m MultilabelScores) MacroAUC(absent AbsentClass) (Score, error) {
	return m.macro("AUC (macro)", m.AUC, absent)
}

// MacroAveragePrecision is the mean average precision over the classes.
func (m MultilabelScores) MacroAveragePrecision(absent AbsentClass) (Score, error) {
	return m.macro("average precision (macro)", m.AveragePrecision, absent)
}

// MicroAUC takes every entry of the matrices as a sample of its own.
func (m MultilabelScores) MicroAUC() Score { return m.score("AUC (micro)", m.microAUC) }

// MicroAveragePrecision takes every entry of the matrices as a sample of its own.
func (m MultilabelScores) MicroAveragePrecision() Score {
	return m.score("average precision (micro)", m.microAveragePrecision)
}

// WeightedAUC is the mean AUC weighted by the (weight of the) positive samples
// of each class, NaN when a class with positives has no AUC.
func (m MultilabelScores) WeightedAUC() Score {
	sum, positives := 0.0, 0.0
	for class, weight := range m.positiveWeight {
		if weight > 0 {
			sum += weight * m.AUC[class]
			positives += weight
		}
	}
	return m.score("AUC (by prevalence)", sum/positives)
}

func (m MultilabelScores) macro(name string, values []float64, absent AbsentClass) (Score, error) {
	sum, defined := 0.0, 0
	var without []int
	for class, v := range values {
		if math.IsNaN(v) {
			without = append(without, class)
		} else {
			sum += v
			defined++
		}
	}
	var mean float64
	switch absent {
	case SkipAbsent:
		mean = sum / float64(defined) // NaN when no class is left
	case AbsentAsZero:
		mean = sum / float64(len(values))
	case AbsentUndefined:
		if mean = sum / float64(defined); len(without) > 0 {
			mean = math.NaN()
		}
	default:
		return Score{}, fmt.Errorf("metric: no rule %q for absent classes; there are %s, %s and %s", absent, SkipAbsent, AbsentAsZero, AbsentUndefined)
	}
	score := m.score(name, mean)
	score.N["classes with a score"], score.N["classes without"] = defined, len(without)
	score.Settings["absent classes"] = string(absent)
	if len(without) > 0 {
		score.Notes = []string{fmt.Sprintf("classes %v (from 0) have no score of their own: their labels are all alike", without)}
	}
	return score, nil
}

func (m MultilabelScores) score(name string, value float64) Score {
	return Score{
		Name: name, Value: value, N: map[string]int{"samples": m.samples},
		Settings: map[string]any{"classes": len(m.AUC), "ties": "half", "weighted": m.weighted},
	}
}

// binaryScores are AUC and average precision with NaN for undefined.
func binaryScores(scores []float64, labels []int, weights []float64) (auc, precision float64, err error) {
	if auc, err = rocAUC(scores, labels, weights); err != nil && !errors.Is(err, ErrUndefined) {
		return 0, 0, err
	}
	if precision, err = averagePrecision(scores, labels, weights); err != nil && !errors.Is(err, ErrUndefined) {
		return 0, 0, err
	}
	return auc, precision, nil
}

func weightOf(weights []float64, i int) float64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}
