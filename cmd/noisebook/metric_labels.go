package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/metric"
)

// labelEvaluators judge scores, predictions or codes by labels.
var labelEvaluators = []evaluator{
	{
		name: "silhouette", heavy: true, inputs: []string{"CODES", "LABELS"}, best: "1",
		definition: "mean of (b-a)/max(a, b): how much nearer a sample is to its own cluster than to the next",
		reference:  "scikit-learn", call: "metric.Silhouette",
		example: "codes.npy labels.npy", build: buildSilhouette,
	},
	{
		name: "auc", inputs: []string{"SCORES", "LABELS"}, best: "1",
		definition: "area under the ROC curve: binary, one against the rest, or multi-label (macro, micro)",
		reference:  "scikit-learn", call: "metric.ROCAUC, metric.Multilabel",
		example: "table.csv#score table.csv#label --bootstrap 1000", build: buildAUC,
	},
	{
		name: "average-precision", inputs: []string{"SCORES", "LABELS"}, best: "1",
		definition: "step sum of precision over gained recall: binary or by class (macro, micro)",
		reference:  "scikit-learn", call: "metric.AveragePrecision, metric.Multilabel",
		example: "scores.npy labels.npy", build: buildAveragePrecision,
	},
	{
		name: "accuracy", inputs: []string{"PREDICTIONS", "LABELS"}, best: "1",
		definition: "share of predicted classes, or of classes of the highest score, that equal the label",
		reference:  "scikit-learn", call: "metric.Accuracy, metric.Argmax",
		example: "logits.npy labels.npy", build: buildAccuracy,
	},
	{
		name: "top-k", inputs: []string{"SCORES", "LABELS"}, best: "1",
		definition: "share of labels among the k classes of the highest scores",
		reference:  "scikit-learn", call: "metric.TopK",
		example: "logits.npy labels.npy --k 5", build: buildTopK,
	},
	{
		name: "f1", inputs: []string{"PREDICTIONS", "LABELS"}, best: "1",
		definition: "harmonic mean of precision and recall: of one class, macro, by prevalence",
		reference:  "scikit-learn", call: "metric.NewConfusion",
		example: "predictions.npy labels.npy --positive 1", build: buildF1,
	},
	{
		name: "calibration", inputs: []string{"PROBABILITIES", "LABELS"}, best: "0, 0, 0",
		definition: "ECE and MCE: mean and largest gap of confidence and accuracy over bins; Brier score",
		reference:  "Guo et al. 2017; scikit-learn", call: "metric.Calibration, metric.Brier",
		example: "probabilities.npy labels.npy --bins 15", build: buildCalibration,
	},
}

func buildSilhouette(*pflag.FlagSet) evaluate {
	return func(in *metricInputs) (metricOutcome, error) {
		x, err := in.matrix(0)
		if err != nil {
			return metricOutcome{}, err
		}
		labels, err := in.ints(1)
		if err != nil {
			return metricOutcome{}, err
		}
		score, samples, err := silhouette(x, labels)
		return metricOutcome{
			scores: []keyedScore{{"silhouette", score}}, detail: map[string]any{"samples": samples},
			intervals: resampledMeans("the clusters", samples),
		}, err
	}
}

func silhouette(x *mat.Dense, labels []int) (metric.Score, []float64, error) {
	score, err := metric.Silhouette(x, labels)
	if err != nil {
		return metric.Score{}, nil, err
	}
	samples, err := metric.SilhouetteSamples(x, labels)
	return score, samples, err
}

// ranked are scores with labels: of class 1 of two, or a matrix a class.
type ranked struct {
	binary  []float64
	labels  []int
	scores  *mat.Dense
	truth   *mat.Dense
	weights []float64
}

func (r ranked) samples() int {
	if r.scores == nil {
		return len(r.labels)
	}
	return r.scores.RawMatrix().Rows
}

func (r ranked) pick(rows []int) ranked {
	picked := ranked{weights: pickValues(r.weights, rows)}
	if r.scores == nil {
		picked.binary, picked.labels = pickValues(r.binary, rows), pickValues(r.labels, rows)
	} else {
		picked.scores, picked.truth = metric.Rows(r.scores, rows), metric.Rows(r.truth, rows)
	}
	return picked
}

// pickValues takes values at the indices; nil stays nil.
func pickValues[T any](values []T, indices []int) []T {
	if values == nil {
		return nil
	}
	picked := make([]T, len(indices))
	for to, from := range indices {
		picked[to] = values[from]
	}
	return picked
}

// ranked reads scores and labels: two vectors, two matrices of one shape
// (multi-label), or a matrix and class numbers (one class against the rest).
func (in *metricInputs) ranked(weights string) (r ranked, err error) {
	scores, err := in.classScores(0)
	if err != nil {
		return r, err
	}
	array, err := in.open(in.sources[1])
	if err != nil {
		return r, err
	}
	if weights != "" {
		array, err := arrayfile.Open(weights)
		if err != nil {
			return r, err
		}
		if r.weights, err = array.Vector(); err != nil {
			return r, err
		}
	}
	if scores.matrix == nil {
		r.binary = scores.vector
		r.labels, err = array.Ints()
		return r, err
	}
	r.scores = scores.matrix
	if len(array.Shape) == 2 && array.Shape[1] > 1 {
		r.truth, err = array.Matrix()
		return r, err
	}
	labels, err := array.Ints()
	if err != nil {
		return r, err
	}
	r.truth, err = metric.OneHot(labels, r.scores.RawMatrix().Cols)
	return r, err
}

// rankingFlags are those of scores over classes.
type rankingFlags struct{ weights, absent string }

func addRankingFlags(flags *pflag.FlagSet) *rankingFlags {
	f := &rankingFlags{}
	flags.StringVar(&f.weights, "weights", "", "file of a weight a sample; none: equal ones")
	flags.StringVar(&f.absent, "absent", string(metric.SkipAbsent),
		fmt.Sprintf("what a class without a score counts as in a macro mean: %s it, %s or %s", metric.SkipAbsent, metric.AbsentAsZero, metric.AbsentUndefined))
	return f
}

// buildRanking evaluates two vectors or two matrices.
func buildRanking(flags *pflag.FlagSet, binary func(ranked) ([]keyedScore, error), byClass func(metric.MultilabelScores, metric.AbsentClass) ([]keyedScore, error), detail func(metric.MultilabelScores) map[string]any) evaluate {
	options := addRankingFlags(flags)
	return func(in *metricInputs) (metricOutcome, error) {
		all, err := in.ranked(options.weights)
		if err != nil {
			return metricOutcome{}, err
		}
		var result metricOutcome
		again := func(r ranked) ([]keyedScore, error) {
			if r.scores == nil {
				return binary(r)
			}
			s, err := metric.Multilabel(r.scores, r.truth, r.weights)
			if err != nil {
				return nil, err
			}
			return byClass(s, metric.AbsentClass(options.absent))
		}
		if result.scores, err = again(all); err != nil {
			return metricOutcome{}, err
		}
		if all.scores != nil {
			s, err := metric.Multilabel(all.scores, all.truth, all.weights)
			if err != nil {
				return metricOutcome{}, err
			}
			result.detail = detail(s)
			result.detail["positives"] = s.Positives
		}
		result.intervals = resampled(len(result.scores), []int{all.samples()}, func(picks [][]int) ([]keyedScore, error) {
			return again(all.pick(picks[0]))
		})
		return result, nil
	}
}

func buildAUC(flags *pflag.FlagSet) evaluate {
	return buildRanking(flags, func(r ranked) ([]keyedScore, error) {
		score, err := metric.ROCAUC(r.binary, r.labels, r.weights)
		return []keyedScore{{"auc", score}}, err
	}, func(s metric.MultilabelScores, absent metric.AbsentClass) ([]keyedScore, error) {
		macro, err := s.MacroAUC(absent)
		return []keyedScore{{"auc_macro", macro}, {"auc_micro", s.MicroAUC()}, {"auc_by_prevalence", s.WeightedAUC()}}, err
	}, func(s metric.MultilabelScores) map[string]any {
		return map[string]any{"auc": numbers(s.AUC)}
	})
}

func buildAveragePrecision(flags *pflag.FlagSet) evaluate {
	return buildRanking(flags, func(r ranked) ([]keyedScore, error) {
		score, err := metric.AveragePrecision(r.binary, r.labels, r.weights)
		return []keyedScore{{"average_precision", score}}, err
	}, func(s metric.MultilabelScores, absent metric.AbsentClass) ([]keyedScore, error) {
		macro, err := s.MacroAveragePrecision(absent)
		return []keyedScore{{"average_precision_macro", macro}, {"average_precision_micro", s.MicroAveragePrecision()}}, err
	}, func(s metric.MultilabelScores) map[string]any {
		return map[string]any{"average_precision": numbers(s.AveragePrecision)}
	})
}

// numbers are values whose JSON is null where they are undefined.
func numbers(values []float64) []number {
	out := make([]number, len(values))
	for i, v := range values {
		out[i] = number(v)
	}
	return out
}

func buildAccuracy(*pflag.FlagSet) evaluate {
	return func(in *metricInputs) (metricOutcome, error) {
		predictions, labels, err := in.decisions()
		if err != nil {
			return metricOutcome{}, err
		}
		score, err := metric.Accuracy(predictions, labels)
		return metricOutcome{
			scores: []keyedScore{{"accuracy", score}},
			intervals: resampled(1, []int{len(labels)}, func(picks [][]int) ([]keyedScore, error) {
				score, err := metric.Accuracy(pickValues(predictions, picks[0]), pickValues(labels, picks[0]))
				return []keyedScore{{"accuracy", score}}, err
			}),
		}, err
	}
}

// decisions reads predicted classes, or scores whose highest decides, and labels.
func (in *metricInputs) decisions() (predictions, labels []int, err error) {
	array, err := in.open(in.sources[0])
	if err != nil {
		return nil, nil, err
	}
	if len(array.Shape) == 2 && array.Shape[1] > 1 {
		scores, err := array.Matrix()
		if err != nil {
			return nil, nil, err
		}
		if predictions, err = metric.Argmax(scores); err != nil {
			return nil, nil, err
		}
	} else if predictions, err = array.Ints(); err != nil {
		return nil, nil, err
	}
	labels, err = in.ints(1)
	return predictions, labels, err
}

func buildTopK(flags *pflag.FlagSet) evaluate {
	k := flags.Int("k", 5, "how many of the highest scores count")
	return func(in *metricInputs) (metricOutcome, error) {
		scores, err := in.matrix(0)
		if err != nil {
			return metricOutcome{}, err
		}
		labels, err := in.ints(1)
		if err != nil {
			return metricOutcome{}, err
		}
		key := fmt.Sprintf("top%d", *k)
		score, err := metric.TopK(scores, labels, *k)
		return metricOutcome{
			scores: []keyedScore{{key, score}},
			intervals: resampled(1, []int{len(labels)}, func(picks [][]int) ([]keyedScore, error) {
				score, err := metric.TopK(metric.Rows(scores, picks[0]), pickValues(labels, picks[0]), *k)
				return []keyedScore{{key, score}}, err
			}),
		}, err
	}
}

// classLimit bounds the classes of a confusion table, which is square.
const classLimit = 1 << 12

func buildF1(flags *pflag.FlagSet) evaluate {
	positive := flags.Int("positive", 1, "class whose precision, recall and F1 are printed")
	classes := flags.Int("classes", 0, "number of classes; 0: one more than the highest class number")
	return func(in *metricInputs) (metricOutcome, error) {
		predictions, labels, err := in.decisions()
		if err != nil {
			return metricOutcome{}, err
		}
		count := *classes
		if count == 0 {
			count = 1 + max(slices.Max(append(slices.Clone(predictions), 0)), slices.Max(append(slices.Clone(labels), *positive)))
		}
		if count > classLimit || *positive < 0 || *positive >= count {
			return metricOutcome{}, fmt.Errorf("metric f1: class %d of %d; want at most %d classes and a positive one of them", *positive, count, classLimit)
		}
		again := func(predictions, labels []int) ([]keyedScore, error) {
			c, err := metric.NewConfusion(predictions, labels, count)
			if err != nil {
				return nil, err
			}
			return []keyedScore{
				{"f1", c.F1(*positive)}, {"precision", c.Precision(*positive)}, {"recall", c.Recall(*positive)},
				{"f1_macro", c.MacroF1()}, {"f1_macro_seen", c.MacroF1Seen()}, {"f1_by_prevalence", c.WeightedF1()},
			}, nil
		}
		scores, err := again(predictions, labels)
		return metricOutcome{
			scores: scores,
			intervals: resampled(len(scores), []int{len(labels)}, func(picks [][]int) ([]keyedScore, error) {
				return again(pickValues(predictions, picks[0]), pickValues(labels, picks[0]))
			}),
		}, err
	}
}

func buildCalibration(flags *pflag.FlagSet) evaluate {
	var options metric.CalibrationOptions
	flags.IntVar(&options.Bins, "bins", 15, "bins of the confidence")
	flags.BoolVar(&options.EqualMass, "equal-mass", false, "bins of equally many samples instead of equal width")
	flags.BoolVar(&options.ClosedLeft, "closed-left", false, "put a confidence on an edge into the bin above it, as torchmetrics does")
	return func(in *metricInputs) (metricOutcome, error) {
		probabilities, err := in.classScores(0)
		if err != nil {
			return metricOutcome{}, err
		}
		labels, err := in.ints(1)
		if err != nil {
			return metricOutcome{}, err
		}
		evaluate := func(probabilities classScores, labels []int) ([]keyedScore, []metric.CalibrationBin, error) {
			calibration, brier, err := calibrate(probabilities, labels, options)
			return []keyedScore{{"ece", calibration.ECE}, {"mce", calibration.MCE}, {"brier", brier}}, calibration.Bins, err
		}
		scores, bins, err := evaluate(probabilities, labels)
		return metricOutcome{
			scores: scores, detail: map[string]any{"bins": bins},
			intervals: resampled(len(scores), []int{len(labels)}, func(picks [][]int) ([]keyedScore, error) {
				scores, _, err := evaluate(probabilities.pick(picks[0]), pickValues(labels, picks[0]))
				return scores, err
			}),
		}, err
	}
}

func (s classScores) pick(rows []int) classScores {
	if s.matrix == nil {
		return classScores{vector: pickValues(s.vector, rows)}
	}
	return classScores{matrix: metric.Rows(s.matrix, rows)}
}

func calibrate(probabilities classScores, labels []int, options metric.CalibrationOptions) (calibration metric.CalibrationScores, brier metric.Score, err error) {
	if probabilities.matrix == nil {
		if calibration, err = metric.BinaryCalibration(probabilities.vector, labels, options); err == nil {
			brier, err = metric.BinaryBrier(probabilities.vector, labels)
		}
		return calibration, brier, err
	}
	if calibration, err = metric.Calibration(probabilities.matrix, labels, options); err == nil {
		brier, err = metric.Brier(probabilities.matrix, labels)
	}
	return calibration, brier, err
}
