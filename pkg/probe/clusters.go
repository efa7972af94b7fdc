package probe

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
)

// KMeans asks whether classes are clusters. It clusters the training codes
// without their labels and gives every cluster its most frequent label.
type KMeans struct {
	Clusters      int     // 0 means as many as there are classes
	Restarts      int     // k-means++ starts; 0 means 10
	MaxIterations int     // a start; 0 means 300
	Tolerance     float64 // as metric.KMeansOptions has it
}

// KMeansModel is a clustering whose clusters have labels.
type KMeansModel struct {
	Clustering metric.Clustering
	Classes    []int      // class numbers of the training labels, ascending
	Shares     *mat.Dense // [clusters, classes], of each cluster's training samples; rows of empty clusters are 0
	Report     Report     // Objective is the inertia
}

// Fit implements Probe; the validation set plays no part.
func (k KMeans) Fit(ctx context.Context, train, _ Set, seed uint64) (Predictor, error) {
	return fitted(k.Train(ctx, train, seed))
}

// Train clusters the training set.
func (k KMeans) Train(ctx context.Context, train Set, seed uint64) (*KMeansModel, error) {
	classes, place, err := train.Classes()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k.Clusters, err = count("the number of clusters", k.Clusters, len(classes)); err != nil {
		return nil, err
	}
	if k.Restarts, err = count("the number of restarts", k.Restarts, 10); err != nil {
		return nil, err
	}
	clustering, err := metric.KMeans(train.X, k.Clusters, metric.KMeansOptions{
		Restarts: k.Restarts, MaxIterations: k.MaxIterations, Tolerance: k.Tolerance, Seed: seed,
	})
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	shares := mat.NewDense(k.Clusters, len(classes), nil)
	for i, cluster := range clustering.Labels {
		shares.RawRowView(cluster)[place[i]]++
	}
	for cluster := range k.Clusters {
		toSumOne(shares.RawRowView(cluster))
	}
	return &KMeansModel{
		Clustering: clustering, Classes: classes, Shares: shares,
		Report: Report{Converged: clustering.Converged, Iterations: clustering.Iterations, Objective: clustering.Inertia},
	}, nil
}

// Nearest is the nearest cluster of each sample; ties go to the lower number.
func (m *KMeansModel) Nearest(x *mat.Dense) ([]int, error) {
	if err := checkFeatures(x, m.Clustering.Centres.RawMatrix().Cols); err != nil {
		return nil, err
	}
	nearest := make([]int, x.RawMatrix().Rows)
	inBlocks(len(nearest), func(_, from, to int) {
		for i := from; i < to; i++ {
			least := floats.Distance(x.RawRowView(i), m.Clustering.Centres.RawRowView(0), 2)
			for k := 1; k < m.Clustering.Centres.RawMatrix().Rows; k++ {
				if d := floats.Distance(x.RawRowView(i), m.Clustering.Centres.RawRowView(k), 2); d < least {
					nearest[i], least = k, d
				}
			}
		}
	})
	return nearest, nil
}

// Predict implements Predictor; the scores are the classes' shares of the
// nearest cluster's training samples.
func (m *KMeansModel) Predict(_ context.Context, x *mat.Dense) (Prediction, error) {
	nearest, err := m.Nearest(x)
	if err != nil {
		return Prediction{}, err
	}
	scores := rows(m.Shares, nearest)
	return NewPrediction(scores, m.Classes, m.Report), nil
}
