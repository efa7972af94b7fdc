package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/dense"
)

// InceptionScores is the Inception Score of consecutive chunks of samples.
type InceptionScores struct {
	Score            // the mean over the chunks; its spread is their population standard deviation
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
	if err := checkProbabilities(probabilities); err != nil {
		return InceptionScores{}, err
	}
	scores := InceptionScores{Chunks: make([]float64, splits)}
	for s := range splits {
		chunk := probabilities.Slice(s*samples/splits, (s+1)*samples/splits, 0, classes).(*mat.Dense)
		marginal := dense.ColumnMeans(chunk)
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
	mean, sd := stat.PopMeanStdDev(scores.Chunks, nil)
	scores.Score = Score{
		Name: "Inception Score", Value: mean, N: map[string]int{"generated": samples},
		Settings: map[string]any{"splits": splits, "classes": classes, "order": "as given"},
		Spread:   &Spread{SD: sd, Of: splits, Over: "splits"},
	}
	return scores, nil
}
