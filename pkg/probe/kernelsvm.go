package probe

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// KernelSVM is a support vector machine with a kernel, one class against one, as
// libsvm and scikit-learn's SVC have it. For each pair of classes it solves
//
//	min ½ Σᵢⱼ sᵢsⱼk(xᵢ,xⱼ) − Σᵢ yᵢsᵢ,  Σᵢ sᵢ = 0,  0 ≤ yᵢsᵢ ≤ C
//
// by sequential minimal optimisation with second-order working sets (Fan, Chen
// and Lin 2005); the bias is free. The decision of a pair is Σᵢ sᵢk(xᵢ,x) + b,
// positive for the class of lower number; of two classes alone it is positive
// for the second, as scikit-learn turns it.
type KernelSVM struct {
	C             float64 // 0 means 1
	Kernel        Kernel
	Gamma         float64 // of the RBF kernel; 0 means 1/(features·variance of all entries), scikit-learn's "scale"
	Tolerance     float64 // on the optimality conditions, in units of the margin; 0 means 1e-8
	MaxIterations int     // for each pair; 0 means 10,000,000
}

// Kernel is a measure of likeness.
type Kernel int

// Kernels of a KernelSVM.
const (
	RBF    Kernel = iota // exp(−γ‖x − y‖²)
	Linear               // x·y
)

// String names the kernel as scikit-learn does.
func (k Kernel) String() string {
	if k == Linear {
		return "linear"
	}
	return "rbf"
}

// KernelSVMModel is a fitted kernel SVM.
type KernelSVMModel struct {
	Classes []int // class numbers of the training labels, ascending
	Kernel  Kernel
	Gamma   float64
	Pairs   []Pair // (0,1), (0,2), …, by place in Classes
	Report  Report // Objective is the sum over pairs

	support      *mat.Dense // [vectors, features], the support vectors of any pair
	coefficients *mat.Dense // [vectors, pairs]
}

// Pair is the machine that tells one class from another.
type Pair struct {
	First, Second int       // places in Classes
	Support       []int     // samples of the training set with a coefficient
	Coefficients  []float64 // s of each: above 0 for First, below for Second
	Bias          float64
	Report        Report
}

// Fit implements Probe; neither validation nor seed plays a part.
func (s KernelSVM) Fit(ctx context.Context, train, _ Set, _ uint64) (Predictor, error) {
	return fitted(s.Train(ctx, train))
}

// Train fits the machines of all pairs of classes that occur in the labels.
func (s KernelSVM) Train(ctx context.Context, train Set) (*KernelSVMModel, error) {
	classes, place, err := train.Classes()
	if err != nil {
		return nil, err
	}
	if s.Kernel != RBF && s.Kernel != Linear {
		return nil, fmt.Errorf("probe: kernel %d is neither RBF nor linear: %w", s.Kernel, ErrOption)
	}
	if s.C, err = positive("C", s.C, 1); err != nil {
		return nil, err
	}
	if s.Gamma, err = positive("gamma", s.Gamma, scaleGamma(train.X)); err != nil {
		return nil, err
	}
	if s.Tolerance, err = positive("the tolerance", s.Tolerance, 1e-8); err != nil {
		return nil, err
	}
	if s.MaxIterations, err = count("the number of iterations", s.MaxIterations, 10_000_000); err != nil {
		return nil, err
	}
	members := make([][]int, len(classes))
	for i, k := range place {
		members[k] = append(members[k], i)
	}
	model := &KernelSVMModel{Classes: classes, Kernel: s.Kernel, Gamma: s.Gamma, Report: Report{Converged: true}}
	for first := range classes {
		for second := first + 1; second < len(classes); second++ {
			model.Pairs = append(model.Pairs, Pair{First: first, Second: second})
		}
	}
	failures := make([]error, len(model.Pairs))
	dense.Parallel(len(model.Pairs), func(p int) {
		failures[p] = model.Pairs[p].train(ctx, s, train.X, members)
	})
	for p, err := range failures {
		if err != nil {
			return nil, fmt.Errorf("probe: kernel SVM of classes %d and %d: %w", classes[model.Pairs[p].First], classes[model.Pairs[p].Second], err)
		}
		model.Report = model.Report.and(model.Pairs[p].Report)
	}
	model.gather(train.X)
	return model, nil
}

// scaleGamma is 1/(features·variance of all entries), 1 where they are all equal.
func scaleGamma(x *mat.Dense) float64 {
	samples, features := x.Dims()
	n := float64(samples) * float64(features)
	mean, variance := 0.0, 0.0
	for i := range samples {
		mean += floats.Sum(x.RawRowView(i)) / n
	}
	for i := range samples {
		for _, v := range x.RawRowView(i) {
			variance += (v - mean) * (v - mean) / n
		}
	}
	if variance == 0 {
		return 1
	}
	return 1 / (float64(features) * variance)
}

// train solves the pair's problem; members are the samples of each class.
func (p *Pair) train(ctx context.Context, s KernelSVM, x *mat.Dense, members [][]int) error {
	samples := append(append([]int(nil), members[p.First]...), members[p.Second]...)
	signs := make([]float64, len(samples))
	for i := range signs {
		if signs[i] = 1; i >= len(members[p.First]) {
			signs[i] = -1
		}
	}
	kernel, err := newKernelRows(s.Kernel, s.Gamma, rows(x, samples))
	if err != nil {
		return err
	}
	solution, err := solveDual(ctx, kernel, signs, s.C, s.Tolerance, s.MaxIterations)
	if err != nil {
		return err
	}
	for i, sample := range samples {
		if c := solution.coefficients[i]; c != 0 {
			p.Support = append(p.Support, sample)
			p.Coefficients = append(p.Coefficients, c)
		}
	}
	p.Bias, p.Report = solution.bias, solution.report
	return nil
}

// gather collects the support vectors of all pairs, so that the kernel of each
// is computed once.
func (m *KernelSVMModel) gather(x *mat.Dense) {
	place := map[int]int{}
	var samples []int
	for _, pair := range m.Pairs {
		for _, sample := range pair.Support {
			if _, known := place[sample]; !known {
				place[sample] = len(samples)
				samples = append(samples, sample)
			}
		}
	}
	m.support = rows(x, samples)
	m.coefficients = mat.NewDense(len(samples), len(m.Pairs), nil)
	for p, pair := range m.Pairs {
		for i, sample := range pair.Support {
			m.coefficients.Set(place[sample], p, pair.Coefficients[i])
		}
	}
}

// Biases are the pairs' intercepts, with the sign of PairDecisions.
func (m *KernelSVMModel) Biases() []float64 {
	biases := make([]float64, len(m.Pairs))
	for p, pair := range m.Pairs {
		biases[p] = m.sign() * pair.Bias
	}
	return biases
}

// sign turns the decision of two classes alone towards the second.
func (m *KernelSVMModel) sign() float64 {
	if len(m.Pairs) == 1 {
		return -1
	}
	return 1
}

// PairDecisions [samples, pairs] are scikit-learn's decision_function of shape
// "ovo": above 0 for the first class of a pair, with two classes for the second.
func (m *KernelSVMModel) PairDecisions(x *mat.Dense) (*mat.Dense, error) {
	if err := checkFeatures(x, m.support.RawMatrix().Cols); err != nil {
		return nil, err
	}
	out := mat.NewDense(x.RawMatrix().Rows, len(m.Pairs), nil)
	if err := m.Kernel.times(out, x, m.support, m.coefficients, m.Gamma); err != nil {
		return nil, fmt.Errorf("probe: kernel SVM: %w", err)
	}
	biases := m.Biases()
	for i := range x.RawMatrix().Rows {
		row := out.RawRowView(i)
		floats.Scale(m.sign(), row)
		floats.Add(row, biases)
	}
	return out, nil
}

// Predict implements Predictor. The label has most votes of the pairs, ties go
// to the lower class number. Scores are scikit-learn's decisions of shape "ovr",
// votes + s/(3(|s|+1)) with s the sum of a class's pair decisions; of two
// classes −f and f.
func (m *KernelSVMModel) Predict(_ context.Context, x *mat.Dense) (Prediction, error) {
	pairs, err := m.PairDecisions(x)
	if err != nil {
		return Prediction{}, err
	}
	if len(m.Pairs) == 1 {
		scores := bothSides(pairs)
		return NewPrediction(scores, m.Classes, m.Report), nil
	}
	samples := x.RawMatrix().Rows
	votes, sums := mat.NewDense(samples, len(m.Classes), nil), mat.NewDense(samples, len(m.Classes), nil)
	for i := range samples {
		vote, sum := votes.RawRowView(i), sums.RawRowView(i)
		for p, decision := range pairs.RawRowView(i) {
			pair := m.Pairs[p]
			sum[pair.First] += decision
			sum[pair.Second] -= decision
			if decision > 0 {
				vote[pair.First]++
			} else {
				vote[pair.Second]++
			}
		}
	}
	labels := argmax(votes, m.Classes)
	sums.Apply(func(_, _ int, s float64) float64 { return s / (3 * (math.Abs(s) + 1)) }, sums)
	votes.Add(votes, sums)
	return Prediction{labels, votes, m.Classes, m.Report}, nil
}
