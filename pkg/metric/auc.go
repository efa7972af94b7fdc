package metric

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// ErrUndefined marks a score that its data leave without a value, such as an
// AUC over samples of one class.
var ErrUndefined = errors.New("undefined")

// ROCAUC is the area under the ROC curve: the chance that a positive sample
// scores above a negative one, equal scores counting half. Labels are 0 or 1;
// weights, one a sample and not negative, may be nil for equal ones. It is
// ErrUndefined unless both classes have weight.
func ROCAUC(scores []float64, labels []int, weights []float64) (Score, error) {
	value, err := rocAUC(scores, labels, weights)
	if err != nil {
		return Score{}, err
	}
	return rankingScore("AUC", value, labels, weights), nil
}

// AveragePrecision is the sum over descending distinct scores of precision
// times gained recall, without interpolation. Labels and weights are as in
// ROCAUC. It is ErrUndefined without a positive sample.
func AveragePrecision(scores []float64, labels []int, weights []float64) (Score, error) {
	value, err := averagePrecision(scores, labels, weights)
	if err != nil {
		return Score{}, err
	}
	return rankingScore("average precision", value, labels, weights), nil
}

// rankingScore is a score of ranked samples of two classes.
func rankingScore(name string, value float64, labels []int, weights []float64) Score {
	positives := 0
	for _, label := range labels {
		positives += label
	}
	return Score{
		Name: name, Value: value, N: map[string]int{"positives": positives, "negatives": len(labels) - positives},
		Settings: map[string]any{"ties": "half", "weighted": weights != nil},
	}
}

func rocAUC(scores []float64, labels []int, weights []float64) (float64, error) {
	steps, positives, negatives, err := descend(scores, labels, weights)
	if err != nil {
		return 0, err
	}
	if positives == 0 || negatives == 0 {
		return math.NaN(), fmt.Errorf("metric: AUC of samples of one class: %w", ErrUndefined)
	}
	area, above := 0.0, 0.0 // above: weight of positives with a higher score
	for _, s := range steps {
		area += s.negative * (above + s.positive/2)
		above += s.positive
	}
	return area / positives / negatives, nil
}

func averagePrecision(scores []float64, labels []int, weights []float64) (float64, error) {
	steps, positives, _, err := descend(scores, labels, weights)
	if err != nil {
		return 0, err
	}
	if positives == 0 {
		return math.NaN(), fmt.Errorf("metric: average precision without a positive sample: %w", ErrUndefined)
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
	if err := checkWeights(weights, len(labels)); err != nil {
		return nil, 0, 0, err
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
		weight := weightOf(weights, i)
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
