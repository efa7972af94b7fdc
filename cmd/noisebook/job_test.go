package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/launch"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// toyVariable makes the command know one more artifact, which computes within
// milliseconds and needs no data. It stands in for one of the papers' that is not
// built, so that claims know its id.
const (
	toyVariable = "NOISEBOOK_TEST_TOY"
	toyID       = "drl/silhouette"
)

// toy descends a parabola from its seed. What is beside its config, and so no
// part of a stage's key, comes from files in the working directory: "shift" is
// added to the result, "fail" holds the step size that fails.
type toy struct {
	Tier  tier.Tier `json:"tier"`
	Train toyTrain  `json:"train"`
	At    []float64 `json:"at"` // where the result is evaluated
}

type toyTrain struct {
	Steps int     `json:"steps"`
	Rate  float64 `json:"lr"`
	Pause int     `json:"pause"` // milliseconds a step
	Seed  uint64  `json:"seed"`
}

func toyAt(t tier.Tier) toy {
	return toy{Tier: t, Train: toyTrain{Steps: 10, Rate: 0.1, Seed: 1}, At: []float64{0, 1}}
}

func toyArtifacts() []experiments.Artifact {
	return []experiments.Artifact{{
		ID: toyID, Tiers: tier.All(),
		New: func(t tier.Tier, overrides ...string) (experiments.Experiment, error) {
			c := toyAt(t)
			err := config.Set(&c, overrides...)
			return c, err
		},
		Keys: func(t tier.Tier) []config.Key { return config.Keys(toyAt(t)) },
	}}
}

func fromFile(name string) float64 {
	text, err := os.ReadFile(name)
	if err != nil {
		return -1
	}
	value, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return value
}

func (c toy) Run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	train := track.Stage[toyTrain, float64]{Name: "toy/train", Version: 1, Run: func(ctx context.Context, job *track.Job, c toyTrain) (float64, error) {
		mark, err := os.CreateTemp(".", "trained-*")
		if err != nil {
			return 0, err
		}
		mark.Close()
		checkpoint := filepath.Join(job.Scratch(), "state")
		var state struct {
			Step int
			X    float64
		}
		state.X = float64(c.Seed)
		if text, err := os.ReadFile(checkpoint); err == nil {
			if err := json.Unmarshal(text, &state); err != nil {
				return 0, err
			}
			job.Note(fmt.Sprintf("resumed at step %d", state.Step))
		}
		for ; state.Step < c.Steps; state.Step++ {
			time.Sleep(time.Duration(c.Pause) * time.Millisecond)
			if ctx.Err() != nil {
				text, err := json.Marshal(state)
				return 0, errors.Join(ctx.Err(), err, os.WriteFile(checkpoint, text, 0o644))
			}
			state.X -= c.Rate * state.X
			job.Log(state.Step+1, map[string]float64{"loss": state.X * state.X})
			job.Progress(state.Step+1, c.Steps, map[string]float64{"loss": state.X * state.X})
		}
		if c.Rate == fromFile("fail") {
			return 0, errors.New("the descent diverged")
		}
		return state.X + max(fromFile("shift"), 0), nil
	}}
	trained, err := track.Do(ctx, store, train, c.Train)
	if err != nil {
		return experiments.Outcome{}, err
	}
	type rows struct {
		Table table.Table `json:"table"`
	}
	evaluate := track.Stage[toy, rows]{Name: toyID, Version: 1, Run: func(context.Context, *track.Job, toy) (rows, error) {
		t := table.New("at", "fid", "note")
		for _, at := range c.At {
			if err := t.Append(at, at+trained.Value, "x"); err != nil {
				return rows{}, err
			}
		}
		return rows{t}, nil
	}}
	result, err := track.Do(ctx, store, evaluate, c, trained)
	if err != nil {
		return experiments.Outcome{}, err
	}
	outcome := experiments.Outcome{ID: toyID, Tier: c.Tier, Run: result.Run, Table: result.Value.Table}
	outcome.Report, err = claim.NewReport(toyID, c.Tier, claim.Setting{Dataset: "toy"})
	outcome.Report.Judgements = []claim.Judgement{{Claim: "x nears α = 0", Kind: claim.KindShape, Verdict: claim.TrendHolds, Value: &trained.Value}}
	return outcome, err
}

// lab is a repository of its own with a run store, where commands know the toy.
type lab struct {
	t    *testing.T
	root string
}

func newLab(t *testing.T) lab {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module noisebook\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return lab{t, root}
}

func (l lab) command(args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Dir = l.root
	command.Env = append(os.Environ(), asCommand+"=1", toyVariable+"=1", "NOISEBOOK_STORE="+filepath.Join(l.root, "store"))
	return command
}

// run returns the exit code and what was printed.
func (l lab) run(args ...string) (code int, stdout, stderr string) {
	l.t.Helper()
	var out, problems bytes.Buffer
	command := l.command(args...)
	command.Stdout, command.Stderr = &out, &problems
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), problems.String()
}

// ok runs a command that must succeed and returns its standard output.
func (l lab) ok(args ...string) string {
	l.t.Helper()
	code, stdout, stderr := l.run(args...)
	if code != 0 {
		l.t.Fatalf("%v: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout
}

func (l lab) write(name, text string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.root, name), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l lab) remove(name string) {
	l.t.Helper()
	if err := os.Remove(filepath.Join(l.root, name)); err != nil {
		l.t.Fatal(err)
	}
}

// trainings counts how often the toy was trained, or went on training.
func (l lab) trainings() int {
	marks, _ := filepath.Glob(filepath.Join(l.root, "trained-*"))
	return len(marks)
}

func (l lab) store() *track.Store {
	l.t.Helper()
	store, err := track.Open(filepath.Join(l.root, "store"))
	if err != nil {
		l.t.Fatal(err)
	}
	return store
}

// kind lists the runs of a kind, the newest first.
func (l lab) kind(kind track.Kind) []track.Run {
	l.t.Helper()
	runs, err := l.store().Runs()
	if err != nil {
		l.t.Fatal(err)
	}
	var found []track.Run
	for _, run := range runs {
		if run.Kind == kind {
			found = append(found, run)
		}
	}
	return found
}

// start begins a job in the background and stops it with the test.
func (l lab) start(args ...string) launch.Started {
	l.t.Helper()
	var started launch.Started
	if err := json.Unmarshal([]byte(l.ok(append([]string{"start", toyID, "--json"}, args...)...)), &started); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { l.run("stop", started.Run, "--timeout", "2s") })
	return started
}

// await waits until a run satisfies the condition.
func (l lab) await(id string, what string, condition func(track.Run) bool) track.Run {
	l.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		run, err := l.store().Run(id)
		if err == nil && condition(run) {
			return run
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("run %s is not %s: %+v, %v", id, what, run, err)
		}
	}
}

func TestRunIsAJob(t *testing.T) {
	l := newLab(t)
	l.ok("run", toyID, "--tier", "quick", "--set", "train.lr=0.5", "--set", "train.lr=2e-1", "--set", "train.steps=10")
	jobs := l.kind(track.KindJob)
	if len(jobs) != 1 {
		t.Fatalf("%d jobs, want one", len(jobs))
	}
	job := jobs[0]
	if job.Name != toyID || job.State != track.Finished || job.Tags["tier"] != "quick" || job.Tags["paper"] != "drl" || job.Tags[cachedTag] != "" {
		t.Errorf("%+v", job)
	}
	if got, want := strings.Join(job.Launch.Args, " "), "run drl/silhouette --tier quick --set train.lr=0.2"; got != want {
		t.Errorf("arguments %q, want %q", got, want)
	}
	if job.Params["train.lr"] != 0.2 || job.Params["verdict.x_nears_alpha_0"] != string(claim.TrendHolds) {
		t.Errorf("params %v", job.Params)
	}
	if len(job.Uses) != 2 || job.Uses[0].Stage != "toy/train" || job.Uses[0].Cached {
		t.Errorf("uses %+v", job.Uses)
	}
	for _, use := range job.Uses {
		if stage, err := l.store().Run(use.Run); err != nil || stage.Parent != job.ID {
			t.Errorf("stage %s has parent %q, %v", use.Stage, stage.Parent, err)
		}
	}
	x := 1.0
	for range 10 {
		x -= 0.2 * x
	}
	fid, err := job.Curve("fid")
	if err != nil || len(fid) != 2 || float64(fid[1].Value) != 1+x || fid[1].Step != 1 {
		t.Errorf("fid %+v, %v", fid, err)
	}
	for name, want := range map[string]float64{"toy/train.loss": x * x, "claim_x_nears_alpha_0": x} {
		if got := float64(job.Last[name].Value); got != want {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
	if job.Last["system/rss_mb"].Value <= 0 {
		t.Errorf("the machine was not sampled: %v", job.Last)
	}
	if _, there := job.Last["note"]; there {
		t.Error("a column of names became a metric")
	}

	// Asked again it is an answer from the store and leaves no record.
	l.ok("run", toyID, "--set", "train.lr=0.2")
	l.ok("verify", toyID, "--set", "train.lr=0.2")
	if jobs := l.kind(track.KindJob); len(jobs) != 1 || jobs[0].ID != job.ID {
		t.Errorf("%d jobs after asking again, want the first alone", len(jobs))
	}
	// A job that is new but finds its model does leave one.
	l.ok("run", toyID, "--set", "train.lr=0.2", "--recompute", toyID)
	l.ok("run", toyID, "--set", "train.lr=0.2")
	jobs = l.kind(track.KindJob)
	if len(jobs) != 3 || jobs[0].Tags[cachedTag] != "true" || jobs[1].Tags[cachedTag] != "" {
		t.Errorf("%d jobs, the newest with tags %v", len(jobs), jobs[0].Tags)
	}
	if l.trainings() != 1 {
		t.Errorf("trained %d times", l.trainings())
	}
}

func TestStartFollowStopExec(t *testing.T) {
	l := newLab(t)
	slow := []string{"--set", "train.pause=20", "--set", "train.steps=100"}
	first := l.start(slow...)
	if again := l.start(slow...); !again.Attached || again.Run != first.Run {
		t.Errorf("a second start: %+v", again)
	}
	l.await(first.Run, "training", func(r track.Run) bool { return len(r.Uses) > 0 })
	if code, _, stderr := l.run("exec", first.Run); code != 1 || !strings.Contains(stderr, "alive") {
		t.Errorf("exec of a living run: %d, %s", code, stderr)
	}

	// Ctrl-C ends the following alone.
	follow := l.command("follow", first.Run)
	follow.Stderr = nil
	said, err := follow.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for read := make([]byte, 1024); !strings.Contains(out.String(), "toy/train"); {
		n, err := said.Read(read)
		out.Write(read[:n])
		if err != nil {
			t.Fatalf("following ended: %v\n%s", err, &out)
		}
	}
	time.Sleep(300 * time.Millisecond) // some steps of training, that there is something to go on from
	if err := follow.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := out.ReadFrom(said); err != nil {
		t.Fatal(err)
	}
	if err := follow.Wait(); err != nil || !strings.Contains(out.String(), "stopped following") || !strings.Contains(out.String(), "toy/train") {
		t.Errorf("interrupted following: %v\n%s", err, &out)
	}

	if out := l.ok("stop", first.Run); !strings.Contains(out, "interrupted") {
		t.Errorf("stop says %s", out)
	}
	if code, _, stderr := l.run("follow", first.Run); code != 1 || !strings.Contains(stderr, "noisebook exec "+first.Run) {
		t.Errorf("follow of a stopped run: %d, %s", code, stderr)
	}
	if out := l.ok("stop", first.Run); !strings.Contains(out, "not running") {
		t.Errorf("a second stop says %s", out)
	}
	l.ok("exec", first.Run)
	run := l.await(first.Run, "finished", func(r track.Run) bool { return r.State == track.Finished })
	stage, err := l.store().Run(run.Uses[0].Run)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := stage.Journal()
	if err != nil || run.Attempts != 2 || stage.Attempts != 2 {
		t.Fatalf("%d attempts of the job, %d of the stage, %v", run.Attempts, stage.Attempts, err)
	}
	resumedAt := 0
	for _, event := range journal.Events {
		if _, err := fmt.Sscanf(event.Text, "resumed at step %d", &resumedAt); err == nil {
			break
		}
	}
	if resumedAt < 1 {
		t.Errorf("went on from step %d", resumedAt)
	}
	if out := l.ok("follow", first.Run); !strings.Contains(out, "trend holds") {
		t.Errorf("the outcome is %s", out)
	}
	if code, _, stderr := l.run("exec", first.Run); code != 1 || !strings.Contains(stderr, "noisebook rerun") {
		t.Errorf("exec of a finished run: %d, %s", code, stderr)
	}

	l.write("fail", "0.3")
	failed := l.start("--set", "train.lr=0.3")
	if code, _, stderr := l.run("follow", failed.Run); code != 1 || !strings.Contains(stderr, "the descent diverged") {
		t.Errorf("follow of a failing job: %d, %s", code, stderr)
	}
}

// The first asks, the second follows it and answers from the store.
func TestRunOfARunningJobFollowsIt(t *testing.T) {
	l := newLab(t)
	slow := []string{"--set", "train.pause=20", "--set", "train.steps=30"}
	started := l.start(slow...)
	code, stdout, stderr := l.run(append([]string{"run", toyID}, slow...)...)
	if code != 0 || !strings.Contains(stderr, "running already as run "+started.Run) || !strings.Contains(stdout, "trend holds") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	if l.trainings() != 1 || len(l.kind(track.KindJob)) != 1 {
		t.Errorf("%d trainings by %d jobs", l.trainings(), len(l.kind(track.KindJob)))
	}
}

// A job that recomputes goes on after it was stopped, instead of starting over.
func TestRecomputeIsResumed(t *testing.T) {
	l := newLab(t)
	slow := []string{"--set", "train.pause=10", "--set", "train.steps=40"}
	l.ok(append([]string{"run", toyID}, slow...)...)
	again := l.start(append(slow, "--recompute", "all")...)
	l.await(again.Run, "training", func(r track.Run) bool { return len(r.Uses) > 0 })
	l.ok("stop", again.Run)
	l.ok("exec", again.Run)
	run := l.await(again.Run, "finished", func(r track.Run) bool { return r.State == track.Finished })
	for _, use := range run.Uses {
		if stage, err := l.store().Run(use.Run); err != nil || stage.Parent != run.ID {
			t.Errorf("stage %s was made by %q (%v), want it computed again", use.Stage, stage.Parent, err)
		}
	}
	if stage, _ := l.store().Run(run.Uses[0].Run); stage.Attempts != 2 {
		t.Errorf("the training has %d attempts, want one that was resumed", stage.Attempts)
	}
}

func TestRunWithoutAWritableStoreStillAnswers(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root writes everywhere")
	}
	l := newLab(t)
	l.ok("run", toyID)
	store := filepath.Join(l.root, "store")
	if err := filepath.WalkDir(store, func(path string, _ os.DirEntry, err error) error { return errors.Join(err, os.Chmod(path, 0o555)) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+w", store).Run() })
	code, stdout, stderr := l.run("run", toyID)
	if code != 0 || !strings.Contains(stderr, "not recorded") || !strings.Contains(stdout, "trend holds") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
}

func readArtifact(t *testing.T, store *track.Store, run track.Run, name string) string {
	t.Helper()
	var text []byte
	found, err := launch.ReadArtifact(store, run, name, func(r io.Reader) (err error) {
		text, err = io.ReadAll(r)
		return err
	})
	if err != nil || !found {
		t.Fatalf("artifact %s of run %s: found %v, %v", name, run.ID, found, err)
	}
	return string(text)
}
