package probe

import (
	"context"

	"gonum.org/v1/gonum/mat"
)

// A Probe learns to tell classes apart by their codes.
type Probe interface {
	// Fit learns from train. Validation, which may be empty, is never learnt
	// from: it may decide when to stop. Equal inputs give equal predictors.
	Fit(ctx context.Context, train, validation Set, seed uint64) (Predictor, error)
}

// A Predictor is a fitted probe. It is safe for concurrent use.
type Predictor interface {
	// Predict judges codes [samples, features] of the width it was fitted to.
	Predict(ctx context.Context, x *mat.Dense) (Prediction, error)
}

// Prediction is what a probe says of samples.
type Prediction struct {
	Labels []int // [samples], class numbers
	// Scores are higher for likelier classes: probabilities, margins or votes,
	// as the probe documents.
	Scores  *mat.Dense // [samples, len(Classes)]
	Classes []int      // class number of each column, ascending
	Report  Report     // of the fit behind it
}

// NewPrediction labels every sample with the class of its highest score; ties go
// to the lower class number.
func NewPrediction(scores *mat.Dense, classes []int, report Report) Prediction {
	return Prediction{argmax(scores, classes), scores, classes, report}
}

// Report says how a fit went.
type Report struct {
	Converged  bool    `json:"converged"`
	Iterations int     `json:"iterations"`
	Residual   float64 `json:"residual"`  // what is left of the quantity that the probe's Tolerance bounds
	Objective  float64 `json:"objective"` // as the probe documents; 0 where it has none
}

// and joins the reports of several fits into that of all.
func (r Report) and(other Report) Report {
	return Report{
		Converged:  r.Converged && other.Converged,
		Iterations: max(r.Iterations, other.Iterations),
		Residual:   max(r.Residual, other.Residual),
		Objective:  r.Objective + other.Objective,
	}
}

// argmax returns for every row the class of its highest score; ties go to the
// lower class number.
func argmax(scores *mat.Dense, classes []int) []int {
	labels := make([]int, scores.RawMatrix().Rows)
	for i := range labels {
		best := 0
		row := scores.RawRowView(i)
		for k, v := range row {
			if v > row[best] {
				best = k
			}
		}
		labels[i] = classes[best]
	}
	return labels
}

// fitted keeps a failed fit from becoming a Predictor that is not nil.
func fitted[P Predictor](model P, err error) (Predictor, error) {
	if err != nil {
		return nil, err
	}
	return model, nil
}
