package joint

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// SamplesByClassConfig is fig8: conditional samples, a class a row.
type SamplesByClassConfig struct {
	GridsConfig
	Alpha   float64 `json:"alpha"`   // step size of Algorithm 1
	Classes []int   `json:"classes"` // of each dataset, a row each
}

const samplesByClassID = "joint/samples-by-class"

// SamplesByClass is fig8 at a tier: the first ten classes. The paper names no α for it.
func SamplesByClass(t tier.Tier) SamplesByClassConfig {
	grey := []string{"fashion-mnist"}
	suite := sampledSuite(t, choose(t, grey, grey, grey, []string{"fashion-mnist", "cifar-100"})...)
	return SamplesByClassConfig{
		GridsConfig: GridsConfig{SampledSuite: suite, Columns: choose(t, 2, 10, 12, 12)},
		Alpha:       conditionalAlpha(t), Classes: consecutive(0, 10),
	}
}

// Validate says what is wrong, by field.
func (c SamplesByClassConfig) Validate() error {
	if err := c.SampledSuite.Validate(); err != nil {
		return err
	}
	if len(c.Classes) == 0 {
		return fmt.Errorf("classes is empty: name the rows")
	}
	for _, name := range c.Datasets {
		m, err := c.Model(name)
		if err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		if err := classRows(m, c.Classes, c.Columns, c.count(m)); err != nil {
			return err
		}
	}
	return nil
}

func (c SamplesByClassConfig) samplings(m ModelConfig) []sampling {
	return samplings(m, c.Alpha, 0, methodConditional)
}

// Run samples, measures, draws and judges.
func (c SamplesByClassConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	sets, err := c.sample(ctx, store, []uint64{c.Seed}, c.samplings)
	if err != nil {
		return experiments.Outcome{}, err
	}
	t := table.New("dataset", "alpha", "class", "samples", "target_rate", "diversity")
	for _, set := range sets {
		names, err := c.names(set.model.Dataset)
		if err != nil {
			return experiments.Outcome{}, err
		}
		s, perClass := set.scores.Value, set.setting.Samples/set.model.Network.Classes
		for i, class := range c.Classes {
			if err := t.Append(set.model.Dataset, c.Alpha, names[i], perClass, s.TargetRate[class], s.Diversity[class]); err != nil {
				return experiments.Outcome{}, err
			}
		}
	}
	return showGrids(ctx, store, grids{
		GridsConfig: c.GridsConfig, id: samplesByClassID, sets: sets, table: t,
		title:   "Conditional samples, a class a row",
		caption: fmt.Sprintf("Algorithm 1 with α = %g.", c.Alpha),
		images: func(set sampledSet, all data.Split) (shown []image.Image, labels []string, err error) {
			for _, class := range c.Classes {
				shown = append(shown, firstOf(all, class, c.Columns)...)
			}
			labels, err = c.names(set.model.Dataset)
			return shown, labels, err
		},
		judge: func(set sampledSet, t table.Table) ([]claim.Judgement, error) {
			return []claim.Judgement{c.claim(set).Judge(c.Tier, t)}, nil
		},
	}, c)
}

// names are those of the rows on a dataset.
func (c SamplesByClassConfig) names(dataset string) ([]string, error) {
	d, err := data.Describe(dataset)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, class := range c.Classes {
		names = append(names, d.Classes[class])
	}
	return names, nil
}

// claim is that of a set's rows. A LeNet that is often wrong on photographs cannot
// be asked for half of any row, so it is asked for half of what it knows.
func (c SamplesByClassConfig) claim(set sampledSet) claim.Shape {
	return claim.Shape{
		Claim: fmt.Sprintf("every row shows its class on %s: the share that the LeNet takes for it is above half the LeNet's test accuracy", set.model.Dataset),
		Check: rowsShowTheirClass(set.lenet.Accuracy),
	}
}

// rowsShowTheirClass checks that every row is taken for its class more than half
// as often as a LeNet of some accuracy is right. Its value is the lowest share.
func rowsShowTheirClass(accuracy float64) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		rates, err := t.Floats("target_rate")
		if err != nil {
			return claim.Evidence{}, err
		}
		classes, err := t.Strings("class")
		if err != nil {
			return claim.Evidence{}, err
		}
		if len(rates) == 0 {
			return claim.Evidence{}, fmt.Errorf("it has no rows")
		}
		var missed []string
		for i, rate := range rates {
			if rate <= accuracy/2 {
				missed = append(missed, fmt.Sprintf("%s %.0f %%", classes[i], 100*rate))
			}
		}
		detail := fmt.Sprintf("lowest share %.0f %%", 100*slices.Min(rates))
		if len(missed) > 0 {
			detail = "missed by " + strings.Join(missed, ", ")
		}
		detail += fmt.Sprintf("; the LeNet is right on %.0f %% of the test images", 100*accuracy)
		return claim.Evidence{Holds: len(missed) == 0, Value: slices.Min(rates), Detail: detail}, nil
	}
}
