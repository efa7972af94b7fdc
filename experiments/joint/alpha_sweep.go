package joint

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// AlphaSweepConfig is fig4: precision and recall of conditional samples against
// the step size α of Algorithm 1. A negative α is the control that must miss
// the target class.
type AlphaSweepConfig struct {
	Setup
	Alphas []float64 `json:"alphas"`
	Seeds  int       `json:"seeds"` // of sampling
}

const alphaSweepID = "joint/alpha-sweep"

// AlphaSweep is fig4 at a tier.
func AlphaSweep(t tier.Tier) AlphaSweepConfig {
	return AlphaSweepConfig{
		Setup:  setup(t),
		Alphas: sweptAlphas(t),
		Seeds:  choose(t, 1, 1, 3, 3),
	}
}

// Validate says what is wrong, by field.
func (c AlphaSweepConfig) Validate() error {
	if err := c.Setup.Validate(); err != nil {
		return err
	}
	switch {
	case len(c.Alphas) == 0:
		return fmt.Errorf("alphas is empty: name at least one step size")
	case c.Seeds < 1:
		return fmt.Errorf("seeds is %d: it must be at least 1", c.Seeds)
	}
	return nil
}

// sweepColumns are the sweep's table: a row a step size and seed.
var sweepColumns = []string{"alpha", "seed", "samples", "precision", "recall", "nearest_precision", "nearest_recall", "target_rate", "fid"}

// Run trains or finds the model, samples it at every α and seed, measures,
// draws and judges.
func (c AlphaSweepConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	g, y, err := c.prepare(ctx, store)
	if err != nil {
		return experiments.Outcome{}, err
	}
	defer g.close()

	t := table.New(sweepColumns...)
	var inputs []track.Input
	for _, alpha := range c.Alphas {
		for seed := range uint64(c.Seeds) {
			_, scores, err := g.measured(ctx, store, y, Algorithm1(alpha), c.Samples, seed)
			if err != nil {
				return experiments.Outcome{}, err
			}
			s := scores.Value
			if err := t.Append(alpha, seed, c.Samples, s.Precision, s.Recall, s.NearestPrecision, s.NearestRecall, stat.Mean(s.TargetRate, nil), s.FID); err != nil {
				return experiments.Outcome{}, err
			}
			inputs = append(inputs, scores)
		}
	}
	result, err := keepTable(ctx, store, alphaSweepID, c, t, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	return c.outcome(result, g.trained.Value, y.lenet.Value)
}

func (c AlphaSweepConfig) outcome(result track.Result[tableResult], trained TrainedModel, reference Reference) (experiments.Outcome, error) {
	o, err := tabled(alphaSweepID, c.Tier, result, c.setting(), reportProvenance(result, trained, &reference))
	if err != nil {
		return o, err
	}
	drawn, err := drawSweep(o.Table, stamp(result, c.Model, c.Tier, trained, fmt.Sprintf("%d × %d a point", c.Seeds, c.Samples), c.Reference.Network.Title()))
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{{Name: alphaSweepID, Figure: drawn}}
	guided, err := withAlpha(o.Table, func(alpha float64) bool { return alpha >= 0 }) // the control left out
	if err != nil {
		return o, err
	}
	for _, shape := range sweepClaims() {
		t := guided
		if shape.withControl {
			t = o.Table
		}
		o.Report.Judgements = append(o.Report.Judgements, shape.Judge(c.Tier, t))
	}
	return o, nil
}

func drawSweep(t table.Table, provenance map[string]string) (*figure.Figure, error) {
	long, err := t.Melt("precision", "recall", "nearest_precision", "nearest_recall", "target_rate", "fid")
	if err != nil {
		return nil, err
	}
	const prd, nearest = "PRD, 20 clusters", "5 nearest neighbours"
	drawn := map[string]struct{ panel, name string }{
		"precision": {prd, "precision"}, "recall": {prd, "recall"},
		"nearest_precision": {nearest, "precision"}, "nearest_recall": {nearest, "recall"},
		"target_rate": {"classified as the target", "share of images"}, "fid": {"distance to the test images", "FID"},
	}
	long.Columns = append(long.Columns, "panel", "name")
	metrics, err := long.Strings("metric")
	if err != nil {
		return nil, err
	}
	for i, metric := range metrics {
		long.Rows[i] = append(long.Rows[i], drawn[metric].panel, drawn[metric].name)
	}
	return figure.Curves(long, figure.CurvesSpec{
		X: "alpha", Y: "value", Group: "name", Panel: "panel", Seed: "seed", Scale: figure.Even,
		Title:  "Step size of Algorithm 1: precision against recall",
		XLabel: "step size α", YLabel: "",
		Bands:      []figure.Band{{From: 100, To: 250, Label: "the paper's good range"}},
		Caption:    "Conditional samples of the joint model, classes in turn. Negative α is the control: the same step towards the target in noise space, which must miss it.",
		Provenance: provenance,
	})
}

type sweepClaim struct {
	claim.Shape
	withControl bool
}

func sweepClaims() []sweepClaim {
	return []sweepClaim{
		{Shape: claim.Shape{Claim: "precision rises with α", Check: claim.Monotone(claim.Trend{X: "alpha", Y: "precision", Direction: claim.Rises, Threshold: 0.8, MinPoints: 6})}},
		{Shape: claim.Shape{Claim: "recall falls with α", Check: claim.Monotone(claim.Trend{X: "alpha", Y: "recall", Direction: claim.Falls, Threshold: 0.8, MinPoints: 6})}},
		{Shape: claim.Shape{Claim: "precision and recall are best together for an α in [100, 250]", Check: bestTogether}},
		{Shape: claim.Shape{Claim: "control: −α lowers the share of the target class below no guidance", Check: controlMisses}, withControl: true},
	}
}

// bestTogether reads "both high for α in [100, 250]" as: the α whose smaller
// one of precision and recall is largest lies in that range.
func bestTogether(t table.Table) (claim.Evidence, error) {
	best, at := math.Inf(-1), math.NaN()
	err := eachAlpha(t, func(alpha float64, rows table.Table) error {
		precision, err := mean(rows, "precision")
		if err != nil {
			return err
		}
		recall, err := mean(rows, "recall")
		if smaller := min(precision, recall); smaller > best {
			best, at = smaller, alpha
		}
		return err
	})
	return claim.Evidence{Holds: at >= 100 && at <= 250, Value: at,
		Detail: fmt.Sprintf("the smaller of both is largest, %.3f, at α = %g", best, at)}, err
}

func controlMisses(t table.Table) (claim.Evidence, error) {
	plain, control := math.NaN(), math.NaN()
	err := eachAlpha(t, func(alpha float64, rows table.Table) error {
		rate, err := mean(rows, "target_rate")
		switch {
		case alpha == 0:
			plain = rate
		case alpha < 0 && !(rate <= control): // of several controls the worst
			control = rate
		}
		return err
	})
	if err == nil && (math.IsNaN(plain) || math.IsNaN(control)) {
		err = fmt.Errorf("the sweep has no α = 0 or no negative α")
	}
	return claim.Evidence{Holds: control < plain, Value: control,
		Detail: fmt.Sprintf("target class in %.1f %% of images at −α, %.1f %% without guidance", 100*control, 100*plain)}, err
}
