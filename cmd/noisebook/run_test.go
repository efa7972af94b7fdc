package main

import (
	"encoding/json"
	"strings"
	"testing"

	"noisebook/pkg/published"
)

func TestRunKeys(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	keys := rootOutput(t, "run", "joint/alpha-sweep", "--keys", "--tier", "quick")
	for _, want := range []string{"model.train.steps", "alphas", "-100,0,", "sampler.clip"} {
		if !strings.Contains(keys, want) {
			t.Errorf("the keys lack %q", want)
		}
	}
}

// A dry run of the paper's tier builds the graph and counts, without data.
func TestDryRun(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	t.Setenv("NOISEBOOK_ENGINE", "go")
	t.Setenv("NOISEBOOK_DATA", "")
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	args := []string{"run", "joint/alpha-sweep", "--tier", "paper", "--dry-run", "--measure", "0"}
	var plans []published.Plan
	if err := json.Unmarshal([]byte(rootOutput(t, append(args, "--json")...)), &plans); err != nil {
		t.Fatal(err)
	}
	if len(plans) != 1 {
		t.Fatalf("%d plans, want one a model", len(plans))
	}
	plan := plans[0]
	if plan.ID != "joint/alpha-sweep" || plan.Parameters != 59_465_871 || plan.Steps != 500_000 || plan.Batch != 256 || plan.GraphNodes < 10_000 {
		t.Errorf("%+v", plan)
	}
	if text := rootOutput(t, args...); !strings.Contains(text, "59465871 parameters") {
		t.Errorf("%s", text)
	}
	args = append(args, "--json", "--model", plan.Model)
	if err := json.Unmarshal([]byte(rootOutput(t, args...)), &plans); err != nil || len(plans) != 1 || plans[0].Parameters != plan.Parameters {
		t.Errorf("--model %q: %+v, %v", plan.Model, plans, err)
	}
}
