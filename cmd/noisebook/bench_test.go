package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBenchUNet(t *testing.T) {
	printed, err := execute(t, newBenchCommand(), "unet", "--engine", "go", "--size", "4", "--batch", "2", "--in-channels", "3",
		"--multipliers", "1,2", "--blocks", "1", "--attention", "2", "--runs", "2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var result benchResult
	_, object, _ := strings.Cut(printed, "{") // after what it reports of its progress
	if err := json.Unmarshal([]byte("{"+object), &result); err != nil {
		t.Fatalf("%v in %q", err, printed)
	}
	for _, name := range benchMeasures {
		m := result.Measures[name]
		if len(m.Seconds) != 2 || m.Min <= 0 || m.Median < m.Min || m.Compile <= 0 || m.MatmulPart <= 0 {
			t.Errorf("%s: %+v; want two steps and positive figures", name, m)
		}
	}
	if result.Parameters < 100_000 || result.Backend != "go" || result.Matmul <= 0 {
		t.Errorf("%d parameters on %q, products at %g FLOP/s", result.Parameters, result.Backend, result.Matmul)
	}

	// Two ways of counting: by the network's description, and in the graph.
	if m := result.Measures["sample"]; m.Needed != m.InGraph {
		t.Errorf("a sampling step needs %g operations by its shapes and has %g in its graph", m.Needed, m.InGraph)
	}
	// Gradients of convolutions with a stride also multiply by the zeros between their pixels.
	for _, name := range []string{"train", "guided"} {
		if m := result.Measures[name]; m.InGraph < m.Needed || m.InGraph > 1.2*m.Needed {
			t.Errorf("%s: %g operations needed, %g in the graph", name, m.Needed, m.InGraph)
		}
	}
}

func TestBenchOnly(t *testing.T) {
	printed, err := execute(t, newBenchCommand(), "unet", "--engine", "go", "--size", "4", "--batch", "1",
		"--multipliers", "1", "--blocks", "1", "--runs", "1", "--only", "sample")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sample", "share of matmul", "peak memory of sample"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in %q", want, printed)
		}
	}
	if strings.Contains(printed, "train") || strings.Contains(printed, "guided") {
		t.Errorf("it took more than the sampling step: %q", printed)
	}
}

func TestBenchUNetErrors(t *testing.T) {
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"size without multipliers", "--multipliers", []string{"--size", "40"}},
		{"unknown measure", "train, sample, guided", []string{"--only", "fly"}},
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
