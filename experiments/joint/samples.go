package joint

import (
	"context"
	"fmt"
	"io"

	"github.com/gomlx/gomlx/core/graph"
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

// SampleConfig is one set of samples of a trained model.
type SampleConfig struct {
	Network joint.Config  `json:"network"`
	Chain   ChainConfig   `json:"chain"`
	Sampler sample.Config `json:"sampler"`
	Alpha   float64       `json:"alpha"` // step size of Algorithm 1; 0 samples unconditionally
	Count   int           `json:"count"` // image i aims at class i mod K
	Batch   int           `json:"batch"`
	Seed    uint64        `json:"seed"` // of the starting noise and of each step's; equal seeds start equal
}

// Samples are generated images in the store.
type Samples struct {
	Images track.Artifact `json:"images"` // uint8 [count, H, W, C], clipped to what a picture can hold
}

// targets are the classes that count images aim at: the classes in turn.
func targets(count, classes int) []int32 {
	labels := make([]int32, count)
	for i := range labels {
		labels[i] = int32(i % classes)
	}
	return labels
}

// generator samples one trained model; it compiles each kind of step once.
type generator struct {
	config   ModelConfig
	trained  track.Result[TrainedModel]
	sampler  sample.Config
	batch    int
	samplers map[bool]*sample.Sampler // by guided or not
	weights  []*tensors.Tensor        // values, statistics
}

func newGenerator(config ModelConfig, trained track.Result[TrainedModel], sampler sample.Config, batch int) *generator {
	return &generator{config: config, trained: trained, sampler: sampler, batch: batch, samplers: map[bool]*sample.Sampler{}}
}

// close frees compiled steps and weights.
func (g *generator) close() {
	for _, s := range g.samplers {
		s.Finalize()
	}
	for _, t := range g.weights {
		t.FinalizeAll()
	}
}

// sample returns count images with a step size, from the store if they are there.
func (g *generator) sample(ctx context.Context, store *track.Store, alpha float64, count int, seed uint64) (track.Result[Samples], error) {
	config := SampleConfig{
		Network: g.config.Network, Chain: g.config.Chain, Sampler: g.sampler,
		Alpha: alpha, Count: count, Batch: g.batch, Seed: seed,
	}
	stage := track.Stage[SampleConfig, Samples]{Name: "joint/sample", Version: 1, Run: g.run}
	return track.Do(ctx, store, stage, config, g.trained)
}

func (g *generator) run(ctx context.Context, job *track.Job, c SampleConfig) (Samples, error) {
	job.Seed(int64(c.Seed))
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Samples{}, err
	}
	sampler, err := g.prepare(e, job, c)
	if err != nil {
		return Samples{}, err
	}
	unet, labels := c.Network.UNet, targets(c.Count, c.Network.Classes)
	size := unet.ImageSize * unet.ImageSize * unet.Channels
	pixels := make([]uint8, c.Count*size)
	alpha := tensors.FromScalar(float32(c.Alpha))
	for from := 0; from < c.Count; from += c.Batch {
		n := min(c.Batch, c.Count-from)
		padded := make([]int32, c.Batch) // the last batch may be short
		copy(padded, labels[from:from+n])
		extra := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(padded, c.Batch), alpha}
		if c.Alpha == 0 {
			extra = nil
		}
		x, err := sampler.Run(ctx, sample.Draw{
			Weights: g.weights[0], Statistics: g.weights[1], Extra: extra, Seed: c.Seed + uint64(from)<<32,
			Progress: func(i, of int) { job.Progress(from*of+n*i, c.Count*of, nil) },
		})
		if err != nil {
			return Samples{}, err
		}
		data.Pixels(pixels[from*size:(from+n)*size], x[:n*size])
	}
	images, err := job.Save("samples.npy", func(w io.Writer) error {
		return npy.Write(w, []int{c.Count, unet.ImageSize, unet.ImageSize, unet.Channels}, pixels)
	})
	return Samples{Images: images}, err
}

// prepare loads the weights and compiles the step that is needed.
func (g *generator) prepare(e *engine.Engine, job *track.Job, c SampleConfig) (*sample.Sampler, error) {
	model, err := joint.New(c.Network)
	if err != nil {
		return nil, err
	}
	if g.weights == nil {
		path, err := job.Path(g.trained.Value.Weights)
		if err != nil {
			return nil, err
		}
		w, err := train.ReadWeights(path, network(model))
		if err != nil {
			return nil, err
		}
		g.weights = []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(w.Values, len(w.Values)),
			tensors.FromFlatDataAndDimensions(w.Statistics, len(w.Statistics)),
		}
	}
	guided := c.Alpha != 0
	if s := g.samplers[guided]; s != nil {
		return s, nil
	}
	chain, err := c.Chain.Process()
	if err != nil {
		return nil, err
	}
	predict := unguided(model)
	if guided {
		predict = optimized(model)
	}
	unet := c.Network.UNet
	s, err := sample.New(e, chain, predict, c.Batch, unet.ImageSize, unet.ImageSize, unet.Channels, c.Sampler)
	if err != nil {
		return nil, err
	}
	g.samplers[guided] = s
	return s, nil
}

// unguided predicts the noise, and takes no extra inputs.
func unguided(m *joint.Model) sample.Predict {
	return func(weights, statistics, x, t *graph.Node, _ []*graph.Node) sample.Prediction {
		return sample.Prediction{Noise: m.UNet.PredictNoise(m.Evaluate(weights, statistics), x, t)}
	}
}

// optimized is Algorithm 1: the noise decoded from optimized features. Its extra
// inputs are the classes y [B] and the step size α; it traces the logits [B, K]
// of the features before they move.
func optimized(m *joint.Model) sample.Predict {
	return func(weights, statistics, x, t *graph.Node, extra []*graph.Node) sample.Prediction {
		noise, logits := m.GuidedNoise(m.Evaluate(weights, statistics), x, t, extra[0], extra[1])
		return sample.Prediction{Noise: noise, Trace: logits}
	}
}

// images reads a set of samples as a split, so that it can be measured like data.
func images(store *track.Store, s Samples, labels []int32) (data.Split, error) {
	path, err := store.Path(s.Images)
	if err != nil {
		return data.Split{}, err
	}
	array, err := npy.Open(path)
	if err != nil {
		return data.Split{}, err
	}
	shape := array.Shape()
	if len(shape) != 4 || shape[0] != len(labels) {
		return data.Split{}, fmt.Errorf("joint: samples have shape %v, want %d images", shape, len(labels))
	}
	values := array.Float64s()
	pixels := make([]uint8, len(values))
	for i, v := range values {
		pixels[i] = uint8(v)
	}
	return data.Split{Images: pixels, Labels: labels, Height: shape[1], Width: shape[2], Channels: shape[3]}, nil
}

// measured samples a set and scores it.
func (g *generator) measured(ctx context.Context, store *track.Store, reference track.Result[Reference], alpha float64, count int, seed uint64) (track.Result[Samples], track.Result[Scores], error) {
	samples, err := g.sample(ctx, store, alpha, count, seed)
	if err != nil {
		return samples, track.Result[Scores]{}, err
	}
	classes := g.config.Network.Classes
	config := ScoreConfig{Classes: classes, Seed: seed}
	scores, err := score(ctx, store, config, reference, samples, targets(count, classes))
	return samples, scores, err
}
