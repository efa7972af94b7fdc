package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"noisebook/pkg/track"
)

// followInterval is how often a follower looks.
const followInterval = 300 * time.Millisecond

// Follow shows a job's stages to the observer as if they ran in this process,
// those that are over first, until the job ends. It only reads: when ctx is
// cancelled the job goes on and the error is the context's.
func Follow(ctx context.Context, store *track.Store, run string, observer track.Observer) (track.Run, error) {
	f := follower{store: store, observer: observer, shown: map[string]phase{}}
	for {
		now, err := store.Run(run)
		if err != nil {
			return now, err
		}
		alive := now.State == track.Running || now.State == track.Pending
		if observer != nil {
			f.stages(now, alive)
			if alive {
				f.progress(now.ID)
			}
		}
		if !alive {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-time.After(followInterval):
		}
	}
}

// phase is what the observer knows of a stage.
type phase int

const (
	unknown phase = iota
	started
	finished
)

type follower struct {
	store    *track.Store
	observer track.Observer
	shown    map[string]phase // by the stage's run
	last     time.Time        // of the progress that was shown
}

// stages shows what became of the stages that the job asked for.
func (f *follower) stages(job track.Run, alive bool) {
	for _, use := range job.Uses {
		if f.shown[use.Run] == finished {
			continue
		}
		run, err := f.store.Run(use.Run)
		if err != nil {
			continue // removed since
		}
		event := track.StageEvent{Stage: use.Stage, Version: run.Version, Key: run.Key, Run: use.Run, Attempt: max(run.Attempts, 1)}
		switch {
		case run.State == track.Finished && use.Cached && f.shown[use.Run] == unknown:
			event.Cached, event.Age = true, max(0, time.Since(run.Ended))
			f.finish(event, nil)
		case run.State == track.Finished:
			event.Duration = run.Duration()
			f.finish(event, nil)
		case run.State == track.Failed || !alive:
			f.finish(event, stageError(run))
		default:
			f.start(event)
		}
	}
}

func stageError(run track.Run) error {
	if run.Error != "" {
		return errors.New(run.Error)
	}
	return fmt.Errorf("%s", run.State)
}

func (f *follower) start(e track.StageEvent) {
	if f.shown[e.Run] == unknown {
		f.shown[e.Run] = started
		f.observer.StageStarted(e)
	}
}

func (f *follower) finish(e track.StageEvent, err error) {
	f.shown[e.Run] = finished
	f.observer.StageFinished(e, err)
}

// progress shows how far the present stage is; it hears of a stage before the
// journal, which is written every few seconds.
func (f *follower) progress(job string) {
	p, ok := readProgress(f.store, job)
	if !ok || f.shown[p.Run] == finished || p.Time.Equal(f.last) {
		return
	}
	f.last = p.Time
	event := track.StageEvent{Stage: p.Stage, Run: p.Run, Attempt: p.Attempt}
	f.start(event)
	if p.Total == 0 {
		return
	}
	values := make(map[string]float64, len(p.Values))
	for name, value := range p.Values {
		values[name] = float64(value)
	}
	f.observer.StageProgress(event, p.Done, p.Total, values)
}

// Outcome is nil for a run that finished, else an error that says how it ended
// and what to do.
func Outcome(store *track.Store, run track.Run) error {
	title := fmt.Sprintf("%s (run %s)", run.Title(), run.ID)
	switch run.State {
	case track.Finished:
		return nil
	case track.Failed:
		return fmt.Errorf("%s failed: %s", title, run.Error)
	case track.Interrupted:
		return fmt.Errorf("%s was interrupted: noisebook exec %s resumes it", title, run.ID)
	case track.Crashed:
		return fmt.Errorf("%s crashed, %s; noisebook exec %s resumes it", title, logTail(store, run.ID), run.ID)
	}
	return fmt.Errorf("%s is %s %s", title, run.State, run.Error)
}

// Artifacts are the files that the run itself saved, of each name the newest.
func Artifacts(run track.Run) (map[string]track.Artifact, error) {
	journal, err := run.Journal()
	if err != nil {
		return nil, err
	}
	artifacts := map[string]track.Artifact{}
	for _, event := range journal.Events {
		if event.Type == track.EventArtifact && event.Artifact != nil {
			artifacts[event.Artifact.Name] = *event.Artifact
		}
	}
	return artifacts, nil
}

// ReadArtifact gives a file that the run itself saved to read, or says that there
// is none of that name.
func ReadArtifact(store *track.Store, run track.Run, name string, read func(io.Reader) error) (found bool, err error) {
	artifacts, err := Artifacts(run)
	if err != nil {
		return false, err
	}
	artifact, ok := artifacts[name]
	if !ok {
		return false, nil
	}
	path, err := store.Path(artifact)
	if err != nil {
		return true, err
	}
	file, err := os.Open(path)
	if err != nil {
		return true, err
	}
	defer file.Close()
	if err := read(file); err != nil {
		return true, fmt.Errorf("artifact %s of run %s: %w", name, run.ID, err)
	}
	return true, nil
}
