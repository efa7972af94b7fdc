package learn

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
	"noisebook/pkg/npy"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// EvaluatingConfig asks how the Fréchet distance moves with the number of samples.
type EvaluatingConfig struct {
	Tier      tier.Tier             `json:"tier"`
	Reference joint.ReferenceConfig `json:"reference"` // the LeNet, and the test images that are half reference, half samples
	Sampling  SamplingConfig        `json:"sampling"`  // our own samples
	Counts    []int                 `json:"counts"`    // n, ascending
	Repeats   int                   `json:"repeats"`   // random subsets of each n
	Seed      uint64                `json:"seed"`      // of the halves and the subsets
}

// Evaluating is the lesson at a tier.
func Evaluating(t tier.Tier) EvaluatingConfig {
	c := EvaluatingConfig{Tier: t, Reference: joint.AlphaSweep(t).Reference, Sampling: Sampling(t), Repeats: 5, Seed: 1}
	switch t {
	case tier.Smoke:
		c.Sampling.Count, c.Counts, c.Repeats = 100, []int{20, 50, 100}, 2
	case tier.Quick:
		c.Sampling.Count, c.Counts = 500, []int{50, 100, 200, 500}
	default:
		c.Sampling.Count, c.Counts = 1000, []int{50, 100, 200, 500, 1000}
	}
	return c
}

// Validate says what is wrong, by field.
func (c EvaluatingConfig) Validate() error {
	if len(c.Counts) == 0 {
		return fmt.Errorf("learn: counts is empty")
	}
	for i, n := range c.Counts {
		if n < 2 || n > c.Sampling.Count || i > 0 && n <= c.Counts[i-1] {
			return fmt.Errorf("learn: counts has %d: they must ascend from 2 to sampling.count (%d)", n, c.Sampling.Count)
		}
	}
	if c.Repeats < 1 {
		return fmt.Errorf("learn: repeats is %d: it must be at least 1", c.Repeats)
	}
	return nil
}

// EvaluatingResult is what the lesson shows.
type EvaluatingResult struct {
	// Distances has a row a subset: samples ("held-out images" or "our samples"), n, subset, fid.
	Distances table.Table `json:"distances"`
	// Limits has the extrapolation to infinitely many samples: samples, fid, fid_infinity, slope, r2.
	Limits     table.Table `json:"limits"`
	References int         `json:"references"` // real images that both are compared with
	Accuracy   float64     `json:"accuracy"`   // of the LeNet
	Weights    string      `json:"weights"`    // of the model that sampled
}

// Run answers from the store, or samples, measures and compares.
func (c EvaluatingConfig) Run(ctx context.Context, store *track.Store) (track.Result[EvaluatingResult], error) {
	if err := c.Validate(); err != nil {
		return track.Result[EvaluatingResult]{}, err
	}
	reference, err := c.Reference.Fit(ctx, store)
	if err != nil {
		return track.Result[EvaluatingResult]{}, err
	}
	drawn, err := c.Sampling.Run(ctx, store)
	if err != nil {
		return track.Result[EvaluatingResult]{}, err
	}
	stage := track.Stage[EvaluatingConfig, EvaluatingResult]{Name: "learn/evaluating", Version: 1,
		Run: func(ctx context.Context, job *track.Job, c EvaluatingConfig) (EvaluatingResult, error) {
			return evaluate(ctx, job, store, c, reference.Value, drawn.Value)
		}}
	return track.Do(ctx, store, stage, c, reference, drawn.Result)
}

func evaluate(ctx context.Context, job *track.Job, store *track.Store, c EvaluatingConfig, reference joint.Reference, samples SamplingResult) (EvaluatingResult, error) {
	job.Seed(int64(c.Seed))
	real, err := realFeatures(job, reference)
	if err != nil {
		return EvaluatingResult{}, err
	}
	generated, err := sampleFeatures(ctx, job, store, reference, samples)
	if err != nil {
		return EvaluatingResult{}, err
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	rows, _ := real.Dims()
	order := rng.Perm(rows)
	measure, held := metric.Rows(real, order[:rows/2]), metric.Rows(real, order[rows/2:])

	result := EvaluatingResult{
		Distances: table.New("samples", "n", "subset", "fid"), Limits: table.New("samples", "fid", "fid_infinity", "slope", "r2"),
		References: rows / 2, Accuracy: reference.Accuracy, Weights: samples.Weights,
	}
	for _, set := range []struct {
		name     string
		features *mat.Dense
	}{{"held-out images", held}, {"our samples", generated}} {
		have, _ := set.features.Dims()
		for _, n := range c.Counts {
			if n > have {
				break
			}
			for subset := range c.Repeats {
				distance, err := metric.FID(measure, metric.Rows(set.features, rng.Perm(have)[:n]))
				if err != nil {
					return EvaluatingResult{}, err
				}
				if err := result.Distances.Append(set.name, n, subset, distance.Value); err != nil {
					return EvaluatingResult{}, err
				}
			}
		}
		whole, err := metric.FID(measure, set.features)
		if err != nil {
			return EvaluatingResult{}, err
		}
		limit, err := metric.FIDInfinity(measure, set.features, metric.FIDInfinityOptions{Seed: c.Seed})
		if err != nil {
			return EvaluatingResult{}, err
		}
		if err := result.Limits.Append(set.name, whole.Value, limit.Value, limit.Slope, limit.R2); err != nil {
			return EvaluatingResult{}, err
		}
	}
	return result, nil
}

func realFeatures(job *track.Job, reference joint.Reference) (*mat.Dense, error) {
	path, err := job.Path(reference.Features)
	if err != nil {
		return nil, err
	}
	array, err := npy.Open(path)
	if err != nil {
		return nil, err
	}
	return array.Dense()
}

func sampleFeatures(ctx context.Context, job *track.Job, store *track.Store, reference joint.Reference, samples SamplingResult) (*mat.Dense, error) {
	pictures, err := readPictures(store, samples.Images)
	if err != nil {
		return nil, err
	}
	path, err := job.Path(reference.Weights)
	if err != nil {
		return nil, err
	}
	lenet, err := features.OpenLeNet(path)
	if err != nil {
		return nil, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return nil, err
	}
	return features.Collect(ctx, lenet, e, features.FromSplit(pictures), func(done, total int) { job.Progress(done, total, nil) })
}
