package joint

import (
	"context"
	"fmt"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/joint"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// ProbeAccuracyConfig is fig2a: how much a DDGM that never saw a label knows of
// the classes, as a perceptron reads it off z_0. Its numbers are two rows of
// tab1, with which it shares every model and probe.
type ProbeAccuracyConfig struct {
	Suite
	Probe ProbeConfig `json:"probe"`
}

const probeAccuracyID = "joint/probe-accuracy"

// Rows of ours between which the paper's lie.
const (
	methodJointProbe = "MLP on z_0 of the joint model"
	methodUntrained  = "MLP on z_0 of an untrained network"
	methodConstant   = "Most frequent class"
)

// ProbeAccuracy is fig2a at a tier.
func ProbeAccuracy(t tier.Tier) ProbeAccuracyConfig { return ProbeAccuracyConfig(Accuracy(t)) }

// Validate says what is wrong, by field.
func (c ProbeAccuracyConfig) Validate() error { return AccuracyConfig(c).Validate() }

func (c ProbeAccuracyConfig) models() []ModelConfig { return AccuracyConfig(c).models() }

// Run trains or finds every model and probe, draws and judges.
func (c ProbeAccuracyConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	a := ofAccuracies(comparison{artifact: "tab1", methods: []string{methodClassifier, methodProbe}, at: c.Tier})
	for _, name := range c.Datasets {
		if err := a.dataset(c.Suite, name); err != nil {
			return experiments.Outcome{}, err
		}
		if err := a.fit(ctx, store, methodClassifier, a.model.Classifier()); err != nil {
			return experiments.Outcome{}, err
		}
		for _, p := range []struct {
			method    string
			model     ModelConfig
			untrained bool
		}{
			{methodProbe, a.model.DDGM(), false},
			{methodJointProbe, a.model.Joint(), false},
			{methodUntrained, a.model.DDGM(), true},
		} {
			probes, err := a.probe(ctx, store, c.Probe, p.method, p.model, p.untrained)
			if err != nil {
				return experiments.Outcome{}, err
			}
			if p.untrained {
				a.add(methodConstant, probes[0].Value.MostFrequent, probes[0].Value.TestImages, 0, probes[0])
			}
		}
	}
	o, err := conclude(ctx, store, c.conclusion(a.inputs), a.comparison, c)
	if err != nil {
		return o, err
	}
	widths, err := c.widths()
	o.Report.Judgements = append(o.Report.Judgements, widths...)
	return o, err
}

func (c ProbeAccuracyConfig) conclusion(inputs []track.Input) conclusion {
	return conclusion{
		id: probeAccuracyID, title: "What a DDGM without labels knows of the classes",
		caption:  "Test accuracy. The MLP reads the frozen features z_0 of clean images; the paper calls it Joint (pre-trained DDGM) where they are a DDGM's.",
		datasets: c.Datasets, inputs: inputs, claimsOn: probeClaims,
	}
}

// probeClaims are fig2a's claims for one of our datasets.
func probeClaims(dataset string) ([]claim.Shape, error) {
	column, err := paperDataset(dataset)
	if err != nil {
		return nil, err
	}
	return []claim.Shape{
		{Claim: "the probe is informative on " + dataset + ": it keeps more than half of the classifier's lead over the most frequent class", Check: here(column, informative)},
		{Claim: "the probe is below the classifier on " + dataset, Check: here(column, claim.AccuracyAbove("method", methodClassifier, methodProbe, "value", testImages))},
		{Claim: "control: the probe is above one on an untrained network on " + dataset, Check: here(column, claim.AccuracyAbove("method", methodProbe, methodUntrained, "value", testImages))},
	}, nil
}

// informative asks for half of the lead that labels give: in the paper the probe
// keeps 60 % of it on Fashion-MNIST, the least of the four, and 84 % on CIFAR-10.
func informative(t table.Table) (claim.Evidence, error) {
	value := map[string]float64{}
	for _, method := range []string{methodClassifier, methodProbe, methodConstant} {
		rows, err := t.Where("method", method)
		if err != nil {
			return claim.Evidence{}, err
		}
		if rows.Len() == 0 {
			return claim.Evidence{}, fmt.Errorf("no row with method = %s", method)
		}
		if value[method], err = mean(rows, "value"); err != nil {
			return claim.Evidence{}, err
		}
	}
	lead := value[methodClassifier] - value[methodConstant]
	if !(lead > 0) {
		return claim.Evidence{}, fmt.Errorf("the classifier, %.4g %%, has no lead over the most frequent class, %.4g %%", value[methodClassifier], value[methodConstant])
	}
	kept := (value[methodProbe] - value[methodConstant]) / lead
	return claim.Evidence{Holds: kept > 0.5, Value: kept, Detail: fmt.Sprintf("it keeps %.0f %% of %.4g points", 100*kept, lead)}, nil
}

// widths sets the length of z_t beside the paper's (§B.1).
func (c ProbeAccuracyConfig) widths() ([]claim.Judgement, error) {
	paper := suite(tier.Paper)
	var judgements []claim.Judgement
	for _, v := range claim.ReportedValues("joint", "fig2a") {
		if v.Metric != "features" {
			continue
		}
		ours, theirs := c.Grey, paper.Grey
		if v.Dataset == "32x32x3" {
			ours, theirs = c.Colour, paper.Colour
		}
		model, err := joint.New(ours.Network)
		if err != nil {
			return nil, err
		}
		number := claim.Number{Claim: fmt.Sprintf("numbers in z_t of %s images", v.Dataset), Reported: v.Value, Setting: claim.Setting{Model: describe(theirs)}}
		judgements = append(judgements, number.Judge(c.Tier, float64(model.Encoder.FeatureWidth()), claim.Setting{Model: describe(ours)}))
	}
	return judgements, nil
}
