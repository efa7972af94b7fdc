package metric

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// ErrUndefined marks a score that its data leave without a value, such as an
// AUC over samples of one class.
var ErrUndefined = errors.New("undefined")

// ROCAUC is the area under the ROC curve: the chance that a positive sample
// scores above a negative one, equal scores counting half. Labels are 0 or 1;
// weights, one a sample and not negative, may be nil for equal ones. It is
// ErrUndefined unless both classes have weight.
func ROCAUC(scores []float64, labels []int, weights []float64) (float64, error) {
	steps, positives, negatives, err := descend(scores, labels, weights)
	if err != nil {
		return 0, err
	}
	if positives == 0 || negatives == 0 {
		return 0, fmt.Errorf("metric: AUC of samples of one class: %w", ErrUndefined)
	}
	area, above := 0.0, 0.0 // above: weight of positives with a higher score
	for _, s := range steps {
		area += s.negative * (above + s.positive/2)
		above += s.positive
	}
	return area / positives / negatives, nil
}

// AveragePrecision is the sum over descending distinct scores of precision
// times gained recall, without interpolation. Labels and weights are as in
// ROCAUC. It is ErrUndefined without a positive sample.
func AveragePrecision(scores []float64, labels []int, weights []float64) (float64, error) {
	steps, positives, _, err := descend(scores, labels, weights)
	if err != nil {
		return 0, err
	}
	if positives == 0 {
		return 0, fmt.Errorf("metric: average precision without a positive sample: %w", ErrUndefined)
	}
	sum, found, taken := 0.0, 0.0, 0.0
	for _, s := range steps {
		found += s.positive
		taken += s.positive + s.negative
		if taken > 0 {
			sum += s.positive / positives * found / taken
		}
	}
	return sum, nil
}

// step is the weight of the positives and negatives that share one score.
type step struct{ positive, negative float64 }

// descend groups samples by score, highest first, and sums their weights.
func descend(scores []float64, labels []int, weights []float64) (steps []step, positives, negatives float64, err error) {
	if err := checkPaired("scores", len(scores), "labels", len(labels)); err != nil {
		return nil, 0, 0, err
	}
	if err := checkVector("the score series", scores); err != nil {
		return nil, 0, 0, err
	}
	if err := checkLabels("the label set", labels, 2); err != nil {
		return nil, 0, 0, err
	}
	if weights != nil {
		if err := checkPaired("weights", len(weights), "labels", len(labels)); err != nil {
			return nil, 0, 0, err
		}
		if err := checkVector("the weight series", weights); err != nil {
			return nil, 0, 0, err
		}
		if floats.Min(weights) < 0 {
			return nil, 0, 0, fmt.Errorf("metric: weight %v is negative", floats.Min(weights))
		}
	}
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return scores[order[i]] > scores[order[j]] })
	for rank, i := range order {
		if rank == 0 || scores[i] != scores[order[rank-1]] {
			steps = append(steps, step{})
		}
		weight := 1.0
		if weights != nil {
			weight = weights[i]
		}
		current := &steps[len(steps)-1]
		if labels[i] == 1 {
			current.positive += weight
			positives += weight
		} else {
			current.negative += weight
			negatives += weight
		}
	}
	return steps, positives, negatives, nil
}

// MultilabelScores holds the scores of independent yes-or-no labels, one a
// class. NaN stands for undefined.
type MultilabelScores struct {
	AUC                   []float64 // [classes], NaN where one label does not occur
	AveragePrecision      []float64 // [classes], NaN where no sample is positive
	Positives             []int     // [classes]
	MicroAUC              float64   // over all entries at once
	MicroAveragePrecision float64   // over all entries at once
}

// Multilabel scores predictions [samples, classes] against labels of the same
// shape whose entries are 0 or 1.
func Multilabel(scores, labels *mat.Dense) (MultilabelScores, error) {
	samples, classes := scores.Dims()
	if rows, columns := labels.Dims(); rows != samples || columns != classes {
		return MultilabelScores{}, fmt.Errorf("metric: %dx%d scores for %dx%d labels", samples, classes, rows, columns)
	}
	all := MultilabelScores{Positives: make([]int, classes)}
	var allScores []float64
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
			default:
				return MultilabelScores{}, fmt.Errorf("metric: label %v of sample %d, class %d, want 0 or 1", labels.At(i, class), i, class)
			}
		}
		auc, precision, err := binaryScores(column, is)
		if err != nil {
			return MultilabelScores{}, fmt.Errorf("class %d: %w", class, err)
		}
		all.AUC = append(all.AUC, auc)
		all.AveragePrecision = append(all.AveragePrecision, precision)
		allScores, allLabels = append(allScores, column...), append(allLabels, is...)
	}
	var err error
	all.MicroAUC, all.MicroAveragePrecision, err = binaryScores(allScores, allLabels)
	return all, err
}

// binaryScores are AUC and average precision with NaN for undefined.
func binaryScores(scores []float64, labels []int) (auc, precision float64, err error) {
	auc, err = ROCAUC(scores, labels, nil)
	if errors.Is(err, ErrUndefined) {
		auc, err = math.NaN(), nil
	}
	if err != nil {
		return 0, 0, err
	}
	precision, err = AveragePrecision(scores, labels, nil)
	if errors.Is(err, ErrUndefined) {
		precision, err = math.NaN(), nil
	}
	return auc, precision, err
}

// MacroAUC is the mean AUC over the classes that have one, and how many have
// none. Print both. With no class left it is NaN.
func (m MultilabelScores) MacroAUC() (mean float64, undefined int) {
	return meanDefined(m.AUC)
}

// MacroAveragePrecision is the mean over the classes that have a positive
// sample, and how many have none.
func (m MultilabelScores) MacroAveragePrecision() (mean float64, undefined int) {
	return meanDefined(m.AveragePrecision)
}

// WeightedAUC is the mean AUC weighted by each class's number of positives,
// NaN when a class with positives has no AUC.
func (m MultilabelScores) WeightedAUC() float64 {
	sum, positives := 0.0, 0
	for class, n := range m.Positives {
		if n > 0 {
			sum += float64(n) * m.AUC[class]
			positives += n
		}
	}
	return sum / float64(positives)
}

func meanDefined(values []float64) (mean float64, undefined int) {
	sum := 0.0
	for _, v := range values {
		if math.IsNaN(v) {
			undefined++
		} else {
			sum += v
		}
	}
	return sum / float64(len(values)-undefined), undefined
}
