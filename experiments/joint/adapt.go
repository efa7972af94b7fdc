package joint

import (
	"context"
	"fmt"

	"noisebook/pkg/augment"
	"noisebook/pkg/track"
)

// AdaptConfig is how a model that was trained on a source goes on with the
// diffusion loss alone on a target's images (§A.2). The paper gives neither the
// length nor the rate. The rate is constant, so that a shorter adaptation is the
// beginning of a longer one and their accuracies are one curve.
type AdaptConfig struct {
	Steps        []int   `json:"steps"` // lengths in ascending order; the last is judged
	LearningRate float64 `json:"learning_rate"`
	// Statistics says what becomes of the running statistics of the head's batch
	// norms, which the paper leaves open.
	Statistics HeadStatistics `json:"head_statistics"`
}

// HeadStatistics is whether the head's batch norms learn the target's features.
type HeadStatistics string

const (
	StatisticsFrozen HeadStatistics = "frozen"    // they keep the source's
	StatisticsFollow HeadStatistics = "following" // the target's images pass the head without a loss, as images without labels do in the authors' code
)

// Validate says what is wrong, by field.
func (a AdaptConfig) Validate() error {
	if len(a.Steps) == 0 {
		return fmt.Errorf("steps is empty: name at least one length")
	}
	last := 0
	for _, steps := range a.Steps {
		if steps <= last {
			return fmt.Errorf("steps is %v: lengths must be above 0 and ascend", a.Steps)
		}
		last = steps
	}
	if a.Statistics != StatisticsFrozen && a.Statistics != StatisticsFollow {
		return fmt.Errorf("head_statistics is %q: use %s or %s", a.Statistics, StatisticsFrozen, StatisticsFollow)
	}
	if !(a.LearningRate > 0 && a.LearningRate < 1) {
		return fmt.Errorf("learning_rate is %g: it must be in (0, 1)", a.LearningRate)
	}
	return nil
}

// last is the length that is judged.
func (a AdaptConfig) last() int { return a.Steps[len(a.Steps)-1] }

// otherwise makes the other choice of the head's statistics.
func (a AdaptConfig) otherwise() AdaptConfig {
	if a.Statistics == StatisticsFollow {
		a.Statistics = StatisticsFrozen
	} else {
		a.Statistics = StatisticsFollow
	}
	return a
}

// model is the training on the target of a source's model. Weight decay would
// shrink the head, which must stay as it is.
func (a AdaptConfig) model(source ModelConfig, target string, steps int) ModelConfig {
	c := source.DDGM()
	if a.Statistics == StatisticsFollow {
		c = source.Joint()
		c.Labels, c.Augment = LabelsConfig{Hidden: true}, augment.Config{}
	}
	c.Dataset = target
	c.Train.Steps, c.Train.LearningRate = steps, a.LearningRate
	c.Train.Warmup, c.Train.CosineDecay, c.Train.WeightDecay = 0, false, 0
	return c
}

// Adapt trains a source model on by this config, which has no classification
// loss, or answers from the store (§A.2): encoder and decoder move, the head
// keeps its weights. The accuracy is of that head on this config's test images.
func (c ModelConfig) Adapt(ctx context.Context, store *track.Store, source track.Result[TrainedModel]) (track.Result[TrainedModel], error) {
	if c.Objective.ClassScale != 0 && !c.Labels.Hidden || c.Train.WeightDecay != 0 {
		return track.Result[TrainedModel]{}, fmt.Errorf("joint: adaptation with class_scale %g and weight_decay %g would move the head: both must be 0, or labels hidden", c.Objective.ClassScale, c.Train.WeightDecay)
	}
	inputs, err := c.data(source)
	if err != nil {
		return track.Result[TrainedModel]{}, err
	}
	stage := track.Stage[ModelConfig, TrainedModel]{Name: "joint/adapt", Version: 1,
		Run: func(ctx context.Context, job *track.Job, c ModelConfig) (TrainedModel, error) {
			_, weights, err := openModel(job, c.Network, source.Value)
			if err != nil {
				return TrainedModel{}, err
			}
			return c.train(ctx, job, &weights)
		}}
	return track.Do(ctx, store, stage, c, inputs...)
}
