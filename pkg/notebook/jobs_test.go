package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"noisebook/pkg/launch"
	"noisebook/pkg/track"
)

// screen is a display that several goroutines may write to.
type screen struct {
	sync.Mutex
	last map[string]string
}

func (s *screen) update(id, html string) {
	s.Lock()
	defer s.Unlock()
	s.last[id] = html
}

func (s *screen) text() string {
	s.Lock()
	defer s.Unlock()
	return fmt.Sprint(s.last)
}

// job runs a training of 40 steps as a job, 10 ms a step, and closes begun after
// the first 20.
func job(t *testing.T, store *track.Store, begun chan struct{}, failure error) (run string, ended chan struct{}) {
	t.Helper()
	recording, err := store.Start(t.Context(), track.StartOptions{Kind: track.KindJob, Name: "joint/alpha-sweep"})
	if err != nil {
		t.Fatal(err)
	}
	store.SetParent(recording.ID())
	store.Observe(launch.NewReporter(store, recording))
	stage := track.Stage[int, int]{Name: "train", Version: 1, Run: func(_ context.Context, job *track.Job, steps int) (int, error) {
		for step := 1; step <= steps; step++ {
			time.Sleep(10 * time.Millisecond)
			job.Log(step, map[string]float64{"loss": 1 / float64(step)})
			job.Progress(step, steps, map[string]float64{"loss": 1 / float64(step)})
			if step == 20 {
				if err := job.Flush(); err != nil {
					return 0, err
				}
				close(begun)
			}
		}
		return steps, failure
	}}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		_, err := track.Do(context.Background(), store, stage, 40)
		if err == nil {
			err = keep(recording, t)
		}
		if err := recording.End(err); err != nil {
			t.Error(err)
		}
	}()
	return recording.ID(), ended
}

// keep saves what an artifact's job keeps.
func keep(recording *track.Recording, t *testing.T) error {
	drawn := smallFigure(t)
	for name, content := range map[string][]byte{"squares.svg": drawn.SVG, "squares.png": drawn.PNG} {
		if _, err := recording.Save(name, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
			return err
		}
	}
	_, err := recording.Save("report.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(report()) })
	return err
}

func openStore(t *testing.T) *track.Store {
	t.Helper()
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A cell that comes late shows the whole curve, then the figure and the verdicts.
func TestFollowInANotebook(t *testing.T) {
	out := capture(t)
	store, begun := openStore(t), make(chan struct{})
	run, ended := job(t, store, begun, nil)
	<-begun
	show := &screen{last: map[string]string{}}
	p := NewProgress()
	p.update = show.update
	if err := follow(t.Context(), store, run, p); err != nil {
		t.Fatal(err)
	}
	<-ended
	if text := show.text(); len(show.last) != 1 || !strings.Contains(text, "computed in") || !strings.Contains(text, `src="data:image/svg+xml;base64,`) {
		t.Errorf("%d blocks: %s", len(show.last), text)
	}
	for _, want := range []string{"[figure, ", "squares of run " + run, "precision rises"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the outcome lacks %q:\n%s", want, out)
		}
	}
}

// Stages that are over when the cell comes share a block, in their place.
func TestFollowAfterwards(t *testing.T) {
	out := capture(t)
	store, begun := openStore(t), make(chan struct{})
	run, ended := job(t, store, begun, nil)
	<-ended
	show := &screen{last: map[string]string{}}
	p := NewProgress()
	p.update = show.update
	if err := follow(t.Context(), store, run, p); err != nil {
		t.Fatal(err)
	}
	if text := show.text(); len(show.last) != 1 || !strings.Contains(text, "train: computed in") || strings.Contains(out.String(), "computed in") {
		t.Errorf("%s\n%s", text, out)
	}
}

func TestFollowDrawsWhatCameBefore(t *testing.T) {
	capture(t)
	store, begun := openStore(t), make(chan struct{})
	run, ended := job(t, store, begun, nil)
	<-begun
	stages, err := store.Children(run)
	if err != nil || len(stages) != 1 {
		t.Fatalf("%d stages, %v", len(stages), err)
	}
	p := NewProgress()
	event := track.StageEvent{Stage: "train", Run: stages[0].ID, Attempt: 1}
	earlier{p, store}.StageStarted(event)
	if points := p.view(event).loss.points; len(points) < 20 || points[0].step != 1 || points[19].value != 1./20 {
		t.Errorf("the curve has %d points", len(points))
	}
	<-ended
}

func TestFollowIsInterrupted(t *testing.T) {
	out := capture(t)
	store, begun := openStore(t), make(chan struct{})
	run, ended := job(t, store, begun, nil)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := follow(ctx, store, run, NewProgress()); err != nil || !strings.Contains(out.String(), "run "+run+" goes on") {
		t.Errorf("%v: %s", err, out)
	}
	if now, _ := store.Run(run); now.State != track.Running {
		t.Errorf("the job is %s", now.State)
	}
	<-ended
}

func TestFollowFailure(t *testing.T) {
	capture(t)
	store, begun := openStore(t), make(chan struct{})
	run, ended := job(t, store, begun, fmt.Errorf("the loss is NaN"))
	if err := follow(t.Context(), store, run, NewProgress()); err == nil || !strings.Contains(err.Error(), "the loss is NaN") {
		t.Errorf("%v, want why the job failed", err)
	}
	<-ended
	if err := follow(t.Context(), store, "nope", NewProgress()); err == nil {
		t.Error("followed a run that is not there")
	}
}

// Start calls the checkout's own command; here a script says what it was called with.
func TestStart(t *testing.T) {
	out := capture(t)
	root := t.TempDir()
	t.Setenv("NOISEBOOK_ROOT", root)
	t.Setenv("NOISEBOOK_STORE", "")
	t.Setenv(TierVariable, "smoke")
	message := captureFailure(t, func() { Start("joint/samples") })
	if !strings.Contains(message, "make build") {
		t.Errorf("without a command: %q", message)
	}
	script := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "bin", "noisebook"), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("echo \"$PWD $NOISEBOOK_STORE $*\" >called\necho '{\"run\":\"r1\",\"attached\":true}'\n")
	if run := Start("joint/samples", "--set", "samples=30"); run != "r1" {
		t.Errorf("run %q", run)
	}
	called, err := os.ReadFile(filepath.Join(root, "called"))
	want := root + " " + filepath.Join(root, ".noisebook") + " start joint/samples --json --set samples=30 --tier smoke\n"
	if err != nil || string(bytes.TrimSpace(called)) != strings.TrimSpace(want) {
		t.Errorf("called %q, want %q (%v)", called, want, err)
	}
	if !strings.Contains(out.String(), "joint/samples is running already as run r1") {
		t.Errorf("says %s", out)
	}
	if Start("joint/samples", "--tier=cpu"); err != nil {
		t.Fatal(err)
	}
	if called, _ = os.ReadFile(filepath.Join(root, "called")); strings.Contains(string(called), "smoke") {
		t.Errorf("the tier that was asked for is overridden: %s", called)
	}
	script("echo 'error: unknown key \"sample\"' >&2; exit 1\n")
	if message := captureFailure(t, func() { Start("joint/samples") }); !strings.HasPrefix(message, "error: unknown key \"sample\"\n") {
		t.Errorf("a refusal: %q", message)
	}
}
