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

// AlphaSamplesConfig is fig5: samples of one class at several step sizes, from the same noise.
type AlphaSamplesConfig struct{ GridConfig }

const alphaSamplesID = "joint/alpha-samples"

// AlphaSamples is fig5 at a tier. The paper's class is CIFAR-10's plane, its
// class 0; on Fashion-MNIST we take the dress, which has sleeves or none and
// many lengths.
func AlphaSamples(t tier.Tier) AlphaSamplesConfig {
	return AlphaSamplesConfig{GridConfig{
		Setup: setup(t), Alphas: unguidedAndUp(t), Classes: []int{choose(t, 3, 3, 3, 0)},
		Columns: choose(t, 2, 10, 12, 12),
	}}
}

// ofGuided looks at the rows with α above 0 alone.
func ofGuided(check func(table.Table) (claim.Evidence, error)) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		t, err := withAlpha(t, func(alpha float64) bool { return alpha > 0 })
		if err != nil {
			return claim.Evidence{}, err
		}
		return check(t)
	}
}

// unguidedAndUp leaves the control out.
func unguidedAndUp(t tier.Tier) []float64 { return sweptAlphas(t)[1:] }

// Validate says what is wrong, by field.
func (c AlphaSamplesConfig) Validate() error {
	if err := c.GridConfig.Validate(); err != nil {
		return err
	}
	if len(c.Classes) != 1 {
		return fmt.Errorf("classes is %v: name one; joint/samples-by-class shows several", c.Classes)
	}
	return nil
}

// Run samples, measures, draws and judges.
func (c AlphaSamplesConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	return grid{
		GridConfig: c.GridConfig, id: alphaSamplesID,
		title: "One class at growing step sizes of Algorithm 1",
		text:  "Every column starts from the same noise; α = 0 is not guided and shows any class.",
		rows:  func(alpha float64, class string) string { return fmt.Sprintf("%s, α = %g", class, alpha) },
		judge: func(t table.Table) []claim.Judgement {
			return []claim.Judgement{
				claim.Shape{Claim: "larger α is more precise: the share of the target class rises",
					Check: claim.Monotone(claim.Trend{X: "alpha", Y: "target_rate", Direction: claim.Rises})}.Judge(c.Tier, t),
				// Without guidance any class is shown, which is diverse for free.
				claim.Shape{Claim: "larger α is less diverse: from the smallest α above 0 on the distance between two samples' features falls",
					Check: ofGuided(claim.Monotone(claim.Trend{X: "alpha", Y: "diversity", Direction: claim.Falls, MinPoints: 4}))}.Judge(c.Tier, t),
			}
		},
	}.run(ctx, store)
}
