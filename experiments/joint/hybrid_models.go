package joint

import (
	"context"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// HybridModelsConfig is tab4: accuracy and FID of one model that does both,
// beside other such models and beside models that do one of both.
type HybridModelsConfig struct{ RepeatedSuite }

const hybridModelsID = "joint/hybrid-models"

// HybridModels is tab4 at a tier; its sets are those of tab2. The small tiers
// have Fashion-MNIST as a stand-in, of which the paper's table has no column.
func HybridModels(t tier.Tier) HybridModelsConfig {
	return HybridModelsConfig{repeatedSuite(t, colourDatasets(t, "cifar-10")...)}
}

func (c HybridModelsConfig) rows(m ModelConfig) []sampling {
	return samplings(m, 0, 0, methodDDGM, methodJoint)
}

// Run trains, samples and scores, or answers from the store, then draws and judges.
func (c HybridModelsConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	sets, err := c.sample(ctx, store, c.seeds(), c.rows)
	if err != nil {
		return experiments.Outcome{}, err
	}
	table4 := comparison{artifact: "tab4", at: c.Tier}
	for _, set := range sets {
		table4.measured = append(table4.measured, set.measure("fid", set.scores.Value.FID))
		if set.method == methodJoint && set.seed == 0 { // one model, whatever is sampled
			accuracy := set.measure("accuracy_pct", 100*set.trained.Value.Accuracy)
			accuracy.Setting.Samples, accuracy.Setting.Features = set.trained.Value.TestImages, ""
			table4.measured = append(table4.measured, accuracy)
		}
	}
	of := c.conclusion(hybridModelsID, "Two jobs in one model",
		"Hollow: as the paper reports it; all but Joint and DDGM are quoted there. ViT-H classifies alone, DDGM and LSGM generate alone. Filled: here, without guidance.", sets)
	of.claimsOn = hybridClaims
	bounds := []string{"ViT-H", methodDDGM, "LSGM"}
	of.quoted = []quotedClaim{{"accuracy_pct", methodJoint, bounds}, {"fid", methodJoint, bounds}}
	return conclude(ctx, store, of, table4, c)
}

// hybridClaims are tab4's claims for one of our datasets.
func hybridClaims(dataset string) ([]claim.Shape, error) {
	column, err := paperDataset(dataset)
	return []claim.Shape{{Claim: "the DDGM, which generates alone, has a lower FID than the joint model on " + dataset,
		Check: here(column, ofMetric("fid", claim.Above("method", methodJoint, methodDDGM, "value", 0)))}}, err
}
