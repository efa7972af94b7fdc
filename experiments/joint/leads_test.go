package joint

import (
	"math"
	"testing"
)

func TestLeadsThatAreTooClose(t *testing.T) {
	sure := func(points float64) lead { return lead{points: points} }
	for name, test := range map[string]struct {
		least        float64
		leads        []lead
		every, some  bool
		unsure, vain bool // every, some cannot tell
	}{
		"all above":                   {0, []lead{sure(1), {2, 1.5, ""}}, true, true, false, false},
		"all below":                   {0, []lead{sure(-1), {-2, 1.5, ""}}, false, false, false, false},
		"one below":                   {0, []lead{sure(-1), {2, 1.5, ""}}, false, true, false, false},
		"one close, the others above": {0, []lead{{1, 1.5, ""}, sure(2)}, false, true, true, false},
		"one close, the others below": {0, []lead{{1, 1.5, ""}, sure(-2)}, false, false, false, true},
		"close from below":            {0, []lead{{-1, 1.5, ""}}, false, false, true, true},
		"a margin":                    {5, []lead{sure(6), {8, 1, ""}}, true, true, false, false},
		"close to a margin":           {5, []lead{{6, 2, ""}}, false, false, true, true},
		"nothing between":             {0, []lead{sure(0)}, false, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			every, err := everyLead(test.least, test.leads)
			if every.Holds != test.every || (err != nil) != test.unsure {
				t.Errorf("every: %+v, %v", every, err)
			}
			some, err := someLead(test.least, test.leads)
			if some.Holds != test.some || (err != nil) != test.vain {
				t.Errorf("some: %+v, %v", some, err)
			}
		})
	}
}

func TestALeadIsBetweenMeans(t *testing.T) {
	c := cell{keys: []string{"here"}, values: map[string][]float64{"a": {1, 2, 3}, "b": {0.5}}}
	got, err := c.lead("a", c, "b")
	if want := 2 / math.Sqrt(3); err != nil || got.points != 1.5 || math.Abs(got.doubt-want) > 1e-12 { // sd 1, three seeds
		t.Errorf("%+v, %v; want 1.5 ± %g", got, err, want)
	}
	if _, err := c.lead("a", c, "none"); err == nil {
		t.Error("a method without rows has a mean")
	}
	if gain := got.over(lead{0.5, 1, ""}, "x"); gain.points != 1 || math.Abs(gain.doubt-math.Sqrt(4.0/3+1)) > 1e-12 {
		t.Errorf("%+v", gain)
	}
}
