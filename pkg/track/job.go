package track

import (
	"sync"
	"time"
)

// progressInterval limits how often observers hear of progress.
const progressInterval = 200 * time.Millisecond

// Job is a stage's access to its run. Its methods may be called from several
// goroutines until the stage returns, which ends the recording.
type Job struct {
	*Recording
	event   StageEvent
	scratch string

	progress     sync.Mutex
	lastProgress time.Time
}

// Run is the run's id.
func (j *Job) Run() string { return j.event.Run }

// Scratch is a folder for checkpoints that belongs to the cache key. It is kept
// when the stage fails, is interrupted or its process is killed, so that the same
// call later finds it, and removed after success.
func (j *Job) Scratch() string { return j.scratch }

// Progress tells the store's observers how far the stage is, at most five times
// a second and always when done reaches total.
func (j *Job) Progress(done, total int, values map[string]float64) {
	now := time.Now()
	j.progress.Lock()
	due := done >= total || now.Sub(j.lastProgress) >= progressInterval
	if due {
		j.lastProgress = now
	}
	j.progress.Unlock()
	if due {
		j.store.each(func(o Observer) { o.StageProgress(j.event, done, total, values) })
	}
}
