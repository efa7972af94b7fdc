package joint

import (
	"cmp"
	"context"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// CounterfactualMalariaConfig is fig7: parasites taken out of blood cells and put into them.
type CounterfactualMalariaConfig struct{ ExplanationConfig }

const counterfactualMalariaID = "joint/counterfactual-malaria"

// CounterfactualMalaria is fig7 at a tier. Tier cpu has 200 of the paper's
// 27,558 cells, and beside them, as the smaller tiers alone, a pair of classes of
// Fashion-MNIST that has images enough to count flips on.
func CounterfactualMalaria(t tier.Tier) CounterfactualMalariaConfig {
	const shoes, cells = "Sneaker or Ankle boot", "uninfected or parasitized"
	datasets := choose(t, []string{"fashion-mnist"}, []string{"fashion-mnist"}, []string{"malaria200", "fashion-mnist"}, []string{"malaria"})
	decisions := choose(t, []string{shoes}, []string{shoes}, []string{cells, shoes}, []string{cells})
	c := CounterfactualMalariaConfig{explanation(t, datasets, decisions)}
	if t != tier.Paper { // 160 cells to learn from: a larger network would learn them by heart
		c.Large.Network.UNet.Width = choose(t, 8, 16, 16, 0)
		c.Large.Train.Steps, c.Large.Train.Batch, c.Large.Train.EMADecay = choose(t, 3, 100, 1500, 0), choose(t, 8, 32, 32, 0), choose(t, 0.9, 0.9, 0.99, 0)
	}
	return c
}

// Validate says what is wrong, by field.
func (c CounterfactualMalariaConfig) Validate() error { return c.ExplanationConfig.Validate() }

// Run makes the counterfactuals, measures, draws and judges.
func (c CounterfactualMalariaConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	return explanations{
		ExplanationConfig: c.ExplanationConfig, id: counterfactualMalariaID, title: "What would make it the other?",
		text: func(dataset string) string {
			switch dataset {
			case "malaria":
				return ""
			case "malaria200":
				return "200 of the paper's 27,558 cells, far too few. "
			}
			return "A pair of classes stands in for healthy and ill cells. "
		},
		judge: func(d explainedDataset) ([]claim.Judgement, error) { return malariaAccuracy(c.Tier, d) },
	}.run(ctx, store)
}

// malariaAccuracy sets the joint model's accuracy on cells beside the paper's 98 %.
func malariaAccuracy(t tier.Tier, d explainedDataset) ([]claim.Judgement, error) {
	if described, err := data.Describe(d.model.Dataset); err != nil || cmp.Or(described.VariantOf, described.Name) != "malaria" {
		return nil, err
	}
	reported, err := claim.Reported("joint", "fig7", "Malaria", "Joint", "", "accuracy_pct")
	if err != nil {
		return nil, err
	}
	paper, err := CounterfactualMalaria(tier.Paper).Model("malaria")
	if err != nil {
		return nil, err
	}
	number := claim.Number{
		Claim: "test accuracy of the joint model on malaria cells, in %", Reported: reported.Value, Tolerance: 1,
		Setting: claim.Setting{Dataset: paper.Dataset, Model: describe(paper)},
	}
	j := number.Judge(t, 100*d.trained.Accuracy, claim.Setting{Dataset: d.model.Dataset, Model: describe(d.model)})
	if t != tier.Smoke {
		words, err := accuracyInWords(d.trained)
		if err != nil {
			return nil, err
		}
		j.Detail = words
	}
	return []claim.Judgement{j}, nil
}
