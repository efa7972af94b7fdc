package metric

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Accuracy is the share of predictions that equal their label.
func Accuracy(predictions, labels []int) (float64, error) {
	if err := checkPaired("predictions", len(predictions), "labels", len(labels)); err != nil {
		return 0, err
	}
	right := 0
	for i, p := range predictions {
		if p == labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(labels)), nil
}

// Argmax is the class of the highest score in each row of scores [samples,
// classes]; ties go to the lower class. Scores must be finite.
func Argmax(scores *mat.Dense) ([]int, error) {
	if err := checkFinite("the score matrix", scores); err != nil {
		return nil, err
	}
	samples, _ := scores.Dims()
	classes := make([]int, samples)
	for i := range classes {
		classes[i] = floats.MaxIdx(scores.RawRowView(i))
	}
	return classes, nil
}

// TopK is the share of samples whose label is among the k highest scores of
// their row of scores [samples, classes]; of equal scores the lower class
// counts as higher, as in Argmax. k is 1 to classes.
func TopK(scores *mat.Dense, labels []int, k int) (float64, error) {
	samples, classes := scores.Dims()
	if err := checkPaired("rows of scores", samples, "labels", len(labels)); err != nil {
		return 0, err
	}
	if k < 1 || k > classes {
		return 0, fmt.Errorf("metric: top-%d of %d classes, want 1 to %d", k, classes, classes)
	}
	if err := checkLabels("the label set", labels, classes); err != nil {
		return 0, err
	}
	if err := checkFinite("the score matrix", scores); err != nil {
		return 0, err
	}
	right := 0
	for i, label := range labels {
		row := scores.RawRowView(i)
		above := 0
		for class, score := range row {
			if score > row[label] || score == row[label] && class < label {
				above++
			}
		}
		if above < k {
			right++
		}
	}
	return float64(right) / float64(samples), nil
}

// Confusion counts predictions by true and predicted class; every score of a
// classifier's decisions follows from it. Make one with NewConfusion.
type Confusion struct {
	counts  [][]int // [true class][predicted class]
	samples int
}

// NewConfusion counts predictions against labels, both in 0..classes-1.
func NewConfusion(predictions, labels []int, classes int) (*Confusion, error) {
	if err := checkPaired("predictions", len(predictions), "labels", len(labels)); err != nil {
		return nil, err
	}
	if err := checkLabels("the prediction set", predictions, classes); err != nil {
		return nil, err
	}
	if err := checkLabels("the label set", labels, classes); err != nil {
		return nil, err
	}
	c := &Confusion{counts: make([][]int, classes), samples: len(labels)}
	for class := range c.counts {
		c.counts[class] = make([]int, classes)
	}
	for i, label := range labels {
		c.counts[label][predictions[i]]++
	}
	return c, nil
}

// Count is the number of samples of class label that were predicted as class
// prediction.
func (c *Confusion) Count(label, prediction int) int { return c.counts[label][prediction] }

// Accuracy is the share of right predictions. Over single-label predictions it
// is the micro F1 too.
func (c *Confusion) Accuracy() float64 {
	right := 0
	for class := range c.counts {
		right += c.counts[class][class]
	}
	return float64(right) / float64(c.samples)
}

// Precision is the share of predictions of the class that are right, 0 when
// it is never predicted.
func (c *Confusion) Precision(class int) float64 {
	return ratio(c.counts[class][class], c.predicted(class))
}

// Recall is the share of the class's samples that are found, 0 when it has none.
func (c *Confusion) Recall(class int) float64 {
	return ratio(c.counts[class][class], c.support(class))
}

// F1 is the harmonic mean of the class's precision and recall, 0 when the
// class neither occurs nor is predicted.
func (c *Confusion) F1(class int) float64 {
	return ratio(2*c.counts[class][class], c.support(class)+c.predicted(class))
}

// MacroF1 is the mean of F1 over all classes, those that neither occur nor are
// predicted counting as 0.
func (c *Confusion) MacroF1() float64 {
	sum := 0.0
	for class := range c.counts {
		sum += c.F1(class)
	}
	return sum / float64(len(c.counts))
}

// MacroF1Seen is the mean of F1 over the classes that occur or are predicted,
// what scikit-learn's f1_score prints when it is not told the classes.
func (c *Confusion) MacroF1Seen() float64 {
	sum, seen := 0.0, 0
	for class := range c.counts {
		if c.support(class)+c.predicted(class) > 0 {
			sum += c.F1(class)
			seen++
		}
	}
	return sum / float64(seen)
}

// WeightedF1 is the mean of F1 weighted by how often each class occurs.
func (c *Confusion) WeightedF1() float64 {
	sum := 0.0
	for class := range c.counts {
		sum += c.F1(class) * float64(c.support(class))
	}
	return sum / float64(c.samples)
}

func (c *Confusion) support(class int) int {
	sum := 0
	for _, n := range c.counts[class] {
		sum += n
	}
	return sum
}

func (c *Confusion) predicted(class int) int {
	sum := 0
	for _, row := range c.counts {
		sum += row[class]
	}
	return sum
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
