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

func TestSquaredHingeGradient(t *testing.T) {
	set := blobs(3, 40, 3, 2, 1)
	signs := make([]float64, 40)
	for i, label := range set.Labels {
		signs[i] = float64(2*label - 1)
	}
	loaded := must(dense.Load(set.X))(t)
	defer loaded.Release()
	m := newMargins(loaded, set.X, signs, 0.8)
	m.rate = 2 * m.c
	at := func(v []float64) float64 {
		copy(m.weights, v)
		if err := m.setSlack(); err != nil {
			t.Fatal(err)
		}
		return m.penalty() + m.loss(SquaredHinge)
	}
	point := []float64{0.4, -0.7, 0.2, 0.1}
	want := fd.Gradient(nil, at, point, &fd.Settings{Formula: fd.Central})
	at(point)
	m.push()
	got := make([]float64, 4)
	if err := m.setGradient(got); err != nil {
		t.Fatal(err)
	}
	wantClose(t, "gradient", got, want, 1e-7)
}

// The conditions of Karush, Kuhn and Tucker and the gap between the primal and
// the dual objective, from the model's numbers alone.
func TestLinearSVMIsOptimal(t *testing.T) {
	for _, loss := range []Loss{Hinge, SquaredHinge} {
		for _, separation := range []float64{0.3, 1, 8} {
			for _, samples := range []int{12, 150} { // fewer than features, and more
				t.Run(fmt.Sprintf("%v separation %v samples %d", loss, separation, samples), func(t *testing.T) {
					set := blobs(9, samples, 20, 3, separation)
					const c = 0.7
					m := must(LinearSVM{C: c, Loss: loss}.Train(context.Background(), set))(t)
					if !m.Report.Converged {
						t.Fatalf("%+v", m.Report)
					}
					decisions := must(m.Decisions(set.X))(t)
					total := 0.0
					for k, class := range m.Classes {
						weights := append(append([]float64(nil), m.Coefficients.RawRowView(k)...), m.Intercepts[k])
						fromDuals := make([]float64, len(weights))
						penalty := floats.Dot(weights, weights) / 2
						primal, dual := penalty, -penalty
						for i, label := range set.Labels {
							y := -1.0
							if label == class {
								y = 1
							}
							alpha, slack := m.Duals.At(k, i), 1-y*decisions.At(i, k)
							floats.AddScaled(fromDuals[:20], alpha*y, set.X.RawRowView(i))
							fromDuals[20] += alpha * y
							dual += alpha
							if loss == SquaredHinge {
								wantClose(t, "dual variable", []float64{alpha}, []float64{2 * c * max(0, slack)}, 1e-8)
								primal += c * max(0, slack) * max(0, slack)
								dual -= alpha * alpha / (4 * c)
								continue
							}
							primal += c * max(0, slack)
							const tolerance = 2e-8
							if alpha < 0 || alpha > c || alpha > 0 && slack < -tolerance || alpha < c && slack > tolerance {
								t.Errorf("class %d, sample %d: dual variable %v with slack %v", class, i, alpha, slack)
							}
						}
						wantClose(t, "weights by the dual variables", fromDuals, weights, 1e-8)
						wantClose(t, "dual objective", []float64{dual}, []float64{primal}, 1e-7)
						total += primal
					}
					wantClose(t, "objective", []float64{m.Report.Objective}, []float64{total}, 1e-9)
				})
			}
		}
	}
}

// Coordinate descent, as in liblinear, does not end on such codes.
func TestLinearSVMOnManyScales(t *testing.T) {
	set := blobs(15, 300, 8, 2, 0.6)
	for i := range 300 {
		row := set.X.RawRowView(i)
		for j := range row {
			row[j] = (row[j] + 2) * math.Pow(10, float64(j)-4)
		}
	}
	const c = 100
	m := must(LinearSVM{C: c, Loss: Hinge}.Train(context.Background(), set))(t)
	if !m.Report.Converged {
		t.Errorf("%+v", m.Report)
	}
	// The dual objective bounds every primal one from below.
	weights, dual := make([]float64, 9), 0.0
	for i, label := range set.Labels {
		alpha, y := m.Duals.At(0, i), float64(2*label-1)
		floats.AddScaled(weights[:8], alpha*y, set.X.RawRowView(i))
		weights[8] += alpha * y
		dual += alpha
	}
	dual -= floats.Dot(weights, weights) / 2
	wantClose(t, "objective", []float64{m.Report.Objective}, []float64{dual}, 1e-9)
}

// At a rate where I is lost beside σ·XᵀX of dependent features.
func TestNewtonStepOfDependentFeatures(t *testing.T) {
	x := mat.NewDense(3, 3, []float64{1, 2, 3, 2, 4, 6, 1, 0, 1})
	a := mat.NewSymDense(3, nil)
	a.SymOuterK(1, x.T())
	b := []float64{1, -1, 2}
	step := append([]float64(nil), b...)
	if err := solveShifted(a, 1e18, step); err != nil {
		t.Fatal(err)
	}
	if floats.Dot(step, b) <= 0 || floats.HasNaN(step) {
		t.Errorf("step %v for the gradient %v does not descend", step, b)
	}
	if err := solveShifted(mat.NewSymDense(1, []float64{math.Inf(1)}), 1, []float64{1}); err == nil {
		t.Error("an infinite matrix: no error")
	}
}

func TestKernelSVMIsOptimal(t *testing.T) {
	for _, kernel := range []Kernel{RBF, Linear} {
		t.Run(kernel.String(), func(t *testing.T) {
			set := blobs(10, 150, 4, 3, 1)
			// Equal samples with opposite labels leave no curvature between them.
			set.X.SetRow(1, set.X.RawRowView(0))
			checkKernelSVM(t, KernelSVM{C: 2, Kernel: kernel}, set)
		})
		t.Run(kernel.String()+" of few dimensions", func(t *testing.T) {
			set := blobs(12, 400, 3, 2, 0.5)
			flat := Set{mat.NewDense(400, 12, nil), set.Labels}
			flat.X.Mul(set.X, mat.DenseCopyOf(blobs(13, 3, 12, 2, 1).X))
			checkKernelSVM(t, KernelSVM{C: 100, Kernel: kernel}, flat)
		})
		t.Run(kernel.String()+" of many scales", func(t *testing.T) {
			set := blobs(14, 200, 4, 2, 0.5)
			for i := range 200 {
				row := set.X.RawRowView(i)
				for j := range row {
					row[j] *= math.Pow(10, float64(j)-2)
				}
			}
			checkKernelSVM(t, KernelSVM{C: 10, Kernel: kernel}, set)
		})
	}
}

// checkKernelSVM fits and checks the conditions of Karush, Kuhn and Tucker by
// the model's numbers alone.
func checkKernelSVM(t *testing.T, options KernelSVM, set Set) {
	t.Helper()
	const tolerance = 1e-8
	m := must(options.Train(context.Background(), set))(t)
	if !m.Report.Converged || m.Report.Residual > tolerance || m.Report.Iterations > 50_000 {
		t.Fatalf("%+v", m.Report)
	}
	decisions := must(m.PairDecisions(set.X))(t)
	for p, pair := range m.Pairs {
		wantClose(t, "sum of coefficients", []float64{floats.Sum(pair.Coefficients)}, []float64{0}, 1e-11*options.C)
		coefficient := map[int]float64{}
		for i, sample := range pair.Support {
			coefficient[sample] = pair.Coefficients[i]
		}
		for i, label := range set.Labels {
			y := 0.0
			switch label {
			case m.Classes[pair.First]:
				y = 1
			case m.Classes[pair.Second]:
				y = -1
			default:
				continue
			}
			alpha, slack := y*coefficient[i], 1-y*m.sign()*decisions.At(i, p)
			if alpha < 0 || alpha > options.C || alpha > 0 && slack < -2*tolerance || alpha < options.C && slack > 2*tolerance {
				t.Errorf("pair %d, sample %d: dual variable %v with slack %v", p, i, alpha, slack)
			}
		}
	}
}

// The kernel's rows are the same whether the whole matrix fits or not.
func TestKernelRows(t *testing.T) {
	x := blobs(11, 30, 3, 2, 1).X
	for _, kernel := range []Kernel{RBF, Linear} {
		full := must(newKernelRows(kernel, 0.3, x))(t)
		kept := newKeptRows(kernel, 0.3, x, 4)
		for step := range 200 {
			i := step * step % 30
			wantClose(t, fmt.Sprintf("row %d", i), kept.row(i), full.row(i), 1e-12)
		}
		if len(kept.kept) != 4 || kept.recent.Len() != 4 {
			t.Errorf("%d rows are kept, want 4", len(kept.kept))
		}
		for i, v := range full.diagonal() {
			wantClose(t, "diagonal", []float64{v}, []float64{full.row(i)[i]}, 1e-12)
		}
	}
}

// Two classes are decided towards the second, more towards the first of a pair.
func TestKernelSVMSigns(t *testing.T) {
	x := mat.NewDense(6, 1, []float64{-2, -1, 1, 2, 8, 9})
	two := must(KernelSVM{Kernel: Linear}.Train(context.Background(), Set{rows(x, []int{0, 1, 2, 3}), []int{5, 5, 7, 7}}))(t)
	if d := must(two.PairDecisions(x))(t); d.At(0, 0) >= 0 || d.At(3, 0) <= 0 {
		t.Errorf("two classes: decisions %v", d.RawMatrix().Data)
	}
	three := must(KernelSVM{Kernel: Linear}.Train(context.Background(), Set{x, []int{5, 5, 7, 7, 9, 9}}))(t)
	if d := must(three.PairDecisions(x))(t); d.At(0, 0) <= 0 || d.At(3, 0) >= 0 {
		t.Errorf("three classes: decisions of the first pair %v", mat.Col(nil, 0, d))
	}
	prediction := must(three.Predict(context.Background(), x))(t)
	for i, want := range []int{5, 5, 7, 7, 9, 9} {
		if prediction.Labels[i] != want {
			t.Errorf("sample %d: class %d, want %d", i, prediction.Labels[i], want)
		}
	}
}

// With one feature and classes at ±1 the widest margin is known.
func TestKnownMargin(t *testing.T) {
	set := Set{mat.NewDense(4, 1, []float64{-3, -1, 1, 3}), []int{0, 0, 1, 1}}
	m := must(KernelSVM{Kernel: Linear, C: 100}.Train(context.Background(), set))(t)
	wantClose(t, "decisions", must(m.PairDecisions(set.X))(t).RawMatrix().Data, []float64{-3, -1, 1, 3}, 1e-7)
	if got := len(m.Pairs[0].Support); got != 2 {
		t.Errorf("%d support vectors, want the 2 at the margin", got)
	}
	linear := must(LinearSVM{Loss: Hinge, C: 100}.Train(context.Background(), set))(t)
	wantClose(t, "weight", linear.Coefficients.RawMatrix().Data, []float64{1}, 1e-8)
	wantClose(t, "intercept", linear.Intercepts, []float64{0}, 1e-8)
	if math.Abs(linear.Report.Objective-0.5) > 1e-5 {
		t.Errorf("objective %v, want ½w² = 0.5", linear.Report.Objective)
	}
}
