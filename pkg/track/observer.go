package track

import (
	"fmt"
	"os"
	"time"
)

// StageEvent describes a stage to an [Observer].
type StageEvent struct {
	Stage       string
	Version     int
	Key         string
	Run         string
	Attempt     int           // 1, or more when the run is continued
	Cached      bool          // answered from the store
	Age         time.Duration // of a cached result
	CodeChanged bool          // the sources differ from those that made a cached result
	Duration    time.Duration // of a computation that finished
	Reason      string        // why a new run is computed: what changed since the stage's last run, if known
}

// String is one line for a cell or a terminal, such as
// "train: cached from run 4k2m9x0c7d (3 h ago; code has changed since)" or
// "train: computed in 3.2s (run 4k2m9x0c7d; seed 1 → 2 since run 9x0c7d4k2m)".
func (e StageEvent) String() string {
	run := "run " + e.Run
	if e.Reason != "" {
		run += "; " + e.Reason
	}
	switch {
	case e.Cached:
		return e.Stage + ": " + cachedMark(e.Run, e.Age, e.CodeChanged)
	case e.Duration > 0:
		return fmt.Sprintf("%s: computed in %s (%s)", e.Stage, ShortDuration(e.Duration), run)
	case e.Attempt > 1:
		return fmt.Sprintf("%s: resuming run %s (attempt %d)", e.Stage, e.Run, e.Attempt)
	}
	return fmt.Sprintf("%s: running (%s)", e.Stage, run)
}

// Observer follows the stages of this process. A stage answered from the store
// only reports StageFinished. Calls may come from several goroutines and should
// return quickly: the stage waits for them.
type Observer interface {
	StageStarted(StageEvent)
	StageProgress(e StageEvent, done, total int, values map[string]float64)
	StageFinished(StageEvent, error)
}

// Warner is an Observer that also shows warnings: a damaged entry that is
// computed again, a journal that cannot be written. Without one they go to
// standard error.
type Warner interface {
	StageWarning(e StageEvent, message string)
}

// Observe adds an observer for all later stages.
func (s *Store) Observe(o Observer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, o)
}

func (s *Store) each(call func(Observer)) {
	s.mu.Lock()
	observers := s.observers[:len(s.observers):len(s.observers)]
	s.mu.Unlock()
	for _, o := range observers {
		call(o)
	}
}

func (s *Store) warn(e StageEvent, message string) {
	shown := false
	s.each(func(o Observer) {
		if w, ok := o.(Warner); ok {
			w.StageWarning(e, message)
			shown = true
		}
	})
	if !shown {
		fmt.Fprintf(os.Stderr, "warning: stage %s: %s\n", e.Stage, message)
	}
}

func cachedMark(run string, age time.Duration, codeChanged bool) string {
	mark := fmt.Sprintf("cached from run %s (%s", run, ageText(age))
	if codeChanged {
		mark += "; code has changed since"
	}
	return mark + ")"
}

func ageText(age time.Duration) string {
	switch {
	case age < time.Second:
		return "just now"
	case age < time.Minute:
		return fmt.Sprintf("%d s ago", int(age.Seconds()))
	case age < time.Hour:
		return fmt.Sprintf("%d min ago", int(age.Minutes()))
	case age < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(age.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(age.Hours()/24))
}

// ShortDuration is a duration as people read it: to the millisecond, the tenth of
// a second or the second.
func ShortDuration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
