package joint

import (
	"context"
	"fmt"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// UnconditionalConfig is fig9: samples without guidance.
type UnconditionalConfig struct{ GridConfig }

const unconditionalID = "joint/samples"

// Unconditional is fig9 at a tier: the joint model of clean-only training, as
// for tab2, whose samples it shows.
func Unconditional(t tier.Tier) UnconditionalConfig {
	c := UnconditionalConfig{GridConfig{Setup: setup(t), Alphas: []float64{0}, Columns: choose(t, 4, 10, 12, 10)}}
	c.Model = c.Model.Joint()
	return c
}

// Validate says what is wrong, by field.
func (c UnconditionalConfig) Validate() error {
	if err := c.GridConfig.Validate(); err != nil {
		return err
	}
	switch {
	case len(c.Alphas) != 1 || c.Alphas[0] != 0:
		return fmt.Errorf("alphas is %v: unconditional samples have 0 alone; see joint/alpha-samples", c.Alphas)
	case len(c.Classes) > 0:
		return fmt.Errorf("classes is %v: unconditional samples have none; see joint/samples-by-class", c.Classes)
	}
	return nil
}

// Run samples, measures, draws and judges.
func (c UnconditionalConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	return grid{
		GridConfig: c.GridConfig, id: unconditionalID, blocks: choose(c.Tier, 2, 6, 6, 10),
		title: "Unconditional samples of the joint model",
		text:  fmt.Sprintf("The first samples of sampling seed %d, not picked.", c.Seed),
		judge: c.judge,
	}.run(ctx, store)
}

// judge sets the picture's set beside tab2's numbers of the joint model.
func (c UnconditionalConfig) judge(t table.Table) []claim.Judgement {
	paper, known := map[string]struct {
		dataset string
		model   ModelConfig
	}{"fashion-mnist": {"FashionMNIST", FashionMNIST()}, "cifar-10": {"CIFAR-10", CIFAR10()}}[c.Model.Dataset]
	if !known {
		return nil // the paper has no numbers for it
	}
	var judgements []claim.Judgement
	for _, m := range []struct {
		column, metric, claim string
		scale, tolerance      float64
	}{
		{"fid", "fid", "FID of unconditional samples (tab2)", 1, 1},
		{"precision", "precision_pct", "precision of unconditional samples (tab2)", 100, 2},
		{"recall", "recall_pct", "recall of unconditional samples (tab2)", 100, 2},
	} {
		reported, err := claim.Reported("joint", "tab2", paper.dataset, "Joint", "", m.metric)
		if err != nil {
			continue
		}
		values, err := t.Floats(m.column)
		if err != nil || len(values) == 0 {
			continue
		}
		number := claim.Number{Claim: m.claim, Reported: reported.Value, Tolerance: m.tolerance,
			Setting: claim.Setting{Dataset: c.Model.Dataset, Features: InceptionFeatures.Title(), Model: describe(paper.model)}}
		judgements = append(judgements, number.Judge(c.Tier, m.scale*values[0], c.setting()))
	}
	return judgements
}
