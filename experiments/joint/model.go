// Package joint reproduces the figures and tables of Joint Diffusion (Deja,
// Trzciński, Tomczak 2023): one file an artifact, over the shared stages of
// this file, samples.go and reference.go.
package joint

import (
	"context"
	"fmt"
	"io"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/features"
	"noisebook/pkg/joint"
	"noisebook/pkg/metric"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// ModelConfig is a joint model and how it is trained.
type ModelConfig struct {
	Dataset   string          `json:"dataset"`
	Network   joint.Config    `json:"network"`
	Chain     ChainConfig     `json:"chain"`
	Objective joint.Objective `json:"objective"`
	Train     train.Config    `json:"train"`
	// TestImages is how many test images the accuracy is taken on; 0 means all.
	TestImages int `json:"test_images,omitempty"`
}

// ChainConfig is the noise schedule.
type ChainConfig struct {
	Schedule  string  `json:"schedule"`  // linear or cosine
	Timesteps int     `json:"timesteps"` // T
	First     float64 `json:"first"`     // β of the first step for T = 1000; other T scale it
	Last      float64 `json:"last"`      // β of the last step for T = 1000
}

// Validate says what is wrong, by field.
func (c ChainConfig) Validate() error {
	_, err := c.Process()
	return err
}

// Process makes the chain.
func (c ChainConfig) Process() (*process.DDPM, error) {
	var betas []float64
	var err error
	switch c.Schedule {
	case "linear":
		betas, err = process.ScaledLinear(c.Timesteps, c.First, c.Last)
	case "cosine":
		betas, err = process.Cosine(c.Timesteps)
	default:
		return nil, fmt.Errorf("schedule is %q: use linear or cosine", c.Schedule)
	}
	if err != nil {
		return nil, err
	}
	return process.NewDDPM(betas)
}

// TrainedModel is what training leaves in the store.
type TrainedModel struct {
	Weights    track.Artifact `json:"weights"` // moving average and running statistics
	Parameters int            `json:"parameters"`
	Accuracy   float64        `json:"accuracy"` // share of the clean test images classified right, last step
	TestImages int            `json:"test_images"`
}

const (
	trainStage   = "joint/train"
	trainVersion = 2 // dropout masks are hashes
)

// Fit trains the model, or answers from the store.
func (c ModelConfig) Fit(ctx context.Context, store *track.Store) (track.Result[TrainedModel], error) {
	stage := track.Stage[ModelConfig, TrainedModel]{Name: trainStage, Version: trainVersion, Run: trainModel}
	dataset, err := data.Describe(c.Dataset)
	if err != nil {
		return track.Result[TrainedModel]{}, err
	}
	return track.Do(ctx, store, stage, c, experiments.DatasetInputs(dataset)...)
}

func trainModel(ctx context.Context, job *track.Job, c ModelConfig) (TrainedModel, error) {
	job.Seed(int64(c.Train.Seed))
	dataset, err := experiments.LoadDataset(ctx, job, c.Dataset)
	if err != nil {
		return TrainedModel{}, err
	}
	if err := fits(dataset, c.Network); err != nil {
		return TrainedModel{}, err
	}
	model, err := joint.New(c.Network)
	if err != nil {
		return TrainedModel{}, err
	}
	objective, err := c.objective(model)
	if err != nil {
		return TrainedModel{}, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return TrainedModel{}, err
	}
	net := network(model)
	weights, err := experiments.Train(ctx, job, e, net, objective, dataset.Train, c.Train)
	if err != nil {
		return TrainedModel{}, err
	}
	test := testSplit(dataset, c.TestImages)
	accuracy, err := testAccuracy(ctx, e, model, weights, test)
	if err != nil {
		return TrainedModel{}, err
	}
	job.Log(c.Train.Steps, map[string]float64{"test_accuracy": accuracy})
	saved, err := job.Save("weights.safetensors", func(w io.Writer) error {
		return train.WriteWeights(w, net, weights, false, nil)
	})
	return TrainedModel{
		Weights: saved, Parameters: model.Layout.Size(),
		Accuracy: accuracy, TestImages: test.Len(),
	}, err
}

// fits holds a network's input and classes against a dataset.
func fits(d *data.Dataset, c joint.Config) error {
	s := d.Train
	if s.Height != c.UNet.ImageSize || s.Width != c.UNet.ImageSize || s.Channels != c.UNet.Channels || len(d.Classes) != c.Classes {
		return fmt.Errorf("joint: the network takes %d×%d×%d images of %d classes, %s has %d×%d×%d of %d",
			c.UNet.ImageSize, c.UNet.ImageSize, c.UNet.Channels, c.Classes, d.Title, s.Height, s.Width, s.Channels, len(d.Classes))
	}
	return nil
}

// testSplit is the first count test images, or all for 0.
func testSplit(d *data.Dataset, count int) data.Split {
	if count == 0 {
		return d.Test
	}
	return d.Test.First(count)
}

func network(m *joint.Model) train.Network {
	return train.Network{Layout: m.Layout, Statistics: m.Statistics}
}

// Training is the network that a config trains, and its objective.
func (c ModelConfig) Training() (train.Network, train.Objective, error) {
	model, err := joint.New(c.Network)
	if err != nil {
		return train.Network{}, nil, err
	}
	objective, err := c.objective(model)
	return network(model), objective, err
}

// objective draws t and the noise on the device.
func (c ModelConfig) objective(model *joint.Model) (train.Objective, error) {
	chain, err := c.Chain.Process()
	if err != nil {
		return nil, err
	}
	return func(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []train.Term) {
		dims := images.Shape().Dimensions
		t := graph.ConvertDType(graph.Floor(graph.MulScalar(p.Uniform(dims[0]), chain.Steps())), dtypes.Int32)
		l := model.Loss(p, c.Objective, chain, images, labels, t, p.Normal(dims...))
		terms := []train.Term{{Name: "diffusion", Value: l.Diffusion}}
		if l.Clean != nil {
			terms = append(terms, train.Term{Name: "classification", Value: l.Clean})
		}
		if l.Noisy != nil {
			terms = append(terms, train.Term{Name: "noisy_classification", Value: l.Noisy})
		}
		return l.Total, terms
	}, nil
}

// testAccuracy classifies clean images at the first noise level, as the paper predicts.
func testAccuracy(ctx context.Context, e *engine.Engine, m *joint.Model, weights train.Weights, test data.Split) (float64, error) {
	logits, err := classify(ctx, e, m, weights, test)
	if err != nil {
		return 0, err
	}
	return accuracy(logits, test.Labels)
}

func classify(ctx context.Context, e *engine.Engine, m *joint.Model, weights train.Weights, images data.Split) (*mat.Dense, error) {
	out, err := features.Extract(ctx, e, network(m), weights, func(p *nn.Pass, x *graph.Node) []*graph.Node {
		t := graph.ConstAsDType(x.Graph(), dtypes.Int32, make([]int32, x.Shape().Dimensions[0]))
		return []*graph.Node{m.Logits(p, m.UNet.Encode(p, x, t), t)}
	}, images)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func accuracy(logits *mat.Dense, labels []int32) (float64, error) {
	predictions, err := metric.Argmax(logits)
	if err != nil {
		return 0, err
	}
	truth := make([]int, len(labels))
	for i, label := range labels {
		truth[i] = int(label)
	}
	share, err := metric.Accuracy(predictions, truth)
	return share.Value, err
}
