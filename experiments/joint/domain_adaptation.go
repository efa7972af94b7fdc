package joint

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// DomainAdaptationConfig is tab6: a joint model that was trained on a labelled
// source goes on with the target's images alone, which need no labels, and is
// tested on the target. The suite's datasets are the sources.
type DomainAdaptationConfig struct {
	Suite
	Targets []string    `json:"targets"` // of each source, in the sources' order
	Adapt   AdaptConfig `json:"adapt"`
	Seeds   int         `json:"seeds"` // of training and adaptation
}

const domainAdaptationID = "joint/domain-adaptation"

// DomainAdaptation is tab6 at a tier. Tiers quick and cpu have two of the paper's
// three pairs, with the variant of USPS that can be had. Tier smoke needs no
// data set but Fashion-MNIST: from it to itself, which proves the plumbing alone.
func DomainAdaptation(t tier.Tier) DomainAdaptationConfig {
	digits := []string{"usps-esl", "mnist"}
	sources := choose(t, []string{"fashion-mnist"}, digits, digits, []string{"svhn", "usps", "mnist"})
	c := DomainAdaptationConfig{
		Suite:   smaller(t, sources...),
		Targets: choose(t, sources, []string{"mnist", "usps-esl"}, []string{"mnist", "usps-esl"}, []string{"mnist", "mnist", "usps"}),
		Adapt: AdaptConfig{
			Steps:        choose(t, []int{1, 2}, []int{50, 150}, []int{50, 150, 400}, []int{1_000, 5_000, 20_000}),
			LearningRate: 1e-4, // the authors' for all of their trainings
			Statistics:   StatisticsFollow,
		},
		Seeds: choose(t, 1, 1, 3, 3),
	}
	for _, m := range []*ModelConfig{&c.Grey, &c.Colour, &c.Large} {
		m.Resize = true // USPS has 16×16 pixels; MNIST meets SVHN at 32×32×3
	}
	return c
}

// Validate says what is wrong, by field.
func (c DomainAdaptationConfig) Validate() error {
	if err := c.Suite.Validate(); err != nil {
		return err
	}
	if len(c.Targets) != len(c.Datasets) {
		return fmt.Errorf("targets has %d names for %d datasets: each source needs one target", len(c.Targets), len(c.Datasets))
	}
	for i, target := range c.Targets {
		to, err := data.Describe(target)
		if err != nil {
			return fmt.Errorf("targets: %w", err)
		}
		from, err := data.Describe(c.Datasets[i])
		if err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		if to.Classes == nil || len(to.Classes) != len(from.Classes) {
			return fmt.Errorf("targets: %s and its source %s have not the same number of classes", target, c.Datasets[i])
		}
	}
	if c.Seeds < 1 {
		return fmt.Errorf("seeds is %d: it must be at least 1", c.Seeds)
	}
	return nil
}

// pair is a source's model and where it is carried.
type pair struct {
	source ModelConfig // joint
	target string
}

// name is the pair by the names of its data sets.
func (p pair) name() string { return p.source.Dataset + "→" + p.target }

// paperName is the pair as the paper names it, a variant as its original.
func (p pair) paperName() (string, error) {
	source, err := paperDomain(p.source.Dataset)
	if err != nil {
		return "", err
	}
	target, err := paperDomain(p.target)
	return source + pairArrow + target, err
}

// paperDomain is the paper's name of a domain, or the data set's own where the
// paper has no such domain.
func paperDomain(dataset string) (string, error) {
	d, err := data.Describe(dataset)
	if err != nil {
		return "", err
	}
	original := cmp.Or(d.VariantOf, d.Name)
	for _, name := range []string{"SVHN", "MNIST", "USPS"} {
		if letters(name) == letters(original) {
			return name, nil
		}
	}
	return d.Title, nil
}

// pairArrow stands between the domains of a pair in tab6.
const pairArrow = "->"

// adaptationSetting is the pair of a number of tab6. The paper does not state
// the size of its smaller networks.
func adaptationSetting(v claim.ReportedValue) (claim.Setting, error) {
	source, target, found := strings.Cut(v.Dataset, pairArrow)
	if !found {
		return claim.Setting{}, fmt.Errorf("joint: tab6 has a number on %q, which is no pair", v.Dataset)
	}
	from, err := ourDataset(source)
	if err != nil {
		return claim.Setting{}, err
	}
	to, err := ourDataset(target)
	return claim.Setting{Dataset: pair{source: ModelConfig{Dataset: from}, target: to}.name(), Model: smallerUnstated}, err
}

// upperBound is the classifier that sees the target's labels, with the source's encoder.
func (p pair) upperBound() ModelConfig {
	c := p.source.Classifier()
	c.Dataset = p.target
	return c
}

// pairs are the artifact's models with a seed.
func (c DomainAdaptationConfig) pairs(seed uint64) ([]pair, error) {
	var out []pair
	for i, source := range c.Datasets {
		m, err := c.Model(source)
		if err != nil {
			return nil, err
		}
		m.Train.Seed = seed
		out = append(out, pair{source: m.Joint(), target: c.Targets[i]})
	}
	return out, nil
}

// models are all trainings and adaptations.
func (c DomainAdaptationConfig) models() []ModelConfig {
	var out []ModelConfig
	for seed := range uint64(c.Seeds) {
		pairs, _ := c.pairs(seed + 1) // a valid config has them
		for _, p := range pairs {
			out = append(out, p.source, p.source.Classifier(), p.upperBound())
			for _, steps := range c.Adapt.Steps {
				out = append(out, c.Adapt.model(p.source, p.target, steps))
			}
			out = append(out, c.Adapt.otherwise().model(p.source, p.target, c.Adapt.last()))
		}
	}
	return out
}

// Rows beside those of the paper: before it meets the target the joint model
// tells what joint training gives from what adaptation gives.
const (
	methodBefore = "Joint before adaptation"
	methodTarget = "Classifier on target (upper bound)"
)

// adaptationColumns are what tab6 has beside other comparisons: the length of the
// adaptation, and how many of the target's test images decide.
var adaptationColumns = []string{"adapt_steps", "test_images"}

// comparison is tab6 with nothing of ours yet.
func (c DomainAdaptationConfig) comparison() comparison {
	return comparison{artifact: "tab6", at: c.Tier, setting: adaptationSetting, further: adaptationColumns}
}

// Run trains and adapts what is not in the store, tests, draws and judges.
func (c DomainAdaptationConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	a := adaptations{comparison: c.comparison()}
	for seed := range uint64(c.Seeds) {
		pairs, err := c.pairs(seed + 1)
		if err != nil {
			return experiments.Outcome{}, err
		}
		for _, p := range pairs {
			if err := a.measure(ctx, store, p, c.Adapt); err != nil {
				return experiments.Outcome{}, fmt.Errorf("%s, seed %d: %w", p.name(), seed+1, err)
			}
		}
	}
	of, err := c.conclusion(a)
	if err != nil {
		return experiments.Outcome{}, err
	}
	return conclude(ctx, store, of, a.comparison, c)
}

// adaptations are a comparison with the runs behind it.
type adaptations struct {
	comparison
	first  TrainedModel // joint, on a source
	inputs []track.Input
}

// add notes an accuracy on the target after some steps of adaptation.
func (a *adaptations) add(p pair, method, condition string, steps int, accuracy float64, images int, from track.Input) error {
	name, err := p.paperName()
	if err != nil {
		return err
	}
	a.measured = append(a.measured, measurement{
		Dataset: name, Method: method, Condition: condition, Metric: "accuracy_pct", Value: 100 * accuracy,
		Seed: p.source.Train.Seed, Setting: claim.Setting{Dataset: p.name(), Model: describe(p.source)},
		Further: []string{fmt.Sprint(steps), fmt.Sprint(images)},
	})
	a.inputs = append(a.inputs, from)
	return nil
}

// measure takes the accuracies of a pair with one seed.
func (a *adaptations) measure(ctx context.Context, store *track.Store, p pair, adapt AdaptConfig) error {
	onTarget := func(method string, model ModelConfig) (track.Result[TrainedModel], error) {
		trained, err := model.Fit(ctx, store)
		if err != nil {
			return trained, err
		}
		model.Dataset = p.target
		tested, err := model.Evaluate(ctx, store, trained)
		if err != nil {
			return trained, err
		}
		return trained, a.add(p, method, "", 0, tested.Value.Accuracy, tested.Value.TestImages, tested)
	}
	if _, err := onTarget(methodClassifier, p.source.Classifier()); err != nil {
		return err
	}
	joint, err := onTarget(methodBefore, p.source)
	if err != nil {
		return err
	}
	if a.first.Parameters == 0 {
		a.first = joint.Value
	}
	for i, steps := range adapt.Steps {
		adapted, err := adapt.model(p.source, p.target, steps).Adapt(ctx, store, joint)
		if err != nil {
			return err
		}
		condition := "" // the last is the paper's row
		if i < len(adapt.Steps)-1 {
			condition = fmt.Sprintf("adapt_steps=%d", steps)
		}
		if err := a.add(p, methodJoint, condition, steps, adapted.Value.Accuracy, adapted.Value.TestImages, adapted); err != nil {
			return err
		}
	}
	other := adapt.otherwise()
	adapted, err := other.model(p.source, p.target, other.last()).Adapt(ctx, store, joint)
	if err != nil {
		return err
	}
	method := fmt.Sprintf("Joint, head statistics %s", other.Statistics)
	if err := a.add(p, method, "", other.last(), adapted.Value.Accuracy, adapted.Value.TestImages, adapted); err != nil {
		return err
	}
	_, err = onTarget(methodTarget, p.upperBound())
	return err
}

func (c DomainAdaptationConfig) conclusion(a adaptations) (conclusion, error) {
	pairs, err := c.pairs(1)
	if err != nil {
		return conclusion{}, err
	}
	of := conclusion{
		id: domainAdaptationID, inputs: a.inputs, claims: adaptationClaims(), draw: c.figures,
		drawn: map[string]string{"model": fmt.Sprintf("%s, %d parameters", a.stated(modelOf), a.first.Parameters), "seeds": fmt.Sprint(c.Seeds)},
	}
	for _, p := range pairs {
		of.datasets = append(of.datasets, p.name())
	}
	return of, nil
}
