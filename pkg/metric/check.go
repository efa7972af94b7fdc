package metric

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
)

// checkFinite refuses a matrix with a NaN or an infinity and names its place.
func checkFinite(name string, m *mat.Dense) error {
	if i, j, found := dense.NonFinite(m); found {
		return fmt.Errorf("metric: %s has %v in row %d, column %d", name, m.At(i, j), i, j)
	}
	return nil
}

// checkFeatures refuses feature sets that are not finite, differ in their
// number of features or have fewer than least samples.
func checkFeatures(least int, nameA string, a *mat.Dense, nameB string, b *mat.Dense) error {
	samplesA, dimA := a.Dims()
	samplesB, dimB := b.Dims()
	if dimA != dimB {
		return fmt.Errorf("metric: %s has %d features a sample, %s has %d; both must come from one network", nameA, dimA, nameB, dimB)
	}
	for _, set := range []struct {
		name    string
		samples int
		m       *mat.Dense
	}{{nameA, samplesA, a}, {nameB, samplesB, b}} {
		if set.samples < least {
			return fmt.Errorf("metric: %s has %d samples, want at least %d", set.name, set.samples, least)
		}
		if err := checkFinite(set.name, set.m); err != nil {
			return err
		}
	}
	return nil
}

// checkNeighbours refuses a number of neighbours that is not positive, and
// feature sets as checkFeatures does, each of which must have more samples.
func checkNeighbours(k int, nameA string, a *mat.Dense, nameB string, b *mat.Dense) error {
	if k < 1 {
		return fmt.Errorf("metric: %d neighbours, want 1 or more", k)
	}
	for _, set := range []struct {
		name string
		m    *mat.Dense
	}{{nameA, a}, {nameB, b}} {
		if samples, _ := set.m.Dims(); samples <= k {
			return fmt.Errorf("metric: %s has %d samples; %d neighbours need at least %d, or take fewer neighbours", set.name, samples, k, k+1)
		}
	}
	return checkFeatures(k+1, nameA, a, nameB, b)
}

// checkVector refuses an empty slice and one with a NaN or an infinity.
func checkVector(name string, values []float64) error {
	if len(values) == 0 {
		return fmt.Errorf("metric: %s is empty", name)
	}
	if i := slices.IndexFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }); i >= 0 {
		return fmt.Errorf("metric: %s has %v at index %d", name, values[i], i)
	}
	return nil
}

// checkLabels refuses labels outside 0..classes-1.
func checkLabels(name string, labels []int, classes int) error {
	if i := slices.IndexFunc(labels, func(l int) bool { return l < 0 || l >= classes }); i >= 0 {
		return fmt.Errorf("metric: %s has label %d at index %d, want 0 to %d", name, labels[i], i, classes-1)
	}
	return nil
}

// checkWeights refuses weights that do not pair with the labels, are not finite
// or are negative. nil stands for equal weights.
func checkWeights(weights []float64, labels int) error {
	if weights == nil {
		return nil
	}
	if err := checkPaired("weights", len(weights), "labels", labels); err != nil {
		return err
	}
	if err := checkVector("the weight series", weights); err != nil {
		return err
	}
	if i := slices.IndexFunc(weights, func(w float64) bool { return w < 0 }); i >= 0 {
		return fmt.Errorf("metric: weight %v at index %d is negative", weights[i], i)
	}
	return nil
}

// checkProbabilities refuses a matrix whose rows are no distributions.
func checkProbabilities(probabilities *mat.Dense) error {
	if err := checkFinite("the probability matrix", probabilities); err != nil {
		return err
	}
	rows, _ := probabilities.Dims()
	for i := range rows {
		row := probabilities.RawRowView(i)
		if sum := floats.Sum(row); floats.Min(row) < 0 || math.Abs(sum-1) > 1e-3 {
			return fmt.Errorf("metric: row %d is no distribution: it sums to %v, its least entry is %v; apply the softmax first", i, sum, floats.Min(row))
		}
	}
	return nil
}

// checkPaired refuses empty slices and slices of different lengths.
func checkPaired(nameA string, lengthA int, nameB string, lengthB int) error {
	if lengthA != lengthB {
		return fmt.Errorf("metric: %d %s for %d %s; they must pair up", lengthA, nameA, lengthB, nameB)
	}
	if lengthA == 0 {
		return fmt.Errorf("metric: no %s", nameA)
	}
	return nil
}
