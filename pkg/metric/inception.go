package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// InceptionScores is the Inception Score of consecutive chunks of samples.
type InceptionScores struct {
	Mean   float64
	SD     float64   // population standard deviation over the chunks
	Chunks []float64 // [splits], each in [1, classes]
}

// InceptionScore is exp of the mean KL divergence of each sample's class
// probabilities from their chunk's mean (Salimans et al. 2016). probabilities
// [samples, classes] have rows that sum to 1; they are taken in the order
// given, so shuffle sorted ones. Papers use 10 splits. A zero probability adds
// nothing.
func InceptionScore(probabilities *mat.Dense, splits int) (InceptionScores, error) {
	samples, classes := probabilities.Dims()
	if splits < 1 || splits > samples {
		return InceptionScores{}, fmt.Errorf("metric: Inception Score of %d samples in %d splits, want 1 to %d", samples, splits, samples)
	}
	if err := checkFinite("the probability matrix", probabilities); err != nil {
		return InceptionScores{}, err
	}
	for i := range samples {
		row := probabilities.RawRowView(i)
		if sum := floats.Sum(row); floats.Min(row) < 0 || math.Abs(sum-1) > 1e-3 {
			return InceptionScores{}, fmt.Errorf("metric: row %d is no distribution: it sums to %v, its least entry is %v; apply the softmax first", i, sum, floats.Min(row))
		}
	}
	scores := InceptionScores{Chunks: make([]float64, splits)}
	for s := range splits {
		chunk := probabilities.Slice(s*samples/splits, (s+1)*samples/splits, 0, classes).(*mat.Dense)
		marginal := columnMeans(chunk)
		divergence := 0.0
		rows, _ := chunk.Dims()
		for i := range rows {
			for class, p := range chunk.RawRowView(i) {
				if p > 0 {
					divergence += p * math.Log(p/marginal[class])
				}
			}
		}
		scores.Chunks[s] = math.Exp(divergence / float64(rows))
	}
	scores.Mean, scores.SD = stat.PopMeanStdDev(scores.Chunks, nil)
	return scores, nil
}
