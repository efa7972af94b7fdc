// Command evaluators times the heavy evaluators on inputs that
// bench/evaluators.py wrote, and prints one JSON object.
//
//	evaluators -measure silhouette -inputs FOLDER -backend go|engine -rounds 3
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/dense"
	"noisebook/pkg/engine"
	"noisebook/pkg/metric"
	"noisebook/pkg/npy"
	"noisebook/pkg/probe"
)

func main() {
	measure := flag.String("measure", "", "what to time")
	inputs := flag.String("inputs", "", "folder with the inputs")
	backend := flag.String("backend", "go", "what multiplies: go or engine")
	rounds := flag.Int("rounds", 3, "how often")
	flag.Parse()
	if err := run(context.Background(), *measure, *inputs, *backend, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// values are what a measure computes, by name.
type values map[string]float64

// measures load their inputs and return what is timed.
var measures = map[string]func(ctx context.Context, in folder) (func() (values, error), error){
	"silhouette":     silhouette,
	"fid-statistics": fidStatistics,
	"fid-distance":   fidDistance,
	"neighbourhood":  neighbourhood,
	"logistic":       logistic,
	"k-means":        kMeans,
}

type report struct {
	Backend string    `json:"backend"`
	Seconds []float64 `json:"seconds"`
	Values  values    `json:"values"`
	Memory  int64     `json:"memory"` // peak resident size in bytes, inputs included
}

func run(ctx context.Context, measure, inputs, backend string, rounds int) error {
	prepare, known := measures[measure]
	if !known {
		return fmt.Errorf("unknown measure %q", measure)
	}
	switch backend {
	case "go":
	case "engine":
		e, err := engine.Open(ctx, "")
		if err != nil {
			return err
		}
		defer e.Close()
		products, err := e.Products()
		if err != nil {
			return err
		}
		defer dense.Use(products)()
	default:
		return fmt.Errorf("unknown backend %q", backend)
	}
	compute, err := prepare(ctx, folder(inputs))
	if err != nil {
		return err
	}
	out := report{Backend: dense.InUse().Name()}
	for range rounds {
		start := time.Now()
		if out.Values, err = compute(); err != nil {
			return err
		}
		out.Seconds = append(out.Seconds, time.Since(start).Seconds())
	}
	out.Memory = engine.PeakMemory()
	return json.NewEncoder(os.Stdout).Encode(out)
}

func silhouette(_ context.Context, in folder) (func() (values, error), error) {
	x, err := in.matrix("x")
	if err != nil {
		return nil, err
	}
	labels, err := in.labels("y")
	return func() (values, error) {
		score, err := metric.Silhouette(x, labels)
		return values{"silhouette": score.Value}, err
	}, err
}

func fidStatistics(_ context.Context, in folder) (func() (values, error), error) {
	a, err := in.matrix("a")
	return func() (values, error) {
		gaussian, err := metric.FitGaussian(a)
		if err != nil {
			return nil, err
		}
		return values{"trace": mat.Trace(gaussian.Covariance), "norm": mat.Norm(gaussian.Covariance, 2)}, nil
	}, err
}

func fidDistance(_ context.Context, in folder) (func() (values, error), error) {
	a, err := in.gaussian("a")
	if err != nil {
		return nil, err
	}
	b, err := in.gaussian("b")
	return func() (values, error) {
		distance, err := metric.FrechetDistance(a, b)
		return values{"fid": distance}, err
	}, err
}

func neighbourhood(_ context.Context, in folder) (func() (values, error), error) {
	real, err := in.matrix("a")
	if err != nil {
		return nil, err
	}
	generated, err := in.matrix("b")
	return func() (values, error) {
		s, err := metric.Neighbourhood(real, generated, metric.NeighbourhoodOptions{})
		return values{"precision": s.Precision.Value, "recall": s.Recall.Value, "density": s.Density.Value, "coverage": s.Coverage.Value}, err
	}, err
}

func logistic(ctx context.Context, in folder) (func() (values, error), error) {
	x, err := in.matrix("x")
	if err != nil {
		return nil, err
	}
	labels, err := in.labels("y")
	return func() (values, error) {
		model, err := probe.Logistic{Tolerance: 1e-6}.Train(ctx, probe.Set{X: x, Labels: labels})
		if err != nil {
			return nil, err
		}
		prediction, err := model.Predict(ctx, x)
		if err != nil {
			return nil, err
		}
		right := 0
		for i, label := range prediction.Labels {
			if label == labels[i] {
				right++
			}
		}
		return values{"accuracy": float64(right) / float64(len(labels)), "weights": mat.Norm(model.Coefficients, 2)}, nil
	}, err
}

func kMeans(_ context.Context, in folder) (func() (values, error), error) {
	x, err := in.matrix("x")
	if err != nil {
		return nil, err
	}
	centres, err := in.matrix("centres")
	return func() (values, error) {
		c, err := metric.KMeansFrom(x, centres, metric.KMeansOptions{Tolerance: 1e-4})
		return values{"inertia": c.Inertia, "iterations": float64(c.Iterations)}, err
	}, err
}

// folder holds inputs as .npy files.
type folder string

func (f folder) open(name string) (*npy.Array, error) {
	return npy.Open(filepath.Join(string(f), name+".npy"))
}

func (f folder) matrix(name string) (*mat.Dense, error) {
	array, err := f.open(name)
	if err != nil {
		return nil, err
	}
	return array.Dense()
}

func (f folder) labels(name string) ([]int, error) {
	array, err := f.open(name)
	if err != nil {
		return nil, err
	}
	return array.Ints()
}

func (f folder) gaussian(name string) (metric.Gaussian, error) {
	mean, err := f.open(name + "-mu")
	if err != nil {
		return metric.Gaussian{}, err
	}
	covariance, err := f.matrix(name + "-sigma")
	if err != nil {
		return metric.Gaussian{}, err
	}
	raw := covariance.RawMatrix()
	return metric.Gaussian{Mean: mean.Float64s(), Covariance: mat.NewSymDense(raw.Rows, raw.Data)}, nil
}
