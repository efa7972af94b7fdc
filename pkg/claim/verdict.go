package claim

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

// Verdict is what a run says about a claim.
type Verdict string

const (
	Reproduced    Verdict = "reproduced"     // the paper's number within the tolerance, in the paper's setting
	Differs       Verdict = "differs"        // outside the tolerance, in the paper's setting
	TrendHolds    Verdict = "trend holds"    // a shape claim is true of the table
	TrendFails    Verdict = "trend fails"    // it is not
	Undecided     Verdict = "undecided"      // the table cannot tell: too few points, or too close
	NotComparable Verdict = "not comparable" // another setting than the paper's
	NotRun        Verdict = "not run"        // tier smoke claims nothing
)

// Kinds of claims.
const (
	KindNumber = "number"
	KindShape  = "shape"
)

// Judgement is a claim with its verdict.
type Judgement struct {
	Claim    string   `json:"claim"`
	Kind     string   `json:"kind"` // KindNumber or KindShape
	Verdict  Verdict  `json:"verdict"`
	Value    *float64 `json:"value,omitempty"`    // what was measured; of a shape its statistic
	Reported *float64 `json:"reported,omitempty"` // what the paper says
	Distance string   `json:"distance,omitempty"` // value − reported, with its sign
	Reason   string   `json:"reason,omitempty"`   // why the verdict is undecided, not comparable or not run
	Detail   string   `json:"detail,omitempty"`
}

// Setting is what must be equal for two numbers to mean the same. A field that
// the paper leaves empty plays no part in its claim (an accuracy has no feature
// network).
type Setting struct {
	Dataset  string `json:"dataset,omitempty"`  // its name; a variant has a name of its own
	Features string `json:"features,omitempty"` // the network whose features are compared
	Samples  int    `json:"samples,omitempty"`  // generated or test images
	Model    string `json:"model,omitempty"`    // size: parameters or channel layout
}

// Differences lists in words how ours departs from the paper's setting.
func (paper Setting) Differences(ours Setting) []string {
	var list []string
	compare := func(what, theirs, own string) {
		if theirs == "" || theirs == own {
			return
		}
		if own == "" {
			own = "not stated"
		}
		list = append(list, fmt.Sprintf("%s: %s, the paper %s", what, own, theirs))
	}
	compare("dataset", paper.Dataset, ours.Dataset)
	compare("feature network", paper.Features, ours.Features)
	compare("samples", count(paper.Samples), count(ours.Samples))
	compare("model", paper.Model, ours.Model)
	return list
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

const smokeReason = "tier smoke claims nothing"

// Number is the claim that a paper's number is met.
type Number struct {
	Claim     string  // in words: "FID of conditional samples on CIFAR-10"
	Reported  float64 // in the metric's unit
	Tolerance float64 // absolute, in the same unit; 0 asks for equality
	Setting   Setting // the paper's
}

// Judge compares a measured value. Tier smoke says nothing, a reduced tier or
// another setting is not comparable, and only the paper's tier in the paper's
// setting is reproduced or differs.
func (n Number) Judge(at tier.Tier, value float64, ours Setting) Judgement {
	j := besideReported(n.Claim, n.Reported, at, value, n.Setting.Differences(ours))
	if j.Verdict != "" { // then no distance either: the two must not be subtracted
		return j
	}
	reported := n.Reported
	// The slack keeps 95.3 − 95.1 within a tolerance of 0.2.
	slack := 1e-9 * math.Max(1, math.Abs(reported))
	distance := value - reported
	j.Distance = fmt.Sprintf("%+.4g", distance)
	if math.Abs(distance) <= n.Tolerance+slack {
		j.Verdict = Reproduced
	} else {
		j.Verdict, j.Detail = Differs, fmt.Sprintf("tolerance %.4g", n.Tolerance)
	}
	return j
}

const fewSamples = "few samples"

// besideReported sets a measured value beside a paper's number. The judgement
// has a verdict already where the two do not compare.
func besideReported(text string, reported float64, at tier.Tier, value float64, reasons []string) Judgement {
	j := Judgement{Claim: text, Kind: KindNumber, Reported: &reported}
	if at == tier.Smoke {
		j.Verdict, j.Reason = NotRun, smokeReason
		return j
	}
	if math.IsNaN(value) || math.IsInf(value, 0) {
		j.Verdict, j.Reason = NotComparable, fmt.Sprintf("the measured value is %v", value)
		return j
	}
	j.Value = &value
	if at != tier.Paper {
		reasons = append(reasons, fmt.Sprintf("tier %s is smaller than the paper's", at))
	}
	if at == tier.Quick {
		j.Detail = fewSamples
	}
	if len(reasons) > 0 {
		j.Verdict, j.Reason = NotComparable, strings.Join(reasons, "; ")
	}
	return j
}

// Evidence is what a shape check found.
type Evidence struct {
	Holds  bool
	Value  float64 // the statistic, such as a rank correlation; NaN when there is none
	Detail string  // the statistic in words
}

// Shape is the claim that a table has a form: that a curve rises, that one
// method lies above another.
type Shape struct {
	Claim string
	Check func(table.Table) (Evidence, error) // an error means that the table cannot tell
}

// Judge checks the table. Tier smoke says nothing; tier quick is marked as
// having few samples; any other may say that a trend holds, fails or is undecided.
func (s Shape) Judge(at tier.Tier, t table.Table) Judgement {
	j := Judgement{Claim: s.Claim, Kind: KindShape}
	if at == tier.Smoke {
		j.Verdict, j.Reason = NotRun, smokeReason
		return j
	}
	evidence, err := s.Check(t)
	if err != nil {
		j.Verdict, j.Reason = Undecided, "the table cannot tell: "+err.Error()
		return j
	}
	j.Verdict = TrendFails
	if evidence.Holds {
		j.Verdict = TrendHolds
	}
	if !math.IsNaN(evidence.Value) && !math.IsInf(evidence.Value, 0) {
		j.Value = &evidence.Value
	}
	j.Detail = evidence.Detail
	if at == tier.Quick {
		j.Detail = strings.TrimPrefix(j.Detail+"; "+fewSamples, "; ")
	}
	return j
}
