package metricparity

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/metric"
)

func kmeans(f *fixture) (outputs, error) {
	x, err := f.matrix("x")
	if err != nil {
		return nil, err
	}
	start, err := f.matrix("centres")
	if err != nil {
		return nil, err
	}
	inertia, err := metric.Inertia(x, start)
	if err != nil {
		return nil, err
	}
	o := outputs{}
	o.set("inertia_start", inertia)
	for updates := 1; updates <= 2; updates++ {
		c, err := metric.KMeansFrom(x, start, metric.KMeansOptions{MaxIterations: updates})
		if err != nil {
			return nil, err
		}
		o.set(fmt.Sprintf("inertia_after%d", updates), c.Inertia)
	}
	c, err := metric.KMeansFrom(x, start, metric.KMeansOptions{})
	if err != nil {
		return nil, err
	}
	if !c.Converged {
		return nil, fmt.Errorf("not converged after %d centre updates", c.Iterations)
	}
	o.set("inertia_converged", c.Inertia)
	o["centres"] = c.Centres.RawMatrix().Data
	o["labels"] = float64s(c.Labels)
	return o, nil
}

func silhouette(f *fixture) (outputs, error) {
	x, err := f.matrix("x")
	if err != nil {
		return nil, err
	}
	labels, err := f.ints("labels")
	if err != nil {
		return nil, err
	}
	samples, err := metric.SilhouetteSamples(x, labels)
	if err != nil {
		return nil, err
	}
	o := outputs{"samples": samples}
	o.set("score", stat.Mean(samples, nil))
	return o, nil
}

func pca(f *fixture) (outputs, error) {
	x, err := f.matrix("x")
	if err != nil {
		return nil, err
	}
	samples, features := x.Dims()
	components, err := parameter(f, "components", min(samples, features))
	if err != nil {
		return nil, err
	}
	principal, err := metric.PCA(x, components)
	if err != nil {
		return nil, err
	}
	projected, err := principal.Project(x)
	if err != nil {
		return nil, err
	}
	o := outputs{
		"explained_variance":       principal.Variance,
		"explained_variance_ratio": principal.Share,
		"abs_projection":           absolute(projected),
		"abs_components":           absolute(principal.Components),
	}
	for _, variance := range principal.Variance {
		o["singular_values"] = append(o["singular_values"], math.Sqrt(variance*float64(samples-1)))
	}
	return o, nil
}

func absolute(m *mat.Dense) []float64 {
	var a mat.Dense
	a.Apply(func(_, _ int, v float64) float64 { return math.Abs(v) }, m)
	return a.RawMatrix().Data
}

func float64s(values []int) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}
