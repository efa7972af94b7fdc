package joint

import (
	"context"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// AccuracyConfig is tab1: the test accuracy of a classifier that stands alone,
// of a probe on a pre-trained DDGM, and of the joint model, all of one architecture.
type AccuracyConfig struct {
	Suite
	Probe ProbeConfig `json:"probe"`
}

const accuracyID = "joint/accuracy"

// Accuracy is tab1 at a tier. The JPEG variant stands in for CIFAR-10 below tier
// paper, so that colour images are there too.
func Accuracy(t tier.Tier) AccuracyConfig {
	one := []string{"fashion-mnist"}
	return AccuracyConfig{
		Suite: suite(t, choose(t, one, one, []string{"fashion-mnist", "cifar10-jpeg"}, []string{"fashion-mnist", "svhn", "cifar-10", "cifar-100"})...),
		Probe: headProbe(t),
	}
}

// headProbe is the probe at a tier. The paper does not say how it is trained.
func headProbe(t tier.Tier) ProbeConfig {
	return ProbeConfig{
		Train: train.Config{
			Steps: choose(t, 20, 1000, 2000, 10_000), Batch: choose(t, 64, 256, 256, 256),
			LearningRate: 1e-3, Warmup: choose(t, 1, 50, 100, 200), CosineDecay: true,
			EMADecay: choose(t, 0.9, 0.99, 0.995, 0.999), Seed: 1,
		},
		Seeds:  choose(t, 2, 3, 3, 3),
		Images: choose(t, 500, 10_000, 0, 0),
	}
}

// Validate says what is wrong, by field.
func (c AccuracyConfig) Validate() error {
	if err := c.Suite.Validate(); err != nil {
		return err
	}
	return areColumns(c.Datasets)
}

func (c AccuracyConfig) models() []ModelConfig {
	var all []ModelConfig
	for _, name := range c.Datasets {
		if m, err := c.Model(name); err == nil { // Validate has asked for each
			all = append(all, m.Classifier(), m.DDGM(), m.Joint())
		}
	}
	return all
}

// Run trains or finds every model and probe, draws and judges.
func (c AccuracyConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	a := ofAccuracies(comparison{artifact: "tab1", at: c.Tier})
	for _, name := range c.Datasets {
		if err := a.dataset(c.Suite, name); err != nil {
			return experiments.Outcome{}, err
		}
		if err := a.fit(ctx, store, methodClassifier, a.model.Classifier()); err != nil {
			return experiments.Outcome{}, err
		}
		if _, err := a.probe(ctx, store, c.Probe, methodProbe, a.model.DDGM(), false); err != nil {
			return experiments.Outcome{}, err
		}
		if err := a.fit(ctx, store, methodJoint, a.model.Joint()); err != nil {
			return experiments.Outcome{}, err
		}
	}
	return conclude(ctx, store, c.conclusion(a.inputs), a.comparison, c)
}

func (c AccuracyConfig) conclusion(inputs []track.Input) conclusion {
	return conclusion{
		id: accuracyID, title: "Test accuracy of three models of one architecture",
		caption:  "Hollow: as the paper reports it; VERA, JEM++ and HybViT are quoted there. Filled: here, with one training of each model; bars are over probes.",
		datasets: c.Datasets, inputs: inputs, claimsOn: accuracyClaims,
		quoted: []quotedClaim{{"accuracy_pct", methodJoint, []string{methodClassifier, methodProbe}}},
	}
}

// accuracyClaims are tab1's claims for one of our datasets.
func accuracyClaims(dataset string) ([]claim.Shape, error) {
	column, err := paperDataset(dataset)
	if err != nil {
		return nil, err
	}
	above := func(higher, lower string) func(table.Table) (claim.Evidence, error) {
		return here(column, claim.AccuracyAbove("method", higher, lower, "value", testImages))
	}
	return []claim.Shape{
		{Claim: "the joint model is above the classifier on " + dataset, Check: above(methodJoint, methodClassifier)},
		{Claim: "the classifier is above the probe on the pre-trained DDGM on " + dataset, Check: above(methodClassifier, methodProbe)},
	}, nil
}
