package track

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
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
)

// runFile is the content of run.json, written once when the run starts.
type runFile struct {
	Format     int             `json:"format"`
	ID         string          `json:"id"`
	Stage      string          `json:"stage"`
	Version    int             `json:"version"`
	Key        string          `json:"key"`
	Config     json.RawMessage `json:"config"`
	Inputs     []InputRef      `json:"inputs,omitempty"`
	Started    time.Time       `json:"started"`
	Provenance Provenance      `json:"provenance"`
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
	ID         string           `json:"id"`
	Stage      string           `json:"stage"`
	Version    int              `json:"version"`
	Key        string           `json:"key"`
	Config     json.RawMessage  `json:"config,omitempty"`
	Inputs     []InputRef       `json:"inputs,omitempty"`
	Started    time.Time        `json:"started"`
	Provenance Provenance       `json:"provenance"`
	State      State            `json:"state"`
	Error      string           `json:"error,omitempty"`   // of a failed, interrupted or unreadable run
	Ended      time.Time        `json:"ended,omitzero"`    // of the last attempt; of a crashed run its last sign of life
	Attempts   int              `json:"attempts"`          // 1 unless it was resumed
	Last       map[string]Point `json:"last,omitempty"`    // last value of each metric
	Dropped    int64            `json:"dropped,omitempty"` // metrics lost to a full queue in the last attempt

	dir string
}

// Duration is the time from the start to the end, or until now while running;
// pauses between attempts are part of it.
func (r Run) Duration() time.Duration {
	switch {
	case r.Started.IsZero():
		return 0
	case r.Ended.IsZero():
		return time.Since(r.Started)
	}
	return r.Ended.Sub(r.Started)
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
	ids, err := s.runIDs()
	if err != nil {
		return Run{}, err
	}
	var found []string
	for _, id := range ids {
		if id == prefix {
			return s.readRun(id), nil
		}
		if strings.HasPrefix(id, prefix) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return Run{}, fmt.Errorf("track: no run %q in %s (noisebook runs lists them)", prefix, s.dir)
	case 1:
		return s.readRun(found[0]), nil
	}
	return Run{}, fmt.Errorf("track: %q fits %d runs (%s): give more of the id", prefix, len(found), strings.Join(found[:min(5, len(found))], ", "))
}

func (s *Store) runIDs() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("track: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() && validID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// readIdentity reads run.json only.
func (s *Store) readIdentity(id string) (runFile, error) {
	var file runFile
	if err := readJSON(filepath.Join(s.runDir(id), "run.json"), &file); err != nil {
		return file, err
	}
	if file.Format < 1 || file.Format > storeFormat {
		return file, fmt.Errorf("run %s has format %d and this program reads up to %d: update noisebook", id, file.Format, storeFormat)
	}
	return file, nil
}

func (s *Store) readRun(id string) Run {
	dir := s.runDir(id)
	file, err := s.readIdentity(id)
	if err != nil {
		run := Run{ID: id, State: Unreadable, Error: err.Error(), dir: dir}
		if info, err := os.Stat(dir); err == nil {
			run.Started, run.Ended = info.ModTime(), info.ModTime()
		}
		return run
	}
	run := Run{
		ID: id, Stage: file.Stage, Version: file.Version, Key: file.Key, Config: file.Config, Inputs: file.Inputs,
		Started: file.Started, Provenance: file.Provenance, dir: dir,
	}
	run.deriveState(time.Now())
	return run
}

// tailLength is enough for the end of a journal: its state event or, while
// running, a heartbeat and recent metrics.
const tailLength = 64 << 10

// deriveState fills the fields that run.json does not hold.
func (r *Run) deriveState(now time.Time) {
	r.State, r.Last = Crashed, map[string]Point{}
	journals, err := journalFiles(r.dir)
	if err != nil || len(journals) == 0 {
		r.Ended = r.Started
	} else {
		r.Attempts = len(journals)
		r.readTail(journals[len(journals)-1], now)
	}
	if info, err := os.Stat(filepath.Join(r.dir, "result.json")); err == nil && r.State != Finished {
		r.State, r.Error, r.Ended = Finished, "", info.ModTime()
	}
}

func (r *Run) readTail(path string, now time.Time) {
	data, cut, err := readTail(path, tailLength)
	if err != nil {
		r.State, r.Error, r.Ended = Unreadable, err.Error(), r.Started
		return
	}
	if cut {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	if end, ok := lastEvent(data); ok && end.Type == EventState {
		r.State, r.Ended, r.Error, r.Dropped, r.Last = end.State, end.Time, end.Error, end.Dropped, end.Last
		return
	}
	var last Event
	for line := range bytes.Lines(data) {
		event, ok := parseEvent(bytes.TrimSpace(line))
		if !ok {
			continue
		}
		last = event
		for name, value := range event.Values {
			r.Last[name] = Point{Step: event.Step, Time: event.Time, Value: value}
		}
	}
	if r.Ended = last.Time; r.Ended.IsZero() { // killed before its first line
		r.Ended = r.Started
	}
	if now.Sub(last.Time) < StaleAfter && !processGone(path) {
		r.State, r.Ended = Running, time.Time{}
	}
}

// lastEvent parses the last complete line: of an attempt that ended it tells
// everything.
func lastEvent(data []byte) (Event, bool) {
	end := bytes.LastIndexByte(data, '\n')
	if end < 0 {
		return Event{}, false
	}
	start := bytes.LastIndexByte(data[:end], '\n') + 1
	return parseEvent(data[start:end])
}

// processGone says that the journal's writer lived on this machine and is no
// more. It only hastens what the heartbeat tells anyway.
func processGone(journal string) bool {
	machine := machineID()
	if machine == "" {
		return false
	}
	f, err := os.Open(journal)
	if err != nil {
		return false
	}
	defer f.Close()
	var first Event
	if err := json.NewDecoder(f).Decode(&first); err != nil || first.Attempt == nil || first.Attempt.Machine != machine {
		return false
	}
	process, err := os.FindProcess(first.Attempt.Process)
	if err != nil {
		return true
	}
	err = process.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}

// machineID names this boot and process namespace, within which a process
// number means something, or is empty where the system does not tell.
var machineID = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
})

// Metrics returns every metric's points in order of step. Where a resumed
// attempt repeats steps of the one before, its values replace them.
func (j Journal) Metrics() map[string][]Point {
	series := map[string][]Point{}
	resumed := map[string]bool{} // metrics seen in the present attempt
	for _, event := range j.Events {
		if event.Type == EventAttempt {
			clear(resumed)
		}
		if event.Type != EventMetric {
			continue
		}
		for name, value := range event.Values {
			points := series[name]
			if !resumed[name] {
				resumed[name] = true
				points = slices.DeleteFunc(points, func(p Point) bool { return p.Step >= event.Step })
			}
			series[name] = append(points, Point{Step: event.Step, Time: event.Time, Value: value})
		}
	}
	return series
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
