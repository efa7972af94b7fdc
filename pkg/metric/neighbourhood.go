package metric

import (
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// NeighbourhoodOptions tunes Neighbourhood. The zero value takes 5 neighbours
// and open balls.
type NeighbourhoodOptions struct {
	Neighbours int  // 0 means 5
	Closed     bool // count a sample on the surface of a ball too (<=, as Kynkäänniemi et al. and torch-fidelity; prdc and the default count <)
}

// NeighbourhoodScores compares two feature sets by balls around their samples
// that reach to the k-th nearest other sample of the same set.
type NeighbourhoodScores struct {
	Precision Score // share of generated samples inside a real ball (Kynkäänniemi et al. 2019)
	Recall    Score // share of real samples inside a generated ball
	Density   Score // mean number of real balls around a generated sample, over k (Naeem et al. 2020); may exceed 1
	Coverage  Score // share of real balls with a generated sample inside
}

// NeighbourhoodTerms are what each sample adds to the scores: their means are
// the scores, and BootstrapMean of them the intervals, with the balls fixed.
type NeighbourhoodTerms struct {
	Precision, Density []float64 // [generated]
	Recall, Coverage   []float64 // [real]
}

// Neighbourhood compares feature sets [samples, features], each of more
// samples than neighbours. A ball of radius 0, around duplicates, contains
// nothing unless Closed. The time is quadratic in samples.
func Neighbourhood(real, generated *mat.Dense, options NeighbourhoodOptions) (NeighbourhoodScores, error) {
	terms, err := NeighbourhoodSamples(real, generated, options)
	if err != nil {
		return NeighbourhoodScores{}, err
	}
	return terms.Scores(options), nil
}

// NeighbourhoodSamples returns what each sample adds to the scores of
// Neighbourhood, under the same conditions.
func NeighbourhoodSamples(real, generated *mat.Dense, options NeighbourhoodOptions) (NeighbourhoodTerms, error) {
	options = options.withDefaults()
	k := options.Neighbours
	if err := checkNeighbours(k, "the real set", real, "the generated set", generated); err != nil {
		return NeighbourhoodTerms{}, err
	}
	realRadii, err := radii(real, k)
	if err != nil {
		return NeighbourhoodTerms{}, err
	}
	generatedRadii, err := radii(generated, k)
	if err != nil {
		return NeighbourhoodTerms{}, err
	}
	balls, err := dense.CountInside(real, generated, realRadii, generatedRadii, options.Closed)
	if err != nil {
		return NeighbourhoodTerms{}, fmt.Errorf("metric: balls of neighbours: %w", err)
	}
	n, m := len(realRadii), len(generatedRadii)
	terms := NeighbourhoodTerms{
		Precision: make([]float64, m), Density: make([]float64, m),
		Recall: make([]float64, n), Coverage: make([]float64, n),
	}
	for j, around := range balls.AroundB {
		terms.Precision[j] = float64(min(around, 1))
		terms.Density[j] = float64(around) / float64(k)
	}
	for i := range n {
		terms.Recall[i] = float64(min(balls.AroundA[i], 1))
		terms.Coverage[i] = float64(min(balls.InA[i], 1))
	}
	return terms, nil
}

// Scores are the means of the terms. options are those the terms come from.
func (t NeighbourhoodTerms) Scores(options NeighbourhoodOptions) NeighbourhoodScores {
	options = options.withDefaults()
	surface := "open (<)"
	if options.Closed {
		surface = "closed (<=)"
	}
	score := func(name string, terms []float64) Score {
		return Score{
			Name: name, Value: floats.Sum(terms) / float64(len(terms)),
			N:        map[string]int{"real": len(t.Recall), "generated": len(t.Precision)},
			Settings: map[string]any{"neighbours": options.Neighbours, "balls": surface},
		}
	}
	return NeighbourhoodScores{
		Precision: score("precision (k-NN)", t.Precision), Recall: score("recall (k-NN)", t.Recall),
		Density: score("density", t.Density), Coverage: score("coverage", t.Coverage),
	}
}

func (o NeighbourhoodOptions) withDefaults() NeighbourhoodOptions {
	if o.Neighbours == 0 {
		o.Neighbours = 5
	}
	return o
}

// radii are the squared distances from each row to its k-th nearest other row.
func radii(x *mat.Dense, k int) ([]float64, error) {
	nearest, err := dense.NearestOthers(x, k)
	if err != nil {
		return nil, fmt.Errorf("metric: nearest neighbours: %w", err)
	}
	out := make([]float64, len(nearest.Squared))
	for i, squared := range nearest.Squared {
		out[i] = squared[k-1]
	}
	return out, nil
}
