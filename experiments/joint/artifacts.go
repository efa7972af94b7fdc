package joint

import (
	"context"
	"encoding/json"
	"fmt"

	"noisebook/experiments"
	"noisebook/pkg/config"
	"noisebook/pkg/engine"
	"noisebook/pkg/joint"
	"noisebook/pkg/published"
	"noisebook/pkg/tier"
)

// Artifacts lists what of the paper can be run.
func Artifacts() []experiments.Artifact {
	return []experiments.Artifact{ // in the paper's order
		artifact(probeAccuracyID, ProbeAccuracy, ProbeAccuracyConfig.models),
		artifact(probeTimestepsID, ProbeTimesteps, ProbeTimestepsConfig.models),
		artifact(accuracyID, Accuracy, AccuracyConfig.models),
		artifact(generationID, Generation, func(c GenerationConfig) []ModelConfig { return c.models(c.rows) }),
		artifact(jointModelsID, JointModels, func(c JointModelsConfig) []ModelConfig { return c.models(c.rows) }),
		artifact(hybridModelsID, HybridModels, func(c HybridModelsConfig) []ModelConfig { return c.models(c.rows) }),
		artifact(alphaSweepID, AlphaSweep, AlphaSweepConfig.models),
		artifact(alphaSamplesID, AlphaSamples, AlphaSamplesConfig.models),
		artifact(decisionPathID, DecisionPath, DecisionPathConfig.models),
		artifact(counterfactualMalariaID, CounterfactualMalaria, CounterfactualMalariaConfig.models),
		artifact(samplesByClassID, SamplesByClass, func(c SamplesByClassConfig) []ModelConfig { return c.models(c.samplings) }),
		artifact(unconditionalID, Unconditional, func(c UnconditionalConfig) []ModelConfig { return c.models(c.samplings) }),
		artifact(counterfactualCelebAID, CounterfactualCelebA, CounterfactualCelebAConfig.models),
		artifact(semiSupervisedID, SemiSupervised, SemiSupervisedConfig.models),
		artifact(domainAdaptationID, DomainAdaptation, DomainAdaptationConfig.models),
	}
}

// artifact describes an experiment; models are all that its run may train.
func artifact[C experiments.Experiment](id string, at func(tier.Tier) C, models func(C) []ModelConfig) experiments.Artifact {
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
		Models: func(t tier.Tier, overrides ...string) ([]experiments.Model, error) {
			c, err := configure(t, overrides...)
			if err != nil {
				return nil, err
			}
			var all []experiments.Model
			for _, m := range models(c) {
				described, err := m.described()
				if err != nil {
					return nil, err
				}
				all = append(all, described)
			}
			return experiments.Distinct(all), nil
		},
	}
}

// described is the model as a dry run sees it. Which images and labels it is shown,
// how often and in what order, changes what is trained and not a step's cost.
func (c ModelConfig) described() (experiments.Model, error) {
	c.Labels = LabelsConfig{} // a full label buffer is what takes most
	m := experiments.Model{Name: c.title(), Steps: c.Train.Steps, Trainings: 1, Plan: c.plan}
	c.Dataset, c.Resize, c.TestImages, c.Train.Steps, c.Train.Seed = "", false, 0, 0, 0
	key, err := json.Marshal(c)
	m.Key = string(key)
	return m, err
}

// plan builds a model's training step without data and says what it takes.
func (c ModelConfig) plan(ctx context.Context, e *engine.Engine, measuredBatch int) (published.Plan, error) {
	net, objective, err := c.Training()
	if err != nil {
		return published.Plan{}, err
	}
	u, seen, copies := c.Network.UNet, c.Train, 1
	if c.paired() {
		copies = 2
	}
	seen.Batch *= copies
	plan, err := experiments.PlanTraining(ctx, e, net, objective, [3]int{u.ImageSize, u.ImageSize, u.Channels}, seen, copies*measuredBatch)
	plan.Batch, plan.MeasuredBatch = c.Train.Batch, measuredBatch
	return plan, err
}

// title names a model in a few words.
func (c ModelConfig) title() string {
	kind := "joint"
	switch {
	case c.Objective.ClassScale == 0:
		kind = "DDGM"
	case c.Network.EncoderOnly && c.Objective.Noisy != joint.NoisyNone:
		kind = "noisy classifier"
	case c.Network.EncoderOnly:
		kind = "classifier"
	case c.Objective.Noisy != joint.NoisyNone:
		kind = "joint with noisy classifiers"
	}
	return kind + " on " + c.Dataset
}
