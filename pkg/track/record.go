package track

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// SampleInterval is how often a [Sampler] measures.
const SampleInterval = 10 * time.Second

// Recording writes to a run: an attempt of it, or an attached writer. Its
// methods may be called from many goroutines. What is logged after End is lost.
type Recording struct {
	store   *Store
	id      string
	attempt int  // 0 when attached
	stage   bool // ended by Do alone
	since   time.Time
	ctx     context.Context
	journal *journalWriter

	stopWatching func() bool
	unlock       func() error

	mu          sync.Mutex
	artifacts   []Artifact
	datasets    []Dataset
	seed        *int64
	environment map[string]string
	samplers    []func() // end them
}

// ID is the run's id.
func (r *Recording) ID() string { return r.id }

// Attempt is 1, or more when the run continues one that has ended, was
// interrupted or crashed; 0 of an attached writer.
func (r *Recording) Attempt() int { return r.attempt }

// Path returns where an artifact, also one of another run, lies.
func (r *Recording) Path(a Artifact) (string, error) { return r.store.Path(a) }

// Log records metrics at a step. It never waits and never fails; NaN and the
// infinities are kept.
func (r *Recording) Log(step int, values map[string]float64) {
	r.journal.queue.addValues(time.Now(), step, values)
}

// LogValue is Log for one metric, without a map.
func (r *Recording) LogValue(name string, step int, value float64) {
	r.journal.queue.addValue(time.Now(), name, step, value)
}

// Param records a value that describes the run; a structured one is flattened
// under the name. A later value of the same name replaces it.
func (r *Recording) Param(name string, value any) {
	r.journal.log(Event{Time: time.Now(), Type: EventParam, Params: paramsOf(name, value)})
}

// Tag marks the run; an empty value removes the tag.
func (r *Recording) Tag(name, value string) {
	r.journal.log(Event{Time: time.Now(), Type: EventTag, Tags: map[string]string{name: value}})
}

// Note records a line of text.
func (r *Recording) Note(text string) {
	r.journal.log(Event{Time: time.Now(), Type: EventNote, Text: text})
}

// Save stores what write writes as an artifact of the run. Nothing is left
// behind when write fails.
func (r *Recording) Save(name string, write func(io.Writer) error) (Artifact, error) {
	return r.save(name, 0, write)
}

// Image stores an image as PNG, at a step of the run.
func (r *Recording) Image(name string, step int, img image.Image) (Artifact, error) {
	if filepath.Ext(name) != ".png" {
		name += ".png"
	}
	return r.save(name, step, func(w io.Writer) error { return png.Encode(w, img) })
}

// Table stores a table that write writes as CSV.
func (r *Recording) Table(name string, write func(io.Writer) error) (Artifact, error) {
	if filepath.Ext(name) != ".csv" {
		name += ".csv"
	}
	return r.save(name, 0, write)
}

func (r *Recording) save(name string, step int, write func(io.Writer) error) (Artifact, error) {
	artifact, err := r.store.save(name, write)
	if err != nil {
		return Artifact{}, err
	}
	r.mu.Lock()
	r.artifacts = append(r.artifacts, artifact)
	r.mu.Unlock()
	r.journal.log(Event{Time: time.Now(), Type: EventArtifact, Step: step, Artifact: &artifact})
	return artifact, nil
}

// Dataset records that the run used a dataset, with the checksum of its content.
func (r *Recording) Dataset(d Dataset) {
	r.mu.Lock()
	r.datasets = append(r.datasets, d)
	r.mu.Unlock()
	r.journal.log(Event{Time: time.Now(), Type: EventDataset, Dataset: &d})
}

// Seed records the seed of the run's random numbers.
func (r *Recording) Seed(seed int64) {
	r.mu.Lock()
	r.seed = &seed
	r.mu.Unlock()
	if !r.stage { // a stage's result holds it
		r.Param("seed", seed)
	}
}

// SetEnvironment records a fact that became known while the run lasts, such as
// the engine that it opened, in this run's provenance.
func (r *Recording) SetEnvironment(key, value string) {
	r.mu.Lock()
	if r.environment == nil {
		r.environment = map[string]string{}
	}
	r.environment[key] = value
	r.mu.Unlock()
	r.journal.log(Event{Time: time.Now(), Type: EventEnvironment, Environment: map[string]string{key: value}})
}

// Flush makes all that was logged durable. Called before a checkpoint is
// written, it leaves no gap between the metrics and a resume from there.
func (r *Recording) Flush() error { return r.journal.syncNow() }

// End ends the attempt as finished, as failed with err, or as interrupted when
// the context it was started with is cancelled, and makes the journal durable. An
// attached writer only leaves; err is kept beside its last event. The error is
// that of the store, not err.
func (r *Recording) End(err error) error {
	if r.stage {
		return fmt.Errorf("track: run %s is of a stage, which ends by returning", r.id)
	}
	end := endOf(r.ctx, err)
	switch {
	case r.attempt == 0:
		end.Type, end.State = EventDetach, ""
	case err == nil && r.ctx.Err() != nil:
		end.State, end.Error = Interrupted, context.Cause(r.ctx).Error()
	}
	if r.stopWatching != nil {
		r.stopWatching()
	}
	err = r.close(end)
	r.store.unregister(r)
	if r.unlock != nil {
		err = both(err, r.unlock())
	}
	if err != nil {
		return fmt.Errorf("track: the end of run %s could not be written: %w", r.id, advise(err))
	}
	return nil
}

// Discard ends the recording and removes its run, where keeping a record would
// tell nothing new. Artifacts stay until the store is cleaned.
func (r *Recording) Discard() error {
	if r.stage || r.attempt != 1 {
		return fmt.Errorf("track: run %s holds more than this recording and cannot be discarded", r.id)
	}
	err := r.End(nil)
	if removed := os.RemoveAll(r.store.runDir(r.id)); removed != nil {
		err = both(err, fmt.Errorf("track: cannot discard run %s: %w", r.id, removed))
	}
	return err
}

func (r *Recording) warn(err error) {
	fmt.Fprintf(os.Stderr, "warning: run %s: metrics cannot be written, the work goes on: %v\n", r.id, err)
}

// close ends what runs in the background and writes the last event.
func (r *Recording) close(end Event) error {
	r.mu.Lock()
	samplers := r.samplers
	r.samplers = nil
	r.mu.Unlock()
	for _, stop := range samplers {
		stop()
	}
	return r.journal.close(end)
}

// Sampler measures something beside the work, such as the processor's load.
// Package noisebook/pkg/track/system has one.
type Sampler interface {
	Sample() map[string]float64
}

// Sample logs what the sampler measures, at once, every [SampleInterval] and
// when the recording ends, as metrics "system/…" whose step is the run's age in
// seconds.
func (r *Recording) Sample(sampler Sampler) {
	stop, done := make(chan struct{}), make(chan struct{})
	r.mu.Lock()
	r.samplers = append(r.samplers, func() {
		close(stop)
		<-done
	})
	r.mu.Unlock()
	go func() {
		defer close(done)
		ticker := time.NewTicker(SampleInterval)
		defer ticker.Stop()
		for ended := false; ; {
			values := map[string]float64{}
			for name, value := range sampler.Sample() {
				values["system/"+name] = value
			}
			r.Log(int(time.Since(r.since).Seconds()), values)
			if ended {
				return
			}
			select {
			case <-ticker.C:
			case <-stop:
				ended = true
			}
		}
	}()
}

func (r *Recording) saved() []Artifact {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.artifacts)
}

// provenance is the store's with what the run added.
func (r *Recording) provenance() Provenance {
	p := r.store.provenance()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.environment) > 0 {
		if p.Environment == nil {
			p.Environment = map[string]string{}
		}
		maps.Copy(p.Environment, r.environment)
	}
	p.Seed, p.Datasets = r.seed, slices.Clone(r.datasets)
	return p
}
