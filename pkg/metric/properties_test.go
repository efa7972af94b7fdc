package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// scorer evaluates random samples in any order.
type scorer struct {
	name      string
	tolerance float64 // relative, of sums in another order
	// score draws samples from the seed and evaluates them in an order of its own.
	score func(seed uint64, order func(n int) []int) ([]float64, error)
}

const propertySamples = 60

// scorers are all scores of sets of samples, which have no order.
func scorers() []scorer {
	two := func(evaluate func(a, b *mat.Dense) ([]float64, error)) func(uint64, func(int) []int) ([]float64, error) {
		return func(seed uint64, order func(int) []int) ([]float64, error) {
			a, b := normal(propertySamples, 3, 0, seed), normal(propertySamples, 3, 0.5, seed+1)
			return evaluate(Rows(a, order(propertySamples)), Rows(b, order(propertySamples)))
		}
	}
	labelled := func(evaluate func(x *mat.Dense, labels []int) ([]float64, error)) func(uint64, func(int) []int) ([]float64, error) {
		return func(seed uint64, order func(int) []int) ([]float64, error) {
			x, labels := softmax(normal(propertySamples, 3, 0, seed)), randomLabels(propertySamples, 3, seed)
			rows := order(propertySamples)
			return evaluate(Rows(x, rows), pick(labels, rows))
		}
	}
	values := func(err error, scores ...Score) ([]float64, error) {
		var all []float64
		for _, s := range scores {
			all = append(all, s.Value)
		}
		return all, err
	}
	binary := func(labels []int) []int {
		out := slices.Clone(labels)
		for i := range out {
			out[i] = min(out[i], 1)
		}
		return out
	}
	return []scorer{
		{"FID", 1e-9, two(func(a, b *mat.Dense) ([]float64, error) { s, err := FID(a, b); return values(err, s) })},
		{"MMD", 1e-9, two(func(a, b *mat.Dense) ([]float64, error) {
			s, err := MMD(a, b, PolynomialKernel{})
			return values(err, s.Unbiased, s.Biased)
		})},
		{"neighbourhood", 1e-12, two(func(a, b *mat.Dense) ([]float64, error) {
			s, err := Neighbourhood(a, b, NeighbourhoodOptions{Neighbours: 3})
			return values(err, s.Precision, s.Recall, s.Density, s.Coverage)
		})},
		{"silhouette", 1e-9, labelled(func(x *mat.Dense, labels []int) ([]float64, error) {
			s, err := Silhouette(x, labels)
			return values(err, s)
		})},
		{"Inception Score", 1e-9, labelled(func(x *mat.Dense, _ []int) ([]float64, error) {
			s, err := InceptionScore(x, 1)
			return values(err, s.Score)
		})},
		{"AUC and average precision", 1e-9, labelled(func(x *mat.Dense, labels []int) ([]float64, error) {
			scores := mat.Col(nil, 0, x)
			auc, err := ROCAUC(scores, binary(labels), nil)
			if err != nil {
				return nil, err
			}
			precision, err := AveragePrecision(scores, binary(labels), nil)
			return values(err, auc, precision)
		})},
		{"multi-label", 1e-9, labelled(func(x *mat.Dense, labels []int) ([]float64, error) {
			oneHot, err := OneHot(labels, 3)
			if err != nil {
				return nil, err
			}
			s, err := Multilabel(x, oneHot, nil)
			if err != nil {
				return nil, err
			}
			auc, err := s.MacroAUC(SkipAbsent)
			if err != nil {
				return nil, err
			}
			precision, err := s.MacroAveragePrecision(SkipAbsent)
			return values(err, auc, precision, s.MicroAUC(), s.MicroAveragePrecision(), s.WeightedAUC())
		})},
		{"decisions", 0, labelled(func(x *mat.Dense, labels []int) ([]float64, error) {
			predictions, err := Argmax(x)
			if err != nil {
				return nil, err
			}
			accuracy, err := Accuracy(predictions, labels)
			if err != nil {
				return nil, err
			}
			second, err := TopK(x, labels, 2)
			if err != nil {
				return nil, err
			}
			c, err := NewConfusion(predictions, labels, 3)
			if err != nil {
				return nil, err
			}
			return values(nil, accuracy, second, c.F1(1), c.MacroF1(), c.WeightedF1())
		})},
		{"calibration", 1e-9, labelled(func(x *mat.Dense, labels []int) ([]float64, error) {
			calibration, err := Calibration(x, labels, CalibrationOptions{})
			if err != nil {
				return nil, err
			}
			brier, err := Brier(x, labels)
			return values(err, calibration.ECE, calibration.MCE, brier)
		})},
		{"class change", 1e-9, func(seed uint64, order func(int) []int) ([]float64, error) {
			a, b, rows := normal(propertySamples, 3, 0, seed), normal(propertySamples, 3, 0.5, seed+1), order(propertySamples)
			s, err := ClassChanges(Rows(a, rows), Rows(b, rows), 1)
			return values(err, s.Before, s.Target, s.Others)
		}},
		{"PRD of clusters", 0, func(seed uint64, order func(int) []int) ([]float64, error) {
			a, b := randomLabels(propertySamples, 7, seed), randomLabels(propertySamples, 7, seed+1)
			curve, err := PRDFromClusters(pick(a, order(propertySamples)), pick(b, order(propertySamples)), 7, 0)
			return []float64{curve.F(8), curve.F(1. / 8)}, err
		}},
	}
}

func TestPermutationChangesNothing(t *testing.T) {
	for _, s := range scorers() {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(5) {
				straight, err := s.score(seed, func(n int) []int { return identity([]int{n})[0] })
				if err != nil {
					t.Fatal(err)
				}
				random := rand.New(rand.NewPCG(seed, 99))
				permuted, err := s.score(seed, random.Perm)
				if err != nil {
					t.Fatal(err)
				}
				for i, want := range straight {
					wantNear(t, fmt.Sprintf("score %d of seed %d in another order", i, seed), permuted[i], want, s.tolerance*max(1, math.Abs(want)))
				}
			}
		})
	}
}

// N(0, I) and N(μ, I) are ‖μ‖² apart; samples of them up to sampling error, the
// same draws shifted exactly.
func TestFIDOfShiftedNormals(t *testing.T) {
	const dim = 5
	mu := []float64{1, -2, 0, 0.5, 3}
	squared := 0.0
	for _, m := range mu {
		squared += m * m
	}
	unit := mat.NewSymDense(dim, nil)
	for i := range dim {
		unit.SetSym(i, i, 1)
	}
	exact, err := FrechetDistance(Gaussian{Mean: make([]float64, dim), Covariance: unit}, Gaussian{Mean: mu, Covariance: unit})
	if err != nil {
		t.Fatal(err)
	}
	wantNear(t, "distance of the Gaussians", exact, squared, 1e-12)

	for seed := range uint64(3) {
		a, b := normal(20000, dim, 0, seed), normal(20000, dim, 0, seed+10)
		b.Apply(func(_, j int, v float64) float64 { return v + mu[j] }, b)
		sampled, err := FID(a, b)
		if err != nil {
			t.Fatal(err)
		}
		wantNear(t, "FID of samples", sampled.Value, squared, 0.25)
	}
}

// An AUC knows ranks only: any rising map keeps it, and ties; a falling one
// leaves its complement.
func TestAUCUnderMonotoneMaps(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 0))
	for range 30 {
		n := 5 + random.IntN(40)
		scores, labels := make([]float64, n), make([]int, n)
		for i := range scores {
			scores[i] = math.Round(4*random.NormFloat64()) / 4 // many ties
			labels[i] = random.IntN(2)
		}
		labels[0], labels[1] = 0, 1
		auc, err := ROCAUC(scores, labels, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			apply func(float64) float64
			want  float64
		}{
			"exp":      {math.Exp, auc.Value},
			"cube":     {func(v float64) float64 { return v*v*v - 7 }, auc.Value},
			"sigmoid":  {func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }, auc.Value},
			"negation": {func(v float64) float64 { return -v }, 1 - auc.Value},
			"falling":  {func(v float64) float64 { return math.Exp(-v) }, 1 - auc.Value},
		} {
			mapped := make([]float64, n)
			for i, s := range scores {
				mapped[i] = test.apply(s)
			}
			got, err := ROCAUC(mapped, labels, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantNear(t, "AUC after "+name, got.Value, test.want, 1e-14)
		}
	}
}

func TestScoresStayInTheirRange(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 0))
	for seed := range uint64(30) {
		n, clusters := 6+random.IntN(30), 2+random.IntN(3)
		x, labels := normal(n, 1+random.IntN(4), 0, seed), randomLabels(n, clusters, seed)
		labels[0], labels[1] = 0, 1
		coefficients, err := SilhouetteSamples(x, labels)
		if err != nil {
			t.Fatal(err)
		}
		wantWithin(t, "silhouette", coefficients, -1, 1)
		_, features := x.Dims()
		terms, err := Neighbourhood(x, normal(n, features, 1, seed+100), NeighbourhoodOptions{Neighbours: 2})
		if err != nil {
			t.Fatal(err)
		}
		wantWithin(t, "precision, recall, coverage", []float64{terms.Precision.Value, terms.Recall.Value, terms.Coverage.Value}, 0, 1)
		curve, err := PRDFromClusters(labels, randomLabels(n, clusters, seed+200), clusters, 101)
		if err != nil {
			t.Fatal(err)
		}
		wantWithin(t, "PRD", append(curve.Precision, curve.Recall...), 0, 1)
		same, err := PRDFromClusters(labels, labels, clusters, 0)
		if err != nil {
			t.Fatal(err)
		}
		wantPRD(t, same, 1, 1, 1e-9)
	}
}

func wantWithin(t *testing.T, what string, values []float64, low, high float64) {
	t.Helper()
	for _, v := range values {
		if !(v >= low && v <= high) {
			t.Errorf("%s %v, want %v to %v", what, v, low, high)
		}
	}
}

func randomLabels(n, classes int, seed uint64) []int {
	random := rand.New(rand.NewPCG(seed, 1))
	labels := make([]int, n)
	for i := range labels {
		labels[i] = random.IntN(classes)
	}
	return labels
}

// softmax turns rows of scores into probabilities.
func softmax(scores *mat.Dense) *mat.Dense {
	rows, _ := scores.Dims()
	for i := range rows {
		row, sum := scores.RawRowView(i), 0.0
		for j := range row {
			row[j] = math.Exp(row[j])
			sum += row[j]
		}
		for j := range row {
			row[j] /= sum
		}
	}
	return scores
}
