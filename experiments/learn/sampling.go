package learn

import (
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/npy"
	"noisebook/pkg/sample"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// SamplingConfig draws images with the joint model, from noise alone.
type SamplingConfig struct {
	Tier    tier.Tier     `json:"tier"`
	Count   int           `json:"count"` // images, all computed at once
	Sampler sample.Config `json:"sampler"`
	Class   string        `json:"class"` // that Algorithm 1 aims at; "" samples without guidance
	Alpha   float64       `json:"alpha"` // step size of Algorithm 1, above 0 where there is a class
	Seed    uint64        `json:"seed"`  // of the noise: equal seeds start equal
}

// SamplingStage is the name of the stage in the store.
const SamplingStage = "learn/sampling"

// Sampling is a quick look at a tier: sixteen images in twenty steps of DDIM,
// of which more than twenty hardly change a picture.
func Sampling(t tier.Tier) SamplingConfig {
	c := SamplingConfig{Tier: t, Count: 16, Sampler: sample.Config{Method: sample.DDIM, Steps: 20, Clip: true}, Seed: 1}
	if t == tier.Smoke {
		c.Count, c.Sampler.Steps = 4, 5
	}
	return c
}

// Guided is the config with its images aimed at a class.
func (c SamplingConfig) Guided(class string, alpha float64) SamplingConfig {
	c.Class, c.Alpha = class, alpha
	return c
}

// Validate says what is wrong, by field, for the classes of a data set.
func (c SamplingConfig) Validate(classes []string) error {
	if err := c.Sampler.Validate(); err != nil {
		return fmt.Errorf("sampler.%w", err)
	}
	switch {
	case c.Count < 1:
		return fmt.Errorf("count is %d: it must be at least 1", c.Count)
	case c.Class != "" && !slices.Contains(classes, c.Class):
		return fmt.Errorf("class is %q: use one of %s", c.Class, strings.Join(classes, ", "))
	case c.Class != "" && !(c.Alpha > 0):
		return fmt.Errorf("alpha is %g: to aim at class %q it must be above 0", c.Alpha, c.Class)
	case c.Class == "" && c.Alpha != 0:
		return fmt.Errorf("class is empty: name the one that alpha %g aims at", c.Alpha)
	}
	return nil
}

// SamplingResult is what the stage leaves in the store.
type SamplingResult struct {
	Images  track.Artifact `json:"images"`  // uint8 [count, H, W, C]
	Weights string         `json:"weights"` // where they come from
}

// Drawn is a sampled set of images.
type Drawn struct {
	track.Result[SamplingResult]
	Images []image.Image
	Figure *figure.Figure // all of them in a square
}

// Run answers from the store or samples, with the weights in the repository or
// else with a model that it trains at the config's tier.
func (c SamplingConfig) Run(ctx context.Context, store *track.Store) (Drawn, error) {
	model, err := joint.ShippedOrTrained(ctx, store, c.Tier)
	if err != nil {
		return Drawn{}, err
	}
	dataset, err := data.Describe(model.Config.Dataset)
	if err != nil {
		return Drawn{}, err
	}
	if err := c.Validate(dataset.Classes); err != nil {
		return Drawn{}, fmt.Errorf("learn: %w", err)
	}
	stage := track.Stage[SamplingConfig, SamplingResult]{Name: SamplingStage, Version: 1,
		Run: func(ctx context.Context, job *track.Job, c SamplingConfig) (SamplingResult, error) {
			return drawSamples(ctx, job, c, model, slices.Index(dataset.Classes, c.Class))
		}}
	result, err := track.Do(ctx, store, stage, c, model.Input)
	if err != nil {
		return Drawn{}, err
	}
	split, err := readPictures(store, result.Value.Images)
	if err != nil {
		return Drawn{}, err
	}
	d := Drawn{Result: result}
	for i := range split.Len() {
		d.Images = append(d.Images, split.Image(i))
	}
	d.Figure, err = figure.Grid(d.Images, c.layout(result, model.Config.Dataset))
	return d, err
}

func (c SamplingConfig) layout(result track.Result[SamplingResult], dataset string) figure.GridSpec {
	steps := fmt.Sprintf("%d steps", c.Sampler.Steps)
	if c.Sampler.Steps == 0 {
		steps = "all steps"
	}
	spec := figure.GridSpec{
		Title:      fmt.Sprintf("Noise, %s later", steps),
		Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "data": dataset, "weights": result.Value.Weights},
	}
	if c.Class != "" {
		spec.Title = fmt.Sprintf("%s, α = %g", c.Class, c.Alpha)
	}
	return spec
}

// drawSamples runs the sampler once, over a batch of all images.
func drawSamples(ctx context.Context, job *track.Job, c SamplingConfig, model *joint.Model, class int) (SamplingResult, error) {
	job.Seed(int64(c.Seed))
	chain, err := model.Config.Chain.Process()
	if err != nil {
		return SamplingResult{}, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return SamplingResult{}, err
	}
	net, unet := model.Network, model.Config.Network.UNet
	predict := func(weights, statistics, x, t *graph.Node, extra []*graph.Node) sample.Prediction {
		pass := net.Evaluate(weights, statistics)
		if len(extra) == 0 {
			return sample.Prediction{Noise: net.UNet.PredictNoise(pass, x, t)}
		}
		noise, _ := net.GuidedNoise(pass, x, t, extra[0], extra[1])
		return sample.Prediction{Noise: noise}
	}
	sampler, err := sample.New(e, chain, predict, c.Count, unet.ImageSize, unet.ImageSize, unet.Channels, c.Sampler)
	if err != nil {
		return SamplingResult{}, err
	}
	defer sampler.Finalize()
	inputs := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(model.Weights.Values, len(model.Weights.Values)),
		tensors.FromFlatDataAndDimensions(model.Weights.Statistics, len(model.Weights.Statistics)),
	}
	if c.Class != "" {
		targets := slices.Repeat([]int32{int32(class)}, c.Count)
		inputs = append(inputs, tensors.FromFlatDataAndDimensions(targets, c.Count), tensors.FromScalar(float32(c.Alpha)))
	}
	defer func() {
		for _, t := range inputs {
			t.FinalizeAll()
		}
	}()
	x, err := sampler.Run(ctx, sample.Draw{
		Weights: inputs[0], Statistics: inputs[1], Extra: inputs[2:], Seed: c.Seed,
		Progress: func(step, of int) { job.Progress(step, of, nil) },
	})
	if err != nil {
		return SamplingResult{}, err
	}
	shape := []int{c.Count, unet.ImageSize, unet.ImageSize, unet.Channels}
	images, err := job.Save("samples.npy", func(w io.Writer) error { return npy.Write(w, shape, pixels(x)) })
	return SamplingResult{Images: images, Weights: model.Origin}, err
}
