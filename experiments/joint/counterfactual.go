package joint

import (
	"context"
	"fmt"
	"slices"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/sample"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// ExplanationConfig is what fig7 and fig10 share: images are turned into ones
// of another answer, and what had to change explains the classifier's decision (§6.4).
type ExplanationConfig struct {
	Suite
	Sampler sample.Config `json:"sampler"` // steps are taken of the noised part of the chain
	Noised  float64       `json:"noised"`  // share of the T steps that noise an image; the paper's is 0.2
	// Decisions are pairs of classes ("Sneaker or Ankle boot") or single
	// attributes ("Smiling"). Each goes to the datasets that know it.
	Decisions []string `json:"decisions"`
	// Alpha is the step size of Algorithm 1 that is drawn and judged. The
	// controls 0 and −Alpha are always measured, further ones where named.
	Alpha   float64   `json:"alpha"`
	Alphas  []float64 `json:"alphas"`
	Images  int       `json:"images"`  // of each direction
	Right   bool      `json:"right"`   // leaves out images that the model gets wrong before anything is changed
	Seeds   int       `json:"seeds"`   // of the noise
	Batch   int       `json:"batch"`   // images sampled at once
	Columns int       `json:"columns"` // images drawn of each direction
}

// explanation is the part of it that does not depend on the paper's figure.
func explanation(t tier.Tier, datasets, decisions []string) ExplanationConfig {
	c := ExplanationConfig{
		Suite: suite(t, datasets...), Sampler: sampler(t), Noised: 0.2, Decisions: decisions,
		Alpha: choose[float64](t, 30, 30, 30, 250), Alphas: choose(t, nil, []float64{3, 10, 100}, []float64{3, 10, 100}, []float64{100, 1000}),
		Images: choose(t, 3, 50, 100, 100), Right: t != tier.Smoke, Seeds: choose(t, 1, 2, 3, 3),
		Batch: choose(t, 6, 100, 200, 64), Columns: choose(t, 2, 8, 8, 5),
	}
	c.Sampler.Steps = choose(t, 2, 10, 10, 0)
	return c
}

// Validate says what is wrong, by field.
func (c ExplanationConfig) Validate() error {
	if err := c.Suite.Validate(); err != nil {
		return err
	}
	for _, name := range c.Decisions {
		if !slices.ContainsFunc(c.Datasets, func(dataset string) bool {
			d, err := data.Describe(dataset)
			if err == nil {
				_, err = decide(d, name)
			}
			return err == nil
		}) {
			return fmt.Errorf("decisions has %q: name two classes as \"A%sB\", or an attribute, of one of %v", name, either, c.Datasets)
		}
	}
	for _, dataset := range c.Datasets {
		if list, err := decisionsOn(dataset, c.Decisions); err != nil || len(list) == 0 {
			return fmt.Errorf("decisions has none on %s: name two of its classes as \"A%sB\", or an attribute", dataset, either)
		}
	}
	switch {
	case !(c.Noised > 0 && c.Noised <= 1):
		return fmt.Errorf("noised is %g: it must be in (0, 1]", c.Noised)
	case !(c.Alpha > 0):
		return fmt.Errorf("alpha is %g: it must be positive; 0 and its negative are measured as controls", c.Alpha)
	case c.Images < 1 || c.Seeds < 1 || c.Batch < 1:
		return fmt.Errorf("images, seeds and batch are %d, %d and %d: each must be at least 1", c.Images, c.Seeds, c.Batch)
	case c.Columns < 1 || c.Columns > c.Images:
		return fmt.Errorf("columns is %d: it must be in 1 to images, which is %d", c.Columns, c.Images)
	}
	return nil
}

// stepSizes are the controls, alpha, and the others, in order.
func (c ExplanationConfig) stepSizes() []float64 {
	all := append([]float64{-c.Alpha, 0, c.Alpha}, c.Alphas...)
	slices.Sort(all)
	return slices.Compact(all)
}

// models are all that a run may train: a joint model and a classifier for each dataset.
func (c ExplanationConfig) models() []ModelConfig {
	var all []ModelConfig
	for _, dataset := range c.Datasets {
		if m, err := c.Model(dataset); err == nil { // which Validate has tried
			all = append(all, m, m.Classifier())
		}
	}
	return all
}

// explainedDataset is what was found on one dataset.
type explainedDataset struct {
	model             ModelConfig
	trained, external TrainedModel
	sets              []explained
	scores            track.Result[tableResult]
}

// on trains or finds a dataset's models, makes all counterfactuals and measures them.
func (c ExplanationConfig) on(ctx context.Context, store *track.Store, dataset string) (explainedDataset, error) {
	model, err := c.Model(dataset)
	if err != nil {
		return explainedDataset{}, err
	}
	trained, err := model.Fit(ctx, store)
	if err != nil {
		return explainedDataset{}, err
	}
	external, err := model.Classifier().Fit(ctx, store)
	if err != nil {
		return explainedDataset{}, err
	}
	logits, err := model.testLogits(ctx, store, trained)
	if err != nil {
		return explainedDataset{}, err
	}
	decisions, err := decisionsOn(dataset, c.Decisions)
	if err != nil {
		return explainedDataset{}, err
	}
	batch := 0
	explain := make([]track.Result[Originals], len(decisions))
	for i, d := range decisions {
		if explain[i], err = (OriginalsConfig{Model: model, Decision: d.name, Images: c.Images, Right: c.Right}).originals(ctx, store, logits); err != nil {
			return explainedDataset{}, err
		}
		batch = min(c.Batch, max(batch, explain[i].Value.count())) // a small dataset needs no padding
	}
	g := newGenerator(model, trained, c.Sampler, batch)
	defer g.close()
	out := explainedDataset{model: model, trained: trained.Value, external: external.Value}
	for i, d := range decisions {
		for _, alpha := range c.stepSizes() {
			for seed := range uint64(c.Seeds) {
				config := CounterfactualConfig{Network: model.Network, Chain: model.Chain, Sampler: c.Sampler, Noised: c.Noised, Guide: Algorithm1(alpha), Batch: batch, Seed: seed}
				result, err := g.counterfactuals(ctx, store, config, explain[i])
				if err != nil {
					return out, err
				}
				out.sets = append(out.sets, explained{d, config, explain[i], result})
			}
		}
	}
	out.scores, err = JudgesConfig{Model: model, External: model.Classifier()}.scoreCounterfactuals(ctx, store, trained, external, out.sets)
	return out, err
}

// explanations is an artifact that shows counterfactuals.
type explanations struct {
	ExplanationConfig
	id, title string
	text      func(dataset string) string                       // begins a figure's caption
	judge     func(explainedDataset) ([]claim.Judgement, error) // of each dataset, beside the shapes; may be nil
}

func (x explanations) run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	t := table.New(counterfactualColumns...)
	var datasets []explainedDataset
	var inputs []track.Input
	for _, name := range x.Datasets {
		found, err := x.on(ctx, store, name)
		if err != nil {
			return experiments.Outcome{}, fmt.Errorf("%s: %w", name, err)
		}
		datasets, inputs = append(datasets, found), append(inputs, found.scores)
		t.Rows = append(t.Rows, found.scores.Value.Table.Rows...)
	}
	result, err := keepTable(ctx, store, x.id, x.ExplanationConfig, t, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	return x.outcome(store, result, datasets)
}
