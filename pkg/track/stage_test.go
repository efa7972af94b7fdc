package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type sumConfig struct {
	A, B int
}

type sumResult struct {
	Sum  int
	Loss Number
	File Artifact
}

func openTemp(t *testing.T) *Store {
	t.Helper()
	store, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// sumStage counts its executions.
func sumStage(calls *atomic.Int32) Stage[sumConfig, sumResult] {
	return Stage[sumConfig, sumResult]{Name: "sum", Version: 1, Run: func(ctx context.Context, job *Job, c sumConfig) (sumResult, error) {
		calls.Add(1)
		file, err := job.Save("sum.txt", func(w io.Writer) error {
			_, err := fmt.Fprintln(w, c.A+c.B)
			return err
		})
		return sumResult{Sum: c.A + c.B, Loss: Number(math.NaN()), File: file}, err
	}}
}

// recorder is an Observer and Warner that keeps what it hears.
type recorder struct {
	started, finished []StageEvent
	progress          []int
	warnings          []string
	lastErr           error
}

func (r *recorder) StageStarted(e StageEvent) { r.started = append(r.started, e) }
func (r *recorder) StageProgress(_ StageEvent, done, _ int, _ map[string]float64) {
	r.progress = append(r.progress, done)
}
func (r *recorder) StageFinished(e StageEvent, err error) {
	r.finished, r.lastErr = append(r.finished, e), err
}
func (r *recorder) StageWarning(_ StageEvent, m string) { r.warnings = append(r.warnings, m) }

func TestDoAnswersFromTheStore(t *testing.T) {
	store := openTemp(t)
	seen := &recorder{}
	store.Observe(seen)
	var calls atomic.Int32
	stage := sumStage(&calls)
	first, err := Do(t.Context(), store, stage, sumConfig{2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if first.Cached || first.Value.Sum != 5 || !strings.HasPrefix(first.Mark(), "computed in ") {
		t.Errorf("first: %+v, mark %q", first, first.Mark())
	}
	reopened, err := Open(store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	reopened.Observe(seen)
	second, err := Do(t.Context(), reopened, stage, sumConfig{2, 3})
	if err != nil {
		t.Fatal(err)
	}
	if !second.Cached || second.Run != first.Run || second.OutputHash != first.OutputHash || calls.Load() != 1 {
		t.Errorf("second: cached %v, run %s (want %s), %d calls", second.Cached, second.Run, first.Run, calls.Load())
	}
	if !math.IsNaN(float64(second.Value.Loss)) {
		t.Errorf("loss %v, want NaN", second.Value.Loss)
	}
	path, err := reopened.Path(second.Value.File)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "5\n" {
		t.Errorf("artifact holds %q", text)
	}
	if len(seen.started) != 1 || len(seen.finished) != 2 || !seen.finished[1].Cached || len(seen.warnings) != 0 {
		t.Errorf("observer saw %+v", seen)
	}
	if line := seen.finished[1].String(); !strings.HasPrefix(line, "sum: cached from run "+first.Run+" (just now") {
		t.Errorf("mark %q", line)
	}
	if _, err := os.Stat(store.scratchDir(first.Key)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("scratch is left after success: %v", err)
	}
}

func TestKey(t *testing.T) {
	var calls atomic.Int32
	store := openTemp(t)
	run := func(version int, c sumConfig, inputs ...Input) string {
		stage := sumStage(&calls)
		stage.Version = version
		r, err := Do(t.Context(), store, stage, c, inputs...)
		if err != nil {
			t.Fatal(err)
		}
		return r.Key
	}
	data := func(sum string) Input { return DatasetInput(Dataset{Name: "d", Split: "test", Checksum: sum}) }
	keys := map[string]string{}
	for name, key := range map[string]string{
		"base": run(1, sumConfig{1, 2}), "version": run(2, sumConfig{1, 2}), "config": run(1, sumConfig{2, 1}),
		"input": run(1, sumConfig{1, 2}, data("a")), "other input": run(1, sumConfig{1, 2}, data("b")),
		"order": run(1, sumConfig{1, 2}, data("a"), data("b")), "reverse order": run(1, sumConfig{1, 2}, data("b"), data("a")),
	} {
		if other, ok := keys[key]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		keys[key] = name
	}
	a, err := canonicalJSON(map[string]any{"x": 1, "a": []int{1}, "y": map[string]any{"q": 0.1, "b": int64(1) << 62}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":[1],"x":1,"y":{"b":4611686018427387904,"q":0.1}}`; string(a) != want {
		t.Errorf("canonical %s, want %s", a, want)
	}
	stage := sumStage(&calls)
	if _, err := Do(t.Context(), store, stage, sumConfig{}, data("")); err == nil || !strings.Contains(err.Error(), "no hash") {
		t.Errorf("an input without a hash: %v", err)
	}
}

func TestResultIsAnInputByContent(t *testing.T) {
	store := openTemp(t)
	var calls atomic.Int32
	stage := sumStage(&calls)
	first, err := Do(t.Context(), store, stage, sumConfig{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	store.Recompute("sum")
	again, err := Do(t.Context(), store, stage, sumConfig{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 2 || again.Cached || again.Run == first.Run {
		t.Fatalf("Recompute did not run the stage anew: %d calls", calls.Load())
	}
	if a, b := first.TrackInput(), again.TrackInput(); a.Hash != b.Hash || a.Run == b.Run {
		t.Errorf("equal values from two runs: inputs %+v and %+v", a, b)
	}
	third, err := Do(t.Context(), store, stage, sumConfig{1, 1})
	if err != nil || !third.Cached || third.Run != again.Run {
		t.Errorf("a key is recomputed once a process and the newest run answers: %+v, %v", third, err)
	}
}

func TestDamagedEntriesAreComputedAgain(t *testing.T) {
	damage := map[string]func(t *testing.T, s *Store, r Result[sumResult]){
		"artifact removed": func(t *testing.T, s *Store, r Result[sumResult]) { remove(t, s.objectPath(r.Value.File.SHA256)) },
		"artifact changed": func(t *testing.T, s *Store, r Result[sumResult]) {
			overwrite(t, s.objectPath(r.Value.File.SHA256), "9\n")
		},
		"artifact cut": func(t *testing.T, s *Store, r Result[sumResult]) {
			overwrite(t, s.objectPath(r.Value.File.SHA256), "")
		},
		"result cut": func(t *testing.T, s *Store, r Result[sumResult]) {
			overwrite(t, filepath.Join(s.runDir(r.Run), "result.json"), `{"value":{"Sum`)
		},
		"result changed": func(t *testing.T, s *Store, r Result[sumResult]) {
			path := filepath.Join(s.runDir(r.Run), "result.json")
			text, _ := os.ReadFile(path)
			overwrite(t, path, strings.Replace(string(text), `"Sum": 7`, `"Sum": 8`, 1))
		},
		"run.json garbage": func(t *testing.T, s *Store, r Result[sumResult]) {
			overwrite(t, filepath.Join(s.runDir(r.Run), "run.json"), "\x00\x01")
		},
	}
	for name, break_ := range damage {
		t.Run(name, func(t *testing.T) {
			store := openTemp(t)
			var calls atomic.Int32
			first, err := Do(t.Context(), store, sumStage(&calls), sumConfig{3, 4})
			if err != nil {
				t.Fatal(err)
			}
			break_(t, store, first)
			seen := &recorder{}
			fresh, err := Open(store.Dir())
			if err != nil {
				t.Fatal(err)
			}
			fresh.Observe(seen)
			second, err := Do(t.Context(), fresh, sumStage(&calls), sumConfig{3, 4})
			if err != nil || second.Cached || second.Value.Sum != 7 || calls.Load() != 2 {
				t.Errorf("got %+v, %v after %d calls", second, err, calls.Load())
			}
			if len(seen.warnings) == 0 {
				t.Error("no warning")
			}
			third, err := Do(t.Context(), fresh, sumStage(&calls), sumConfig{3, 4})
			if err != nil || !third.Cached {
				t.Errorf("the repaired entry does not answer: %v", err)
			}
			if _, err := fresh.Runs(); err != nil {
				t.Errorf("listing: %v", err)
			}
		})
	}
}

func TestHintsAreOnlyHints(t *testing.T) {
	store := openTemp(t)
	var calls atomic.Int32
	first, err := Do(t.Context(), store, sumStage(&calls), sumConfig{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(store.Dir(), "keys")); err != nil {
		t.Fatal(err)
	}
	second, err := Do(t.Context(), store, sumStage(&calls), sumConfig{3, 4})
	if err != nil || !second.Cached || second.Run != first.Run {
		t.Errorf("without hints: %+v, %v", second, err)
	}
}

func TestFailureKeepsScratchAndNamesTheStage(t *testing.T) {
	store := openTemp(t)
	fail := true
	stage := Stage[sumConfig, sumResult]{Name: "fragile", Version: 1, Run: func(ctx context.Context, job *Job, c sumConfig) (sumResult, error) {
		checkpoint := filepath.Join(job.Scratch(), "checkpoint")
		if fail {
			if err := os.WriteFile(checkpoint, []byte("half"), 0o644); err != nil {
				return sumResult{}, err
			}
			return sumResult{}, errors.New("loss is NaN at step 7")
		}
		half, err := os.ReadFile(checkpoint)
		return sumResult{Sum: len(half)}, err
	}}
	_, err := Do(t.Context(), store, stage, sumConfig{})
	if err == nil || !strings.Contains(err.Error(), "stage fragile") || !strings.Contains(err.Error(), "loss is NaN at step 7") {
		t.Fatalf("error %v", err)
	}
	runs, _ := store.Runs()
	if len(runs) != 1 || runs[0].State != Failed || runs[0].Error != "loss is NaN at step 7" {
		t.Fatalf("runs %+v", runs)
	}
	fail = false
	result, err := Do(t.Context(), store, stage, sumConfig{})
	if err != nil || result.Value.Sum != 4 {
		t.Fatalf("second attempt: %+v, %v", result, err)
	}
	if result.Run == runs[0].ID {
		t.Error("a failed run was continued; it should stay failed")
	}
}

func TestPanicIsAnErrorWithItsStackInTheJournal(t *testing.T) {
	store := openTemp(t)
	stage := Stage[sumConfig, sumResult]{Name: "careless", Version: 1, Run: func(context.Context, *Job, sumConfig) (sumResult, error) {
		var none []int
		return sumResult{Sum: none[3]}, nil
	}}
	_, err := Do(t.Context(), store, stage, sumConfig{})
	if panicked := (*PanicError)(nil); !errors.As(err, &panicked) || !strings.Contains(err.Error(), "stage careless") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v", err)
	}
	runs, _ := store.Runs()
	journal, err := runs[0].Journal()
	if err != nil {
		t.Fatal(err)
	}
	end := journal.Events[len(journal.Events)-1]
	if runs[0].State != Failed || end.State != Failed || !strings.Contains(end.Stack, "stage_test.go") {
		t.Errorf("state %s, end %+v", runs[0].State, end)
	}
}

func TestInterruptThenResumeIsOneRun(t *testing.T) {
	store := openTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	stage := Stage[sumConfig, sumResult]{Name: "long", Version: 1, Run: func(ctx context.Context, job *Job, c sumConfig) (sumResult, error) {
		start := 0
		if text, err := os.ReadFile(filepath.Join(job.Scratch(), "step")); err == nil {
			fmt.Sscan(string(text), &start)
		}
		for step := start; step < 10; step++ {
			if step == 6 && job.Attempt() == 1 {
				cancel()
			}
			if err := ctx.Err(); err != nil {
				return sumResult{}, err
			}
			job.Log(step, map[string]float64{"loss": float64(100*job.Attempt() + step)})
			if step == 3 {
				if err := os.WriteFile(filepath.Join(job.Scratch(), "step"), []byte("4"), 0o644); err != nil {
					return sumResult{}, err
				}
			}
		}
		return sumResult{Sum: start}, nil
	}}
	_, err := Do(ctx, store, stage, sumConfig{})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "resumes") {
		t.Fatalf("error %v", err)
	}
	runs, _ := store.Runs()
	if len(runs) != 1 || runs[0].State != Interrupted || runs[0].Last["loss"].Step != 5 {
		t.Fatalf("after the interrupt: %+v", runs)
	}
	result, err := Do(t.Context(), store, stage, sumConfig{})
	if err != nil || result.Value.Sum != 4 || result.Run != runs[0].ID {
		t.Fatalf("resume: %+v, %v", result, err)
	}
	run, err := store.Run(result.Run[:4])
	if err != nil || run.State != Finished || run.Attempts != 2 {
		t.Fatalf("run %+v, %v", run, err)
	}
	journal, err := run.Journal()
	if err != nil {
		t.Fatal(err)
	}
	loss := journal.Metrics()["loss"]
	if len(loss) != 10 {
		t.Fatalf("%d points, want 10: %v", len(loss), loss)
	}
	for step, point := range loss {
		want := Number(100 + step)
		if step >= 4 {
			want += 100
		}
		if point.Step != step || point.Value != want {
			t.Errorf("point %d: %+v, want %v", step, point, want)
		}
	}
}

func TestProgressIsRateLimited(t *testing.T) {
	store := openTemp(t)
	seen := &recorder{}
	store.Observe(seen)
	stage := Stage[sumConfig, int]{Name: "p", Run: func(_ context.Context, job *Job, _ sumConfig) (int, error) {
		for i := 1; i <= 1000; i++ {
			job.Progress(i, 1000, nil)
		}
		return 0, nil
	}}
	if _, err := Do(t.Context(), store, stage, sumConfig{}); err != nil {
		t.Fatal(err)
	}
	if n := len(seen.progress); n < 2 || n > 20 || seen.progress[n-1] != 1000 {
		t.Errorf("heard %v", seen.progress)
	}
}

func TestUnstorableResult(t *testing.T) {
	store := openTemp(t)
	stage := Stage[sumConfig, float64]{Name: "nan", Run: func(context.Context, *Job, sumConfig) (float64, error) { return math.NaN(), nil }}
	_, err := Do(t.Context(), store, stage, sumConfig{})
	if err == nil || !strings.Contains(err.Error(), "track.Number") {
		t.Errorf("error %v", err)
	}
}

func TestChangedResultTypeIsAMiss(t *testing.T) {
	store := openTemp(t)
	type before struct{ Old int }
	type after struct{ New int }
	old := Stage[int, before]{Name: "s", Version: 1, Run: func(context.Context, *Job, int) (before, error) { return before{1}, nil }}
	if _, err := Do(t.Context(), store, old, 0); err != nil {
		t.Fatal(err)
	}
	seen := &recorder{}
	store.Observe(seen)
	changed := Stage[int, after]{Name: "s", Version: 1, Run: func(context.Context, *Job, int) (after, error) { return after{2}, nil }}
	r, err := Do(t.Context(), store, changed, 0)
	if err != nil || r.Cached || r.Value.New != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	if len(seen.warnings) != 1 || !strings.Contains(seen.warnings[0], "raise the stage's version") {
		t.Errorf("warnings %q", seen.warnings)
	}
}

func TestLatest(t *testing.T) {
	store := openTemp(t)
	type tierConfig struct{ Tier string }
	table := Stage[tierConfig, sumResult]{Name: "table", Version: 3, Run: func(_ context.Context, job *Job, c tierConfig) (sumResult, error) {
		return sumResult{Sum: len(c.Tier)}, nil
	}}
	for _, c := range []string{"cpu", "quick", "cpu2"} {
		if _, err := Do(t.Context(), store, table, tierConfig{c}); err != nil {
			t.Fatal(err)
		}
	}
	type subset struct{ Sum int } // a plotting cell knows only what it draws
	newest, err := Latest[subset](store, "table", nil)
	if err != nil || newest.Value.Sum != 4 || !newest.Cached {
		t.Errorf("newest: %+v, %v", newest, err)
	}
	quick, err := Latest[subset](store, "table", func(raw json.RawMessage) bool {
		var c tierConfig
		return json.Unmarshal(raw, &c) == nil && c.Tier == "quick"
	})
	if err != nil || quick.Value.Sum != 5 {
		t.Errorf("quick: %+v, %v", quick, err)
	}
	if _, err := Latest[subset](store, "tables", nil); !errors.Is(err, ErrNoRun) {
		t.Errorf("unknown stage: %v", err)
	}
}

func TestEnvironmentSeedAndDatasetsAreRecorded(t *testing.T) {
	store := openTemp(t)
	store.SetEnvironment("tier", "quick")
	stage := Stage[int, int]{Name: "s", Run: func(_ context.Context, job *Job, _ int) (int, error) {
		job.SetEnvironment("engine", "xla")
		job.Seed(42)
		job.Dataset(Dataset{Name: "fashion-mnist", Split: "train", Checksum: "abc"})
		return 1, nil
	}}
	if _, err := Do(t.Context(), store, stage, 0); err != nil {
		t.Fatal(err)
	}
	r, err := Latest[int](store, "s", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Provenance
	if p.Environment["engine"] != "xla" || p.Seed == nil || *p.Seed != 42 || len(p.Datasets) != 1 || p.CodeHash == "" || p.Go == "" {
		t.Errorf("provenance %+v", p)
	}
	summary := p.Summary(r.Run)
	for key, want := range map[string]string{"run": r.Run, "engine": "xla", "seed": "42", "dataset fashion-mnist/train": "abc", "code_hash": p.CodeHash} {
		if summary[key] != want {
			t.Errorf("summary[%q] = %q, want %q", key, summary[key], want)
		}
	}
	if _, ok := summary["host"]; ok || p.Host == "" {
		t.Errorf("the host %q belongs into the run and not into the summary", p.Host)
	}
	if caption := r.Caption("n = 5"); !strings.HasPrefix(caption, "run "+r.Run+" · ") || !strings.HasSuffix(caption, " · tier quick · n = 5") {
		t.Errorf("caption %q", caption)
	}
}

func TestCodeChangedMark(t *testing.T) {
	store := openTemp(t)
	var calls atomic.Int32
	first, err := Do(t.Context(), store, sumStage(&calls), sumConfig{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(store.runDir(first.Run), "result.json")
	text, _ := os.ReadFile(path)
	overwrite(t, path, strings.Replace(string(text), `"code_hash": "`, `"code_hash": "00`, 1))
	second, err := Do(t.Context(), store, sumStage(&calls), sumConfig{})
	if err != nil || !second.CodeChanged || !strings.HasSuffix(second.Mark(), "; code has changed since)") {
		t.Errorf("mark %q, %v", second.Mark(), err)
	}
}

func TestAges(t *testing.T) {
	for age, want := range map[time.Duration]string{
		0: "just now", 40 * time.Second: "40 s ago", 5 * time.Minute: "5 min ago", 3*time.Hour + time.Minute: "3 h ago", 72 * time.Hour: "3 days ago",
	} {
		if got := ageText(age); got != want {
			t.Errorf("%v: %q, want %q", age, got, want)
		}
	}
}

func ExampleDo() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := Open(dir)
	if err != nil {
		panic(err)
	}
	double := Stage[int, int]{Name: "double", Version: 1, Run: func(ctx context.Context, job *Job, n int) (int, error) {
		fmt.Println("computing")
		return 2 * n, nil
	}}
	for range 2 {
		result, err := Do(context.Background(), store, double, 21)
		if err != nil {
			panic(err)
		}
		fmt.Println(result.Value, result.Cached)
	}
	// Output:
	// computing
	// 42 false
	// 42 true
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	remove(t, path)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// The pause between two attempts is no work.
func TestWorked(t *testing.T) {
	const work, pause = 30 * time.Millisecond, 400 * time.Millisecond
	store := openTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	stage := Stage[sumConfig, sumResult]{Name: "long", Version: 1, Run: func(ctx context.Context, job *Job, _ sumConfig) (sumResult, error) {
		time.Sleep(work)
		if job.Attempt() == 1 {
			cancel()
		}
		return sumResult{}, ctx.Err()
	}}
	if _, err := Do(ctx, store, stage, sumConfig{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want an interrupted attempt", err)
	}
	time.Sleep(pause)
	result, err := Do(t.Context(), store, stage, sumConfig{})
	if err != nil {
		t.Fatal(err)
	}
	run, err := store.Run(result.Run)
	if err != nil || run.Attempts != 2 {
		t.Fatalf("%d attempts, %v", run.Attempts, err)
	}
	worked, err := run.Worked()
	if err != nil || worked < 2*work || worked > run.Duration()-pause {
		t.Errorf("worked %v of %v, %v: want %v at least and the pause of %v left out", worked, run.Duration(), err, 2*work, pause)
	}
}
