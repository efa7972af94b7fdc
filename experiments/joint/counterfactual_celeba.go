package joint

import (
	"context"

	"noisebook/experiments"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// CounterfactualCelebAConfig is fig10: attributes of faces taken away and given.
type CounterfactualCelebAConfig struct{ ExplanationConfig }

const counterfactualCelebAID = "joint/counterfactual-celeba"

// CounterfactualCelebA is fig10 at a tier. Below the paper's, pairs of classes
// of Fashion-MNIST that differ in one part stand in for attributes: a shaft, sleeves, a front.
func CounterfactualCelebA(t tier.Tier) CounterfactualCelebAConfig {
	if t == tier.Paper {
		return CounterfactualCelebAConfig{explanation(t, []string{"celeba"}, []string{"Young", "Smiling", "Mustache"})}
	}
	pairs := []string{"Sneaker or Ankle boot", "T-shirt/top or Dress", "Pullover or Coat"}
	return CounterfactualCelebAConfig{explanation(t, []string{"fashion-mnist"}, choose(t, pairs[:1], pairs, pairs, nil))}
}

// Validate says what is wrong, by field.
func (c CounterfactualCelebAConfig) Validate() error { return c.ExplanationConfig.Validate() }

// Run makes the counterfactuals, measures, draws and judges.
func (c CounterfactualCelebAConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	return explanations{
		ExplanationConfig: c.ExplanationConfig, id: counterfactualCelebAID, title: "What would make it the other?",
		text: func(dataset string) string {
			if dataset == "celeba" {
				return ""
			}
			return "Pairs of classes stand in for the paper's attributes of faces. "
		},
	}.run(ctx, store)
}
