package joint

import (
	"context"
	"fmt"

	"noisebook/experiments"
	"noisebook/pkg/config"
	"noisebook/pkg/engine"
	"noisebook/pkg/tier"
)

// Artifacts lists what of the paper can be run.
func Artifacts() []experiments.Artifact {
	return []experiments.Artifact{
		artifact(alphaSweepID, AlphaSweep, func(c AlphaSweepConfig) Setup { return c.Setup }),
		artifact(alphaSamplesID, AlphaSamples, func(c AlphaSamplesConfig) Setup { return c.Setup }),
		artifact(samplesByClassID, SamplesByClass, func(c SamplesByClassConfig) Setup { return c.Setup }),
		artifact(unconditionalID, Unconditional, func(c UnconditionalConfig) Setup { return c.Setup }),
	}
}

func artifact[C experiments.Experiment](id string, at func(tier.Tier) C, setup func(C) Setup) experiments.Artifact {
	configure := func(t tier.Tier, overrides ...string) (C, error) {
		c := at(t)
		if err := config.Set(&c, overrides...); err != nil {
			return c, fmt.Errorf("%s: %w", id, err)
		}
		return c, nil
	}
	return experiments.Artifact{
		ID:    id,
		Tiers: tier.All(),
		New: func(t tier.Tier, overrides ...string) (experiments.Experiment, error) {
			return configure(t, overrides...)
		},
		Keys: func(t tier.Tier) []config.Key { return config.Keys(at(t)) },
		DryRun: func(ctx context.Context, e *engine.Engine, t tier.Tier, measuredBatch int, overrides ...string) (experiments.Plan, error) {
			c, err := configure(t, overrides...)
			if err != nil {
				return experiments.Plan{}, err
			}
			plan, err := setup(c).plan(ctx, e, measuredBatch)
			plan.ID, plan.Tier = id, t
			return plan, err
		},
	}
}

// plan builds the training step of a setup without data and says what it takes.
func (s Setup) plan(ctx context.Context, e *engine.Engine, measuredBatch int) (experiments.Plan, error) {
	net, objective, err := s.Model.Training()
	if err != nil {
		return experiments.Plan{}, err
	}
	u := s.Model.Network.UNet
	return experiments.PlanTraining(ctx, e, net, objective, [3]int{u.ImageSize, u.ImageSize, u.Channels}, s.Model.Train, measuredBatch)
}
