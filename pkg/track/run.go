package track

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// State is how a run stands, derived from its files whenever it is read.
type State string

// The states of a run.
const (
	Running     State = "running"
	Finished    State = "finished"
	Failed      State = "failed"      // the stage returned an error or panicked
	Interrupted State = "interrupted" // its context was cancelled; it can be resumed
	Crashed     State = "crashed"     // its process is gone; it can be resumed
	Unreadable  State = "unreadable"  // run.json is missing or damaged
	Pending     State = "pending"     // made by [Store.Create]; no process has started it yet
)

// runFile is the content of run.json, written once when the run starts.
type runFile struct {
	Format     int               `json:"format"`
	ID         string            `json:"id"`
	Kind       Kind              `json:"kind,omitempty"` // from format 2 on
	Name       string            `json:"name,omitempty"`
	Parent     string            `json:"parent,omitempty"`
	Stage      string            `json:"stage,omitempty"` // of a stage, as version, key and inputs
	Version    int               `json:"version,omitempty"`
	Key        string            `json:"key,omitempty"`
	Config     json.RawMessage   `json:"config,omitempty"`
	Inputs     []InputRef        `json:"inputs,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"` // at the start
	Launch     *Launch           `json:"launch,omitempty"`
	Started    time.Time         `json:"started"`
	Provenance Provenance        `json:"provenance"`
}

// kind is the run's; format 1 knew stages only.
func (f runFile) kind() Kind {
	if f.Kind == "" {
		return KindStage
	}
	return f.Kind
}

// resultFile is the content of result.json, whose presence finishes a run.
type resultFile struct {
	Value      json.RawMessage `json:"value"`
	OutputHash string          `json:"output_hash"`
	Artifacts  []Artifact      `json:"artifacts,omitempty"`
	Finished   time.Time       `json:"finished"`
	Provenance Provenance      `json:"provenance"`
}

// Run is a run as its files tell it.
type Run struct {
	ID         string            `json:"id"`
	Kind       Kind              `json:"kind"`
	Name       string            `json:"name,omitempty"`   // of a run, job or sweep
	Parent     string            `json:"parent,omitempty"` // the run that this one is a part of
	Stage      string            `json:"stage,omitempty"`  // of a stage, as version, key and inputs
	Version    int               `json:"version,omitempty"`
	Key        string            `json:"key,omitempty"`
	Config     json.RawMessage   `json:"config,omitempty"`
	Inputs     []InputRef        `json:"inputs,omitempty"`
	Params     Params            `json:"params,omitempty"` // the config, flattened, and what was recorded since
	Tags       map[string]string `json:"tags,omitempty"`   // as they are now
	Launch     *Launch           `json:"launch,omitempty"`
	Uses       []Use             `json:"uses,omitempty"` // the stages that it asked for
	Started    time.Time         `json:"started"`
	Provenance Provenance        `json:"provenance"`
	State      State             `json:"state"`
	Error      string            `json:"error,omitempty"`   // of a failed, interrupted or unreadable run
	Ended      time.Time         `json:"ended,omitzero"`    // of the last attempt; of a crashed run its last sign of life
	Attempts   int               `json:"attempts"`          // 1 unless it was resumed
	Last       map[string]Point  `json:"last,omitempty"`    // last value of each metric
	Dropped    int64             `json:"dropped,omitempty"` // metrics lost to a full queue in the last attempt

	dir    string
	worker Attempt // the last one
}

// Title is the run's name or stage, or its kind when it has neither.
func (r Run) Title() string {
	switch {
	case r.Name != "":
		return r.Name
	case r.Stage != "":
		return r.Stage
	}
	return string(r.Kind)
}

// Duration is the time from the start to the end, or until now while running;
// pauses between attempts are part of it. A clock that was set back meanwhile
// counts as no time.
func (r Run) Duration() time.Duration {
	switch {
	case r.Started.IsZero():
		return 0
	case r.Ended.IsZero():
		return max(0, time.Since(r.Started))
	}
	return max(0, r.Ended.Sub(r.Started))
}

// Worked is the time of all attempts, without the pauses between them.
func (r Run) Worked() (time.Duration, error) {
	if r.Attempts <= 1 {
		return r.Duration(), nil
	}
	journal, err := r.Journal()
	if err != nil {
		return 0, err
	}
	var total time.Duration
	var begun, last time.Time // of an attempt
	for _, e := range journal.Events {
		if e.Attempt != nil {
			total += max(0, last.Sub(begun))
			begun, last = e.Time, e.Time
			if e.Attempt.Number == 0 { // those who attached come last
				return total, nil
			}
			continue
		}
		last = e.Time
	}
	return total + max(0, last.Sub(begun)), nil
}

// Journal reads all that the run recorded.
func (r Run) Journal() (Journal, error) { return readJournals(r.dir) }

// Result returns the stored JSON value of a finished run and its artifacts.
func (r Run) Result() (value json.RawMessage, artifacts []Artifact, err error) {
	file, err := readResult(r.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("track: run %s has no readable result: %w", r.ID, err)
	}
	return file.Value, file.Artifacts, nil
}

// Runs lists all runs, the newest first. A damaged run is listed as such and
// never hides the others.
func (s *Store) Runs() ([]Run, error) {
	ids, err := s.runIDs()
	if err != nil {
		return nil, err
	}
	runs := make([]Run, len(ids))
	var group sync.WaitGroup
	const workers = 4
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(ids); i += workers {
				runs[i] = s.readRun(ids[i])
			}
		})
	}
	group.Wait()
	slices.SortStableFunc(runs, func(a, b Run) int { return b.Started.Compare(a.Started) })
	return runs, nil
}

// Run finds a run by its id or by a prefix that only one run has.
func (s *Store) Run(prefix string) (Run, error) {
	if validID(prefix) { // a whole id needs no listing
		if info, err := os.Lstat(s.runDir(prefix)); err == nil && info.IsDir() {
			return s.readRun(prefix), nil
		}
	}
	ids, err := s.runIDs()
	if err != nil {
		return Run{}, err
	}
	id, err := oneID(ids, prefix)
	switch {
	case errors.Is(err, errNoSuchRun) && prefix != "":
		if trashed, trashErr := s.TrashedRun(prefix); trashErr == nil {
			return Run{}, fmt.Errorf("track: run %s: %w (noisebook runs restore %s)", trashed.ID, ErrTrashed, trashed.ID)
		}
		return Run{}, fmt.Errorf("track: %w in %s (noisebook runs lists them)", err, s.dir)
	case err != nil:
		return Run{}, fmt.Errorf("track: %w", err)
	}
	return s.readRun(id), nil
}

func (s *Store) runIDs() ([]string, error) { return idsIn(filepath.Join(s.dir, "runs")) }

// readIdentity reads run.json only.
func (s *Store) readIdentity(id string) (runFile, error) { return readIdentity(s.runDir(id), id) }

func readIdentity(dir, id string) (runFile, error) {
	var file runFile
	if err := readJSON(filepath.Join(dir, "run.json"), &file); err != nil {
		return file, err
	}
	if file.Format < 1 || file.Format > storeFormat {
		return file, fmt.Errorf("run %s has format %d and this program reads up to %d: update noisebook", id, file.Format, storeFormat)
	}
	return file, nil
}

func (s *Store) readRun(id string) Run { return readRun(s.runDir(id), id) }

func readRun(dir, id string) Run {
	file, err := readIdentity(dir, id)
	if err != nil {
		run := Run{ID: id, State: Unreadable, Error: err.Error(), dir: dir}
		if info, err := os.Stat(dir); err == nil {
			run.Started, run.Ended = info.ModTime(), info.ModTime()
		}
		return run
	}
	run := Run{
		ID: id, Kind: file.kind(), Name: file.Name, Parent: file.Parent,
		Stage: file.Stage, Version: file.Version, Key: file.Key, Config: file.Config, Inputs: file.Inputs,
		Params: configParams(file.Config), Tags: maps.Clone(file.Tags), Launch: file.Launch,
		Started: file.Started, Provenance: file.Provenance, dir: dir,
	}
	run.deriveState(time.Now())
	return run
}

func readResult(runDir string) (resultFile, error) {
	var file resultFile
	if err := readJSON(filepath.Join(runDir, "result.json"), &file); err != nil {
		return file, err
	}
	if hashBytes(compactJSON(file.Value)) != file.OutputHash {
		return file, fmt.Errorf("%s was changed: its value does not have the recorded hash", filepath.Join(runDir, "result.json"))
	}
	return file, nil
}

func compactJSON(data json.RawMessage) []byte {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil
	}
	return compact.Bytes()
}
