package track

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func start(t *testing.T, store *Store, o StartOptions) *Recording {
	t.Helper()
	r, err := store.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func end(t *testing.T, r *Recording, err error) {
	t.Helper()
	if err := r.End(err); err != nil {
		t.Fatal(err)
	}
}

func readBack(t *testing.T, store *Store, id string) Run {
	t.Helper()
	run, err := store.Run(id)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestRecordingIsReadBack(t *testing.T) {
	store := openTemp(t)
	config := map[string]any{"train": map[string]any{"lr": 1e-3, "steps": 500}, "widths": []int{32, 64}, "data": "mnist"}
	r := start(t, store, StartOptions{Name: "first try", Config: config, Tags: map[string]string{"a": "1", "b": "2"}, Launch: &Launch{Args: []string{"run", "x"}}})
	r.Log(1, map[string]float64{"loss": 0.5, "acc": math.NaN()})
	r.LogValue("loss", 2, 0.25)
	r.Param("train.lr", 0.01)
	r.Param("model", struct{ Depth, Seed int64 }{3, math.MaxInt64})
	r.Param("odd", math.Inf(1))
	r.Tag("a", "")
	r.Tag("c", "3")
	r.Seed(7)
	r.Note("a note")
	r.Dataset(Dataset{Name: "mnist", Checksum: "ab"})
	picture, err := r.Image("grid", 2, image.NewGray(image.Rect(0, 0, 2, 2)))
	if err != nil || picture.MediaType != "image/png" || picture.Name != "grid.png" {
		t.Errorf("image: %+v, %v", picture, err)
	}
	table, err := r.Table("scores", func(w io.Writer) error { _, err := io.WriteString(w, "a,b\n1,2\n"); return err })
	if err != nil || table.MediaType != "text/csv" {
		t.Errorf("table: %+v, %v", table, err)
	}
	want := Params{
		"train.lr": 0.01, "train.steps": int64(500), "widths": []any{int64(32), int64(64)}, "data": "mnist",
		"model.Depth": int64(3), "model.Seed": int64(math.MaxInt64), "odd": "Inf", "seed": int64(7),
	}
	check := func(when string, state State) {
		t.Helper()
		run := readBack(t, store, r.ID())
		if run.State != state || run.Kind != KindRun || run.Title() != "first try" || run.Attempts != 1 || run.Last["loss"].Step != 2 {
			t.Errorf("%s: %+v", when, run)
		}
		if !reflect.DeepEqual(run.Params, want) {
			t.Errorf("%s: params %v, want %v", when, run.Params, want)
		}
		if fmt.Sprint(run.Tags) != "map[b:2 c:3]" || fmt.Sprint(run.Launch.Args) != "[run x]" {
			t.Errorf("%s: tags %v, launch %v", when, run.Tags, run.Launch)
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	check("while it runs", Running)
	end(t, r, nil)
	check("after its end", Finished)
	curve, err := readBack(t, store, r.ID()).Curve("loss")
	if err != nil || len(curve) != 2 || curve[1].Value != 0.25 {
		t.Errorf("curve %v, %v", curve, err)
	}
	if _, err := readBack(t, store, r.ID()).Curve("los"); err == nil || !strings.Contains(err.Error(), "it has acc, loss") {
		t.Errorf("unknown metric: %v", err)
	}
	if err := r.End(nil); err == nil {
		t.Error("a second end is no error")
	}
}

func TestEndsOfRecordings(t *testing.T) {
	store := openTemp(t)
	cancelled, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want State
	}{
		"finished":    {t.Context(), nil, Finished},
		"failed":      {t.Context(), errors.New("no luck"), Failed},
		"interrupted": {cancelled, nil, Interrupted},
		"cancelled":   {cancelled, context.Canceled, Interrupted},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := store.Start(test.ctx, StartOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if test.ctx == cancelled {
				cancel()
			}
			end(t, r, test.err)
			run := readBack(t, store, r.ID())
			if run.State != test.want || (run.Error == "") != (test.want == Finished) {
				t.Errorf("%s %q, want %s", run.State, run.Error, test.want)
			}
		})
	}
}

func TestCreatedRunIsPendingThenResumed(t *testing.T) {
	store := openTemp(t)
	id, err := store.Create(StartOptions{Kind: KindJob, Launch: &Launch{Args: []string{"run"}}})
	if err != nil {
		t.Fatal(err)
	}
	if run := readBack(t, store, id); run.State != Pending || run.Kind != KindJob || run.Attempts != 0 {
		t.Errorf("%+v", run)
	}
	for attempt := 1; attempt <= 2; attempt++ {
		r, err := store.Resume(t.Context(), id)
		if err != nil || r.Attempt() != attempt {
			t.Fatalf("attempt %d: %v", attempt, err)
		}
		if _, err := store.Resume(t.Context(), id); !errors.Is(err, ErrRunning) {
			t.Errorf("resumed twice: %v", err)
		}
		r.Param(fmt.Sprint("p", attempt), attempt)
		r.LogValue("x", attempt, 1)
		end(t, r, errors.New("stop"))
	}
	run := readBack(t, store, id)
	if run.State != Failed || run.Attempts != 2 || fmt.Sprint(run.Params) != "map[p1:1 p2:2]" {
		t.Errorf("%+v", run)
	}
	if curve, err := run.Curve("x"); err != nil || len(curve) != 2 {
		t.Errorf("%v, %v", curve, err)
	}
}

func TestAttachedWritersAreNoAttempts(t *testing.T) {
	store := openTemp(t)
	r := start(t, store, StartOptions{})
	var open []*Recording
	for i := range 3 {
		a, err := store.Attach(r.ID())
		if err != nil || a.Attempt() != 0 {
			t.Fatal(err)
		}
		a.LogValue("x", 2-i, float64(i))
		a.Tag("who", fmt.Sprint(i))
		open = append(open, a)
	}
	r.LogValue("x", 10, 0)
	end(t, r, nil)
	for _, a := range []int{2, 0, 1} { // the order of ends says nothing about the order of tags
		end(t, open[a], errors.New("left"))
	}
	late, err := store.Attach(r.ID())
	if err != nil {
		t.Fatal(err)
	}
	late.LogValue("late", 1, 1)
	if err := late.Flush(); err != nil { // not ended
		t.Fatal(err)
	}
	defer late.End(nil)
	run := readBack(t, store, r.ID())
	if run.State != Finished || run.Attempts != 1 || run.Tags["who"] != "2" || run.Last["x"].Step != 10 || run.Last["late"].Value != 1 {
		t.Errorf("%+v", run)
	}
	curve, err := run.Curve("x")
	if err != nil || len(curve) != 4 {
		t.Fatalf("%v, %v", curve, err)
	}
	for i, step := range []int{0, 1, 2, 10} {
		if curve[i].Step != step {
			t.Errorf("point %d is of step %d", i, curve[i].Step)
		}
	}
}

func TestStagesOfAJob(t *testing.T) {
	store := openTemp(t)
	sweep, err := store.Create(StartOptions{Kind: KindSweep})
	if err != nil {
		t.Fatal(err)
	}
	stage := Stage[int, int]{Name: "double", Run: func(_ context.Context, job *Job, c int) (int, error) {
		if err := job.End(nil); err == nil {
			t.Error("a stage ended its own recording")
		}
		return 2 * c, nil
	}}
	var jobs []string
	for range 2 {
		job := start(t, store, StartOptions{Kind: KindJob, Parent: sweep})
		store.SetParent(job.ID())
		for range 2 {
			if _, err := Do(t.Context(), store, stage, 4); err != nil {
				t.Fatal(err)
			}
		}
		end(t, job, nil)
		store.SetParent("")
		jobs = append(jobs, job.ID())
	}
	members, err := store.Children(sweep)
	if err != nil || len(members) != 2 || members[0].ID != jobs[0] {
		t.Fatalf("members %v, %v", members, err)
	}
	stages, err := store.Children(jobs[0])
	if err != nil || len(stages) != 1 || stages[0].Kind != KindStage || stages[0].Parent != jobs[0] {
		t.Fatalf("stages %v, %v", stages, err)
	}
	if _, err := store.Resume(t.Context(), stages[0].ID); err == nil || !strings.Contains(err.Error(), "called again") {
		t.Errorf("resume a stage: %v", err)
	}
	for i, job := range jobs {
		if uses := readBack(t, store, job).Uses; len(uses) != 1 || uses[0] != (Use{Run: stages[0].ID, Stage: "double", Cached: i > 0}) {
			t.Errorf("job %d uses %v", i, uses)
		}
	}
}

func TestRefusedRecordings(t *testing.T) {
	store := openTemp(t)
	for want, call := range map[string]func() error{
		"kind":    func() error { _, err := store.Start(t.Context(), StartOptions{Kind: KindStage}); return err },
		"parent":  func() error { _, err := store.Start(t.Context(), StartOptions{Parent: "nobody"}); return err },
		"as JSON": func() error { _, err := store.Start(t.Context(), StartOptions{Config: math.NaN()}); return err },
		"attach":  func() error { _, err := store.Attach("nobody"); return err },
		"resume":  func() error { _, err := store.Resume(t.Context(), "nobody"); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if runs, err := store.Runs(); err != nil || len(runs) != 0 {
		t.Errorf("something is left: %v, %v", runs, err)
	}
}

// TestFormat1 reads a store that was written before kinds existed.
func TestFormat1(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, want := range []struct {
		id       string
		state    State
		attempts int
		points   int
		params   Params
	}{
		{"m0k0682jf3", Finished, 1, 21, Params{"lr": 0.1, "steps": int64(20)}},
		{"wzfrw8h2g6", Failed, 1, 6, Params{"lr": int64(100), "steps": int64(5)}},
		{"k7xjmtf8et", Finished, 2, 7, Params{"lr": 0.2, "steps": int64(6)}},
	} {
		run := readBack(t, store, want.id)
		if run.State != want.state || run.Kind != KindStage || run.Stage != "train" || run.Version != 3 || run.Attempts != want.attempts || !reflect.DeepEqual(run.Params, want.params) {
			t.Errorf("%s: %+v", want.id, run)
		}
		if curve, err := run.Curve("loss"); err != nil || len(curve) != want.points || !math.IsNaN(float64(curve[want.points-1].Value)) {
			t.Errorf("%s: curve %v, %v", want.id, curve, err)
		}
	}
	type config struct {
		Steps int     `json:"steps"`
		LR    float64 `json:"lr"`
	}
	type result struct {
		Loss    Number
		Weights Artifact
	}
	stage := Stage[config, result]{Name: "train", Version: 3, Run: func(context.Context, *Job, config) (result, error) {
		return result{}, errors.New("computed again")
	}}
	answer, err := Do(t.Context(), store, stage, config{Steps: 20, LR: 0.1})
	if err != nil || !answer.Cached || answer.Run != "m0k0682jf3" {
		t.Errorf("%+v, %v", answer, err)
	}
}
