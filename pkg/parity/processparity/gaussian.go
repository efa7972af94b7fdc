package processparity

import (
	"fmt"
	"math"

	"noisebook/pkg/process"
)

// gaussian is the data distribution N(mean, std²·I) of the fixtures, whose
// score is known at every time, and the file's inputs.
type gaussian struct {
	mean   []float64
	std    float64
	inputs *object
}

func readGaussian(root *object) (g gaussian, err error) {
	if g.inputs, err = root.object("inputs"); err != nil {
		return g, err
	}
	if g.mean, err = g.inputs.floats("mu"); err != nil {
		return g, err
	}
	if len(g.mean) == 0 {
		return g, fmt.Errorf("inputs.mu is empty")
	}
	g.std, err = g.inputs.float("s")
	return g, err
}

// score of the data after noising, at rows x of the mean's length.
func (g gaussian) score(x []float64, m process.Marginal) []float64 {
	variance := m.Mean*m.Mean*g.std*g.std + m.Std*m.Std
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = -(v - m.Mean*g.mean[i%len(g.mean)]) / variance
	}
	return out
}

// meanNorm is the Euclidean norm of a row, averaged over the rows.
func (g gaussian) meanNorm(x []float64) float64 {
	width := len(g.mean)
	sum := 0.0
	for from := 0; from+width <= len(x); from += width {
		squares := 0.0
		for _, v := range x[from : from+width] {
			squares += v * v
		}
		sum += math.Sqrt(squares)
	}
	return sum / float64(len(x)/width)
}

// rows splits x into slices of the mean's length.
func (g gaussian) rows(x []float64) [][]float64 {
	var out [][]float64
	for width := len(g.mean); len(x) >= width; x = x[width:] {
		out = append(out, x[:width])
	}
	return out
}
