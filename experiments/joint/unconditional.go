package joint

import (
	"context"
	"fmt"
	"image"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// UnconditionalConfig is fig9: samples without guidance.
type UnconditionalConfig struct {
	GridsConfig
	Rows int `json:"rows"` // of a grid
}

const unconditionalID = "joint/samples"

// Unconditional is fig9 at a tier: sets of the joint model of clean-only training
// that tab2 measures.
func Unconditional(t tier.Tier) UnconditionalConfig {
	grey := []string{"fashion-mnist"}
	suite := sampledSuite(t, choose(t, grey, grey, []string{"fashion-mnist", "cifar10-jpeg"}, []string{"cifar-10", "cifar-100", "celeba"})...)
	return UnconditionalConfig{
		GridsConfig: GridsConfig{SampledSuite: suite, Columns: choose(t, 4, 10, 12, 10)},
		Rows:        choose(t, 2, 6, 6, 10),
	}
}

// Validate says what is wrong, by field.
func (c UnconditionalConfig) Validate() error {
	if err := c.SampledSuite.Validate(); err != nil {
		return err
	}
	if c.Rows < 1 || c.Columns < 1 {
		return fmt.Errorf("rows is %d and columns is %d: both must be at least 1", c.Rows, c.Columns)
	}
	for _, name := range c.Datasets {
		m, err := c.Model(name)
		if err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		if count := c.count(m); c.Rows*c.Columns > count {
			return fmt.Errorf("rows is %d and columns is %d: %s has %d samples", c.Rows, c.Columns, name, count)
		}
	}
	return nil
}

func (c UnconditionalConfig) samplings(m ModelConfig) []sampling {
	return samplings(m, 0, 0, methodJoint)
}

// Run samples, measures, draws and judges.
func (c UnconditionalConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	sets, err := c.sample(ctx, store, []uint64{c.Seed}, c.samplings)
	if err != nil {
		return experiments.Outcome{}, err
	}
	t := table.New("dataset", "samples", "precision", "recall", "fid")
	for _, set := range sets {
		s := set.scores.Value
		if err := t.Append(set.model.Dataset, set.setting.Samples, s.Precision, s.Recall, s.FID); err != nil {
			return experiments.Outcome{}, err
		}
	}
	return showGrids(ctx, store, grids{
		GridsConfig: c.GridsConfig, id: unconditionalID, sets: sets, table: t,
		title:   "Unconditional samples of the joint model",
		caption: fmt.Sprintf("The first samples of sampling seed %d, not picked.", c.Seed),
		images: func(_ sampledSet, all data.Split) (shown []image.Image, labels []string, err error) {
			for i := range c.Rows * c.Columns {
				shown = append(shown, all.Image(i))
			}
			return shown, nil, nil
		},
		judge: c.judge,
	}, c)
}

// judge sets a set beside tab2's numbers of the joint model, if the paper has any for its dataset.
func (c UnconditionalConfig) judge(set sampledSet, _ table.Table) ([]claim.Judgement, error) {
	return comparison{artifact: "tab2", at: c.Tier, measured: generationMeasures([]sampledSet{set})}.judge()
}
