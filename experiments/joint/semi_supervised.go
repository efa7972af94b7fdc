package joint

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// SemiSupervisedConfig is tab5: accuracy when only a share of the training
// images has labels. The classifier sees those alone; the joint model diffuses
// all images and classifies those, through the label buffer (§A.1); the probe is
// fitted to those, on features of a DDGM that learned from all images.
//
// Classifier and joint model take equal numbers of steps at every share.
type SemiSupervisedConfig struct {
	Suite
	Shares []float64 `json:"shares"` // of each class's labels, in descending order
	// SharesOf100 replaces Shares for datasets of 100 classes: tab5 has 10 % for CIFAR-100 alone.
	SharesOf100 []float64   `json:"shares_of_100_classes"`
	Seeds       int         `json:"seeds"` // of the labelled images, and with them of training
	Probe       ProbeConfig `json:"probe"` // its training seed is that of the labelled images
}

const semiSupervisedID = "joint/semi-supervised"

// SemiSupervised is tab5 at a tier; below the paper's, on Fashion-MNIST with all
// four shares.
func SemiSupervised(t tier.Tier) SemiSupervisedConfig {
	some := []string{"fashion-mnist"}
	all := []float64{1, 0.1, 0.05, 0.01}
	p := headProbe(t)
	p.Seeds, p.Images = 1, choose(t, p.Images, 0, 0, 0) // a probe for each drawing of labels
	p.Train.Batch = choose(t, 16, 64, 64, 256)          // below the fewest labels
	return SemiSupervisedConfig{
		Suite:       smaller(t, choose(t, some, some, some, []string{"svhn", "cifar-10", "cifar-100"})...),
		Shares:      choose(t, []float64{1, 0.1}, []float64{1, 0.1, 0.01}, all, []float64{1, 0.05, 0.01}),
		SharesOf100: all,
		Seeds:       choose(t, 1, 1, 3, 3),
		Probe:       p,
	}
}

// Validate says what is wrong, by field.
func (c SemiSupervisedConfig) Validate() error {
	if err := c.Suite.Validate(); err != nil {
		return err
	}
	for name, shares := range map[string][]float64{"shares": c.Shares, "shares_of_100_classes": c.SharesOf100} {
		if len(shares) == 0 {
			return fmt.Errorf("%s is empty: name at least one share of the labels", name)
		}
		for i, share := range shares {
			if !(share > 0 && share <= 1) || i > 0 && share >= shares[i-1] {
				return fmt.Errorf("%s is %v: shares must be in (0, 1] and descend", name, shares)
			}
		}
	}
	if err := areColumns(c.Datasets); err != nil {
		return err
	}
	for _, name := range c.Datasets {
		if m, err := c.Model(name); err != nil || m.Augment.Active() {
			return cmp.Or(err, fmt.Errorf("the model of %s has augment, which is for models whose labels are all seen: set its probabilities to 0", name))
		}
	}
	if c.Seeds < 1 {
		return fmt.Errorf("seeds is %d: it must be at least 1", c.Seeds)
	}
	return nil
}

// shares are those of a model's dataset.
func (c SemiSupervisedConfig) shares(m ModelConfig) []float64 {
	if m.Network.Classes >= 100 {
		return c.SharesOf100
	}
	return c.Shares
}

// models are all trainings but the probes'.
func (c SemiSupervisedConfig) models() []ModelConfig {
	var out []ModelConfig
	for _, name := range c.Datasets {
		m, _ := c.Model(name) // a valid config has it
		out = append(out, m.DDGM())
		for range c.Seeds * len(c.shares(m)) { // shares and seeds do not change a step
			out = append(out, m.Classifier(), m.Joint())
		}
	}
	return out
}

// semiColumns are what tab5 has beside other comparisons: the share of labels in
// percent, the labelled training images, the least and most of a class, and the
// steps in which the head learns.
var semiColumns = []string{"labelled_pct", "labelled", "least_of_a_class", "most_of_a_class", "head_steps"}

// comparison is tab5 with nothing of ours yet.
func (c SemiSupervisedConfig) comparison() comparison {
	return comparison{
		artifact: "tab5", at: c.Tier, setting: semiSetting, further: semiColumns,
		quotes: func(v claim.ReportedValue) []string { return semiCells(v.Condition, KnownLabels{}, "") },
	}
}

// semiCells are the further columns of a row.
func semiCells(condition string, known KnownLabels, headSteps string) []string {
	_, share, _ := strings.Cut(condition, "=")
	return append(append([]string{share}, known.cells()...), headSteps)
}

// Run trains what is not in the store, probes, draws and judges.
func (c SemiSupervisedConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	l := fewLabels{comparison: c.comparison()}
	for _, name := range c.Datasets {
		m, err := c.Model(name)
		if err != nil {
			return experiments.Outcome{}, err
		}
		if err := l.dataset(ctx, store, c, m); err != nil {
			return experiments.Outcome{}, err
		}
	}
	return conclude(ctx, store, c.conclusion(l), l.comparison, c)
}

// fewLabels is a comparison with the runs behind it.
type fewLabels struct {
	comparison
	first  TrainedModel // joint
	inputs []track.Input
}

// dataset measures the three methods on a dataset at each of its shares.
func (l *fewLabels) dataset(ctx context.Context, store *track.Store, c SemiSupervisedConfig, m ModelConfig) error {
	ddgm := m.DDGM() // sees no labels, and so serves all shares and seeds
	pretrained, err := ddgm.Fit(ctx, store)
	if err != nil {
		return err
	}
	for _, share := range c.shares(m) {
		for seed := range uint64(c.Seeds) {
			labels := LabelsConfig{Share: share, Seed: seed + 1}
			known, err := m.knownLabels(ctx, store, labels)
			if err != nil {
				return err
			}
			for _, method := range []string{methodClassifier, methodJoint} {
				trained, headSteps := m.Joint(), int(share*float64(m.Train.Steps)) // the buffer is full once in 1/share steps
				if method == methodClassifier {
					trained, headSteps = m.Classifier(), m.Train.Steps
				}
				trained.Labels, trained.Train.Seed = labels, labels.Seed
				fitted, err := trained.Fit(ctx, store)
				if err != nil {
					return fmt.Errorf("%s with %g %% of the labels, seed %d: %w", trained.title(), 100*share, labels.Seed, err)
				}
				if method == methodJoint && l.first.Parameters == 0 {
					l.first = fitted.Value
				}
				if err := l.add(m, method, labels, known, headSteps, fitted.Value.Accuracy, fitted); err != nil {
					return err
				}
			}
			if err := l.probes(ctx, store, c.Probe, ddgm, pretrained, labels, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// probes fits the probe of a pre-trained model to the labelled images.
func (l *fewLabels) probes(ctx context.Context, store *track.Store, c ProbeConfig, ddgm ModelConfig, pretrained track.Result[TrainedModel], labels LabelsConfig, known track.Result[KnownLabels]) error {
	ddgm.Labels, c.Train.Seed = labels, labels.Seed
	probed, err := c.probe(ctx, store, ddgm, &pretrained)
	if err != nil {
		return err
	}
	if c.Images > 0 {
		known.Value = KnownLabels{} // of other images than the probe's
	}
	for _, p := range probed {
		if err := l.add(ddgm, methodProbe, labels, known, c.Train.Steps, p.Value.Accuracy, p); err != nil {
			return err
		}
	}
	return nil
}

// add notes an accuracy and the labels that it was reached with.
func (l *fewLabels) add(m ModelConfig, method string, labels LabelsConfig, known track.Result[KnownLabels], headSteps int, accuracy float64, from track.Input) error {
	name, err := paperDataset(m.Dataset)
	if err != nil {
		return err
	}
	condition := fmt.Sprintf("labelled_pct=%g", 100*labels.Share)
	l.measured = append(l.measured, measurement{
		Dataset: name, Method: method, Condition: condition, Metric: "accuracy_pct", Value: 100 * accuracy, Seed: labels.Seed,
		Setting: claim.Setting{Dataset: m.Dataset, Model: describe(m)}, Further: semiCells(condition, known.Value, fmt.Sprint(headSteps)),
	})
	l.inputs = append(l.inputs, from, known)
	return nil
}

// semiSetting is the dataset of a number of tab5. The paper does not state the
// size of its smaller networks.
func semiSetting(v claim.ReportedValue) (claim.Setting, error) {
	dataset, err := ourDataset(v.Dataset)
	return claim.Setting{Dataset: dataset, Model: smallerUnstated}, err
}

func (c SemiSupervisedConfig) conclusion(l fewLabels) conclusion {
	return conclusion{
		id: semiSupervisedID, datasets: c.Datasets, inputs: l.inputs, claims: semiClaims(),
		drawn: map[string]string{"model": fmt.Sprintf("%s, %d parameters", l.stated(modelOf), l.first.Parameters), "seeds": fmt.Sprint(c.Seeds)},
		draw: func(t table.Table, apart string, provenance map[string]string) ([]experiments.NamedFigure, error) {
			drawn, err := drawSemiSupervised(t, apart, provenance)
			return []experiments.NamedFigure{{Name: semiSupervisedID, Figure: drawn}}, err
		},
	}
}
