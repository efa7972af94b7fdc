package joint

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/claim"
	"noisebook/pkg/table"
)

// shapes judges what the paper says of its pictures, dataset by dataset: the
// decision flips, and only what has to change does.
func (x explanations) shapes(t table.Table) ([]claim.Judgement, error) {
	flips := func(column string) func(directionRows) (float64, float64) {
		return func(m directionRows) (float64, float64) {
			return m.at(x.Alpha, column), math.Max(m.at(0, column), m.at(-x.Alpha, column))
		}
	}
	claims := []struct {
		text    string
		compare func(directionRows) (more, less float64)
	}{
		{"the decision flips more often than with either control, for the joint model itself", flips("flip_rate")},
		{"the decision flips more often than with either control, for a classifier trained alone", flips("external_flip_rate")},
		// Noise and denoising alone change an image too; what guidance adds is held against that.
		{"the rest is kept: the change is nearer to that of noise and denoising alone than to that of a random image of the other answer", func(m directionRows) (float64, float64) {
			return (m.at(0, "l1") + m.at(x.Alpha, "apart")) / 2, m.at(x.Alpha, "l1")
		}},
		{"the change is localised: a tenth of the pixels holds more of it than without guidance", func(m directionRows) (float64, float64) {
			return m.at(x.Alpha, "top_decile_share"), m.at(0, "top_decile_share")
		}},
	}
	var judgements []claim.Judgement
	for _, dataset := range x.Datasets {
		own, err := t.Where("dataset", dataset)
		if err != nil {
			return nil, err
		}
		for _, c := range claims {
			text := c.text
			if len(x.Datasets) > 1 {
				text = dataset + ": " + text
			}
			judgements = append(judgements, claim.Shape{Claim: text, Check: inEveryDirection(c.compare)}.Judge(x.Tier, own))
		}
	}
	return judgements, nil
}

// directionRows are the rows of one direction and one seed of the noise.
type directionRows struct{ rows table.Table }

// at is a column's value at a step size; NaN where there is none.
func (d directionRows) at(alpha float64, column string) float64 {
	rows, err := d.rows.Where("alpha", alpha)
	if err != nil {
		return math.NaN()
	}
	value, err := mean(rows, column)
	if err != nil {
		return math.NaN()
	}
	return value
}

// inEveryDirection checks that one number exceeds another in all directions of a
// table, by more than the seeds leave in doubt.
func inEveryDirection(compare func(directionRows) (more, less float64)) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		var leads []lead
		err := eachValue(t, "from", func(from string, rows table.Table) error {
			return eachValue(rows, "to", func(to string, rows table.Table) error {
				l, err := leadBySeed(rows, compare)
				if err != nil {
					return err
				}
				if math.IsNaN(l.points) {
					return fmt.Errorf("%s → %s lacks the step size that is judged, or a control", from, to)
				}
				l.detail = fmt.Sprintf("%s → %s %s", from, to, l.detail)
				leads = append(leads, l)
				return nil
			})
		})
		if err == nil && len(leads) == 0 {
			err = errors.New("no counterfactuals were made")
		}
		if err != nil {
			return claim.Evidence{}, err
		}
		return everyLead(0, leads)
	}
}

// leadBySeed is by how much the one number lies above the other, mean over seeds.
func leadBySeed(rows table.Table, compare func(directionRows) (more, less float64)) (lead, error) {
	var more, less []float64
	err := eachValue(rows, "seed", func(_ string, rows table.Table) error {
		m, l := compare(directionRows{rows})
		more, less = append(more, m), append(less, l)
		return nil
	})
	if err != nil {
		return lead{}, err
	}
	above, below := stat.Mean(more, nil), stat.Mean(less, nil)
	return lead{above - below, 2 * math.Sqrt(varianceBySeed(more, less)), fmt.Sprintf("%.3f against %.3f", above, below)}, nil
}
