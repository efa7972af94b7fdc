package joint

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"
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
	c := cell{
		keys:   []string{"here"},
		values: map[string][]float64{"a": {1, 2, 3}, "b": {0.5}, "like a": {0, 1.5, 2}, "by other seeds": {0, 1.5, 2}},
		seeds:  map[string][]string{"a": {"1", "2", "3"}, "b": {"1"}, "like a": {"1", "2", "3"}, "by other seeds": {"4", "5", "6"}},
	}
	of := func(values ...float64) float64 { return stat.Variance(values, nil) / 3 }
	for lower, want := range map[string]lead{
		"b":              {1.5, 2 * math.Sqrt(of(1, 2, 3)), "2.0 against 0.5"},
		"like a":         {5.0 / 6, 2 * math.Sqrt(of(1, 0.5, 1)), "2.0 against 1.2"},
		"by other seeds": {5.0 / 6, 2 * math.Sqrt(of(1, 2, 3)+of(0, 1.5, 2)), "2.0 against 1.2"},
	} {
		got, err := c.lead("a", c, lower)
		if err != nil || math.Abs(got.points-want.points) > 1e-12 || math.Abs(got.doubt-want.doubt) > 1e-12 || got.detail != want.detail {
			t.Errorf("over %s: %+v, %v; want %+v", lower, got, err, want)
		}
	}
	if _, err := c.lead("a", c, "none"); err == nil {
		t.Error("a method without rows has a mean")
	}
	if gain := (lead{1.5, 2, ""}).over(lead{0.5, 1, ""}, "x"); gain.points != 1 || math.Abs(gain.doubt-math.Sqrt(5)) > 1e-12 {
		t.Errorf("%+v", gain)
	}
}
