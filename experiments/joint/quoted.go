package joint

import (
	"fmt"
	"slices"

	"noisebook/pkg/claim"
	"noisebook/pkg/figure"
)

// quotedClaim is that a method is better than every other model that the
// paper's table has, but for some.
type quotedClaim struct {
	metric, method string
	but            []string
}

// beatsQuoted judges a claim about quoted models on each dataset that we
// measured: against the best of them, in the paper's setting alone.
func (c comparison) beatsQuoted(q quotedClaim) ([]claim.Judgement, error) {
	var judgements []claim.Judgement
	for _, column := range paperDatasets {
		best, found := c.bestQuoted(q, column)
		mine := best
		mine.Method = q.method
		ours := c.counterparts(mine)
		if !found || len(ours) == 0 {
			continue
		}
		setting, err := paperSetting(mine)
		if err != nil {
			return nil, err
		}
		direction, word := claim.Rises, "above"
		if units[q.metric].better == figure.Lower {
			direction, word = claim.Falls, "below"
		}
		beyond := claim.Beyond{
			Claim:    fmt.Sprintf("%s of %s is %s %s, the best other joint model, on %s", units[q.metric].name, q.method, word, best.Method, column),
			Reported: best.Value, Direction: direction, Setting: setting,
		}
		judgements = append(judgements, beyond.Judge(c.at, meanOf(ours), ours[0].Setting))
	}
	return judgements, nil
}

// bestQuoted is the best number of the other models on a dataset.
func (c comparison) bestQuoted(q quotedClaim, column string) (best claim.ReportedValue, found bool) {
	lower := units[q.metric].better == figure.Lower
	for _, v := range c.reported() {
		if v.Dataset != column || v.Metric != q.metric || v.Method == q.method || slices.Contains(q.but, v.Method) {
			continue
		}
		if !found || (v.Value < best.Value) == lower && v.Value != best.Value {
			best, found = v, true
		}
	}
	return best, found
}
