package joint

import (
	"context"
	"fmt"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// JointModelsConfig is tab3: the FID of the joint model, with and without
// conditional sampling, beside other joint models that the paper quotes.
type JointModelsConfig struct {
	RepeatedSuite
	Alpha float64 `json:"alpha"` // step size of Algorithm 1
}

const jointModelsID = "joint/joint-models"

// JointModels is tab3 at a tier; its sets are those of tab2. The small tiers
// have Fashion-MNIST as a stand-in, of which the paper's table has no column.
func JointModels(t tier.Tier) JointModelsConfig {
	return JointModelsConfig{
		RepeatedSuite: repeatedSuite(t, colourDatasets(t, "cifar-10", "cifar-100", "celeba")...),
		Alpha:         conditionalAlpha(t),
	}
}

// colourDatasets are the datasets of a table on colour images at a tier: the
// paper's at its own, the JPEG variant of CIFAR-10 at tier cpu, Fashion-MNIST below.
func colourDatasets(t tier.Tier, paper ...string) []string {
	grey := []string{"fashion-mnist"}
	return choose(t, grey, grey, []string{"cifar10-jpeg"}, paper)
}

// Validate says what is wrong, by field.
func (c JointModelsConfig) Validate() error {
	if err := c.RepeatedSuite.Validate(); err != nil {
		return err
	}
	return positive("alpha", c.Alpha)
}

func (c JointModelsConfig) rows(m ModelConfig) []sampling {
	return samplings(m, c.Alpha, 0, methodJoint, methodConditional)
}

// Run trains, samples and scores, or answers from the store, then draws and judges.
func (c JointModelsConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	sets, err := c.sample(ctx, store, c.seeds(), c.rows)
	if err != nil {
		return experiments.Outcome{}, err
	}
	table3 := comparison{artifact: "tab3", at: c.Tier}
	for _, set := range sets {
		table3.measured = append(table3.measured, set.measure("fid", set.scores.Value.FID))
	}
	of := c.conclusion(jointModelsID, "FID of joint models",
		fmt.Sprintf("Hollow: as the paper reports it; all but Joint are quoted there. Filled: here, conditional sampling with α = %g.", c.Alpha), sets)
	of.claimsOn = conditionalClaims
	of.quoted = []quotedClaim{{"fid", methodJoint, []string{methodConditional}}}
	return conclude(ctx, store, of, table3, c)
}

// conditionalClaims are tab3's claims for one of our datasets.
func conditionalClaims(dataset string) ([]claim.Shape, error) {
	column, err := paperDataset(dataset)
	return []claim.Shape{{Claim: "conditional sampling lowers the joint model's FID on " + dataset,
		Check: here(column, ofMetric("fid", claim.Above("method", methodJoint, methodConditional, "value", 0)))}}, err
}
