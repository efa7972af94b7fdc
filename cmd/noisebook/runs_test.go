package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// storeWithRuns makes a store of its own the present one and fills it with a
// finished and a failed run.
func storeWithRuns(t *testing.T) (finished, failed track.Run) {
	t.Helper()
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	store, err := track.Open("")
	if err != nil {
		t.Fatal(err)
	}
	type config struct {
		Steps int `json:"steps"`
		Model struct {
			Channels []int `json:"channels"`
		} `json:"model"`
	}
	stage := track.Stage[config, track.Artifact]{Name: "test/train", Version: 2, Run: func(_ context.Context, job *track.Job, c config) (track.Artifact, error) {
		for step := range c.Steps {
			job.Log(step, map[string]float64{"loss": 1 / float64(step+1), "bound": math.NaN()})
		}
		job.SetEnvironment("engine", "xla")
		job.Dataset(track.Dataset{Name: "fashion-mnist", Split: "train", Checksum: "0123456789abcdef"})
		if c.Steps > 5 {
			return track.Artifact{}, errors.New("loss is NaN")
		}
		return job.Save("weights.txt", func(w io.Writer) error {
			_, err := fmt.Fprint(w, "w")
			return err
		})
	}}
	c := config{Steps: 4}
	c.Model.Channels = []int{32, 64}
	if _, err := track.Do(t.Context(), store, stage, c); err != nil {
		t.Fatal(err)
	}
	c.Steps = 6
	if _, err := track.Do(t.Context(), store, stage, c); err == nil {
		t.Fatal("the second run should fail")
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	return runs[1], runs[0]
}

func output(t *testing.T, cmd *cobra.Command, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%s %v: %v", cmd.Name(), args, err)
	}
	return out.String()
}

func TestRuns(t *testing.T) {
	finished, failed := storeWithRuns(t)
	text := output(t, newRunsCommand())
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], failed.ID) || !strings.HasPrefix(lines[2], finished.ID) {
		t.Fatalf("want a header and two runs, the newest first:\n%s", text)
	}
	for _, part := range []string{"test/train", "finished", "model.channels=32,64 steps=4", "bound=NaN loss=0.25"} {
		if !strings.Contains(lines[2], part) {
			t.Errorf("line %q lacks %q", lines[2], part)
		}
	}
	var decoded []track.Run
	if err := json.Unmarshal([]byte(output(t, newRunsCommand(), "--json", "--limit", "1")), &decoded); err != nil || len(decoded) != 1 || decoded[0].State != track.Failed {
		t.Errorf("--json --limit 1: %+v, %v", decoded, err)
	}
	if text := output(t, newRunsCommand(), "--stage", "other"); text != "no run fits\n" {
		t.Errorf("--stage other: %q", text)
	}
	if text := output(t, newRunsCommand(), "--stage", "other", "--json"); text != "[]\n" {
		t.Errorf("--stage other --json: %q", text)
	}
}

// TestRunsQuery asks for the columns of a filtered and sorted store in each form.
func TestRunsQuery(t *testing.T) {
	finished, failed := storeWithRuns(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--filter", `metrics.loss.last < 0.2`, "--columns", "id"}, "id\n" + failed.ID + "\n"},
		{[]string{"--state", "failed,crashed", "--columns", "id, error"}, "id          error\n" + failed.ID + "  loss is NaN\n"},
		{[]string{"--kind", "job"}, "no run fits\n"},
		{[]string{"--sort", "params.steps", "--columns", `params.steps,metrics.loss.min,metrics["bound"].last,tags.x`, "--csv"},
			"params.steps,metrics.loss.min,\"metrics[\"\"bound\"\"].last\",tags.x\n4,0.25,NaN,\n6,0.16666666666666666,NaN,\n"},
		{[]string{"--sort=-params.steps", "--limit", "1", "--columns", "params.steps"}, "params.steps\n6\nand 1 more: --limit 0 lists all\n"},
		{[]string{"--columns", "params.steps, params.model.channels, metrics.bound", "--filter", "params.steps < 5", "--json"},
			"[\n  {\n    \"metrics.bound\": \"NaN\",\n    \"params.model.channels\": [\n      32,\n      64\n    ],\n    \"params.steps\": 4\n  }\n]\n"},
	} {
		if got := output(t, newRunsCommand(), test.args...); got != test.want {
			t.Errorf("%q:\n%s\nwant\n%s", test.args, got, test.want)
		}
	}
	var runs []struct {
		ID      string
		Metrics map[string]index.Summary
	}
	if err := json.Unmarshal([]byte(output(t, newRunsCommand(), "--json")), &runs); err != nil || len(runs) != 2 || runs[1].ID != finished.ID || runs[1].Metrics["loss"].Count != 4 {
		t.Errorf("--json: %+v, %v", runs, err)
	}
	for want, args := range map[string][]string{
		"did you mean state?":                {"--filter", `stat == "failed"`},
		"--kind jobs: it is one of job":      {"--kind", "jobs"},
		"--state done: it is one of running": {"--state", "done"},
		"--csv needs --columns":              {"--csv"},
		"is not closed":                      {"--columns", `metrics["a`},
		"want 0 for all runs":                {"--limit", "-1"},
		"did you mean max":                   {"--sort", "metrics.loss.maxx"},
	} {
		cmd := newRunsCommand()
		cmd.SetArgs(args)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

// TestShowFamily shows a sweep, its member and the stage that the member used.
func TestShowFamily(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	store, err := track.Open("")
	if err != nil {
		t.Fatal(err)
	}
	sweep, err := store.Start(t.Context(), track.StartOptions{Name: "joint/alpha", Kind: track.KindSweep, Tags: map[string]string{"note": "first"}})
	if err != nil {
		t.Fatal(err)
	}
	job, err := store.Start(t.Context(), track.StartOptions{
		Name: "joint/alpha 10", Kind: track.KindJob, Parent: sweep.ID(), Launch: &track.Launch{Args: []string{"run", "joint/alpha", "--set", "alpha=10"}},
		Config: map[string]any{"alpha": 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	store.SetParent(job.ID())
	stage := track.Stage[int, int]{Name: "joint/train", Version: 1, Run: func(_ context.Context, _ *track.Job, c int) (int, error) { return c, nil }}
	result, err := track.Do(t.Context(), store, stage, 3)
	if err != nil {
		t.Fatal(err)
	}
	job.Param("found", 2.5)
	if err := errors.Join(job.End(nil), sweep.End(nil)); err != nil {
		t.Fatal(err)
	}
	for id, parts := range map[string][]string{
		sweep.ID(): {"kind      sweep\nname      joint/alpha\n", "tag       note=first\n", "child     " + job.ID() + " job joint/alpha 10 finished\n"},
		job.ID(): {
			"parent    " + sweep.ID() + " sweep joint/alpha\n", "command   noisebook run joint/alpha --set alpha=10\n",
			"child     " + result.Run + " stage joint/train finished\n", "uses      joint/train (run " + result.Run + "), computed\n",
			"params\n  alpha=10\n  found=2.5\n",
		},
		result.Run: {"kind      stage\nstage     joint/train (version 1)\n", "parent    " + job.ID() + " job joint/alpha 10\n"},
	} {
		text := output(t, newShowCommand(), id)
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("output lacks %q:\n%s", part, text)
			}
		}
	}
	var decoded struct{ Children []string }
	if err := json.Unmarshal([]byte(output(t, newShowCommand(), sweep.ID(), "--json")), &decoded); err != nil || !slices.Equal(decoded.Children, []string{job.ID()}) {
		t.Errorf("--json: %+v, %v", decoded, err)
	}
}

func TestAgeText(t *testing.T) {
	for want, d := range map[string]time.Duration{"0s": -time.Second, "59s": 59 * time.Second, "59m": time.Hour - 1, "47h": 48*time.Hour - 1, "2d": 48 * time.Hour} {
		if got := ageText(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestShow(t *testing.T) {
	finished, failed := storeWithRuns(t)
	text := output(t, newShowCommand(), finished.ID[:6])
	for _, part := range []string{
		"run       " + finished.ID, "test/train (version 2)", "state     finished", "  model.channels=32,64\n  steps=4\n", "engine       xla",
		"fashion-mnist train 0123456789ab", "  loss = 0.25 at step 3", "weights.txt  1 bytes  ", "step 3: bound NaN, loss 0.25", "  finished\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("output lacks %q:\n%s", part, text)
		}
	}
	if text := output(t, newShowCommand(), failed.ID); !strings.Contains(text, "error     loss is NaN") || !strings.Contains(text, "failed: loss is NaN") {
		t.Errorf("a failed run without its error:\n%s", text)
	}
	var decoded struct {
		ID        string
		Artifacts []track.Artifact
	}
	if err := json.Unmarshal([]byte(output(t, newShowCommand(), finished.ID, "--json")), &decoded); err != nil || decoded.ID != finished.ID || len(decoded.Artifacts) != 1 {
		t.Errorf("--json: %+v, %v", decoded, err)
	}
	unknown := newShowCommand()
	unknown.SetArgs([]string{"nope"})
	unknown.SilenceUsage, unknown.SilenceErrors = true, true
	if err := unknown.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), `no run "nope"`) {
		t.Errorf("an unknown run: %v", err)
	}
}

func TestFlatten(t *testing.T) {
	got := flatten(json.RawMessage(`{"b":{"y":[1,2.5],"x":9007199254740993},"a":"s","c":[{"k":1}],"d":[]}`))
	want := []string{"a=s", "b.x=9007199254740993", "b.y=1,2.5", `c={"k":1}`, "d="}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := flatten(json.RawMessage(`5`)); !slices.Equal(got, []string{"5"}) {
		t.Errorf("a bare config: %q", got)
	}
}
