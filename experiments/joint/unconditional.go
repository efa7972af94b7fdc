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

// judge sets the picture's set beside tab2's numbers of the joint model, if the
// paper has any for its dataset.
func (c UnconditionalConfig) judge(t table.Table) []claim.Judgement {
	dataset, err := paperDataset(c.Model.Dataset)
	if err != nil {
		return nil
	}
	beside := comparison{artifact: "tab2", at: c.Tier}
	for _, m := range []struct {
		column, metric string
		scale          float64
	}{{"fid", "fid", 1}, {"precision", "precision_pct", 100}, {"recall", "recall_pct", 100}} {
		values, err := t.Floats(m.column)
		if err != nil || len(values) == 0 {
			continue
		}
		beside.measured = append(beside.measured, measurement{
			Dataset: dataset, Method: methodJoint, Metric: m.metric, Value: m.scale * values[0], Setting: c.setting(),
		})
	}
	judgements, err := beside.judge()
	if err != nil {
		return nil
	}
	return judgements
}
