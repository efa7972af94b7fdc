package joint

import (
	"context"
	"fmt"
	"image"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// AlphaSamplesConfig is fig5: samples of one class at several step sizes, from the same noise.
type AlphaSamplesConfig struct {
	Setup
	Alphas  []float64 `json:"alphas"`  // step sizes of Algorithm 1, a row each
	Classes []int     `json:"classes"` // one
	Columns int       `json:"columns"` // images in a row
	Seed    uint64    `json:"seed"`    // of sampling: every row starts from its noise
}

const alphaSamplesID = "joint/alpha-samples"

// AlphaSamples is fig5 at a tier. The paper's class is CIFAR-10's plane, its
// class 0; on Fashion-MNIST we take the dress, which has sleeves or none and
// many lengths.
func AlphaSamples(t tier.Tier) AlphaSamplesConfig {
	return AlphaSamplesConfig{
		Setup: setup(t), Alphas: unguidedAndUp(t), Classes: []int{choose(t, 3, 3, 3, 0)},
		Columns: choose(t, 2, 10, 12, 12),
	}
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
	if err := c.Setup.Validate(); err != nil {
		return err
	}
	switch {
	case len(c.Alphas) == 0:
		return fmt.Errorf("alphas is empty: name at least one step size")
	case len(c.Classes) != 1:
		return fmt.Errorf("classes is %v: name one; joint/samples-by-class shows several", c.Classes)
	}
	return classRows(c.Model, c.Classes, c.Columns, c.Samples)
}

// Run samples, measures, draws and judges.
func (c AlphaSamplesConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	g, y, err := c.prepare(ctx, store)
	if err != nil {
		return experiments.Outcome{}, err
	}
	defer g.close()
	dataset, err := data.Describe(c.Model.Dataset)
	if err != nil {
		return experiments.Outcome{}, err
	}
	class, perClass := c.Classes[0], c.Samples/c.Model.Network.Classes
	name := dataset.Classes[class]

	t := table.New("alpha", "class", "samples", "target_rate", "diversity")
	var inputs []track.Input
	var pictures []image.Image
	var labels []string
	for _, alpha := range c.Alphas {
		samples, scores, err := g.measured(ctx, store, y, Algorithm1(alpha), c.Samples, c.Seed)
		if err != nil {
			return experiments.Outcome{}, err
		}
		set, err := images(store, samples.Value)
		if err != nil {
			return experiments.Outcome{}, err
		}
		inputs = append(inputs, scores)
		pictures = append(pictures, firstOf(set, class, c.Columns)...)
		labels = append(labels, fmt.Sprintf("%s, α = %g", name, alpha))
		if err := t.Append(alpha, name, perClass, scores.Value.TargetRate[class], scores.Value.Diversity[class]); err != nil {
			return experiments.Outcome{}, err
		}
	}
	result, err := keepTable(ctx, store, alphaSamplesID, c, t, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}

	trained, setting := g.trained.Value, c.setting()
	setting.Samples = perClass // a row is judged by the images of its class
	o, err := tabled(alphaSamplesID, c.Tier, result, setting, reportProvenance(result, trained, &y.lenet.Value))
	if err != nil {
		return o, err
	}
	drawn, err := figure.Grid(pictures, figure.GridSpec{
		Columns: c.Columns, RowLabels: labels, Title: "One class at growing step sizes of Algorithm 1",
		Caption:    "Every column starts from the same noise; α = 0 is not guided and shows any class.",
		Provenance: stamp(result, c.Model, c.Tier, trained, fmt.Sprintf("%d images shown", len(pictures)), ""),
	})
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{{Name: alphaSamplesID, Figure: drawn}}
	for _, shape := range alphaSamplesClaims() {
		o.Report.Judgements = append(o.Report.Judgements, shape.Judge(c.Tier, o.Table))
	}
	return o, nil
}

func alphaSamplesClaims() []claim.Shape {
	return []claim.Shape{
		{Claim: "larger α is more precise: the share of the target class rises",
			Check: claim.Monotone(claim.Trend{X: "alpha", Y: "target_rate", Direction: claim.Rises})},
		// Without guidance any class is shown, which is diverse for free.
		{Claim: "larger α is less diverse: from the smallest α above 0 on the distance between two samples' features falls",
			Check: ofGuided(claim.Monotone(claim.Trend{X: "alpha", Y: "diversity", Direction: claim.Falls, MinPoints: 4}))},
	}
}
