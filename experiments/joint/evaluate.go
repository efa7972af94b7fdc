package joint

import (
	"context"

	"noisebook/experiments"
	"noisebook/pkg/joint"
	"noisebook/pkg/track"
)

// EvaluateConfig is a test set that a trained model classifies, of its own
// dataset or of another with the same classes.
type EvaluateConfig struct {
	Dataset    string       `json:"dataset"`
	Network    joint.Config `json:"network"`
	Resize     bool         `json:"resize,omitempty"`
	TestImages int          `json:"test_images,omitempty"` // 0 means all
}

// Evaluated is how many of some test images a model classifies right.
type Evaluated struct {
	Accuracy   float64 `json:"accuracy"`
	TestImages int     `json:"test_images"`
}

// Evaluate takes a trained model's accuracy on this config's test images, or
// answers from the store. The model has this config's network and may come from
// another dataset.
func (c ModelConfig) Evaluate(ctx context.Context, store *track.Store, trained track.Result[TrainedModel]) (track.Result[Evaluated], error) {
	inputs, err := c.data(trained)
	if err != nil {
		return track.Result[Evaluated]{}, err
	}
	stage := track.Stage[EvaluateConfig, Evaluated]{Name: "joint/evaluate", Version: 1,
		Run: func(ctx context.Context, job *track.Job, _ EvaluateConfig) (Evaluated, error) {
			_, weights, err := openModel(job, c.Network, trained.Value)
			if err != nil {
				return Evaluated{}, err
			}
			images, err := c.load(ctx, job)
			if err != nil {
				return Evaluated{}, err
			}
			e, err := experiments.Engine(ctx, job)
			if err != nil {
				return Evaluated{}, err
			}
			test := testSplit(images, c.TestImages)
			share, err := c.testAccuracy(ctx, e, weights, test)
			return Evaluated{Accuracy: share, TestImages: test.Len()}, err
		}}
	config := EvaluateConfig{Dataset: c.Dataset, Network: c.Network, Resize: c.Resize, TestImages: c.TestImages}
	return track.Do(ctx, store, stage, config, inputs...)
}
