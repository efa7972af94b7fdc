package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/engine"
	"noisebook/pkg/published"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// The toy paper has three artifacts of a paper that is not built. The second one
// fails while there is a file of that name; the first and third share a model.
var toyPaperIDs = []string{"medi/chest-auc", "medi/isic-auc", "medi/ablation"}

func toyPaper() []experiments.Artifact {
	var all []experiments.Artifact
	for i, id := range toyPaperIDs {
		a := toyArtifacts()[0]
		build := a.New
		a.ID = id
		a.New = func(t tier.Tier, overrides ...string) (experiments.Experiment, error) {
			e, err := build(t, overrides...)
			return renamed{e, id, i == 1}, err
		}
		a.Models = func(tier.Tier, ...string) ([]experiments.Model, error) {
			models := []experiments.Model{toyModel("shared")}
			if i == 2 {
				models = append(models, toyModel("own"))
			}
			return models, nil
		}
		all = append(all, a)
	}
	return all
}

func toyModel(name string) experiments.Model {
	return experiments.Model{Name: name, Key: name, Steps: 100, Trainings: 1, Plan: func(_ context.Context, _ *engine.Engine, batch int) (published.Plan, error) {
		if _, err := os.Stat("broken-" + name); err == nil {
			return published.Plan{}, errors.New("too large for this machine")
		}
		mark, err := os.CreateTemp(".", "planned-"+name+"-*")
		if err != nil {
			return published.Plan{}, err
		}
		return published.Plan{Parameters: 10, Steps: 100, Batch: 8, GraphNodes: 5, MeasuredBatch: batch, PeakBytes: int64(os.Getpid())}, mark.Close()
	}}
}

// renamed is the toy under another artifact's id.
type renamed struct {
	experiments.Experiment
	id      string
	mayFail bool
}

func (e renamed) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	if _, err := os.Stat("broken"); err == nil && e.mayFail {
		return experiments.Outcome{}, errors.New("the middle one broke")
	}
	o, err := e.Experiment.Run(ctx, store)
	o.ID, o.Report.Artifact = e.id, e.id
	if o.Tier == tier.Smoke {
		for i := range o.Report.Judgements {
			o.Report.Judgements[i] = claim.Judgement{Claim: "x", Kind: claim.KindShape, Verdict: claim.NotRun, Reason: "tier smoke claims nothing"}
		}
	}
	return o, err
}

// newPaperLab is a lab with a README that has a place for the table.
func newPaperLab(t *testing.T) lab {
	t.Helper()
	t.Setenv("NOISEBOOK_ENGINE", "go")
	l := newLab(t)
	l.write("README.md", readmeBegin+readmeEnd+"\n")
	return l
}

func (l lab) published(id string) published.Artifact {
	l.t.Helper()
	known, err := claim.FindArtifact(id)
	if err != nil {
		l.t.Fatal(err)
	}
	a, err := published.In(l.root).Read(known)
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

func TestVerifyPaper(t *testing.T) {
	l := newPaperLab(t)
	l.write("broken", "")
	code, stdout, stderr := l.run("verify", "medi", "--tier", "smoke", "--publish")
	if code != 1 || !strings.Contains(stderr, "1 of 3 artifacts failed: medi/isic-auc: the middle one broke") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if !strings.Contains(stdout, "medi/ablation: not run (claims: 1, rows: 2, figures: 0)") || !strings.Contains(stdout, "2 of 3 artifacts ran") {
		t.Errorf("the artifacts after the failure are missing:\n%s", stdout)
	}
	if l.published("medi/ablation").Trial == nil || l.published("medi/isic-auc").Trial != nil {
		t.Error("what ran is not published, or what failed is")
	}
	l.remove("broken")
	trained := l.trainings()
	l.ok("verify", "medi", "--tier", "smoke", "--publish")
	if l.trainings() != trained {
		t.Error("a second call trains again")
	}
	trial := l.published("medi/isic-auc").Trial
	if trial == nil || trial.Rows != 2 || trial.Seconds <= 0 || trial.Provenance == nil && len(trial.Judgements) != 1 {
		t.Errorf("%+v", trial)
	}
	if a := l.published("medi/isic-auc"); a.Report != nil {
		t.Error("a trial counts as a published verdict")
	}
	code, _, stderr = l.run("verify", "medi", "--publish")
	if code != 1 || !strings.Contains(stderr, "--tier smoke") {
		t.Errorf("a trial at tier quick: %d, %s", code, stderr)
	}
}

// A limit speaks when all ran: too long is a failure of one line that names the slowest.
func TestVerifyWithin(t *testing.T) {
	l := newPaperLab(t)
	for _, test := range []struct {
		what, within string
		want         []string // parts of the error, none where it is in time
	}{
		{"medi", "1ns", []string{"error: medi took ", ", longer than --within 1ns; slowest: medi/"}},
		{"medi", "1000h", nil},
		{"medi/ablation", "1ns", []string{"error: medi/ablation took ", ", longer than --within 1ns"}},
		{"medi/ablation", "1000h", nil},
		{"medi/ablation", "0", nil},
		{"medi", "-1s", []string{"--within is -1s: it must not be negative"}},
		{"medi", "soon", []string{"--within", `"soon"`}},
	} {
		code, _, stderr := l.run("verify", test.what, "--tier", "smoke", "--within", test.within)
		if (code != 0) != (test.want != nil) {
			t.Errorf("%s within %s: exit code %d\n%s", test.what, test.within, code, stderr)
		}
		problems := stderr[max(0, strings.Index(stderr, "error: ")):]
		for _, want := range test.want {
			if !strings.Contains(problems, want) || strings.Count(problems, "\n") != 1 {
				t.Errorf("%s within %s: want one line with %q, got\n%s", test.what, test.within, want, stderr)
			}
		}
	}
	l.write("broken", "")
	code, _, stderr := l.run("verify", "medi", "--tier", "smoke", "--recompute", "all", "--within", "1ns")
	if code != 1 || !strings.Contains(stderr, "the middle one broke") || strings.Contains(stderr, "--within") {
		t.Errorf("a failure comes before a delay: exit code %d\n%s", code, stderr)
	}
}

func TestInTime(t *testing.T) {
	parts := []timing{{"joint/a", 2 * time.Second}, {"joint/b", 100 * time.Second}, {"joint/c", 300 * time.Second}, {"joint/d", 99 * time.Second}}
	for _, test := range []struct {
		limit, took time.Duration
		parts       []timing
		want        string
	}{
		{0, 1000 * time.Hour, parts, ""},
		{8 * time.Minute, 8 * time.Minute, parts, ""},
		{8 * time.Minute, 501 * time.Second, parts, "joint took 8m21s, longer than --within 8m0s; slowest: joint/c (5m0s), joint/b (1m40s), joint/d (1m39s)"},
		{time.Minute, 61 * time.Second, parts[:1], "joint took 1m1s, longer than --within 1m0s; slowest: joint/a (2s)"},
		{time.Minute, 61 * time.Second, nil, "joint took 1m1s, longer than --within 1m0s"},
	} {
		var got string
		if err := inTime("joint", test.limit, test.took, test.parts); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s of %s: error %q, want %q", test.took, test.limit, got, test.want)
		}
	}
}

func TestFiguresOfAPaper(t *testing.T) {
	l := newPaperLab(t)
	l.write("broken", "")
	code, stdout, stderr := l.run("figures", "medi", "--tier", "quick")
	if code != 1 || !strings.Contains(stderr, "3 of 3: medi/ablation") || !strings.Contains(stderr, "the middle one broke") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
	if !strings.Contains(stdout, "published 2 artifacts") {
		t.Errorf("printed\n%s", stdout)
	}
	a := l.published("medi/chest-auc")
	if a.Report == nil || a.Table.Len() != 2 || len(a.Stages) != 2 || a.Stages[0].Name != "toy/train" || a.Stages[0].Seconds <= 0 {
		t.Errorf("%+v", a)
	}
	if l.published("medi/isic-auc").Report != nil {
		t.Error("what failed is published")
	}
	if text, err := os.ReadFile(filepath.Join(l.root, "README.md")); err != nil || !strings.Contains(string(text), "| quick | 1 trend holds (quick) |") {
		t.Errorf("the README: %v\n%s", err, text)
	}
}

func TestDryRunOfAPaper(t *testing.T) {
	l := newPaperLab(t)
	var plans []published.Plan
	if err := json.Unmarshal([]byte(l.ok("run", "medi", "--tier", "paper", "--dry-run", "--publish", "--json")), &plans); err != nil {
		t.Fatal(err)
	}
	marks, err := filepath.Glob(filepath.Join(l.root, "planned-*"))
	if err != nil || len(marks) != 2 {
		t.Errorf("%d measurements, %v: want one a distinct model", len(marks), err)
	}
	if len(plans) != 4 || plans[0].PeakBytes != plans[1].PeakBytes || plans[2].PeakBytes == plans[3].PeakBytes {
		t.Errorf("%+v: want a process a model and its plan with each artifact", plans)
	}
	dry := l.published("medi/ablation").DryRun
	if dry == nil || len(dry.Plans) != 2 || dry.Plans[1].Model != "own" || dry.Plans[1].ID != "medi/ablation" || dry.Plans[1].MeasuredBatch != 2 || dry.Plans[1].Device == "" {
		t.Errorf("%+v", dry)
	}
	var all []listed
	if err := json.Unmarshal([]byte(l.ok("list", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if (a.DryRun != nil) != (a.Paper == "medi" && len(a.Tiers) > 0) {
			t.Errorf("%s has dry run %v", a.ID, a.DryRun)
		}
	}
	for _, bad := range [][]string{
		{"run", "medi", "--dry-run", "--publish"}, {"run", "medi"}, {"run", "da", "--dry-run"},
		{"run", "medi/ablation", "--dry-run", "--model", "none"}, {"run", "medi/ablation", "--dry-run", "--measure", "-1"},
	} {
		if code, stdout, stderr := l.run(bad...); code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d, %q, %q", bad, code, stdout, stderr)
		}
	}
}

// What was measured before a model failed is not measured for nothing.
func TestDryRunThatBreaks(t *testing.T) {
	l := newPaperLab(t)
	l.write("broken-own", "")
	code, stdout, stderr := l.run("run", "medi", "--tier", "paper", "--dry-run", "--publish")
	if code != 1 || stdout != "" || !strings.Contains(stderr, "medi/ablation: own: ") || !strings.Contains(stderr, "too large for this machine") {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	for id, want := range map[string]bool{"medi/chest-auc": true, "medi/isic-auc": true, "medi/ablation": false} {
		if got := l.published(id).DryRun != nil; got != want {
			t.Errorf("%s is published: %v, want %v", id, got, want)
		}
	}
}

func TestReportCommand(t *testing.T) {
	l := newPaperLab(t)
	l.ok("figures", "medi", "--tier", "quick")
	page := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(l.root, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if code, _, stderr := l.run("report", "medi"); code != 1 || !strings.Contains(stderr, "plots is no folder") {
		t.Errorf("without plots: %d, %s", code, stderr)
	}
	if err := os.Mkdir(filepath.Join(l.root, "plots"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out := l.ok("report", "medi"); !strings.Contains(out, filepath.Join("build", "report-medi.html")) {
		t.Errorf("printed %s", out)
	}
	if text := page("build/report-medi.html"); strings.Count(text, `class="run"`) != 3 || !strings.Contains(text, "Mediffusion") {
		t.Error("the page lacks the artifacts that ran")
	}
	l.ok("report", "medi", "--out", "sub/page.html", "--results", "build", "--plots", "build")
	if text := page("sub/page.html"); strings.Contains(text, `class="run"`) {
		t.Error("--results is not read")
	}
	if code, _, stderr := l.run("report", "medi/ablation"); code != 1 || !strings.Contains(stderr, "joint, da, drl, medi") {
		t.Errorf("an artifact for a paper: %d, %s", code, stderr)
	}
}
