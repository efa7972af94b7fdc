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
	"noisebook/pkg/augment"
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

// ModelConfig is a network, what it is trained for, and how. As the tiers give
// it, it is the joint model with noisy classifiers (eq. 10), which Algorithm 1
// needs; its methods are the paper's other models.
type ModelConfig struct {
	Dataset   string          `json:"dataset"`
	Network   joint.Config    `json:"network"`
	Chain     ChainConfig     `json:"chain"`
	Objective joint.Objective `json:"objective"`
	Train     train.Config    `json:"train"`
	Labels    LabelsConfig    `json:"labels"`
	// Augment changes the images that are classified, not those that are diffused
	// or classified noised.
	Augment augment.Config `json:"augment,omitzero"`
	// Resize brings images to the network's size (bilinear) and repeats grey
	// channels; without it another size is an error.
	Resize bool `json:"resize,omitempty"`
	// TestImages is how many test images the accuracy is taken on; 0 means all.
	TestImages int `json:"test_images,omitempty"`
}

// LabelsConfig says which labels of the training images may be seen: a share of
// each class, drawn by a seed. The others are diffused and not classified (§A.1).
type LabelsConfig struct {
	Share float64 `json:"share"` // in (0, 1]; 0 means all
	Seed  uint64  `json:"seed"`
	// Hidden shows no label: the images pass the head, whose running statistics
	// follow them, and the classification loss is 0.
	Hidden bool `json:"hidden,omitempty"`
}

// Validate says what is wrong, by field.
func (c LabelsConfig) Validate() error {
	if !(c.Share >= 0 && c.Share <= 1) {
		return fmt.Errorf("share is %g: it must be in (0, 1], or 0 for all labels", c.Share)
	}
	return nil
}

// Validate says what is wrong between fields.
func (c ModelConfig) Validate() error {
	switch {
	case c.Network.EncoderOnly && c.Objective.DiffusionScale > 0:
		return fmt.Errorf("network.encoder_only leaves no decoder to train: set objective.diffusion_scale=0")
	case c.Labels.partial() && c.Objective.Noisy != joint.NoisyNone:
		return fmt.Errorf("labels.share is %g: partial labels are for objective.noisy=none", c.Labels.Share)
	case c.Labels.Hidden && c.Network.Attributes:
		return fmt.Errorf("labels.hidden is for classes, not attributes")
	case c.Labels.partial() && c.Network.Attributes:
		return fmt.Errorf("labels.share is %g: partial labels are for classes, not attributes", c.Labels.Share)
	case c.Augment.Active() && (c.Labels.partial() || c.Labels.Hidden):
		return fmt.Errorf("augment is for models whose labels are all seen: set its probabilities to 0, or labels.share=0 and labels.hidden=false")
	case c.Augment.Active() && c.Objective.ClassScale == 0:
		return fmt.Errorf("augment is for images that are classified, and objective.class_scale is 0: set its probabilities to 0")
	case c.Augment.Active() && c.Objective.Noisy == joint.NoisyReplace:
		return fmt.Errorf("augment is for clean images, and objective.noisy=%s classifies none: set its probabilities to 0", joint.NoisyReplace)
	case c.TestImages < 0:
		return fmt.Errorf("test_images is %d: it must not be negative; 0 means all", c.TestImages)
	}
	return nil
}

// partial says whether some labels are unknown.
func (c LabelsConfig) partial() bool { return c.Share > 0 && c.Share < 1 }

// Joint is the joint model with the clean objective: the text's default.
func (c ModelConfig) Joint() ModelConfig {
	c.Network.EncoderOnly = false
	c.Objective.Noisy = joint.NoisyNone
	return c
}

// DDGM is the same network trained to denoise alone.
func (c ModelConfig) DDGM() ModelConfig {
	c = c.Joint()
	c.Objective.ClassScale = 0
	c.Augment = augment.Config{} // of what is classified
	return c
}

// Classifier is the same encoder and head trained to classify clean images alone.
func (c ModelConfig) Classifier() ModelConfig {
	c.Network.EncoderOnly = true
	c.Objective = joint.Objective{ClassScale: 1, Noisy: joint.NoisyNone}
	return c
}

// NoisyClassifier is the same encoder and head trained to classify noised images
// at their timestep: what guides a sampler from outside (eq. 12). It is not
// augmented: guided-diffusion, whose classifier the authors take, does not.
func (c ModelConfig) NoisyClassifier() ModelConfig {
	c = c.Classifier()
	c.Objective.Noisy = joint.NoisyReplace
	c.Augment = augment.Config{}
	return c
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
	Accuracy   float64        `json:"accuracy"`    // share of the clean test images classified right, last step; of attributes the mean share
	TestImages int            `json:"test_images"` // that the accuracy is taken on; 0 where no classifier was trained
}

const (
	trainStage   = "joint/train"
	trainVersion = 4 // the moving average of an unmoved weight stays equal to the bit
)

// Fit trains the model, or answers from the store.
func (c ModelConfig) Fit(ctx context.Context, store *track.Store) (track.Result[TrainedModel], error) {
	stage := track.Stage[ModelConfig, TrainedModel]{Name: trainStage, Version: trainVersion, Run: trainModel}
	inputs, err := c.data()
	if err != nil {
		return track.Result[TrainedModel]{}, err
	}
	return track.Do(ctx, store, stage, c, inputs...)
}

// data are the files of the model's dataset as inputs of a stage, with others.
func (c ModelConfig) data(others ...track.Input) ([]track.Input, error) {
	dataset, err := data.Describe(c.Dataset)
	return append(experiments.DatasetInputs(dataset), others...), err
}

func trainModel(ctx context.Context, job *track.Job, c ModelConfig) (TrainedModel, error) {
	return c.train(ctx, job, nil)
}

// train fits the model, from given weights if there are any, and tests it.
func (c ModelConfig) train(ctx context.Context, job *track.Job, from *train.Weights) (TrainedModel, error) {
	job.Seed(int64(c.Train.Seed))
	dataset, err := c.load(ctx, job)
	if err != nil {
		return TrainedModel{}, err
	}
	net, objective, err := c.Training()
	if err != nil {
		return TrainedModel{}, err
	}
	net.Initial = from
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return TrainedModel{}, err
	}
	batches, err := c.batches(dataset.Train)
	if err != nil {
		return TrainedModel{}, err
	}
	image := [3]int{dataset.Train.Height, dataset.Train.Width, dataset.Train.Channels}
	weights, err := experiments.Train(ctx, job, e, net, objective, batches, image, c.Train)
	if err != nil {
		return TrainedModel{}, err
	}
	trained := TrainedModel{Parameters: net.Layout.Size()}
	if c.Objective.ClassScale > 0 || from != nil {
		test := testSplit(dataset, c.TestImages)
		trained.TestImages = test.Len()
		if trained.Accuracy, err = c.testAccuracy(ctx, e, weights, test); err != nil {
			return TrainedModel{}, err
		}
		job.Log(c.Train.Steps, map[string]float64{"test_accuracy": trained.Accuracy})
	}
	trained.Weights, err = job.Save("weights.safetensors", func(w io.Writer) error {
		return train.WriteWeights(w, net, weights, false, nil)
	})
	return trained, err
}

// openModel reads the weights that training left.
func openModel(job *track.Job, c joint.Config, trained TrainedModel) (*joint.Model, train.Weights, error) {
	model, err := joint.New(c)
	if err != nil {
		return nil, train.Weights{}, err
	}
	path, err := job.Path(trained.Weights)
	if err != nil {
		return nil, train.Weights{}, err
	}
	weights, err := train.ReadWeights(path, network(model))
	return model, weights, err
}

// load reads the model's dataset at the network's size.
func (c ModelConfig) load(ctx context.Context, job *track.Job) (*data.Dataset, error) {
	d, err := experiments.LoadDataset(ctx, job, c.Dataset)
	if err != nil {
		return nil, err
	}
	if c.Resize {
		u := c.Network.UNet
		for _, part := range []*data.Split{&d.Train, &d.Validation, &d.Test} {
			if part.Len() == 0 {
				continue
			}
			if part.Height != u.ImageSize || part.Width != u.ImageSize {
				*part = part.Resized(u.ImageSize, u.ImageSize)
			}
			if u.Channels == 3 {
				*part = part.Colour()
			}
		}
	}
	return d, fits(d, c.Network)
}

// batches are what a step of training sees: the labelled images alone where
// nothing is diffused, else all of them, with a label buffer if labels are
// partial, or with their augmented copies.
func (c ModelConfig) batches(images data.Split) (train.Batches, error) {
	if c.Augment.Active() {
		return c.augmented(images)
	}
	if !c.Labels.partial() || c.Objective.ClassScale == 0 {
		return data.NewBatches(images, c.Train.Batch, c.Train.Seed)
	}
	known, err := data.LabelMask(images.Labels, c.Labels.Share, c.Labels.Seed)
	if err != nil {
		return nil, err
	}
	if c.Objective.DiffusionScale > 0 {
		return data.NewLabelBuffer(images, known, c.Train.Batch, c.Train.Seed)
	}
	return data.NewBatches(labelled(images, known), c.Train.Batch, c.Train.Seed)
}

// augmented are batches of augmented images, after the plain ones if these are needed.
func (c ModelConfig) augmented(images data.Split) (train.Batches, error) {
	if err := c.Validate(); err != nil { // an experiment may have hidden labels since it was asked
		return nil, err
	}
	plain, err := data.NewBatches(images, c.Train.Batch, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	a, err := augment.New(c.Augment, images.Height, images.Width, images.Channels, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	if c.paired() {
		return augment.NewPairedBatches(plain, a), nil
	}
	return augment.NewBatches(plain, a), nil
}

// paired says whether a step sees images both plain and augmented.
func (c ModelConfig) paired() bool {
	return c.Augment.Active() && (c.Objective.DiffusionScale > 0 || c.Objective.Noisy != joint.NoisyNone)
}

// labelled keeps the images whose labels are known.
func labelled(images data.Split, known []bool) data.Split {
	var indices []int
	for i, k := range known {
		if k {
			indices = append(indices, i)
		}
	}
	return images.Subset(indices)
}

// fits holds a network's input and classes against a dataset.
func fits(d *data.Dataset, c joint.Config) error {
	s, classes, kind := d.Train, d.Classes, "classes"
	if c.Attributes {
		classes, kind = d.Attributes, "attributes"
	}
	if s.Height != c.UNet.ImageSize || s.Width != c.UNet.ImageSize || s.Channels != c.UNet.Channels || len(classes) != c.Classes {
		return fmt.Errorf("joint: the network takes %d×%d×%d images of %d %s, %s has %d×%d×%d of %d",
			c.UNet.ImageSize, c.UNet.ImageSize, c.UNet.Channels, c.Classes, kind, d.Title, s.Height, s.Width, s.Channels, len(classes))
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
	net := train.Network{Layout: m.Layout, Statistics: m.Statistics}
	if m.Config.Attributes {
		net.Attributes = m.Config.Classes
	}
	return net
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
	loss := func(p *nn.Pass, images, labels *graph.Node) joint.Losses {
		return model.Loss(p, c.Objective, chain, drawn(p, chain, images, labels))
	}
	switch {
	case c.paired(): // see augment.NewPairedBatches
		loss = func(p *nn.Pass, images, labels *graph.Node) joint.Losses {
			plain, augmented := halves(images)
			y, same := halves(labels)
			return model.AugmentedLoss(p, c.Objective, chain, drawn(p, chain, plain, y), augmented, same)
		}
	case c.Labels.partial() && c.Objective.DiffusionScale > 0 && c.Objective.ClassScale > 0: // see data.LabelBuffer
		loss = func(p *nn.Pass, images, labels *graph.Node) joint.Losses {
			plain, buffered := halves(images)
			y, known := halves(labels)
			full := graph.ConvertDType(graph.GreaterOrEqual(graph.Reshape(graph.Slice(known, graph.AxisRange(0, 1))), graph.ScalarZero(images.Graph(), dtypes.Int32)), dtypes.Float32)
			return model.SemiLoss(p, c.Objective, chain, drawn(p, chain, plain, y), buffered, graph.MaxScalar(known, 0), full)
		}
	}
	return func(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []train.Term) {
		if c.Labels.Hidden {
			labels = graph.AddScalar(graph.ZerosLike(labels), noClass)
		}
		l := loss(p, images, labels)
		var terms []train.Term
		for _, term := range []train.Term{{Name: "diffusion", Value: l.Diffusion}, {Name: "classification", Value: l.Clean}, {Name: "noisy_classification", Value: l.Noisy}} {
			if term.Value != nil {
				terms = append(terms, term)
			}
		}
		return l.Total, terms
	}, nil
}

// halves are a batch's first and second half.
func halves(batch *graph.Node) (first, second *graph.Node) {
	half := batch.Shape().Dimensions[0] / 2
	return graph.Slice(batch, graph.AxisRange(0, half)), graph.Slice(batch, graph.AxisRange(half))
}

// noClass is the label of an image that is not classified: no logit is its
// target, so that loss and gradient are 0.
const noClass = -1

// drawn is a batch with uniform timesteps and noise.
func drawn(p *nn.Pass, chain *process.DDPM, images, labels *graph.Node) joint.Batch {
	dims := images.Shape().Dimensions
	t := graph.ConvertDType(graph.Floor(graph.MulScalar(p.Uniform(dims[0]), chain.Steps())), dtypes.Int32)
	return joint.Batch{Images: images, Labels: labels, Steps: t, Noise: p.Normal(dims...)}
}

// testAccuracy classifies clean images at the first noise level, as the paper predicts.
func (c ModelConfig) testAccuracy(ctx context.Context, e *engine.Engine, weights train.Weights, test data.Split) (float64, error) {
	model, err := joint.New(c.Network)
	if err != nil {
		return 0, err
	}
	logits, err := classify(ctx, e, model, weights, test)
	if err != nil {
		return 0, err
	}
	if c.Network.Attributes {
		return attributeAccuracy(logits, test.Attributes), nil
	}
	return accuracy(logits, test.Labels)
}

func classify(ctx context.Context, e *engine.Engine, m *joint.Model, weights train.Weights, images data.Split) (*mat.Dense, error) {
	out, err := features.Extract(ctx, e, network(m), weights, func(p *nn.Pass, x *graph.Node) []*graph.Node {
		t := graph.ConstAsDType(x.Graph(), dtypes.Int32, make([]int32, x.Shape().Dimensions[0]))
		return []*graph.Node{m.Logits(p, m.Encoder.Encode(p, x, t), t)}
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

// attributeAccuracy is the share of attributes, over all images, whose logit has
// the right sign. The attributes are in the order of the logits, row-major.
func attributeAccuracy(logits *mat.Dense, attributes []uint8) float64 {
	right := 0
	for i, x := range logits.RawMatrix().Data {
		if (x > 0) == (attributes[i] == 1) {
			right++
		}
	}
	return float64(right) / float64(len(attributes))
}
