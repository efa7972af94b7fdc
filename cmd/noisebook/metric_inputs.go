package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
	"noisebook/pkg/npy"
)

// metricInputs opens the arguments of a metric and remembers what it read.
type metricInputs struct {
	command *cobra.Command
	sources []string
	seed    uint64
	read    []inputReport
}

func (in *metricInputs) open(source string) (*arrayfile.Array, error) {
	array, err := arrayfile.Open(source)
	if err != nil {
		return nil, err
	}
	in.read = append(in.read, inputReport{Source: source, Shape: array.Shape})
	return array, nil
}

func (in *metricInputs) matrix(argument int) (*mat.Dense, error) {
	array, err := in.open(in.sources[argument])
	if err != nil {
		return nil, err
	}
	return array.Matrix()
}

func (in *metricInputs) vector(argument int) ([]float64, error) {
	array, err := in.open(in.sources[argument])
	if err != nil {
		return nil, err
	}
	return array.Vector()
}

func (in *metricInputs) ints(argument int) ([]int, error) {
	array, err := in.open(in.sources[argument])
	if err != nil {
		return nil, err
	}
	return array.Ints()
}

// scores are a vector, of class 1 of two, or a matrix [samples, classes].
type classScores struct {
	vector []float64
	matrix *mat.Dense
}

func (in *metricInputs) classScores(argument int) (classScores, error) {
	array, err := in.open(in.sources[argument])
	if err != nil {
		return classScores{}, err
	}
	if len(array.Shape) == 2 && array.Shape[1] > 1 {
		matrix, err := array.Matrix()
		return classScores{matrix: matrix}, err
	}
	vector, err := array.Vector()
	return classScores{vector: vector}, err
}

// featureInput is a set of features, or their statistics where a file has no more.
type featureInput struct {
	features   *mat.Dense
	statistics *metric.Gaussian
}

// gaussian fits the features where the input has them.
func (f featureInput) gaussian() (metric.Gaussian, error) {
	if f.statistics != nil {
		return *f.statistics, nil
	}
	return metric.FitGaussian(f.features)
}

// featureSets opens arguments as feature sets [samples, features]. Of a .npz
// file with mu and sigma it reads those, if statistics are of use.
func (in *metricInputs) featureSets(statistics func(path string) (features.Statistics, error)) ([]featureInput, error) {
	sets := make([]featureInput, len(in.sources))
	for i, source := range in.sources {
		if statistics != nil && holdsStatistics(source) {
			s, err := statistics(source)
			if err != nil {
				return nil, err
			}
			sets[i].statistics = &metric.Gaussian{Samples: s.Samples, Mean: s.Mean, Covariance: s.Covariance}
			in.read = append(in.read, inputReport{Source: source, Shape: []int{len(s.Mean)}})
			continue
		}
		var err error
		if sets[i].features, err = in.matrix(i); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// featurePair is both sets' features, for metrics that statistics do not do for.
func (in *metricInputs) featurePair() (generated, real *mat.Dense, err error) {
	sets, err := in.featureSets(nil)
	if err != nil {
		return nil, nil, err
	}
	return sets[0].features, sets[1].features, nil
}

// holdsStatistics says whether a file is of a mean and a covariance.
func holdsStatistics(path string) bool {
	if !strings.HasSuffix(strings.ToLower(path), ".npz") {
		return false
	}
	archive, err := npy.OpenArchive(path)
	if err != nil {
		return false // whoever reads it says why
	}
	defer archive.Close()
	names := archive.Names()
	return slices.Contains(names, "mu") && slices.Contains(names, "sigma")
}
