package probe

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
)

// Splits are the three parts of a study, which no sample may share. Training
// learns, validation chooses, test only measures.
type Splits struct {
	Train, Validation, Test Set // Validation may be empty when there is nothing to choose
}

// check refuses sets that no study can use and sets that share memory, which is
// the one overlap that can be told from a coincidence.
func (s Splits) check() error {
	named := []struct {
		name string
		set  Set
	}{{"training", s.Train}, {"validation", s.Validation}, {"test", s.Test}}
	for i, a := range named {
		if a.name == "validation" && a.set.Len() == 0 {
			continue
		}
		if err := a.set.check(a.name); err != nil {
			return err
		}
		if a.set.Features() != s.Train.Features() {
			return fmt.Errorf("probe: the %s set has %d features, the training set %d: %w", a.name, a.set.Features(), s.Train.Features(), ErrMismatch)
		}
		for _, b := range named[:i] {
			if b.set.Len() > 0 && &a.set.X.RawMatrix().Data[0] == &b.set.X.RawMatrix().Data[0] {
				return fmt.Errorf("probe: the %s set is the %s set; keep them apart: %w", a.name, b.name, ErrMismatch)
			}
		}
	}
	return nil
}

// Metric measures predictions by the true labels.
type Metric struct {
	Name string
	Of   func(p Prediction, labels []int) (float64, error)
}

// Accuracy is the share of right labels.
var Accuracy = Metric{"accuracy", func(p Prediction, labels []int) (float64, error) {
	score, err := metric.Accuracy(p.Labels, labels)
	return score.Value, err
}}

// AUC is the area under the ROC curve of the scores: of the second class's when
// there are two, else the mean over the classes, one against the rest, without
// those that the labels lack or that have all of them. It is NaN when none is left.
var AUC = Metric{"auc", func(p Prediction, labels []int) (float64, error) {
	sum, defined := 0.0, 0
	for k, class := range p.Classes {
		if k == 0 && len(p.Classes) == 2 {
			continue
		}
		truth := make([]int, len(labels))
		for i, label := range labels {
			if label == class {
				truth[i] = 1
			}
		}
		auc, err := metric.ROCAUC(mat.Col(nil, k, p.Scores), truth, nil)
		if errors.Is(err, metric.ErrUndefined) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += auc.Value
		defined++
	}
	if defined == 0 {
		return math.NaN(), nil
	}
	return sum / float64(defined), nil
}}

// Candidate is a probe with one choice of a setting, such as C.
type Candidate struct {
	Setting string // empty when there is no choice
	Value   float64
	Probe   Probe
}

// Grid lists a candidate for each value of a setting.
func Grid(setting string, values []float64, probe func(value float64) Probe) []Candidate {
	candidates := make([]Candidate, len(values))
	for i, value := range values {
		candidates[i] = Candidate{setting, value, probe(value)}
	}
	return candidates
}

// Outcome is what one study found.
type Outcome struct {
	Chosen    Candidate
	Predictor Predictor
	Values    []Value
}

// Value is one measurement.
type Value struct {
	Split  string // "train", "validation" or "test"
	Metric string
	Value  float64
}

// Evaluate fits every candidate to the training set, keeps the one that does
// best on the validation set by the first metric, the earlier of equals, and
// measures it on all three. The test set plays no part in the choice, and the
// chosen probe is not fitted again. With one candidate the validation set may be
// empty. Values hold the metrics, 1 or 0 for "converged", and, as a validation
// value, the chosen setting under its name.
func Evaluate(ctx context.Context, splits Splits, candidates []Candidate, metrics []Metric, seed uint64) (Outcome, error) {
	if err := splits.check(); err != nil {
		return Outcome{}, err
	}
	if len(candidates) == 0 || len(metrics) == 0 {
		return Outcome{}, fmt.Errorf("probe: %d candidates and %d metrics, want 1 of each or more: %w", len(candidates), len(metrics), ErrOption)
	}
	if len(candidates) > 1 && splits.Validation.Len() == 0 {
		return Outcome{}, fmt.Errorf("probe: %d candidates but no validation set to choose by: %w", len(candidates), ErrOption)
	}
	o, err := choose(ctx, splits, candidates, metrics[0], seed)
	if err != nil {
		return Outcome{}, err
	}
	for _, part := range []struct {
		name string
		set  Set
	}{{"train", splits.Train}, {"validation", splits.Validation}, {"test", splits.Test}} {
		if part.set.Len() == 0 {
			continue
		}
		prediction, err := o.Predictor.Predict(ctx, part.set.X)
		if err != nil {
			return Outcome{}, err
		}
		for _, m := range metrics {
			value, err := m.Of(prediction, part.set.Labels)
			if err != nil {
				return Outcome{}, fmt.Errorf("probe: %s of the %s set: %w", m.Name, part.name, err)
			}
			o.Values = append(o.Values, Value{part.name, m.Name, value})
		}
		converged := 0.0
		if prediction.Report.Converged {
			converged = 1
		}
		o.Values = append(o.Values, Value{part.name, "converged", converged})
	}
	if o.Chosen.Setting != "" {
		o.Values = append(o.Values, Value{"validation", o.Chosen.Setting, o.Chosen.Value})
	}
	return o, nil
}

// choose returns the candidate with the best validation value; an undefined one
// counts as the worst.
func choose(ctx context.Context, splits Splits, candidates []Candidate, by Metric, seed uint64) (Outcome, error) {
	var best Outcome
	highest := math.Inf(-1)
	for _, candidate := range candidates {
		if err := ctx.Err(); err != nil {
			return Outcome{}, err
		}
		predictor, err := candidate.Probe.Fit(ctx, splits.Train, splits.Validation, seed)
		if err != nil {
			return Outcome{}, err
		}
		value := math.Inf(-1)
		if len(candidates) > 1 {
			prediction, err := predictor.Predict(ctx, splits.Validation.X)
			if err != nil {
				return Outcome{}, err
			}
			if value, err = by.Of(prediction, splits.Validation.Labels); err != nil {
				return Outcome{}, fmt.Errorf("probe: %s of the validation set: %w", by.Name, err)
			}
		}
		if best.Predictor == nil || value > highest {
			best = Outcome{Chosen: candidate, Predictor: predictor}
			if highest = math.Inf(-1); !math.IsNaN(value) {
				highest = value
			}
		}
	}
	return best, nil
}
