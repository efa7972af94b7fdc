package joint

import (
	"context"
	"fmt"
	"io"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/features"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// ReferenceConfig is what samples are measured by: a network whose features are
// compared with those of the dataset's test images, and a LeNet trained on the
// dataset, which says whether samples are what they aim at.
type ReferenceConfig struct {
	Dataset string `json:"dataset"`
	// Network gives the features. It is no part of the LeNet's training.
	Network FeatureNetwork `json:"network,omitempty"`
	Train   train.Config   `json:"train"` // of the LeNet
	// Images is how many test images are compared with; 0 means all.
	Images int `json:"images,omitempty"`
}

// FeatureNetwork is a kind of network whose features are compared.
type FeatureNetwork string

const (
	LeNetFeatures     FeatureNetwork = "lenet"     // the 84 of the last hidden layer
	InceptionFeatures FeatureNetwork = "inception" // Inception-v3's pool3, 2048; grey is repeated in three channels
)

// Title names the features in captions and verdicts.
func (n FeatureNetwork) Title() string {
	if n == InceptionFeatures {
		return "Inception-v3 pool3"
	}
	return "LeNet-84 trained here"
}

// Validate says what is wrong, by field.
func (c ReferenceConfig) Validate() error {
	switch {
	case c.Network != LeNetFeatures && c.Network != InceptionFeatures:
		return fmt.Errorf("network is %q: use lenet or inception", string(c.Network))
	case c.Images < 0:
		return fmt.Errorf("images is %d: it must not be negative; 0 means all", c.Images)
	}
	return nil
}

// Reference is a LeNet and what it makes of the test images, in the store.
type Reference struct {
	Weights  track.Artifact `json:"weights"`  // of the LeNet
	Features track.Artifact `json:"features"` // float32 [test images, 84]
	Accuracy float64        `json:"accuracy"` // on the test images; of attributes the mean share
	Images   int            `json:"images"`
}

// Fit trains the LeNet and measures the test images, or answers from the store.
func (c ReferenceConfig) Fit(ctx context.Context, store *track.Store) (track.Result[Reference], error) {
	dataset, err := data.Describe(c.Dataset)
	if err != nil {
		return track.Result[Reference]{}, err
	}
	stage := track.Stage[ReferenceConfig, Reference]{Name: "features/lenet", Version: 2, Run: fitReference}
	c.Network = ""
	return track.Do(ctx, store, stage, c, experiments.DatasetInputs(dataset)...)
}

func fitReference(ctx context.Context, job *track.Job, c ReferenceConfig) (Reference, error) {
	job.Seed(int64(c.Train.Seed))
	dataset, err := experiments.LoadDataset(ctx, job, c.Dataset)
	if err != nil {
		return Reference{}, err
	}
	lenet, err := lenetFor(dataset.Train, len(dataset.Classes))
	if err != nil {
		return Reference{}, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Reference{}, err
	}
	batches, err := data.NewBatches(dataset.Train, c.Train.Batch, c.Train.Seed)
	if err != nil {
		return Reference{}, err
	}
	image := [3]int{dataset.Train.Height, dataset.Train.Width, dataset.Train.Channels}
	weights, err := experiments.Train(ctx, job, e, lenet.Network, lenet.Objective, batches, image, c.Train)
	if err != nil {
		return Reference{}, err
	}
	test := testSplit(dataset, c.Images)
	measured, logits, err := lenet.Measure(ctx, e, weights, test)
	if err != nil {
		return Reference{}, err
	}
	r := Reference{Images: test.Len()}
	if test.Attributes != nil {
		r.Accuracy = attributeAccuracy(logits, test.Attributes)
	} else if r.Accuracy, err = accuracy(logits, test.Labels); err != nil {
		return Reference{}, err
	}
	if r.Weights, err = job.Save("lenet.safetensors", func(w io.Writer) error {
		return train.WriteWeights(w, lenet.Network, weights, false, nil)
	}); err != nil {
		return Reference{}, err
	}
	r.Features, err = job.Save("features.npy", func(w io.Writer) error {
		rows, columns := measured.Dims()
		flat := make([]float32, 0, rows*columns)
		for _, v := range measured.RawMatrix().Data {
			flat = append(flat, float32(v))
		}
		return npy.Write(w, []int{rows, columns}, flat)
	})
	return r, err
}

// lenetFor is a LeNet for images of classes, or of attributes.
func lenetFor(images data.Split, classes int) (*features.LeNet, error) {
	lenet, err := features.NewLeNet(images.Height, images.Channels, max(classes, images.AttributeCount))
	if err == nil {
		lenet.Network.Attributes = images.AttributeCount
	}
	return lenet, err
}
