package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/spf13/pflag"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
)

// The arguments of comparisons of sets, which may be images.
const (
	generatedInput = "GENERATED"
	realInput      = "REAL"
)

// setEvaluators compare a generated set with a real one.
var setEvaluators = []evaluator{
	{
		name: "fid", heavy: true, inputs: []string{generatedInput, realInput}, best: "0",
		definition: "Fréchet distance of the Gaussians fitted to two feature sets [samples, features]",
		reference:  "torch-fidelity, pytorch-fid, clean-fid", call: "metric.FID",
		example: "generated.npy real.npy", build: buildFID,
	},
	{
		name: "fid-infinity", heavy: true, inputs: []string{generatedInput, realInput}, best: "0",
		definition: "FID extrapolated over 1/n to infinitely many generated samples",
		reference:  "formula of Chong and Forsyth 2020", call: "metric.FIDInfinity",
		example: "generated.npy real.npy --points 15", build: buildFIDInfinity,
	},
	{
		name: "sfid", heavy: true, inputs: []string{generatedInput, realInput}, best: "0",
		definition: "FID of spatial features: a feature map's first 7 channels, flattened",
		reference:  "guided-diffusion's evaluator", call: "metric.SFID, metric.SpatialFeatures",
		example: "generated_maps.npy real_maps.npy", build: buildSFID,
	},
	{
		name: "kid", heavy: true, inputs: []string{generatedInput, realInput}, best: "0",
		definition: "squared MMD under the kernel (x·y/features + 1)³, unbiased, mean over subsets",
		reference:  "torch-fidelity, clean-fid", call: "metric.KID, metric.MMD",
		example: "generated.npy real.npy --subset-size 500 --full", build: buildKID,
	},
	{
		name: "prd", heavy: true, inputs: []string{generatedInput, realInput}, best: "1, 1",
		definition: "precision (F_1/8) and recall (F_8) of distributions over k-means clusters of the union",
		reference:  "prd_score.py of Sajjadi et al.", call: "metric.PRD",
		example: "generated.npy real.npy --clusters 20", build: buildPRD,
	},
	{
		name: "prdc", heavy: true, inputs: []string{generatedInput, realInput}, best: "1, 1, 1, 1",
		definition: "improved precision and recall, density, coverage, by balls to the k-th nearest neighbour",
		reference:  "prdc; torch-fidelity with --closed", call: "metric.Neighbourhood",
		example: "generated.npy real.npy --neighbours 5", build: buildNeighbourhood,
	},
	{
		name: "inception-score", inputs: []string{generatedInput}, best: "the number of classes",
		definition: "exp of the mean KL divergence of class probabilities [samples, classes] from their mean, over splits",
		reference:  "torch-fidelity", call: "metric.InceptionScore",
		example: "probabilities.npy --splits 10", build: buildInceptionScore,
	},
}

func buildFID(*pflag.FlagSet) evaluate {
	return func(in *metricInputs) (metricOutcome, error) {
		sets, err := in.featureSets("", features.ReadStatistics)
		if err != nil {
			return metricOutcome{}, err
		}
		return frechet("fid", sets, metric.FID, metric.FIDOfStatistics)
	}
}

// frechet is a distance of feature sets, or of the statistics of one or both.
func frechet(key string, sets []featureInput, ofSets func(real, generated *mat.Dense) (metric.Score, error), ofStatistics func(real, generated metric.Gaussian) (metric.Score, error)) (metricOutcome, error) {
	if sets[0].statistics == nil && sets[1].statistics == nil {
		generated, real := sets[0].features, sets[1].features
		score, err := ofSets(real, generated)
		return metricOutcome{
			scores: []keyedScore{{key, score}},
			intervals: resampled(1, []int{real.RawMatrix().Rows, generated.RawMatrix().Rows}, func(picks [][]int) ([]keyedScore, error) {
				score, err := ofSets(metric.Rows(real, picks[0]), metric.Rows(generated, picks[1]))
				return []keyedScore{{key, score}}, err
			}),
		}, err
	}
	generated, err := sets[0].gaussian()
	if err != nil {
		return metricOutcome{}, err
	}
	real, err := sets[1].gaussian()
	if err != nil {
		return metricOutcome{}, err
	}
	score, err := ofStatistics(real, generated)
	return metricOutcome{scores: []keyedScore{{key, score}}}, err
}

func buildFIDInfinity(flags *pflag.FlagSet) evaluate {
	var options metric.FIDInfinityOptions
	flags.IntVar(&options.Points, "points", 15, "sample counts at which FID is taken")
	flags.IntVar(&options.Smallest, "smallest", 0, "the lowest of them; 0: a tenth of the generated samples")
	return func(in *metricInputs) (metricOutcome, error) {
		sets, err := in.featureSets("", features.ReadStatistics)
		if err != nil {
			return metricOutcome{}, err
		}
		if sets[0].statistics != nil {
			return metricOutcome{}, fmt.Errorf("metric fid-infinity: %s holds statistics; it needs the generated samples themselves", in.sources[0])
		}
		real, err := sets[1].gaussian()
		if err != nil {
			return metricOutcome{}, err
		}
		options.Seed = in.seed
		generated := sets[0].features
		e, err := metric.FIDInfinityOfStatistics(real, generated, options)
		if err != nil {
			return metricOutcome{}, err
		}
		return metricOutcome{
			scores: []keyedScore{{"fid_infinity", e.Score}},
			detail: map[string]any{"counts": e.Counts, "fids": e.FIDs, "slope": e.Slope, "r2": e.R2},
			intervals: fixed("the real set", resampled(1, []int{generated.RawMatrix().Rows}, func(picks [][]int) ([]keyedScore, error) {
				e, err := metric.FIDInfinityOfStatistics(real, metric.Rows(generated, picks[0]), options)
				return []keyedScore{{"fid_infinity", e.Score}}, err
			})),
		}, nil
	}
}

func buildSFID(flags *pflag.FlagSet) evaluate {
	keep := flags.Int("keep", metric.SpatialChannels, "first channels of feature maps [samples, height, width, channels] to keep")
	return func(in *metricInputs) (metricOutcome, error) {
		if sets, areMaps, err := in.featureMaps(*keep); err != nil {
			return metricOutcome{}, err
		} else if areMaps {
			return frechet("sfid", sets, metric.SFID, nil)
		}
		sets, err := in.featureSets(features.Spatial, features.ReadSpatialStatistics)
		if err != nil {
			return metricOutcome{}, err
		}
		return frechet("sfid", sets, metric.SFID, func(real, generated metric.Gaussian) (metric.Score, error) {
			score, err := metric.FIDOfStatistics(real, generated)
			score.Name = "sFID"
			return score, err
		})
	}
}

func buildKID(flags *pflag.FlagSet) evaluate {
	options := metric.KIDOptions{Kernel: metric.KIDKernel}
	flags.IntVar(&options.Subsets, "subsets", 100, "random subsets whose distances are averaged")
	flags.IntVar(&options.SubsetSize, "subset-size", 1000, "samples of each, at most those of the smaller set")
	flags.IntVar(&options.Kernel.Degree, "degree", options.Kernel.Degree, "of the polynomial kernel")
	flags.Float64Var(&options.Kernel.Gamma, "gamma", 0, "factor of x·y in the kernel; 0: 1/features")
	flags.Float64Var(&options.Kernel.Offset, "offset", options.Kernel.Offset, "summand in the kernel")
	full := flags.Bool("full", false, "take all samples at once too; intervals need it. The time is quadratic in samples")
	return func(in *metricInputs) (metricOutcome, error) {
		generated, real, err := in.featurePair()
		if err != nil {
			return metricOutcome{}, err
		}
		options.Seed = in.seed
		subsets, err := metric.KID(real, generated, options)
		if err != nil {
			return metricOutcome{}, err
		}
		result := metricOutcome{scores: []keyedScore{{"kid", subsets}}}
		if !*full {
			result.intervals = func(metric.BootstrapOptions) ([]metric.Interval, error) {
				return nil, fmt.Errorf("metric kid: intervals are of the distance of all samples; add --full")
			}
			return result, nil
		}
		whole, err := metric.MMD(real, generated, options.Kernel)
		if err != nil {
			return metricOutcome{}, err
		}
		// The interval is of the whole, so the whole comes first.
		result.scores = []keyedScore{{"kid_full", whole.Unbiased}, {"kid", subsets}}
		result.intervals = func(bootstrap metric.BootstrapOptions) ([]metric.Interval, error) {
			interval, err := metric.KIDInterval(real, generated, options.Kernel, bootstrap)
			return []metric.Interval{interval}, err
		}
		return result, nil
	}
}

func buildPRD(flags *pflag.FlagSet) evaluate {
	options := metric.PRDOptions{}.WithDefaults()
	flags.IntVar(&options.Clusters, "clusters", options.Clusters, "k-means clusters of the union of both sets")
	flags.IntVar(&options.Runs, "runs", options.Runs, "k-means runs whose curves are averaged")
	flags.IntVar(&options.Angles, "angles", options.Angles, "points of the curve")
	return func(in *metricInputs) (metricOutcome, error) {
		if options.Clusters < 1 || options.Runs < 1 || options.Angles < 3 {
			return metricOutcome{}, fmt.Errorf("metric prd: --clusters %d --runs %d --angles %d: want at least 1, 1 and 3", options.Clusters, options.Runs, options.Angles)
		}
		generated, real, err := in.featurePair()
		if err != nil {
			return metricOutcome{}, err
		}
		options.Seed = in.seed
		clusters, err := metric.ClusterForPRD(real, generated, options)
		if err != nil {
			return metricOutcome{}, err
		}
		curve, err := clusters.Curve()
		if err != nil {
			return metricOutcome{}, err
		}
		scores := func(curve metric.PRDCurve) []keyedScore {
			precision, recall := curve.Summary()
			return []keyedScore{{"precision", precision}, {"recall", recall}}
		}
		samples := generated.RawMatrix().Rows
		return metricOutcome{
			scores: scores(curve), detail: map[string]any{"precision": curve.Precision, "recall": curve.Recall},
			intervals: fixed("the clusters", resampled(2, []int{samples, samples}, func(picks [][]int) ([]keyedScore, error) {
				curve, err := clusters.Pick(picks[0], picks[1]).Curve()
				return scores(curve), err
			})),
		}, nil
	}
}

func buildNeighbourhood(flags *pflag.FlagSet) evaluate {
	var options metric.NeighbourhoodOptions
	flags.IntVar(&options.Neighbours, "neighbours", 5, "the neighbour that a ball reaches to; papers of improved precision take 3, of density and coverage 5")
	flags.BoolVar(&options.Closed, "closed", false, "count a sample on the surface of a ball too (<=), as torch-fidelity does")
	return func(in *metricInputs) (metricOutcome, error) {
		if options.Neighbours < 1 {
			return metricOutcome{}, fmt.Errorf("metric prdc: --neighbours %d, want 1 or more", options.Neighbours)
		}
		generated, real, err := in.featurePair()
		if err != nil {
			return metricOutcome{}, err
		}
		terms, err := metric.NeighbourhoodSamples(real, generated, options)
		if err != nil {
			return metricOutcome{}, err
		}
		s := terms.Scores(options)
		return metricOutcome{
			scores:    []keyedScore{{"precision", s.Precision}, {"recall", s.Recall}, {"density", s.Density}, {"coverage", s.Coverage}},
			intervals: resampledMeans("the balls", terms.Precision, terms.Recall, terms.Density, terms.Coverage),
		}, nil
	}
}

func buildInceptionScore(flags *pflag.FlagSet) evaluate {
	splits := flags.Int("splits", 10, "consecutive chunks whose scores are averaged")
	shuffle := flags.Bool("shuffle", false, "shuffle the samples by --seed first; without it their order must be random")
	return func(in *metricInputs) (metricOutcome, error) {
		sets, err := in.featureSets(features.Probabilities, nil)
		if err != nil {
			return metricOutcome{}, err
		}
		probabilities := sets[0].features
		samples := probabilities.RawMatrix().Rows
		if *shuffle {
			probabilities = metric.Rows(probabilities, rand.New(rand.NewPCG(in.seed, 0)).Perm(samples))
		}
		score, err := metric.InceptionScore(probabilities, *splits)
		if err != nil {
			return metricOutcome{}, err
		}
		if *shuffle {
			score.Settings["order"] = fmt.Sprintf("shuffled by seed %d", in.seed)
		}
		return metricOutcome{
			scores: []keyedScore{{"inception_score", score.Score}}, detail: map[string]any{"splits": score.Chunks},
			intervals: resampled(1, []int{samples}, func(picks [][]int) ([]keyedScore, error) {
				score, err := metric.InceptionScore(metric.Rows(probabilities, picks[0]), *splits)
				return []keyedScore{{"inception_score", score.Score}}, err
			}),
		}, nil
	}
}

// fixed says in the intervals what their resamples share.
func fixed(what string, intervals func(metric.BootstrapOptions) ([]metric.Interval, error)) func(metric.BootstrapOptions) ([]metric.Interval, error) {
	return func(options metric.BootstrapOptions) ([]metric.Interval, error) {
		all, err := intervals(options)
		for i := range all {
			all[i].Fixed = what
		}
		return all, err
	}
}

// featureMaps opens arguments as feature maps [samples, height, width,
// channels], flattened; areMaps is false where either is something else.
func (in *metricInputs) featureMaps(keep int) (sets []featureInput, areMaps bool, err error) {
	for _, source := range in.sources {
		if isPictures, err := isImages(source); err != nil || isPictures || holdsStatistics(source) {
			return nil, false, err
		}
		array, err := arrayfile.Open(source)
		if err != nil {
			return nil, false, err
		}
		if len(array.Shape) != 4 {
			return nil, false, nil
		}
		flat, err := metric.SpatialFeatures(array.Values, array.Shape[1], array.Shape[2], array.Shape[3], keep)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", source, err)
		}
		sets = append(sets, featureInput{features: flat})
		in.read = append(in.read, inputReport{Source: source, Shape: array.Shape})
	}
	return sets, true, nil
}
