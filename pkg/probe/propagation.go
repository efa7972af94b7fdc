package probe

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// LabelPropagation spreads a few labels along a graph of nearest neighbours, as
// LaplaceNet (Sellars, Avilés-Rivero and Schönlieb 2022) does after Zhou et al.
// 2004: with S = D^−½WD^−½ and Y the labels, one-hot and 0 where there is none, it
// solves
//
//	(I − αS)·Z = Y
//
// by conjugate gradients. As a Probe it is transductive: what is predicted
// becomes part of the graph, so the predictions of a set depend on all of it.
type LabelPropagation struct {
	Neighbours    int     // k; 0 means 50, or as many others as there are
	Alpha         float64 // α, in (0, 1); 0 means 0.99
	Tolerance     float64 // on ‖(I−αS)z − y‖/‖y‖ of each class; 0 means 1e-10 (LaplaceNet stops at 1e-3)
	MaxIterations int     // 0 means 1000 (LaplaceNet's is 30)
	AlignRounds   int     // of distribution alignment: 0 for none, LaplaceNet's is 100
}

// Propagation is the outcome of label propagation.
type Propagation struct {
	Graph         *Graph
	Z             *mat.Dense // [samples, classes], the solution
	Probabilities *mat.Dense // [samples, classes]: Z without what is below 0, rows scaled to 1; labelled rows one-hot
	Labels        []int      // [samples], class of the highest probability; the lower one of equals
	Certainty     []float64  // [samples], 1 − entropy/ln(classes); 1 where labelled, 0 where unreached
	Unreached     int        // samples that no label reaches: their probabilities are all 0
	Report        Report     // Iterations and Residual are the worst over the classes
}

// Propagate spreads the labels of the labelled samples over all rows of x
// [samples, features]. Labels [samples] are read only where labelled, a list of
// row numbers, points; they are class numbers below classes.
func (l LabelPropagation) Propagate(ctx context.Context, x *mat.Dense, labels, labelled []int, classes int) (*Propagation, error) {
	l, known, err := l.check(x, labels, labelled, classes)
	if err != nil {
		return nil, err
	}
	graph, err := NewGraph(x, l.Neighbours)
	if err != nil {
		return nil, err
	}
	return l.over(ctx, graph, known, classes)
}

// check fills in defaults and returns the label of each sample, −1 for none.
func (l LabelPropagation) check(x *mat.Dense, labels, labelled []int, classes int) (LabelPropagation, []int, error) {
	samples := x.RawMatrix().Rows
	fail := func(kind error, format string, args ...any) (LabelPropagation, []int, error) {
		return l, nil, fmt.Errorf("probe: label propagation: "+format+": %w", append(args, kind)...)
	}
	if len(labels) != samples {
		return fail(ErrMismatch, "%d labels for %d samples", len(labels), samples)
	}
	if classes < 2 {
		return fail(ErrOneClass, "%d classes", classes)
	}
	if len(labelled) == 0 {
		return fail(ErrMismatch, "no sample is labelled")
	}
	known := slices.Repeat([]int{-1}, samples)
	for _, i := range labelled {
		if i < 0 || i >= samples {
			return fail(ErrMismatch, "labelled sample %d of %d", i, samples)
		}
		if labels[i] < 0 || labels[i] >= classes {
			return fail(ErrLabel, "label %d at sample %d, want 0 to %d", labels[i], i, classes-1)
		}
		known[i] = labels[i]
	}
	var err error
	if l.Neighbours == 0 {
		l.Neighbours = min(50, samples-1)
	}
	if l.Alpha == 0 {
		l.Alpha = 0.99
	}
	if !(l.Alpha > 0 && l.Alpha < 1) {
		return fail(ErrOption, "alpha is %v, want a number between 0 and 1", l.Alpha)
	}
	if l.AlignRounds < 0 {
		return fail(ErrOption, "%d rounds of alignment", l.AlignRounds)
	}
	if l.Tolerance, err = positive("the tolerance", l.Tolerance, 1e-10); err != nil {
		return l, nil, err
	}
	l.MaxIterations, err = count("the number of iterations", l.MaxIterations, 1000)
	return l, known, err
}

// over propagates along a graph; known is the label of each sample, −1 for none.
func (l LabelPropagation) over(ctx context.Context, graph *Graph, known []int, classes int) (*Propagation, error) {
	p := &Propagation{Graph: graph}
	var err error
	if p.Z, p.Report, err = l.solve(ctx, graph, known, classes); err != nil {
		return nil, err
	}
	p.Probabilities = mat.DenseCopyOf(p.Z)
	p.Probabilities.Apply(func(_, _ int, z float64) float64 { return max(z, 0) }, p.Probabilities)
	for i, label := range known {
		row := p.Probabilities.RawRowView(i)
		if label >= 0 {
			clear(row)
			row[label] = 1
		} else if !toSumOne(row) {
			p.Unreached++
		}
	}
	every := make([]int, classes)
	for k := range every {
		every[k] = k
	}
	p.Labels = argmax(p.Probabilities, every)
	for range l.AlignRounds {
		align(p.Probabilities, p.Labels, known)
		p.Labels = argmax(p.Probabilities, every)
	}
	p.Certainty = make([]float64, len(known))
	for i := range known {
		p.Certainty[i] = certainty(p.Probabilities.RawRowView(i))
	}
	return p, nil
}

// toSumOne scales a row of weights to sum 1 and says whether it could.
func toSumOne(row []float64) bool {
	sum := floats.Sum(row)
	if sum > 0 {
		floats.Scale(1/sum, row)
	}
	return sum > 0
}

// align moves the unlabelled rows towards the class frequencies of the labelled
// ones, by at most a hundredth a class.
func align(probabilities *mat.Dense, labels, known []int) {
	classes := probabilities.RawMatrix().Cols
	labelled, pseudo := make([]float64, classes), make([]float64, classes)
	for i, label := range known {
		if label >= 0 {
			labelled[label]++
		} else {
			pseudo[labels[i]]++
		}
	}
	toSumOne(labelled)
	toSumOne(pseudo)
	factors := make([]float64, classes)
	for k := range factors {
		factors[k] = min(max(labelled[k]/(pseudo[k]+1e-7), 0.99), 1.01)
	}
	for i, label := range known {
		if label < 0 {
			row := probabilities.RawRowView(i)
			floats.Mul(row, factors)
			toSumOne(row)
		}
	}
}

// certainty is 1 for a one-hot row and 0 for an even one and for zeros.
func certainty(row []float64) float64 {
	entropy, sum := 0.0, 0.0
	for _, p := range row {
		if sum += p; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	if sum == 0 {
		return 0
	}
	return 1 - entropy/math.Log(float64(len(row)))
}

// solve runs conjugate gradients for all classes side by side.
func (l LabelPropagation) solve(ctx context.Context, graph *Graph, known []int, classes int) (*mat.Dense, Report, error) {
	normalized, err := graph.normalize()
	if err != nil {
		return nil, Report{}, err
	}
	samples := graph.Samples()
	z, residual := mat.NewDense(samples, classes, nil), mat.NewDense(samples, classes, nil)
	for i, label := range known {
		if label >= 0 {
			residual.Set(i, label, 1)
		}
	}
	direction, image := mat.DenseCopyOf(residual), mat.NewDense(samples, classes, nil)
	squared := columnDots(residual, residual)
	goals := make([]float64, classes)
	floats.ScaleTo(goals, l.Tolerance*l.Tolerance, squared)
	worst := func() (worst float64) {
		for k, s := range squared {
			if goals[k] > 0 {
				worst = max(worst, l.Tolerance*math.Sqrt(s/goals[k]))
			}
		}
		return worst
	}
	report := Report{Residual: worst()}
	for report.Residual > l.Tolerance && report.Iterations < l.MaxIterations {
		if err := ctx.Err(); err != nil {
			return nil, report, err
		}
		graph.subtract(image, direction, normalized, l.Alpha)
		lengths := make([]float64, classes)
		for k, curvature := range columnDots(direction, image) {
			// A finished class stands still; without positive curvature there is no minimum to go to.
			if squared[k] > goals[k] && curvature > 0 {
				lengths[k] = squared[k] / curvature
			}
		}
		inBlocks(samples, func(_, from, to int) {
			for i := from; i < to; i++ {
				rowZ, rowR, rowD, rowI := z.RawRowView(i), residual.RawRowView(i), direction.RawRowView(i), image.RawRowView(i)
				for k, length := range lengths {
					rowZ[k] += length * rowD[k]
					rowR[k] -= length * rowI[k]
				}
			}
		})
		previous := squared
		squared = columnDots(residual, residual)
		inBlocks(samples, func(_, from, to int) {
			for i := from; i < to; i++ {
				rowR, rowD := residual.RawRowView(i), direction.RawRowView(i)
				for k, length := range lengths {
					if length > 0 {
						rowD[k] = rowR[k] + squared[k]/previous[k]*rowD[k]
					}
				}
			}
		})
		report.Iterations++
		report.Residual = worst()
	}
	report.Converged = report.Residual <= l.Tolerance
	return z, report, nil
}

// subtract sets dst to (I − αS)·v.
func (g *Graph) subtract(dst, v *mat.Dense, normalized []float64, alpha float64) {
	inBlocks(g.Samples(), func(_, from, to int) {
		for i := from; i < to; i++ {
			row := dst.RawRowView(i)
			copy(row, v.RawRowView(i))
			for e := g.starts[i]; e < g.starts[i+1]; e++ {
				floats.AddScaled(row, -alpha*normalized[e], v.RawRowView(g.ends[e]))
			}
		}
	})
}

// columnDots are the inner products of the columns of a with those of b.
func columnDots(a, b *mat.Dense) []float64 {
	samples, columns := a.Dims()
	parts := mat.NewDense(blocks(samples), columns, nil)
	inBlocks(samples, func(block, from, to int) {
		sums := parts.RawRowView(block)
		for i := from; i < to; i++ {
			rowA, rowB := a.RawRowView(i), b.RawRowView(i)
			for k := range sums {
				sums[k] += rowA[k] * rowB[k]
			}
		}
	})
	return columnSums(parts)
}

// Fit implements Probe: it keeps the training set, whose labels Predict spreads.
func (l LabelPropagation) Fit(_ context.Context, train, _ Set, _ uint64) (Predictor, error) {
	classes, place, err := train.Classes()
	if err != nil {
		return nil, err
	}
	return &propagator{options: l, x: train.X, classes: classes, place: place}, nil
}

// propagator predicts by a graph of the training set and what is asked for.
type propagator struct {
	options LabelPropagation
	x       *mat.Dense
	classes []int
	place   []int
}

// Predict implements Predictor; the scores are probabilities.
func (p *propagator) Predict(ctx context.Context, x *mat.Dense) (Prediction, error) {
	if err := checkFeatures(x, p.x.RawMatrix().Cols); err != nil {
		return Prediction{}, err
	}
	var all mat.Dense
	all.Stack(p.x, x)
	labelled := make([]int, len(p.place))
	for i := range labelled {
		labelled[i] = i
	}
	labels := append(slices.Clone(p.place), make([]int, x.RawMatrix().Rows)...)
	outcome, err := p.options.Propagate(ctx, &all, labels, labelled, len(p.classes))
	if err != nil {
		return Prediction{}, err
	}
	scores := outcome.Probabilities.Slice(len(labelled), len(labels), 0, len(p.classes)).(*mat.Dense)
	return NewPrediction(scores, p.classes, outcome.Report), nil
}
