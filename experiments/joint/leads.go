package joint

import (
	"fmt"
	"math"
	"strings"

	"noisebook/pkg/claim"
)

// lead is by how much one mean lies above another, in points.
type lead struct {
	points float64
	doubt  float64 // twice the standard error; 0 where nothing is repeated
	detail string
}

// over is a lead's gain on another one.
func (l lead) over(other lead, detail string) lead {
	return lead{l.points - other.points, math.Hypot(l.doubt, other.doubt), detail}
}

// against is −1, 0 or +1: clearly below what is asked for, too close to tell, clearly above.
func (l lead) against(least float64) int {
	switch gap := l.points - least; {
	case math.Abs(gap) < l.doubt:
		return 0
	case gap > 0:
		return +1
	}
	return -1
}

// everyLead holds where every lead is clearly above what is asked for, fails where
// one is clearly not, and else cannot tell. The statistic is the smallest.
func everyLead(least float64, leads []lead) (claim.Evidence, error) {
	evidence := claim.Evidence{Holds: true, Value: math.Inf(1), Detail: details(leads)}
	var close []lead
	for _, l := range leads {
		evidence.Value = min(evidence.Value, l.points)
		switch l.against(least) {
		case -1:
			evidence.Holds = false
		case 0:
			close = append(close, l)
		}
	}
	if evidence.Holds && len(close) > 0 {
		return claim.Evidence{}, tooClose(close)
	}
	return evidence, nil
}

// someLead holds where one lead is clearly above what is asked for, fails where all are
// clearly not, and else cannot tell. The statistic is the largest.
func someLead(least float64, leads []lead) (claim.Evidence, error) {
	evidence := claim.Evidence{Value: math.Inf(-1), Detail: details(leads)}
	var close []lead
	for _, l := range leads {
		evidence.Value = max(evidence.Value, l.points)
		switch l.against(least) {
		case +1:
			evidence.Holds = true
		case 0:
			close = append(close, l)
		}
	}
	if !evidence.Holds && len(close) > 0 {
		return claim.Evidence{}, tooClose(close)
	}
	return evidence, nil
}

func details(leads []lead) string {
	texts := make([]string, len(leads))
	for i, l := range leads {
		texts[i] = l.detail
	}
	return strings.Join(texts, "; ")
}

func tooClose(leads []lead) error {
	texts := make([]string, len(leads))
	for i, l := range leads {
		texts[i] = fmt.Sprintf("%s, with twice the standard error at %.2g", l.detail, l.doubt)
	}
	return fmt.Errorf("it is too close: %s", strings.Join(texts, "; "))
}
