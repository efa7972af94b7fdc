package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBenchInput(t *testing.T) {
	printed, err := execute(t, newBenchCommand(), "input", "--engine", "go", "--only", "lenet-smoke", "--time", "1ms", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var results []inputResult
	if err := json.Unmarshal([]byte(printed[strings.Index(printed, "["):]), &results); err != nil {
		t.Fatalf("%v in %q", err, printed)
	}
	if len(results) != 1 {
		t.Fatalf("%d results, want one", len(results))
	}
	r := results[0]
	if r.Case != "lenet-smoke" || r.Batch != 16 || r.Steps < 4 || r.Step <= 0 || r.Fill <= 0 || r.Allocated > 0.5 {
		t.Errorf("%+v", r)
	}
	if r.Busy < 0.9 || r.Busy > 1 || r.Idle < 0 || r.Idle > 0.1*r.Step {
		t.Errorf("the engine is busy for %g of a step of %g s", r.Busy, r.Step)
	}
}

func TestBenchInputUnknownCase(t *testing.T) {
	_, err := execute(t, newBenchCommand(), "input", "--engine", "go", "--only", "joint-paper")
	if err == nil || !strings.Contains(err.Error(), "joint-paper") || !strings.Contains(err.Error(), "joint-cpu") {
		t.Errorf("%v, want the unknown name and the known ones", err)
	}
}
