package joint

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/sample"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// GenerationConfig is tab2: FID, precision and recall of four ways to draw images.
type GenerationConfig struct {
	RepeatedSuite
	Alpha         float64 `json:"alpha"`          // step size of Algorithm 1
	GradientScale float64 `json:"gradient_scale"` // s_g of classifier guidance (eq. 12)
}

const generationID = "joint/generation"

// Generation is tab2 at a tier. The JPEG variant stands in for CIFAR-10 below
// tier paper, so that colour images are there too. The paper gives neither α nor
// s_g for it: the paper's tier takes an α of its good range and Dhariwal & Nichol's scale 1.
func Generation(t tier.Tier) GenerationConfig {
	one := []string{"fashion-mnist"}
	return GenerationConfig{
		RepeatedSuite: repeatedSuite(t, choose(t, one, one, []string{"fashion-mnist", "cifar10-jpeg"},
			[]string{"fashion-mnist", "cifar-10", "cifar-100", "celeba"})...),
		Alpha:         conditionalAlpha(t),
		GradientScale: choose[float64](t, 1, 1, 1, 1),
	}
}

// Validate says what is wrong, by field.
func (c GenerationConfig) Validate() error {
	if err := c.RepeatedSuite.Validate(); err != nil {
		return err
	}
	if err := positive("alpha", c.Alpha); err != nil {
		return err
	}
	if c.Sampler.Method == sample.DDIM && c.Sampler.Eta == 0 {
		return fmt.Errorf("sampler.method is ddim with eta 0: classifier guidance moves a step by its variance, which is 0; set sampler.eta or take ancestral steps")
	}
	return positive("gradient_scale", c.GradientScale)
}

// positive refuses a scale of a guide that would lead nowhere or away.
func positive(field string, scale float64) error {
	if !(scale > 0) || math.IsInf(scale, 0) {
		return fmt.Errorf("%s is %g: it must be positive and finite", field, scale)
	}
	return nil
}

func (c GenerationConfig) rows(m ModelConfig) []sampling {
	return samplings(m, c.Alpha, c.GradientScale, methodDDGM, methodSteered, methodJoint, methodConditional)
}

// Run trains, samples and scores, or answers from the store, then draws and judges.
func (c GenerationConfig) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	sets, err := c.sample(ctx, store, c.seeds(), c.rows)
	if err != nil {
		return experiments.Outcome{}, err
	}
	of := c.conclusion(generationID, "Four ways to draw images",
		fmt.Sprintf("Guided rows aim at the classes in turn: α = %g of Algorithm 1, scale %g of the classifier's gradient.", c.Alpha, c.GradientScale), sets)
	of.claimsOn = generationClaims
	return conclude(ctx, store, of, comparison{artifact: "tab2", at: c.Tier, measured: generationMeasures(sets)}, c)
}

// generationMeasures are tab2's columns, and how often sets show their targets.
func generationMeasures(sets []sampledSet) []measurement {
	var all []measurement
	for _, set := range sets {
		s := set.scores.Value
		all = append(all,
			set.measure("fid", s.FID), set.measure("precision_pct", 100*s.Precision), set.measure("recall_pct", 100*s.Recall),
			set.measure("target_rate_pct", 100*stat.Mean(s.TargetRate, nil)))
	}
	return all
}

// generationClaims are tab2's claims for one of our datasets, and a control.
func generationClaims(dataset string) ([]claim.Shape, error) {
	column, err := paperDataset(dataset)
	if err != nil {
		return nil, err
	}
	second := claim.Shape{Claim: "the joint model without guidance has a higher FID than the DDGM on " + dataset,
		Check: here(column, ofMetric("fid", claim.Above("method", methodJoint, methodDDGM, "value", 0)))}
	if column == "CIFAR-100" { // the paper's exception
		second = claim.Shape{Claim: "the joint model without guidance has a lower FID than the DDGM on " + dataset,
			Check: here(column, ofMetric("fid", claim.Above("method", methodDDGM, methodJoint, "value", 0)))}
	}
	return []claim.Shape{
		{Claim: "conditional sampling has the lowest FID on " + dataset, Check: here(column, ofMetric("fid", lowest(methodConditional)))},
		second,
		{Claim: "control: Algorithm 1 shows its targets more often than no guidance on " + dataset + ", by 10 points or more",
			Check: here(column, ofMetric("target_rate_pct", claim.Above("method", methodConditional, methodJoint, "value", 10)))},
		{Claim: "control: classifier guidance shows its targets more often than no guidance on " + dataset + ", by 10 points or more",
			Check: here(column, ofMetric("target_rate_pct", claim.Above("method", methodSteered, methodDDGM, "value", 10)))},
	}, nil
}

// lowest checks that a method's mean is below every other's. Its value is how
// far it lies below the next.
func lowest(method string) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		next, best := math.Inf(1), ""
		err := eachValue(t, "method", func(name string, rows table.Table) error {
			value, err := mean(rows, "value")
			if err == nil && (math.IsNaN(value) || math.IsInf(value, 0)) {
				err = fmt.Errorf("%s has %v", name, value)
			}
			if name != method && value < next {
				next, best = value, name
			}
			return err
		})
		if err != nil {
			return claim.Evidence{}, err
		}
		if best == "" {
			return claim.Evidence{}, errors.New("it has no row but " + method)
		}
		return claim.Above("method", best, method, "value", 0)(t)
	}
}

// ofMetric looks at the rows of one measure alone.
func ofMetric(metric string, check func(table.Table) (claim.Evidence, error)) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		rows, err := t.Where("metric", metric)
		if err != nil {
			return claim.Evidence{}, err
		}
		return check(rows)
	}
}
