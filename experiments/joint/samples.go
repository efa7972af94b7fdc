package joint

import (
	"context"
	"fmt"
	"io"

	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/joint"
	"noisebook/pkg/npy"
	"noisebook/pkg/sample"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// SampleConfig is one set of samples of a trained model. Image i aims at class
// i mod K, or at all attributes of a training image that the seed draws.
type SampleConfig struct {
	// Dataset is whose images' attributes are aimed at; empty where classes are.
	Dataset string        `json:"dataset,omitempty"`
	Network joint.Config  `json:"network"`
	Chain   ChainConfig   `json:"chain"`
	Sampler sample.Config `json:"sampler"`
	Guide   Guide         `json:"guide"`
	Count   int           `json:"count"`
	Batch   int           `json:"batch"`
	Seed    uint64        `json:"seed"` // of the starting noise and of each step's; equal seeds start equal
}

// Samples are generated images in the store.
type Samples struct {
	Images  track.Artifact `json:"images"`  // uint8 [count, H, W, C], clipped to what a picture can hold
	Targets track.Artifact `json:"targets"` // what they aim at: classes [count], or attributes [count, K]; int64
}

// fitted is a trained model with, once it computes, its weights as tensors.
type fitted struct {
	config  ModelConfig
	trained track.Result[TrainedModel]
	model   *joint.Model
	weights []*tensors.Tensor // values, statistics
}

// load reads the weights, once.
func (f *fitted) load(job *track.Job) error {
	if f.weights != nil {
		return nil
	}
	var w train.Weights
	var err error
	if f.model, w, err = openModel(job, f.config.Network, f.trained.Value); err != nil {
		return err
	}
	f.weights = []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(w.Values, len(w.Values)),
		tensors.FromFlatDataAndDimensions(w.Statistics, len(w.Statistics)),
	}
	return nil
}

func (f *fitted) close() {
	for _, t := range f.weights {
		t.FinalizeAll()
	}
}

// generator samples one trained model; it compiles each kind of step once.
type generator struct {
	fitted
	classifier *fitted // of classifier guidance; may be nil without it
	sampler    sample.Config
	batch      int
	samplers   map[GuidedBy]*sample.Sampler
}

func newGenerator(config ModelConfig, trained track.Result[TrainedModel], sampler sample.Config, batch int) *generator {
	return &generator{fitted: fitted{config: config, trained: trained}, sampler: sampler, batch: batch, samplers: map[GuidedBy]*sample.Sampler{}}
}

// guidedBy adds the noisy classifier of classifier guidance.
func (g *generator) guidedBy(config ModelConfig, trained track.Result[TrainedModel]) {
	g.classifier = &fitted{config: config, trained: trained}
}

// close frees compiled steps and weights.
func (g *generator) close() {
	for _, s := range g.samplers {
		s.Finalize()
	}
	g.fitted.close()
	if g.classifier != nil {
		g.classifier.close()
	}
}

// set is count guided images.
func (g *generator) set(guide Guide, count int, seed uint64) SampleConfig {
	c := SampleConfig{
		Network: g.config.Network, Chain: g.config.Chain, Sampler: g.sampler,
		Guide: guide, Count: count, Batch: g.batch, Seed: seed,
	}
	if c.Network.Attributes {
		c.Dataset = g.config.Dataset
	}
	return c
}

// sample returns count guided images, from the store if they are there.
func (g *generator) sample(ctx context.Context, store *track.Store, guide Guide, count int, seed uint64) (track.Result[Samples], error) {
	inputs := []track.Input{g.trained}
	if g.config.Network.Attributes {
		var err error
		if inputs, err = g.config.data(inputs...); err != nil {
			return track.Result[Samples]{}, err
		}
	}
	if guide.By == GuidedByClassifier {
		if g.classifier == nil {
			return track.Result[Samples]{}, fmt.Errorf("joint: samples of %s are to be guided by a classifier and have none", g.config.title())
		}
		inputs = append(inputs, g.classifier.trained)
	}
	stage := track.Stage[SampleConfig, Samples]{Name: "joint/sample", Version: 2, Run: g.run}
	return track.Do(ctx, store, stage, g.set(guide, count, seed), inputs...)
}

func (g *generator) run(ctx context.Context, job *track.Job, c SampleConfig) (Samples, error) {
	aims := targets(c.Count, c.Network.Classes)
	if c.Network.Attributes {
		dataset, err := experiments.LoadDataset(ctx, job, c.Dataset)
		if err != nil {
			return Samples{}, err
		}
		aims = attributeTargets(dataset.Train, c.Count, c.Seed)
	}
	return g.draw(ctx, job, c, aims)
}

// draw samples images that aim at targets, in the shape of [targetDims].
func (g *generator) draw(ctx context.Context, job *track.Job, c SampleConfig, aims []int32) (Samples, error) {
	job.Seed(int64(c.Seed))
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Samples{}, err
	}
	sampler, err := g.prepare(e, job, c)
	if err != nil {
		return Samples{}, err
	}
	unet := c.Network.UNet
	size := unet.ImageSize * unet.ImageSize * unet.Channels
	pixels := make([]uint8, c.Count*size)
	err = g.batches(ctx, job, sampler, c, aims, nil, func(from, n int, x []float32) {
		data.Pixels(pixels[from*size:(from+n)*size], x)
	})
	if err != nil {
		return Samples{}, err
	}
	var s Samples
	if s.Images, err = job.Save("samples.npy", func(w io.Writer) error {
		return npy.Write(w, []int{c.Count, unet.ImageSize, unet.ImageSize, unet.Channels}, pixels)
	}); err != nil {
		return Samples{}, err
	}
	s.Targets, err = job.Save("targets.npy", func(w io.Writer) error { return writeTargets(w, c.Network, aims) })
	return s, err
}

// batches samples all images batch by batch: n of them from an image on, the last
// batch perhaps fewer than c.Batch. Prepare, which may be nil, changes how a
// batch is drawn; keep takes its n images.
func (g *generator) batches(ctx context.Context, job *track.Job, sampler *sample.Sampler, c SampleConfig, aims []int32,
	prepare func(from, n int, d *sample.Draw), keep func(from, n int, x []float32)) error {
	unet, width := c.Network.UNet, targetWidth(c.Network)
	size := unet.ImageSize * unet.ImageSize * unet.Channels
	for from := 0; from < c.Count; from += c.Batch {
		n := min(c.Batch, c.Count-from)
		extra, free := g.extra(c, aims[from*width:(from+n)*width])
		d := sample.Draw{Weights: g.weights[0], Statistics: g.weights[1], Extra: extra, Seed: c.Seed + uint64(from)<<32}
		if prepare != nil {
			prepare(from, n, &d)
		}
		d.Progress = func(i, of int) { job.Progress(from*of+n*i, c.Count*of, nil) }
		x, err := sampler.Run(ctx, d)
		free()
		if err != nil {
			return err
		}
		keep(from, n, x[:n*size])
	}
	return nil
}

// extra are the inputs of a guide for a batch, which may be short of targets, and
// what frees those that are the batch's own.
func (g *generator) extra(c SampleConfig, aims []int32) (inputs []*tensors.Tensor, free func()) {
	if c.Guide.By == GuidedByNothing {
		return nil, func() {}
	}
	padded := make([]int32, c.Batch*targetWidth(c.Network))
	copy(padded, aims)
	aim, scale := tensors.FromFlatDataAndDimensions(padded, targetDims(c.Network, c.Batch)...), tensors.FromScalar(float32(c.Guide.Scale))
	inputs = []*tensors.Tensor{aim, scale}
	if c.Guide.By == GuidedByClassifier {
		inputs = append(inputs, g.classifier.weights...)
	}
	return inputs, func() {
		aim.FinalizeAll()
		scale.FinalizeAll()
	}
}

// prepare loads the weights and compiles the step that is needed.
func (g *generator) prepare(e *engine.Engine, job *track.Job, c SampleConfig) (*sample.Sampler, error) {
	if err := g.load(job); err != nil {
		return nil, err
	}
	var classifier *joint.Model
	if c.Guide.By == GuidedByClassifier {
		if err := g.classifier.load(job); err != nil {
			return nil, err
		}
		classifier = g.classifier.model
	}
	if s := g.samplers[c.Guide.By]; s != nil {
		return s, nil
	}
	chain, err := c.Chain.Process()
	if err != nil {
		return nil, err
	}
	unet := c.Network.UNet
	s, err := sample.New(e, chain, c.Guide.predictor(g.model, classifier), c.Batch, unet.ImageSize, unet.ImageSize, unet.Channels, c.Sampler)
	if err != nil {
		return nil, err
	}
	g.samplers[c.Guide.By] = s
	return s, nil
}

// measured samples a set and scores it.
func (g *generator) measured(ctx context.Context, store *track.Store, y yardstick, guide Guide, count int, seed uint64) (track.Result[Samples], track.Result[Scores], error) {
	samples, err := g.sample(ctx, store, guide, count, seed)
	if err != nil {
		return samples, track.Result[Scores]{}, err
	}
	scores, err := y.score(ctx, store, ScoreConfig{Classes: g.config.Network.Classes, Seed: seed}, samples)
	return samples, scores, err
}
