package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBenchUNet(t *testing.T) {
	printed, err := execute(t, newBenchCommand(), "unet", "--engine", "go", "--size", "4", "--batch", "2", "--in-channels", "3",
		"--multipliers", "1,1", "--blocks", "1", "--attention", "2", "--runs", "2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var result benchResult
	_, object, _ := strings.Cut(printed, "{") // after what it reports of its progress
	if err := json.Unmarshal([]byte("{"+object), &result); err != nil {
		t.Fatalf("%v in %q", err, printed)
	}
	for _, name := range benchMeasures {
		if result.Step[name] <= 0 || result.Compile[name] <= 0 {
			t.Errorf("%s: %g s a step, %g s to compile; want both positive", name, result.Step[name], result.Compile[name])
		}
	}
	if result.Parameters < 100_000 || result.Backend != "go" {
		t.Errorf("%d parameters on %q", result.Parameters, result.Backend)
	}
}

func TestBenchUNetErrors(t *testing.T) {
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"size without multipliers", "--multipliers", []string{"--size", "40"}},
		{"no runs", "--runs", []string{"--runs", "0"}},
		{"channels that groups do not divide", "norm_groups", []string{"--channels", "40"}},
		{"unknown engine", "use auto", []string{"--engine", "abacus"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"unet", "--engine", "go"}, test.args...)
			if _, err := execute(t, newBenchCommand(), args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %s", err, test.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %g, want %g", test.values, got, test.want)
		}
	}
}
