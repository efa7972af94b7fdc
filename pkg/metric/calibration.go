package metric

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// CalibrationOptions tunes Calibration. The zero value is the protocol of Guo
// et al. (2017): 15 bins of equal width, each open below and closed above.
type CalibrationOptions struct {
	Bins       int  // 0 means 15
	EqualMass  bool // bins of equally many samples instead of equal width
	ClosedLeft bool // a confidence on an edge, but 1, belongs to the bin above it (as in torchmetrics) instead of below (Guo et al., scikit-learn)
}

// CalibrationBin is one bar of a reliability diagram.
type CalibrationBin struct {
	Samples    int
	Confidence float64 // mean over the bin
	Accuracy   float64 // share of right answers in the bin
}

// CalibrationScores says how far confidence and accuracy are apart.
type CalibrationScores struct {
	ECE  Score            // mean over the bins of |accuracy - confidence|, weighted by samples, in [0, 1]
	MCE  Score            // the largest of them
	Bins []CalibrationBin // that hold a sample, ascending
}

// Calibration is the expected calibration error of class probabilities
// [samples, classes], rows that sum to 1, against labels: confidence is the
// highest probability, and a sample is right when that is its label's.
func Calibration(probabilities *mat.Dense, labels []int, options CalibrationOptions) (CalibrationScores, error) {
	samples, classes := probabilities.Dims()
	if err := checkPaired("rows of probabilities", samples, "labels", len(labels)); err != nil {
		return CalibrationScores{}, err
	}
	if err := checkProbabilities(probabilities); err != nil {
		return CalibrationScores{}, err
	}
	if err := checkLabels("the label set", labels, classes); err != nil {
		return CalibrationScores{}, err
	}
	confidence, right := make([]float64, samples), make([]float64, samples)
	for i, label := range labels {
		row := probabilities.RawRowView(i)
		predicted := floats.MaxIdx(row)
		confidence[i] = row[predicted]
		if predicted == label {
			right[i] = 1
		}
	}
	return calibrate(confidence, right, "the predicted class's", options)
}

// BinaryCalibration is the expected calibration error of the probabilities of
// class 1, each in [0, 1], against labels 0 and 1: in each bin the mean
// probability against the share of class 1, as in a reliability diagram of
// scikit-learn's calibration_curve. Over two classes it is not Calibration,
// which bins by the probability of whichever class is predicted.
func BinaryCalibration(probabilities []float64, labels []int, options CalibrationOptions) (CalibrationScores, error) {
	if err := checkBinaryProbabilities(probabilities, labels); err != nil {
		return CalibrationScores{}, err
	}
	positive := make([]float64, len(labels))
	for i, label := range labels {
		positive[i] = float64(label)
	}
	return calibrate(probabilities, positive, "class 1's", options)
}

// calibrate compares confidences in [0, 1] with outcomes 0 and 1.
func calibrate(confidence, outcome []float64, of string, options CalibrationOptions) (CalibrationScores, error) {
	if options.Bins == 0 {
		options.Bins = 15
	}
	if options.Bins < 1 {
		return CalibrationScores{}, fmt.Errorf("metric: calibration in %d bins, want 1 or more", options.Bins)
	}
	bins := options.bins(confidence)
	var scores CalibrationScores
	expected, largest := 0.0, 0.0
	for b := range options.Bins {
		bar := CalibrationBin{}
		for i, c := range confidence {
			if bins[i] == b {
				bar.Samples++
				bar.Confidence += c
				bar.Accuracy += outcome[i]
			}
		}
		if bar.Samples == 0 {
			continue
		}
		bar.Confidence /= float64(bar.Samples)
		bar.Accuracy /= float64(bar.Samples)
		scores.Bins = append(scores.Bins, bar)
		gap := math.Abs(bar.Accuracy - bar.Confidence)
		expected += gap * float64(bar.Samples) / float64(len(confidence))
		largest = max(largest, gap)
	}
	width, edges := "equal width", "(low, high]"
	if options.EqualMass {
		width = "equal mass"
	}
	if options.ClosedLeft {
		edges = "[low, high)"
	}
	score := func(name string, value float64) Score {
		return Score{
			Name: name, Value: value, N: map[string]int{"samples": len(confidence)},
			Settings: map[string]any{"bins": options.Bins, "widths": width, "edges": edges, "confidence": of},
		}
	}
	scores.ECE, scores.MCE = score("ECE", expected), score("MCE", largest)
	return scores, nil
}

// bins numbers the bin of every confidence.
func (o CalibrationOptions) bins(confidence []float64) []int {
	edges := make([]float64, o.Bins+1)
	floats.Span(edges, 0, 1)
	if o.EqualMass {
		sorted := slices.Sorted(slices.Values(confidence))
		for b := range edges {
			edges[b] = quantile(sorted, float64(b)/float64(o.Bins))
		}
	}
	inner := edges[1:o.Bins]
	numbers := make([]int, len(confidence))
	for i, c := range confidence {
		numbers[i] = sort.SearchFloat64s(inner, c) // inner edges below c
		for o.ClosedLeft && numbers[i] < len(inner) && inner[numbers[i]] == c {
			numbers[i]++
		}
	}
	return numbers
}

// Brier is the mean squared distance of class probabilities [samples, classes]
// from the one-hot labels (Brier 1950), in [0, 2]. For two classes it is twice
// BinaryBrier.
func Brier(probabilities *mat.Dense, labels []int) (Score, error) {
	terms, err := BrierSamples(probabilities, labels)
	if err != nil {
		return Score{}, err
	}
	_, classes := probabilities.Dims()
	return brierScore(terms, map[string]any{"classes": classes, "sum": "over all classes, 0 to 2"}), nil
}

// BrierSamples is what each sample adds to Brier, which is their mean.
func BrierSamples(probabilities *mat.Dense, labels []int) ([]float64, error) {
	samples, classes := probabilities.Dims()
	if err := checkPaired("rows of probabilities", samples, "labels", len(labels)); err != nil {
		return nil, err
	}
	if err := checkProbabilities(probabilities); err != nil {
		return nil, err
	}
	if err := checkLabels("the label set", labels, classes); err != nil {
		return nil, err
	}
	terms := make([]float64, samples)
	for i, label := range labels {
		for class, p := range probabilities.RawRowView(i) {
			if class == label {
				p--
			}
			terms[i] += p * p
		}
	}
	return terms, nil
}

// BinaryBrier is the mean squared distance of the probabilities of class 1,
// each in [0, 1], from labels 0 and 1, in [0, 1]: scikit-learn's
// brier_score_loss.
func BinaryBrier(probabilities []float64, labels []int) (Score, error) {
	if err := checkBinaryProbabilities(probabilities, labels); err != nil {
		return Score{}, err
	}
	terms := make([]float64, len(labels))
	for i, p := range probabilities {
		terms[i] = (p - float64(labels[i])) * (p - float64(labels[i]))
	}
	return brierScore(terms, map[string]any{"classes": 2, "sum": "class 1 alone, 0 to 1"}), nil
}

func brierScore(terms []float64, settings map[string]any) Score {
	return Score{Name: "Brier score", Value: stat.Mean(terms, nil), N: map[string]int{"samples": len(terms)}, Settings: settings}
}

func checkBinaryProbabilities(probabilities []float64, labels []int) error {
	if err := checkPaired("probabilities", len(probabilities), "labels", len(labels)); err != nil {
		return err
	}
	if err := checkVector("the probability series", probabilities); err != nil {
		return err
	}
	if i := slices.IndexFunc(probabilities, func(p float64) bool { return p < 0 || p > 1 }); i >= 0 {
		return fmt.Errorf("metric: probability %v at index %d, want 0 to 1; apply the sigmoid first", probabilities[i], i)
	}
	return checkLabels("the label set", labels, 2)
}
