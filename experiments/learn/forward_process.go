// Package learn holds the stages behind the lessons in notebooks/learn: small
// experiments on trained models that take seconds.
package learn

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/npy"
	"noisebook/pkg/process"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// ForwardProcessConfig noises test images along the chain, lets the joint model
// guess the clean image in one step, and asks its head for the class.
type ForwardProcessConfig struct {
	Tier      tier.Tier `json:"tier"`
	Timesteps []int     `json:"timesteps"` // counted from 0, the least noise, to T − 1
	Images    int       `json:"images"`    // test images that are measured, the first ones
	Shown     []int     `json:"shown"`     // classes that are drawn: the first image of each
	Batch     int       `json:"batch"`     // images computed at once
	Seed      uint64    `json:"seed"`      // of the noise; an image meets the same noise at every t
}

// ForwardProcessStage is the name of the stage in the store.
const ForwardProcessStage = "learn/forward-process"

// ForwardProcess is the lesson's default at a tier.
func ForwardProcess(t tier.Tier) ForwardProcessConfig {
	c := ForwardProcessConfig{
		Tier:      t,
		Timesteps: []int{0, 10, 25, 50, 100, 150, 200, 300, 400, 499},
		Images:    400, Shown: []int{7, 1, 3, 8}, Batch: 100, Seed: 1,
	}
	if t == tier.Smoke {
		c.Timesteps, c.Images, c.Batch = []int{0, 50, 200, 499}, 40, 40
	}
	return c
}

// Validate says what is wrong, by field, for a chain and a data set.
func (c ForwardProcessConfig) Validate(chain *process.DDPM, images int) error {
	for _, t := range c.Timesteps {
		if t < 0 || t >= chain.Steps() {
			return fmt.Errorf("timesteps has %d: it must be in 0 to %d", t, chain.Steps()-1)
		}
	}
	switch {
	case len(c.Timesteps) == 0:
		return fmt.Errorf("timesteps is empty: name at least one")
	case c.Images < 1 || c.Images > images:
		return fmt.Errorf("images is %d: it must be in 1 to %d", c.Images, images)
	case c.Batch < 1:
		return fmt.Errorf("batch is %d: it must be at least 1", c.Batch)
	case len(c.Shown) == 0:
		return fmt.Errorf("shown is empty: name at least one class")
	}
	return nil
}

// ForwardProcessResult is what the stage leaves in the store.
type ForwardProcessResult struct {
	// Table has a row a timestep: t, snr, error (mean squared, of the guess
	// clipped to [−1, 1]) and accuracy (of the head on the noised image).
	Table   table.Table    `json:"table"`
	Noised  track.Artifact `json:"noised"`  // uint8 [timesteps, shown, H, W, C]
	Guessed track.Artifact `json:"guessed"` // the same of the one-step guesses
	Weights string         `json:"weights"` // where they come from
}

// Lesson is the result and its picture.
type Lesson struct {
	track.Result[ForwardProcessResult]
	Pictures *figure.Figure // a pair of rows an image: noised, and guessed in one step
}

// Run answers from the store or computes, with the weights in the repository or
// else with a model that it trains at the config's tier.
func (c ForwardProcessConfig) Run(ctx context.Context, store *track.Store) (Lesson, error) {
	model, err := joint.ShippedOrTrained(ctx, store, c.Tier)
	if err != nil {
		return Lesson{}, err
	}
	description, err := data.Describe(model.Config.Dataset)
	if err != nil {
		return Lesson{}, err
	}
	stage := track.Stage[ForwardProcessConfig, ForwardProcessResult]{Name: ForwardProcessStage, Version: 1,
		Run: func(ctx context.Context, job *track.Job, c ForwardProcessConfig) (ForwardProcessResult, error) {
			return forwardProcess(ctx, job, c, model)
		}}
	result, err := track.Do(ctx, store, stage, c, append(experiments.DatasetInputs(description), model.Input)...)
	if err != nil {
		return Lesson{}, err
	}
	pictures, err := c.draw(ctx, store, result, model.Config.Dataset)
	return Lesson{result, pictures}, err
}

func forwardProcess(ctx context.Context, job *track.Job, c ForwardProcessConfig, model *joint.Model) (ForwardProcessResult, error) {
	job.Seed(int64(c.Seed))
	chain, err := model.Config.Chain.Process()
	if err != nil {
		return ForwardProcessResult{}, err
	}
	dataset, err := experiments.LoadDataset(ctx, job, model.Config.Dataset)
	if err != nil {
		return ForwardProcessResult{}, err
	}
	if err := c.Validate(chain, dataset.Test.Len()); err != nil {
		return ForwardProcessResult{}, fmt.Errorf("learn: %w", err)
	}
	shown, err := firstOfClasses(dataset.Test, c.Shown)
	if err != nil {
		return ForwardProcessResult{}, err
	}
	// The pictures' images go first, so that one pass serves both parts.
	order := shown
	for i := range c.Images {
		order = append(order, i)
	}
	images := dataset.Test.Subset(order)
	denoiser, err := newDenoiser(ctx, job, model, c.Batch)
	if err != nil {
		return ForwardProcessResult{}, err
	}
	defer denoiser.close()

	clean := make([]float32, len(images.Images))
	data.Normalize(clean, images.Images)
	noise := gaussian(len(clean), c.Seed)
	noised, guessed := make([]float32, len(clean)), make([]float32, len(clean))
	part := len(c.Shown) * images.ImageSize()
	var noisedPictures, guessedPictures []uint8
	t := table.New("t", "snr", "error", "accuracy")
	for step, timestep := range c.Timesteps {
		marginal := chain.Marginal(timestep)
		for i := range clean {
			noised[i] = float32(marginal.Diffuse(float64(clean[i]), float64(noise[i])))
		}
		classes, err := denoiser.run(ctx, noised, guessed, images, marginal, timestep)
		if err != nil {
			return ForwardProcessResult{}, err
		}
		noisedPictures = append(noisedPictures, pixels(noised[:part])...)
		guessedPictures = append(guessedPictures, pixels(guessed[:part])...)
		right := 0
		for i, class := range classes[len(c.Shown):] {
			if class == images.Labels[len(c.Shown)+i] {
				right++
			}
		}
		if err := t.Append(timestep, marginal.SNR(), squaredError(guessed[part:], clean[part:]), float64(right)/float64(c.Images)); err != nil {
			return ForwardProcessResult{}, err
		}
		job.Progress(step+1, len(c.Timesteps), nil)
	}

	r := ForwardProcessResult{Table: t, Weights: model.Origin}
	shape := []int{len(c.Timesteps), len(c.Shown), images.Height, images.Width, images.Channels}
	if r.Noised, err = job.Save("noised.npy", func(w io.Writer) error { return npy.Write(w, shape, noisedPictures) }); err != nil {
		return r, err
	}
	r.Guessed, err = job.Save("guessed.npy", func(w io.Writer) error { return npy.Write(w, shape, guessedPictures) })
	return r, err
}

func squaredError(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += math.Pow(float64(a[i]-b[i]), 2)
	}
	return sum / float64(len(a))
}

func gaussian(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

func pixels(values []float32) []uint8 {
	out := make([]uint8, len(values))
	data.Pixels(out, values)
	return out
}

// firstOfClasses finds the first image of each class.
func firstOfClasses(split data.Split, classes []int) ([]int, error) {
	positions := make([]int, len(classes))
	for i, class := range classes {
		found := false
		for p, label := range split.Labels {
			if int(label) == class {
				positions[i], found = p, true
				break
			}
		}
		if !found {
			return nil, fmt.Errorf("learn: shown has %d: no image has this class", class)
		}
	}
	return positions, nil
}
