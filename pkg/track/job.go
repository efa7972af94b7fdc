package track

import (
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// progressInterval limits how often observers hear of progress.
const progressInterval = 200 * time.Millisecond

// Job is a stage's access to its run. Its methods may be called from several
// goroutines until the stage returns.
type Job struct {
	store   *Store
	event   StageEvent
	scratch string
	journal *journalWriter

	mu           sync.Mutex
	artifacts    []Artifact
	datasets     []Dataset
	seed         *int64
	environment  map[string]string
	lastProgress time.Time
}

// Run is the run's id.
func (j *Job) Run() string { return j.event.Run }

// Attempt is 1, or more when the run continues one that was interrupted or
// crashed.
func (j *Job) Attempt() int { return j.event.Attempt }

// Scratch is a folder for checkpoints that belongs to the cache key. It is kept
// when the stage fails, is interrupted or its process is killed, so that the same
// call later finds it, and removed after success.
func (j *Job) Scratch() string { return j.scratch }

// Path returns where an artifact, also one of an earlier stage, lies.
func (j *Job) Path(a Artifact) (string, error) { return j.store.Path(a) }

// Save stores what write writes as an artifact of the run. Nothing is left
// behind when write fails.
func (j *Job) Save(name string, write func(io.Writer) error) (Artifact, error) {
	artifact, err := j.store.save(name, write)
	if err != nil {
		return Artifact{}, err
	}
	j.mu.Lock()
	j.artifacts = append(j.artifacts, artifact)
	j.mu.Unlock()
	j.journal.log(Event{Time: time.Now(), Type: EventArtifact, Artifact: &artifact})
	return artifact, nil
}

// Log records metrics at a step. It never waits and never fails; NaN and the
// infinities are kept.
func (j *Job) Log(step int, values map[string]float64) {
	numbers := make(map[string]Number, len(values))
	for name, value := range values {
		numbers[name] = Number(value)
	}
	j.journal.log(Event{Time: time.Now(), Type: EventMetric, Step: step, Values: numbers})
}

// Progress tells the store's observers how far the stage is, at most five times
// a second and always when done reaches total.
func (j *Job) Progress(done, total int, values map[string]float64) {
	now := time.Now()
	j.mu.Lock()
	due := done >= total || now.Sub(j.lastProgress) >= progressInterval
	if due {
		j.lastProgress = now
	}
	j.mu.Unlock()
	if due {
		j.store.each(func(o Observer) { o.StageProgress(j.event, done, total, values) })
	}
}

// Note records a line of text.
func (j *Job) Note(text string) {
	j.journal.log(Event{Time: time.Now(), Type: EventNote, Text: text})
}

// Dataset records that the run used a dataset, with the checksum of its content.
func (j *Job) Dataset(d Dataset) {
	j.mu.Lock()
	j.datasets = append(j.datasets, d)
	j.mu.Unlock()
	j.journal.log(Event{Time: time.Now(), Type: EventDataset, Dataset: &d})
}

// Seed records the seed of the run's random numbers.
func (j *Job) Seed(seed int64) {
	j.mu.Lock()
	j.seed = &seed
	j.mu.Unlock()
}

// SetEnvironment records a fact that became known inside the stage, such as the
// engine that it opened, in this run's provenance.
func (j *Job) SetEnvironment(key, value string) {
	j.mu.Lock()
	if j.environment == nil {
		j.environment = map[string]string{}
	}
	j.environment[key] = value
	j.mu.Unlock()
	j.journal.log(Event{Time: time.Now(), Type: EventEnvironment, Environment: map[string]string{key: value}})
}

// Flush makes all that was logged durable. Called before a checkpoint is
// written, it leaves no gap between the metrics and a resume from there.
func (j *Job) Flush() error { return j.journal.syncNow() }

func (j *Job) saved() []Artifact {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.artifacts)
}

// provenance is the store's with what the stage added.
func (j *Job) provenance() Provenance {
	p := j.store.provenance()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.environment) > 0 {
		if p.Environment == nil {
			p.Environment = map[string]string{}
		}
		maps.Copy(p.Environment, j.environment)
	}
	p.Seed, p.Datasets = j.seed, slices.Clone(j.datasets)
	return p
}
