package probe

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// Loss is what a margin y·f(x) below 1 costs.
type Loss int

// Losses of a linear SVM.
const (
	SquaredHinge Loss = iota // max(0, 1 − y·f)²
	Hinge                    // max(0, 1 − y·f)
)

// String names the loss as scikit-learn does.
func (l Loss) String() string {
	if l == Hinge {
		return "hinge"
	}
	return "squared_hinge"
}

// LinearSVM is a linear support vector machine, one class against the rest. For
// each class it minimises
//
//	½(‖w‖² + b²) + C·Σᵢ loss(yᵢ(w·xᵢ + b)),  yᵢ = ±1
//
// as liblinear and scikit-learn's LinearSVC do: the intercept b is the weight of
// a constant feature 1 and is penalised as the others are. Two classes have one
// row of coefficients, positive for the second class.
type LinearSVM struct {
	C             float64 // 0 means 1
	Loss          Loss
	Tolerance     float64 // on the optimality conditions, in units of the margin; 0 means 1e-10
	MaxIterations int     // Newton steps a class; 0 means 1000
}

// LinearSVMModel is a fitted linear SVM.
type LinearSVMModel struct {
	Classes      []int      // class numbers of the training labels, ascending
	Coefficients *mat.Dense // [classes, features]; of two classes [1, features]
	Intercepts   []float64  // [classes]; of two classes [1]
	Duals        *mat.Dense // [classes, samples]; of two classes [1, samples]: 0 to C for Hinge, 0 or more for SquaredHinge
	Report       Report     // Objective is the sum over classes of what was minimised
}

// Fit implements Probe; neither validation nor seed plays a part.
func (s LinearSVM) Fit(ctx context.Context, train, _ Set, _ uint64) (Predictor, error) {
	return fitted(s.Train(ctx, train))
}

// Train fits the machines of all classes that occur in the labels.
func (s LinearSVM) Train(ctx context.Context, train Set) (*LinearSVMModel, error) {
	classes, place, err := train.Classes()
	if err != nil {
		return nil, err
	}
	if s.Loss != Hinge && s.Loss != SquaredHinge {
		return nil, fmt.Errorf("probe: loss %d is neither hinge nor squared hinge: %w", s.Loss, ErrOption)
	}
	if s.C, err = positive("C", s.C, 1); err != nil {
		return nil, err
	}
	if s.Tolerance, err = positive("the tolerance", s.Tolerance, 1e-10); err != nil {
		return nil, err
	}
	if s.MaxIterations, err = count("the number of iterations", s.MaxIterations, 1000); err != nil {
		return nil, err
	}
	x, err := dense.Load(train.X)
	if err != nil {
		return nil, fmt.Errorf("probe: linear SVM: %w", err)
	}
	defer x.Release()

	positives := make([]int, len(classes)) // the class on the positive side of each machine
	for k := range positives {
		positives[k] = k
	}
	if len(classes) == 2 {
		positives = positives[1:]
	}
	model := &LinearSVMModel{
		Classes:      classes,
		Coefficients: mat.NewDense(len(positives), train.Features(), nil),
		Intercepts:   make([]float64, len(positives)),
		Duals:        mat.NewDense(len(positives), train.Len(), nil),
		Report:       Report{Converged: true},
	}
	for row, class := range positives {
		signs := make([]float64, train.Len())
		for i, own := range place {
			if signs[i] = -1; own == class {
				signs[i] = 1
			}
		}
		m := newMargins(x, train.X, signs, s.C)
		report, err := m.minimize(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("probe: linear SVM of class %d: %w", classes[class], err)
		}
		model.Coefficients.SetRow(row, m.weights[:train.Features()])
		model.Intercepts[row] = m.weights[train.Features()]
		model.Duals.SetRow(row, m.forces)
		model.Report = model.Report.and(report)
	}
	return model, nil
}

// Decisions are signed distances to each hyperplane in units of the margin:
// [samples, classes], or [samples, 1] when there are two classes.
func (m *LinearSVMModel) Decisions(x *mat.Dense) (*mat.Dense, error) {
	return decisions(x, m.Coefficients, m.Intercepts)
}

// Predict implements Predictor; the scores are decisions, of two classes −f and f.
func (m *LinearSVMModel) Predict(_ context.Context, x *mat.Dense) (Prediction, error) {
	scores, err := m.Decisions(x)
	if err != nil {
		return Prediction{}, err
	}
	if len(m.Classes) == 2 {
		scores = bothSides(scores)
	}
	return NewPrediction(scores, m.Classes, m.Report), nil
}

// bothSides makes two columns −f and f of one column f.
func bothSides(f *mat.Dense) *mat.Dense {
	samples := f.RawMatrix().Rows
	both := mat.NewDense(samples, 2, nil)
	for i := range samples {
		both.Set(i, 0, -f.At(i, 0))
		both.Set(i, 1, f.At(i, 0))
	}
	return both
}
