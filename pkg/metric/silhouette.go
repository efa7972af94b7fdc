package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/dense"
)

// Silhouette is the mean over all samples of SilhouetteSamples, in [-1, 1].
func Silhouette(x *mat.Dense, labels []int) (Score, error) {
	coefficients, err := SilhouetteSamples(x, labels)
	if err != nil {
		return Score{}, err
	}
	_, sizes := compact(labels)
	singletons := 0
	for _, size := range sizes {
		if size == 1 {
			singletons++
		}
	}
	score := Score{
		Name: "silhouette", Value: stat.Mean(coefficients, nil), N: map[string]int{"samples": len(labels)},
		Settings: map[string]any{"distance": "Euclidean", "clusters": len(sizes)},
	}
	if singletons > 0 {
		score.Notes = []string{fmt.Sprintf("%d clusters have one member, which counts as 0", singletons)}
	}
	return score, nil
}

// SilhouetteSamples is the coefficient (b-a)/max(a, b) of every row of x
// [samples, features] (Rousseeuw 1987), with Euclidean distances: a is the
// mean distance to the other members of its cluster, b the smallest mean
// distance to another cluster. The only member of a cluster has 0. Labels may
// be any numbers; there must be at least 2 clusters and fewer than samples.
// The time is quadratic in samples.
func SilhouetteSamples(x *mat.Dense, labels []int) ([]float64, error) {
	samples, _ := x.Dims()
	if err := checkPaired("samples", samples, "labels", len(labels)); err != nil {
		return nil, err
	}
	if err := checkFinite("the sample set", x); err != nil {
		return nil, err
	}
	cluster, sizes := compact(labels)
	if len(sizes) < 2 || len(sizes) >= samples {
		return nil, fmt.Errorf("metric: silhouette of %d samples in %d clusters, want 2 to %d clusters: %w", samples, len(sizes), samples-1, ErrUndefined)
	}

	sums, err := dense.ClusterDistances(x, cluster, len(sizes))
	if err != nil {
		return nil, fmt.Errorf("metric: silhouette: %w", err)
	}
	coefficients := make([]float64, samples)
	for i, own := range cluster {
		if sizes[own] == 1 {
			continue
		}
		to := sums.RawRowView(i)
		a := to[own] / float64(sizes[own]-1)
		for k := range to {
			to[k] /= float64(sizes[k])
		}
		to[own] = math.Inf(1)
		b := floats.Min(to)
		if greater := max(a, b); greater > 0 {
			coefficients[i] = (b - a) / greater
		}
	}
	return coefficients, nil
}

// compact renumbers labels from 0 in order of appearance and counts each.
func compact(labels []int) (renumbered, sizes []int) {
	number := map[int]int{}
	renumbered = make([]int, len(labels))
	for i, label := range labels {
		k, known := number[label]
		if !known {
			k = len(sizes)
			number[label] = k
			sizes = append(sizes, 0)
		}
		renumbered[i] = k
		sizes[k]++
	}
	return renumbered, sizes
}
