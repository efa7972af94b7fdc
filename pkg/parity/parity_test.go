package parity

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestCasePassed(t *testing.T) {
	for name, test := range map[string]struct {
		c    Case
		want bool
	}{
		"below":        {Case{Error: 1e-6, Tolerance: 1e-5}, true},
		"at":           {Case{Error: 1e-5, Tolerance: 1e-5}, true},
		"exact":        {Case{}, true},
		"above":        {Case{Error: 2e-5, Tolerance: 1e-5}, false},
		"not a number": {Case{Error: math.NaN(), Tolerance: math.Inf(1)}, false},
		"infinite":     {Case{Error: math.Inf(1), Tolerance: 1}, false},
		"not computed": {Case{Tolerance: 1, Failure: errors.New("no weights")}, false},
	} {
		if got := test.c.Passed(); got != test.want {
			t.Errorf("%s: passed is %v", name, got)
		}
	}
}

func TestReport(t *testing.T) {
	var r Report
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "no case") {
		t.Errorf("%v: a folder without a known case must fail", err)
	}
	r.Unknown = append(r.Unknown, "cifar")
	if r.Err() == nil {
		t.Error("unknown entries alone pass")
	}
	r.Add("noise", 1e-6, 1e-4, "largest error")
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	r.Add("logits", 2e-3, 1e-4, "")
	r.Fail("gradient", errors.New("weights have no bias"))
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "2 of 3 cases") {
		t.Errorf("%v, want the count", err)
	}

	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range [][]string{
		{"case", "error", "tolerance"},
		{"noise", "1.00e-06", "1e-04", "ok", "largest error"},
		{"logits", "2.00e-03", "1e-04", "FAIL"},
		{"gradient", "NaN", "FAIL", "weights have no bias"},
		{"unknown: cifar"},
		{"1 of 3 cases within tolerance, 1 unknown"},
	} {
		for _, part := range want {
			if i >= len(lines) || !strings.Contains(lines[i], part) {
				t.Fatalf("line %d of\n%s\nlacks %q", i+1, out.String(), part)
			}
		}
	}
}

func TestPrintReportsAFullDisk(t *testing.T) {
	var r Report
	r.Add("noise", 0, 1, "")
	if err := r.Print(full{}); err == nil {
		t.Error("a write that failed is not reported")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
