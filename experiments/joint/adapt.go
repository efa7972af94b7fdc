package joint

import (
	"context"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/joint"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// Adapt trains a source model on with the diffusion loss alone, on the images of
// this config's dataset, or answers from the store (§A.2): encoder and decoder
// move, the head keeps its weights and its statistics. The accuracy is of that
// head on this config's test images.
func (c ModelConfig) Adapt(ctx context.Context, store *track.Store, source track.Result[TrainedModel]) (track.Result[TrainedModel], error) {
	dataset, err := data.Describe(c.Dataset)
	if err != nil {
		return track.Result[TrainedModel]{}, err
	}
	stage := track.Stage[ModelConfig, TrainedModel]{Name: "joint/adapt", Version: 1,
		Run: func(ctx context.Context, job *track.Job, c ModelConfig) (TrainedModel, error) {
			model, err := joint.New(c.Network)
			if err != nil {
				return TrainedModel{}, err
			}
			path, err := job.Path(source.Value.Weights)
			if err != nil {
				return TrainedModel{}, err
			}
			weights, err := train.ReadWeights(path, network(model))
			if err != nil {
				return TrainedModel{}, err
			}
			return c.train(ctx, job, &weights)
		}}
	return track.Do(ctx, store, stage, c, append(experiments.DatasetInputs(dataset), source)...)
}
