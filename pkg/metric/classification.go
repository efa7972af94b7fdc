package metric

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// Accuracy is the share of predictions that equal their label.
func Accuracy(predictions, labels []int) (Score, error) {
	if err := checkPaired("predictions", len(predictions), "labels", len(labels)); err != nil {
		return Score{}, err
	}
	right := 0
	for i, p := range predictions {
		if p == labels[i] {
			right++
		}
	}
	return accuracyScore(right, len(labels)), nil
}

func accuracyScore(right, samples int) Score {
	return Score{Name: "accuracy", Value: float64(right) / float64(samples), N: map[string]int{"samples": samples}}
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
func TopK(scores *mat.Dense, labels []int, k int) (Score, error) {
	samples, classes := scores.Dims()
	if err := checkPaired("rows of scores", samples, "labels", len(labels)); err != nil {
		return Score{}, err
	}
	if k < 1 || k > classes {
		return Score{}, fmt.Errorf("metric: top-%d of %d classes, want 1 to %d", k, classes, classes)
	}
	if err := checkLabels("the label set", labels, classes); err != nil {
		return Score{}, err
	}
	if err := checkFinite("the score matrix", scores); err != nil {
		return Score{}, err
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
	return Score{
		Name: fmt.Sprintf("top-%d accuracy", k), Value: float64(right) / float64(samples), N: map[string]int{"samples": samples},
		Settings: map[string]any{"classes": classes, "ties": "the lower class ranks higher"},
	}, nil
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
func (c *Confusion) Accuracy() Score {
	right := 0
	for class := range c.counts {
		right += c.counts[class][class]
	}
	return accuracyScore(right, c.samples)
}

// Precision is the share of predictions of the class that are right, 0 when
// it is never predicted.
func (c *Confusion) Precision(class int) Score {
	return c.ofClass("precision", class, ratio(c.counts[class][class], c.predicted(class)))
}

// Recall is the share of the class's samples that are found, 0 when it has none.
func (c *Confusion) Recall(class int) Score {
	return c.ofClass("recall", class, ratio(c.counts[class][class], c.support(class)))
}

// F1 is the harmonic mean of the class's precision and recall, 0 when the
// class neither occurs nor is predicted. F1(1) of two classes is binary F1.
func (c *Confusion) F1(class int) Score { return c.ofClass("F1", class, c.f1(class)) }

// MacroF1 is the mean of F1 over all classes, those that neither occur nor are
// predicted counting as 0.
func (c *Confusion) MacroF1() Score {
	sum := 0.0
	for class := range c.counts {
		sum += c.f1(class)
	}
	return c.overClasses("F1 (macro)", "all classes, unseen ones as 0", sum/float64(len(c.counts)))
}

// MacroF1Seen is the mean of F1 over the classes that occur or are predicted,
// what scikit-learn's f1_score prints when it is not told the classes.
func (c *Confusion) MacroF1Seen() Score {
	sum, seen := 0.0, 0
	for class := range c.counts {
		if c.support(class)+c.predicted(class) > 0 {
			sum += c.f1(class)
			seen++
		}
	}
	return c.overClasses("F1 (macro)", "classes that occur or are predicted", sum/float64(seen))
}

// WeightedF1 is the mean of F1 weighted by how often each class occurs.
func (c *Confusion) WeightedF1() Score {
	sum := 0.0
	for class := range c.counts {
		sum += c.f1(class) * float64(c.support(class))
	}
	return c.overClasses("F1 (by prevalence)", "all classes, by their samples", sum/float64(c.samples))
}

func (c *Confusion) f1(class int) float64 {
	return ratio(2*c.counts[class][class], c.support(class)+c.predicted(class))
}

func (c *Confusion) ofClass(name string, class int, value float64) Score {
	return Score{
		Name: name, Value: value, N: map[string]int{"samples": c.samples, "positives": c.support(class)},
		Settings: map[string]any{"positive class": class, "classes": len(c.counts)},
	}
}

func (c *Confusion) overClasses(name, average string, value float64) Score {
	return Score{
		Name: name, Value: value, N: map[string]int{"samples": c.samples},
		Settings: map[string]any{"average": average, "classes": len(c.counts)},
	}
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
