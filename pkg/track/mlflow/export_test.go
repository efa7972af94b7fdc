package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/track"
)

func newStore(t testing.TB) *track.Store {
	t.Helper()
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// write returns a function for Save.
func write(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}
}

// record makes a run with all that a run can hold and n points of one metric.
func record(t testing.TB, store *track.Store, n int) *track.Recording {
	t.Helper()
	r := must(store.Start(context.Background(), track.StartOptions{
		Name: "tuning/first", Tags: map[string]string{"who": "me", "gone": "x"},
		Config: map[string]any{"lr": 1e-4, "steps": 500, "net": map[string]any{"sizes": []int{1, 2}}, "prompt": strings.Repeat("é", 7000)},
	}))(t)
	for i := range n {
		r.LogValue("loss", i, 1/float64(i+1))
		if i%1000 == 999 { // the queue is bounded
			flush(t, r)
		}
	}
	r.Log(3, map[string]float64{"nan": math.NaN(), "up": math.Inf(1), "down": math.Inf(-1), "odd, name%": 0.1, "val/fid": 5e-324})
	r.Param("found", 3)
	r.Param("lr", 2e-4)
	r.Tag("gone", "")
	r.Note("went well")
	r.Dataset(track.Dataset{Name: "digits", Split: "train", Checksum: strings.Repeat("a", 64)})
	r.Dataset(track.Dataset{Name: "digits", Split: "test", Checksum: strings.Repeat("b", 64)})
	must(r.Save("weights.bin", write("weights\x00\xff")))(t)
	must(r.Save("weights.bin", write("other weights")))(t)
	must(r.Save("odd name#1?.txt", write("text")))(t)
	must(r.Image("samples", 10, image.NewGray(image.Rect(0, 0, 3, 3))))(t)
	must(r.Image("samples", 20, image.NewGray(image.Rect(0, 0, 4, 4))))(t)
	flush(t, r)
	return r
}

func flush(t testing.TB, r *track.Recording) {
	t.Helper()
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
}

func end(t testing.TB, r *track.Recording, err error) {
	t.Helper()
	if err := r.End(err); err != nil {
		t.Fatal(err)
	}
}

// newExporter is one that waits little before it tries again.
func newExporter(t testing.TB, store *track.Store, o Options) *Exporter {
	t.Helper()
	e := must(New(store, o))(t)
	e.client.backoff = 100 * time.Microsecond
	return e
}

func export(t testing.TB, store *track.Store, s *server, ids ...string) Sent {
	t.Helper()
	sent := must(newExporter(t, store, Options{URL: s.URL}).Export(context.Background(), read(t, store, ids...)))(t)
	return sent[len(sent)-1]
}

func read(t testing.TB, store *track.Store, ids ...string) []track.Run {
	t.Helper()
	var runs []track.Run
	for _, id := range ids {
		runs = append(runs, must(store.Run(id))(t))
	}
	return runs
}

// check compares a run on the server with its run in the store: every point,
// param and artifact, once.
func check(t testing.TB, store *track.Store, s *server, id string) {
	t.Helper()
	run, there := must(store.Run(id))(t), s.of(id)
	journal := must(run.Journal())(t)
	want := map[string]int{}
	line := func(m metric) string {
		return fmt.Sprintf("%s %d %d %v", m.Key, m.Timestamp, m.Step, float64(m.Value))
	}
	artifacts := map[string]int{}
	for _, event := range journal.Events {
		for name, value := range event.Values {
			want[line(metric{validName(name), number(value), event.Time.UnixMilli(), int64(event.Step)})]++
		}
		if event.Artifact != nil {
			data := must(os.ReadFile(must(store.Path(*event.Artifact))(t)))(t)
			artifacts[string(data)]++
		}
	}
	got := map[string]int{}
	for _, m := range there.points {
		got[line(m)]++
	}
	for point, n := range want {
		if got[point] != n {
			t.Errorf("point %s is on the server %d times, want %d", point, got[point], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d different points on the server, want %d", len(got), len(want))
	}
	s.set(func() {
		root := strings.TrimPrefix(there.Info.ArtifactURI, "mlflow-artifacts:/") + "/"
		for name, data := range s.files {
			if under, ok := strings.CutPrefix(name, root); ok && !strings.HasPrefix(under, "noisebook/") {
				artifacts[string(data)]--
			}
		}
	})
	for content, n := range artifacts {
		if n != 0 {
			t.Errorf("artifact %.20q: %d more in the store than on the server", content, n)
		}
	}
	if want := statusOf(run.State); there.Info.Status != want {
		t.Errorf("status %s, want %s", there.Info.Status, want)
	}
}

func valueOf(pairs []pair, key string) string {
	for _, p := range pairs {
		if p.Key == key {
			return p.Value
		}
	}
	return "(absent)"
}

func TestExportSendsAll(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 2500)
	end(t, r, nil)
	sent := export(t, store, s, r.ID())
	check(t, store, s, r.ID())
	if want := 2505; sent.Points != want {
		t.Errorf("%d points sent, want %d", sent.Points, want)
	}
	there := s.of(r.ID())
	for name, want := range map[string]string{"lr": "0.0002", "steps": "500", "found": "3", "net.sizes": "[1,2]"} {
		if got := valueOf(there.Data.Params, name); got != want {
			t.Errorf("param %s is %q, want %q", name, got, want)
		}
	}
	if got := valueOf(there.Data.Params, "prompt"); !strings.HasSuffix(got, cutNote) || !strings.HasPrefix(got, "ééé") {
		t.Errorf("the long param ends %q", got[len(got)-80:])
	}
	run := read(t, store, r.ID())[0]
	for name, want := range map[string]string{
		"who": "me", "gone": "(absent)", runTag: r.ID(), "noisebook.kind": "run", "noisebook.state": "finished",
		"mlflow.runName": "tuning/first", "mlflow.source.git.commit": run.Provenance.Commit, "mlflow.note.content": "went well",
	} {
		if got := valueOf(there.Data.Tags, name); got != want && want != "" {
			t.Errorf("tag %s is %q, want %q", name, got, want)
		}
	}
	if there.Info.EndTime != run.Ended.UnixMilli() {
		t.Errorf("end %d, want %d", there.Info.EndTime, run.Ended.UnixMilli())
	}
	if len(there.inputs) != 2 || there.inputs[1].Dataset.Name != "digits/test" || there.inputs[1].Tags[0].Value != "test" {
		t.Errorf("inputs %+v", there.inputs)
	}
	if got := string(s.artifact(there, "weights.bin")); got != "weights\x00\xff" {
		t.Errorf("weights.bin holds %q", got)
	}
	if s.artifact(there, "samples-step-20.png") == nil {
		t.Error("the image of step 20 is not at samples-step-20.png")
	}
	var whole track.Run
	if err := json.Unmarshal(s.artifact(there, runPath), &whole); err != nil || whole.Params["prompt"] != strings.Repeat("é", 7000) {
		t.Errorf("%s does not hold the whole run (%v)", runPath, err)
	}
	if _, ok := s.experiments["tuning"]; !ok {
		t.Errorf("experiments %v, want tuning", s.experiments)
	}
}

func TestExportAgainOnlyLooks(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 1500)
	end(t, r, nil)
	export(t, store, s, r.ID())
	s.set(func() { s.requests = nil })
	export(t, store, s, r.ID())
	if want := []string{"GET /api/2.0/mlflow/runs/get"}; !slices.Equal(s.requests, want) {
		t.Errorf("requests %v, want %v", s.requests, want)
	}
}

func TestExportFollowsARun(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 10)
	export(t, store, s, r.ID())
	check(t, store, s, r.ID())
	for i := range 5 {
		r.LogValue("loss", 100+i, 0.5)
		r.Param("found", 7)
		r.Tag("who", "")
		must(r.Save("weights.bin", write(fmt.Sprint("step ", i))))(t)
		r.Note(fmt.Sprint("note ", i))
		flush(t, r)
		if sent := export(t, store, s, r.ID()); sent.Points != 1 {
			t.Errorf("%d points sent, want 1", sent.Points)
		}
		check(t, store, s, r.ID())
	}
	end(t, r, errors.New("out of memory"))
	attached := must(store.Attach(r.ID()))(t)
	attached.LogValue("late", 1, 2)
	end(t, attached, nil)
	export(t, store, s, r.ID())
	check(t, store, s, r.ID())
	there := s.of(r.ID())
	for name, want := range map[string]string{
		"noisebook.error": "out of memory", "noisebook.param.found": "7", "who": "(absent)",
		"mlflow.note.content": "went well\n\nnote 0\n\nnote 1\n\nnote 2\n\nnote 3\n\nnote 4",
	} {
		if got := valueOf(there.Data.Tags, name); got != want {
			t.Errorf("tag %s is %q, want %q", name, got, want)
		}
	}
	if got := valueOf(there.Data.Params, "found"); got != "3" {
		t.Errorf("param found is %q: MLflow's params cannot change", got)
	}
}

func TestExportHoldsToTheLimits(t *testing.T) {
	store, s := newStore(t), newServer(t)
	config, values, tags := map[string]string{}, map[string]float64{}, map[string]string{}
	for i := range 201 {
		config[fmt.Sprint("param", i)] = strings.Repeat("語", 5990)
		tags[fmt.Sprint("tag", i)] = strings.Repeat("t", 9000)
	}
	for i := range 2100 {
		values[fmt.Sprintf("metric %d %s", i, strings.Repeat("長", 300))] = float64(i)
	}
	r := must(store.Start(context.Background(), track.StartOptions{Config: config, Tags: tags}))(t)
	r.Log(1, values)
	r.Log(2, map[string]float64{"a": 1})
	end(t, r, nil)
	export(t, store, s, r.ID())
	check(t, store, s, r.ID())
	if there := s.of(r.ID()); len(there.Data.Params) != 201 {
		t.Errorf("%d params, want 201", len(there.Data.Params))
	}
}

func TestExportNestsParts(t *testing.T) {
	store, s := newStore(t), newServer(t)
	job := must(store.Start(context.Background(), track.StartOptions{
		Kind: track.KindJob, Launch: &track.Launch{Args: []string{"run", "joint/alpha-sweep", "--tier", "quick"}},
	}))(t)
	store.SetParent(job.ID())
	type value struct{ Score float64 }
	stage := track.Stage[int, value]{Name: "joint/train", Version: 1, Run: func(_ context.Context, j *track.Job, _ int) (value, error) {
		j.Log(1, map[string]float64{"loss": 1})
		return value{0.5}, nil
	}}
	result := must(track.Do(context.Background(), store, stage, 1))(t)
	end(t, job, nil)
	export(t, store, s, result.Run) // the part alone brings the whole
	check(t, store, s, result.Run)
	check(t, store, s, job.ID())
	part, whole := s.of(result.Run), s.of(job.ID())
	if got := valueOf(part.Data.Tags, "mlflow.parentRunId"); got != whole.Info.ID {
		t.Errorf("mlflow.parentRunId is %q, want %q", got, whole.Info.ID)
	}
	if part.Info.Experiment != s.experiments["joint/alpha-sweep"] || part.Info.Experiment != whole.Info.Experiment {
		t.Errorf("the part is in experiment %s, the whole in %s, of %v", part.Info.Experiment, whole.Info.Experiment, s.experiments)
	}
	if got := string(s.artifact(part, resultPath)); !strings.Contains(got, "0.5") {
		t.Errorf("%s holds %q", resultPath, got)
	}
}

func TestExportWithDamageInTheStore(t *testing.T) {
	store, s := newStore(t), newServer(t)
	broken, good := record(t, store, 10), record(t, store, 20)
	lost := must(broken.Save("lost.bin", write("unique content")))(t)
	end(t, broken, nil)
	end(t, good, nil)
	path := must(store.Path(lost))(t)
	away := filepath.Join(t.TempDir(), "away")
	must(0, os.Rename(path, away))(t)
	journals := must(filepath.Glob(filepath.Join(store.Dir(), "runs", broken.ID(), "journal-*")))(t)
	f := must(os.OpenFile(journals[0], os.O_APPEND|os.O_WRONLY, 0))(t)
	fmt.Fprint(f, "garbage\n", `{"t":"2026-01-02T03:04:05Z","type":"metric","step":7,"values":{"loss":9}}`+"\n", `{"t":"2026-01-02T03:04:05Z","type":"metric","st`)
	must(0, f.Close())(t)

	_, err := newExporter(t, store, Options{URL: s.URL}).Export(context.Background(), read(t, store, broken.ID(), good.ID()))
	var failed *RunError
	if !errors.As(err, &failed) || failed.Run != broken.ID() || !strings.Contains(err.Error(), "lost.bin") {
		t.Errorf("error %v, want one that names run %s and lost.bin", err, broken.ID())
	}
	check(t, store, s, good.ID())
	if n := len(s.of(broken.ID()).points); n != 16 {
		t.Errorf("%d points of the damaged run, want all 16", n)
	}
	must(0, os.Rename(away, path))(t)
	export(t, store, s, broken.ID())
	if got := string(s.artifact(s.of(broken.ID()), "lost.bin")); got != "unique content" {
		t.Errorf("the artifact that came back is %q", got)
	}
}

func TestExportWithoutArtifacts(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 10)
	end(t, r, nil)
	e := newExporter(t, store, Options{URL: s.URL, NoArtifacts: true, Experiment: "thesis"})
	must(e.Export(context.Background(), read(t, store, r.ID())))(t)
	if len(s.files) != 0 || s.of(r.ID()).Info.Experiment != s.experiments["thesis"] {
		t.Errorf("%d files, experiments %v", len(s.files), s.experiments)
	}
	export(t, store, s, r.ID())
	check(t, store, s, r.ID())
}
