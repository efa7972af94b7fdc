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

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
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
	if text := output(t, newRunsCommand(), "--stage", "other"); text != "no runs yet\n" {
		t.Errorf("--stage other: %q", text)
	}
	if text := output(t, newRunsCommand(), "--stage", "other", "--json"); text != "[]\n" {
		t.Errorf("--stage other --json: %q", text)
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
