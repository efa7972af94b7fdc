package joint

import (
	"fmt"
	"math"
	"strings"

	"noisebook/pkg/claim"
	"noisebook/pkg/table"
)

// shapes judges what the paper says of its pictures, dataset by dataset: the
// decision flips, and only what has to change does.
func (x explanations) shapes(t table.Table) ([]claim.Judgement, error) {
	flips := func(column string) func(directionMeans) (float64, float64) {
		return func(m directionMeans) (float64, float64) {
			return m.at(x.Alpha, column), math.Max(m.at(0, column), m.at(-x.Alpha, column))
		}
	}
	claims := []struct {
		text    string
		compare func(directionMeans) (more, less float64)
	}{
		{"the decision flips more often than with either control, for the joint model itself", flips("flip_rate")},
		{"the decision flips more often than with either control, for a classifier trained alone", flips("external_flip_rate")},
		// Noise and denoising alone change an image too; what guidance adds is held against that.
		{"the rest is kept: the change is nearer to that of noise and denoising alone than to that of a random image of the other answer", func(m directionMeans) (float64, float64) {
			return (m.at(0, "l1") + m.at(x.Alpha, "apart")) / 2, m.at(x.Alpha, "l1")
		}},
		{"the change is localised: a tenth of the pixels holds more of it than without guidance", func(m directionMeans) (float64, float64) {
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

// directionMeans are the rows of one direction.
type directionMeans struct{ rows table.Table }

// at is a column's mean over the seeds at a step size; NaN where there is none.
func (m directionMeans) at(alpha float64, column string) float64 {
	rows, err := m.rows.Where("alpha", alpha)
	if err != nil {
		return math.NaN()
	}
	value, err := mean(rows, column)
	if err != nil {
		return math.NaN()
	}
	return value
}

// inEveryDirection checks that one number exceeds another in all directions of a table.
func inEveryDirection(compare func(directionMeans) (more, less float64)) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		e := claim.Evidence{Holds: true, Value: math.Inf(1)}
		var details []string
		err := eachValue(t, "from", func(from string, rows table.Table) error {
			return eachValue(rows, "to", func(to string, rows table.Table) error {
				more, less := compare(directionMeans{rows})
				if math.IsNaN(more - less) {
					return fmt.Errorf("%s → %s lacks the step size that is judged, or a control", from, to)
				}
				e.Holds = e.Holds && more > less
				e.Value = math.Min(e.Value, more-less)
				details = append(details, fmt.Sprintf("%s → %s %.3f against %.3f", from, to, more, less))
				return nil
			})
		})
		if err == nil && len(details) == 0 {
			err = fmt.Errorf("no counterfactuals were made")
		}
		e.Detail = strings.Join(details, ", ")
		return e, err
	}
}
