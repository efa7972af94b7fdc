package joint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// SamplesByClassConfig is fig8: conditional samples, a class a row.
type SamplesByClassConfig struct{ GridConfig }

const samplesByClassID = "joint/samples-by-class"

// SamplesByClass is fig8 at a tier. The paper names no α for it.
func SamplesByClass(t tier.Tier) SamplesByClassConfig {
	c := SamplesByClassConfig{GridConfig{
		Setup: setup(t), Alphas: []float64{conditionalAlpha(t)}, Columns: choose(t, 2, 10, 12, 12),
	}}
	if t == tier.Paper { // the left half of the figure; the right half is the first ten classes of CIFAR-100
		c.Model = FashionMNIST()
		c.Reference.Dataset = c.Model.Dataset
	}
	for class := range c.Model.Network.Classes {
		c.Classes = append(c.Classes, class)
	}
	return c
}

// Validate says what is wrong, by field.
func (c SamplesByClassConfig) Validate() error {
	if err := c.GridConfig.Validate(); err != nil {
		return err
	}
	switch {
	case len(c.Alphas) != 1:
		return fmt.Errorf("alphas is %v: name one step size; joint/alpha-samples compares several", c.Alphas)
	case len(c.Classes) == 0:
		return fmt.Errorf("classes is empty: name the rows")
	}
	return nil
}

// Run samples, measures, draws and judges.
func (c SamplesByClassConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	return grid{
		GridConfig: c.GridConfig, id: samplesByClassID,
		title: "Conditional samples, a class a row",
		text:  fmt.Sprintf("Algorithm 1 with α = %g.", c.Alphas[0]),
		rows:  func(_ float64, class string) string { return class },
		judge: func(t table.Table) []claim.Judgement {
			return []claim.Judgement{claim.Shape{Claim: "every row shows its class: the LeNet takes more than half of it for the class", Check: rowsShowTheirClass}.Judge(c.Tier, t)}
		},
	}.run(ctx, store)
}

func rowsShowTheirClass(t table.Table) (claim.Evidence, error) {
	rates, err := t.Floats("target_rate")
	if err != nil {
		return claim.Evidence{}, err
	}
	classes, err := t.Strings("class")
	if err != nil {
		return claim.Evidence{}, err
	}
	var missed []string
	for i, rate := range rates {
		if rate <= 0.5 {
			missed = append(missed, fmt.Sprintf("%s %.0f %%", classes[i], 100*rate))
		}
	}
	evidence := claim.Evidence{Holds: len(missed) == 0, Value: slices.Min(rates), Detail: fmt.Sprintf("lowest share %.0f %%", 100*slices.Min(rates))}
	if len(missed) > 0 {
		evidence.Detail = "missed by " + strings.Join(missed, ", ")
	}
	return evidence, nil
}
