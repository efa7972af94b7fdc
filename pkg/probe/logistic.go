package probe

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Logistic is logistic regression with an L2 penalty, by LBFGS. It minimises
//
//	C·Σᵢ −ln p(yᵢ|xᵢ) + ½‖W‖²
//
// with the intercepts free, which is scikit-learn's convention: a larger C is a
// weaker penalty, and C counts against the sum over samples, not their mean.
// Two classes have one row of coefficients, more have a softmax over one row a
// class.
type Logistic struct {
	C             float64 // 0 means 1
	Tolerance     float64 // on the gradient's largest entry, by C·samples and the feature's standard deviation if above 1; 0 means 1e-10
	MaxIterations int     // of LBFGS; 0 means 1000
}

// LogisticModel is a fitted logistic regression.
type LogisticModel struct {
	Classes      []int      // class numbers of the training labels, ascending
	Coefficients *mat.Dense // [classes, features]; of two classes [1, features], for the second
	Intercepts   []float64  // [classes], with sum 0; of two classes [1]
	Report       Report     // Objective is what was minimised
}

// Fit implements Probe; neither validation nor seed plays a part.
func (l Logistic) Fit(ctx context.Context, train, _ Set, _ uint64) (Predictor, error) {
	return fitted(l.Train(ctx, train))
}

// Train fits the regression to the classes that occur in the labels.
func (l Logistic) Train(ctx context.Context, train Set) (*LogisticModel, error) {
	classes, place, err := train.Classes()
	if err != nil {
		return nil, err
	}
	if l.C, err = positive("C", l.C, 1); err != nil {
		return nil, err
	}
	if l.Tolerance, err = positive("the tolerance", l.Tolerance, 1e-10); err != nil {
		return nil, err
	}
	if l.MaxIterations, err = count("the number of iterations", l.MaxIterations, 1000); err != nil {
		return nil, err
	}
	x, err := dense.Load(train.X)
	if err != nil {
		return nil, fmt.Errorf("probe: logistic regression: %w", err)
	}
	defer x.Release()
	objective := newCrossEntropy(x, train.X, place, len(classes), l.C)
	minimum, err := objective.minimize(ctx, train.X, l.Tolerance, l.MaxIterations)
	if err != nil {
		return nil, fmt.Errorf("probe: logistic regression: %w", err)
	}
	model := &LogisticModel{
		Classes:      classes,
		Coefficients: mat.DenseCopyOf(minimum.weights.T()),
		Intercepts:   minimum.intercepts,
		Report:       minimum.report,
	}
	// The softmax leaves the intercepts' common level open.
	if len(classes) > 2 {
		floats.AddConst(-floats.Sum(model.Intercepts)/float64(len(classes)), model.Intercepts)
	}
	return model, nil
}

// Decisions are the linear scores: [samples, classes], or [samples, 1], positive
// for the second class, when there are two.
func (m *LogisticModel) Decisions(x *mat.Dense) (*mat.Dense, error) {
	return decisions(x, m.Coefficients, m.Intercepts)
}

// Probabilities [samples, classes] of the classes.
func (m *LogisticModel) Probabilities(x *mat.Dense) (*mat.Dense, error) {
	scores, err := m.Decisions(x)
	if err != nil {
		return nil, err
	}
	samples := scores.RawMatrix().Rows
	probabilities := mat.NewDense(samples, len(m.Classes), nil)
	for i := range samples {
		from, to := scores.RawRowView(i), probabilities.RawRowView(i)
		if len(m.Classes) == 2 {
			to[0], to[1] = sigmoid(-from[0]), sigmoid(from[0])
			continue
		}
		copy(to, from)
		softmax(to)
	}
	return probabilities, nil
}

// Predict implements Predictor; the scores are probabilities.
func (m *LogisticModel) Predict(_ context.Context, x *mat.Dense) (Prediction, error) {
	probabilities, err := m.Probabilities(x)
	if err != nil {
		return Prediction{}, err
	}
	return NewPrediction(probabilities, m.Classes, m.Report), nil
}

// decisions is x·coefficientsᵀ + intercepts.
func decisions(x, coefficients *mat.Dense, intercepts []float64) (*mat.Dense, error) {
	if err := checkFeatures(x, coefficients.RawMatrix().Cols); err != nil {
		return nil, err
	}
	scores := mat.NewDense(x.RawMatrix().Rows, len(intercepts), nil)
	if err := dense.Mul(scores, x, mat.DenseCopyOf(coefficients.T())); err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	for i := range x.RawMatrix().Rows {
		floats.Add(scores.RawRowView(i), intercepts)
	}
	return scores, nil
}

func sigmoid(v float64) float64 {
	if v < 0 {
		e := math.Exp(v)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-v))
}

// softmax overwrites logits with probabilities and returns the logarithm of the
// sum of their exponentials.
func softmax(logits []float64) float64 {
	largest := floats.Max(logits)
	sum := 0.0
	for k, v := range logits {
		logits[k] = math.Exp(v - largest)
		sum += logits[k]
	}
	floats.Scale(1/sum, logits)
	return largest + math.Log(sum)
}
