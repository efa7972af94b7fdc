package main

import (
	"fmt"
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
	choice  featureChoice
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

// featureSets opens arguments as feature sets [samples, features]: arrays as
// they are, images through the feature network that the flags choose, by
// Inception's layer where they leave that open. Of a .npz file with mu and sigma
// it reads those, if statistics are of use.
func (in *metricInputs) featureSets(layer features.Layer, statistics func(path string) (features.Statistics, error)) ([]featureInput, error) {
	sets := make([]featureInput, len(in.sources))
	in.read = make([]inputReport, len(in.sources))
	var images []int // the arguments that are
	for i, source := range in.sources {
		in.read[i].Source = source
		if statistics != nil && holdsStatistics(source) {
			s, err := statistics(source)
			if err != nil {
				return nil, err
			}
			gaussian := metric.Gaussian(s)
			sets[i].statistics = &gaussian
			in.read[i].Shape = []int{len(s.Mean)}
			continue
		}
		if isPictures, err := isImages(source); err != nil {
			return nil, err
		} else if isPictures {
			images = append(images, i)
			continue
		}
		array, err := arrayfile.Open(source)
		if err != nil {
			return nil, err
		}
		in.read[i].Shape = array.Shape
		if sets[i].features, err = array.Matrix(); err != nil {
			return nil, err
		}
	}
	if len(images) == 0 {
		if in.choice.chosen() {
			return nil, fmt.Errorf("metric: --features is for images; %s: no images", strings.Join(in.sources, ", "))
		}
		return sets, nil
	}
	return sets, in.measure(sets, images, layer)
}

// measure extracts the features of the arguments that are images.
func (in *metricInputs) measure(sets []featureInput, images []int, layer features.Layer) error {
	paths := make([]string, len(images))
	for k, i := range images {
		paths[k] = in.sources[i]
	}
	if !in.choice.chosen() {
		return fmt.Errorf("metric: %s holds images; choose a feature network with --features: %s", paths[0], featureNetworks)
	}
	if in.choice.layer == "" && in.choice.network == "inception" {
		in.choice.layer = string(layer)
	}
	measured, err := in.choice.measure(in.command, paths...)
	if err != nil {
		return err
	}
	for k, i := range images {
		samples, dimension := measured[k].Features.Dims()
		sets[i].features = measured[k].Features
		in.read[i].Shape = []int{samples, dimension}
		in.read[i].Checksum, in.read[i].Run, in.read[i].Network = measured[k].Checksum, measured[k].Run, in.choice.settings()
	}
	return nil
}

// featurePair is both sets' features, for metrics that statistics do not do for.
func (in *metricInputs) featurePair() (generated, real *mat.Dense, err error) {
	sets, err := in.featureSets("", nil)
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
