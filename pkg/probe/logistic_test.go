package probe

import (
	"context"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

func TestCrossEntropyGradient(t *testing.T) {
	for _, classes := range []int{2, 4} {
		set := blobs(3, 40, 3, classes, 1)
		loaded := must(dense.Load(set.X))(t)
		defer loaded.Release()
		outputs := classes
		if classes == 2 {
			outputs = 1
		}
		o := newCrossEntropy(loaded, set.X, set.Labels, classes, 1.7)
		gradient := mat.NewDense(4, outputs, nil)
		at := func(v []float64) float64 { return must(o.evaluate(mat.NewDense(4, outputs, v), gradient))(t) }
		point := make([]float64, 4*outputs)
		for i := range point {
			point[i] = math.Sin(float64(i + 1))
		}
		want := fd.Gradient(nil, at, point, &fd.Settings{Formula: fd.Central})
		at(point)
		wantClose(t, fmt.Sprintf("gradient of %d classes", classes), gradient.RawMatrix().Data, want, 1e-6)
	}
}

// objective is what Logistic documents, term by term.
func objective(m *LogisticModel, s Set, c float64) float64 {
	probabilities, err := m.Probabilities(s.X)
	if err != nil {
		return math.NaN()
	}
	loss := 0.0
	for i, label := range s.Labels {
		loss -= math.Log(probabilities.At(i, label))
	}
	return c*loss + math.Pow(mat.Norm(m.Coefficients, 2), 2)/2
}

func TestLogisticIsTheMinimum(t *testing.T) {
	for _, classes := range []int{2, 3} {
		set := blobs(4, 150, 4, classes, 1)
		const c = 0.3
		m := must(Logistic{C: c}.Train(context.Background(), set))(t)
		least := objective(m, set, c)
		wantClose(t, "objective", []float64{m.Report.Objective}, []float64{least}, 1e-12)
		for _, values := range [][]float64{m.Coefficients.RawMatrix().Data, m.Intercepts} {
			for i, v := range values {
				for _, step := range []float64{-1e-3, 1e-3} {
					values[i] = v + step
					if moved := objective(m, set, c); moved < least {
						t.Errorf("%d classes: objective %v beside the minimum %v", classes, moved, least)
					}
				}
				values[i] = v
			}
		}
		if classes > 2 {
			wantClose(t, "sum of intercepts", []float64{floats.Sum(m.Intercepts)}, []float64{0}, 1e-12)
			for j := range 4 {
				wantClose(t, "sum of a feature's coefficients", []float64{floats.Sum(mat.Col(nil, j, m.Coefficients))}, []float64{0}, 1e-8)
			}
		}
	}
}

func TestLogisticIgnoresTheOrderOfSamples(t *testing.T) {
	set := blobs(5, 1500, 6, 3, 1) // more than two blocks of rows
	other, _ := shuffled(set, 5)
	a, b := must(Logistic{}.Train(context.Background(), set))(t), must(Logistic{}.Train(context.Background(), other))(t)
	wantClose(t, "coefficients", b.Coefficients.RawMatrix().Data, a.Coefficients.RawMatrix().Data, 1e-6)
	wantClose(t, "intercepts", b.Intercepts, a.Intercepts, 1e-6)
}

// A feature's scale changes only how hard the penalty bears on it; without a
// penalty to speak of the probabilities stay.
func TestLogisticOnHardCodes(t *testing.T) {
	set := blobs(6, 400, 5, 3, 0.7)
	plain := must(Logistic{C: 1e9}.Train(context.Background(), set))(t)
	scaled := Set{mat.DenseCopyOf(set.X), set.Labels}
	for i := range set.Len() {
		row := scaled.X.RawRowView(i)
		for j := range row {
			row[j] = (row[j] + 1e3) * math.Pow(10, 1.5*float64(j-2))
		}
	}
	hard := must(Logistic{C: 1e9}.Train(context.Background(), scaled))(t)
	if !hard.Report.Converged {
		t.Errorf("features of scale 1e-3 to 1e3: %+v", hard.Report)
	}
	wantClose(t, "probabilities", must(hard.Probabilities(scaled.X))(t).RawMatrix().Data, must(plain.Probabilities(set.X))(t).RawMatrix().Data, 1e-4)

	// Twice the same features: each copy carries half.
	double := Set{mat.NewDense(400, 10, nil), set.Labels}
	double.X.Augment(set.X, set.X)
	half := must(Logistic{C: 0.5}.Train(context.Background(), double))(t)
	single := must(Logistic{C: 1}.Train(context.Background(), set))(t)
	var sum mat.Dense
	sum.Add(half.Coefficients.Slice(0, 3, 0, 5), half.Coefficients.Slice(0, 3, 5, 10))
	wantClose(t, "sum of the copies' coefficients", sum.RawMatrix().Data, single.Coefficients.RawMatrix().Data, 1e-6)

	separable := blobs(6, 100, 30, 2, 10)
	if m := must(Logistic{C: 100}.Train(context.Background(), separable))(t); !m.Report.Converged || accuracy(t, m, separable) != 1 {
		t.Errorf("separable: %+v, accuracy %v", m.Report, accuracy(t, m, separable))
	}
}

// Codes wider than metricFeatures take the other kind of coordinates.
func TestLogisticOnWideCodes(t *testing.T) {
	set := blobs(8, 24, 3, 3, 1)
	wide := Set{mat.NewDense(24, metricFeatures+1, nil), set.Labels}
	for i := range 24 {
		copy(wide.X.RawRowView(i), set.X.RawRowView(i))
	}
	a, b := must(Logistic{}.Train(context.Background(), set))(t), must(Logistic{}.Train(context.Background(), wide))(t)
	if !b.Report.Converged {
		t.Errorf("%+v", b.Report)
	}
	wantClose(t, "coefficients", mat.DenseCopyOf(b.Coefficients.Slice(0, 3, 0, 3)).RawMatrix().Data, a.Coefficients.RawMatrix().Data, 1e-6)
}
