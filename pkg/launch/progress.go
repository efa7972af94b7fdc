package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"noisebook/pkg/track"
)

// progressInterval is how often the progress file is replaced at most.
const progressInterval = 250 * time.Millisecond

// Progress is how far a job's present stage is.
type Progress struct {
	Stage   string                  `json:"stage"`
	Run     string                  `json:"run"` // the stage's
	Attempt int                     `json:"attempt"`
	Done    int                     `json:"done"`
	Total   int                     `json:"total"`
	Values  map[string]track.Number `json:"values,omitempty"`
	Time    time.Time               `json:"t"`
}

// Reporter tells a job's followers how far its stages are. It is a
// [track.Observer] of the store that the job computes with.
type Reporter struct {
	path      string
	recording *track.Recording

	mu    sync.Mutex
	shown time.Time
	uses  []track.Use
}

var _ track.Observer = (*Reporter)(nil)

// NewReporter returns the reporter of a job that this process records.
func NewReporter(store *track.Store, recording *track.Recording) *Reporter {
	r := &Reporter{path: progressPath(store, recording.ID()), recording: recording}
	r.clear() // what an attempt before left
	return r
}

// Uses are the stages that ended well so far.
func (r *Reporter) Uses() []track.Use {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]track.Use(nil), r.uses...)
}

// StageStarted shows the stage before its first step. Followers read from the
// journal what came before, so it is written out.
func (r *Reporter) StageStarted(e track.StageEvent) {
	_ = r.recording.Flush() // reported once by the journal itself
	r.write(e, 0, 0, nil, true)
}

// StageProgress shows the step, a few times a second.
func (r *Reporter) StageProgress(e track.StageEvent, done, total int, values map[string]float64) {
	r.write(e, done, total, values, done >= total)
}

// StageFinished takes the progress away: the store says how the stage ended.
func (r *Reporter) StageFinished(e track.StageEvent, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.uses = append(r.uses, track.Use{Run: e.Run, Stage: e.Stage, Cached: e.Cached})
	}
	if !e.Cached {
		r.clear()
	}
}

// Progress is for the eye: that it cannot be written must not stop the work,
// and a disk that is full is reported by what has to be kept.
func (r *Reporter) write(e track.StageEvent, done, total int, values map[string]float64, now bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !now && time.Since(r.shown) < progressInterval {
		return
	}
	r.shown = time.Now()
	p := Progress{Stage: e.Stage, Run: e.Run, Attempt: e.Attempt, Done: done, Total: total, Time: r.shown}
	if len(values) > 0 {
		p.Values = make(map[string]track.Number, len(values))
		for name, value := range values {
			p.Values[name] = track.Number(value)
		}
	}
	if content, err := json.Marshal(p); err == nil {
		_ = replaceFile(r.path, content)
	}
}

func (r *Reporter) clear() { _ = os.Remove(r.path) }

func progressPath(store *track.Store, run string) string {
	return filepath.Join(runFolder(store, run), "progress.json")
}

// readProgress returns the job's present stage, if it has one.
func readProgress(store *track.Store, run string) (Progress, bool) {
	content, err := os.ReadFile(progressPath(store, run))
	if err != nil {
		return Progress{}, false
	}
	var p Progress
	if err := json.Unmarshal(content, &p); err != nil || p.Run == "" {
		return Progress{}, false
	}
	return p, true
}
