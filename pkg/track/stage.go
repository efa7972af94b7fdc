package track

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Stage is a named, expensive function of a typed config and of earlier results.
// Raise Version whenever Run would return something else for the same config.
// C and R must survive JSON; a field of R may be an [Artifact] or a [Number].
type Stage[C, R any] struct {
	Name    string
	Version int
	Run     func(ctx context.Context, job *Job, config C) (R, error)
}

// Result is a stage's value and where it came from. It is an [Input] of later
// stages.
type Result[R any] struct {
	Value       R
	Stage       string
	Run         string // id
	Key         string
	OutputHash  string // of the value; two runs with equal values have equal hashes
	Cached      bool   // answered from the store
	CodeChanged bool   // the Go sources differ from those that computed the value
	Started     time.Time
	Finished    time.Time
	Config      json.RawMessage
	Provenance  Provenance // of the process that finished the run
	Artifacts   []Artifact
}

// TrackInput makes a result an input by the content of its value.
func (r Result[R]) TrackInput() InputRef {
	return InputRef{Name: r.Stage, Hash: r.OutputHash, Run: r.Run}
}

// Age is the time since the value was computed; a clock that was set back
// counts as no time.
func (r Result[R]) Age() time.Duration { return max(0, time.Since(r.Finished)) }

// Mark says in a few words where the value comes from.
func (r Result[R]) Mark() string {
	if r.Cached {
		return cachedMark(r.Run, r.Age(), r.CodeChanged)
	}
	return fmt.Sprintf("computed in %s (run %s)", ShortDuration(r.Finished.Sub(r.Started)), r.Run)
}

// Caption is the short line for a figure made of this result; see
// [Provenance.Caption].
func (r Result[R]) Caption(details ...string) string {
	return r.Provenance.Caption(r.Run, details...)
}

// ErrNoRun says that the store holds no finished run of a stage.
var ErrNoRun = errors.New("no finished run in the store")

// PanicError is what a stage's panic becomes. The stack is in the run's journal.
type PanicError struct {
	Value any
	Stack string
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Do returns the stage's result for a config and inputs: from the store when a
// finished run with the same key exists and its files are intact, else by running
// it. Processes that ask for the same key at once compute it once.
//
// When ctx is cancelled the run is left interrupted, when the process is killed
// it counts as crashed; both keep [Job.Scratch], and the same call later continues
// the run. An error or a panic of the stage leaves a failed run and keeps the
// scratch folder for the next run of the key. A store that cannot be written is an
// error before the work starts or, with the value still in the Result, after it.
func Do[C, R any](ctx context.Context, store *Store, stage Stage[C, R], config C, inputs ...Input) (Result[R], error) {
	call, err := newCall(stage.Name, stage.Version, config, inputs)
	if err != nil {
		return Result[R]{}, err
	}
	forced := store.mustRecompute(stage.Name, call.Key) && !store.ownsHint(call.Key, "run")
	if !forced {
		ignore := func(StageEvent, string) {} // the second look below warns
		if result, ok := lookup[R](store, call, ignore); ok {
			return result, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return Result[R]{}, fmt.Errorf("stage %s: %w", stage.Name, err)
	}
	unlock, err := store.lock(ctx, call.Key)
	if err != nil {
		return Result[R]{}, fmt.Errorf("stage %s: cannot lock its key in the run store: %w", stage.Name, advise(err))
	}
	defer unlock()
	if !forced { // another process may have finished it while we waited
		if result, ok := lookup[R](store, call, store.warn); ok {
			return result, nil
		}
	}
	afresh := forced && !store.ownsHint(call.Key, "active")
	result, err := compute(ctx, store, stage, config, call, afresh)
	if forced && err == nil {
		store.markRecomputed(call.Key)
	}
	return result, err
}

// Latest returns the newest finished run of a stage whose config match accepts;
// a nil match accepts all. It needs neither the stage's function nor its types: R
// may hold only the fields that the caller reads. Without such a run the error
// wraps [ErrNoRun].
func Latest[R any](store *Store, stageName string, match func(config json.RawMessage) bool) (Result[R], error) {
	ids, err := store.runIDs()
	if err != nil {
		return Result[R]{}, err
	}
	var newest Result[R]
	var damage error
	for _, id := range ids {
		identity, err := store.readIdentity(id)
		if err != nil || identity.Stage != stageName || match != nil && !match(identity.Config) {
			continue
		}
		if run := store.readRun(id); run.State != Finished || run.Ended.Before(newest.Finished) {
			continue
		}
		result, err := load[R](store, identity, false)
		if err != nil {
			damage = err
			continue
		}
		if newest.Run == "" || result.Finished.After(newest.Finished) {
			newest = result
		}
	}
	switch {
	case newest.Run != "":
		return newest, nil
	case damage != nil:
		return Result[R]{}, fmt.Errorf("stage %s: %w, only a damaged one: %w", stageName, ErrNoRun, damage)
	}
	return Result[R]{}, fmt.Errorf("stage %s: %w: run it first", stageName, ErrNoRun)
}

// newCall fills a run's identity but for its id and time.
func newCall(name string, version int, config any, inputs []Input) (runFile, error) {
	if name == "" {
		return runFile{}, errors.New("track: a stage needs a name")
	}
	canonical, err := canonicalJSON(config)
	if err != nil {
		return runFile{}, fmt.Errorf("stage %s: its config cannot be written as JSON: %w", name, err)
	}
	refs := make([]InputRef, len(inputs))
	for i, in := range inputs {
		refs[i] = in.TrackInput()
	}
	key, err := stageKey(name, version, canonical, refs)
	if err != nil {
		return runFile{}, err
	}
	return runFile{Format: storeFormat, Kind: KindStage, Stage: name, Version: version, Key: key, Config: canonical, Inputs: refs}, nil
}

// lookup answers a call from the store. Entries that are damaged or do not fit
// R are skipped with a warning.
func lookup[R any](store *Store, call runFile, warn func(StageEvent, string)) (Result[R], bool) {
	event := StageEvent{Stage: call.Stage, Version: call.Version, Key: call.Key, Attempt: 1, Cached: true}
	ids, hinted := store.finishedRuns(call.Key)
	for _, id := range ids {
		identity, err := store.readIdentity(id)
		if err != nil {
			warn(event, fmt.Sprintf("run %s cannot be used and is computed again: %v", id, err))
			continue
		}
		result, err := load[R](store, identity, true)
		if err != nil {
			warn(event, fmt.Sprintf("run %s cannot be used and is computed again: %v", id, err))
			continue
		}
		event.Run, event.Age, event.CodeChanged = result.Run, result.Age(), result.CodeChanged
		store.use(event)
		store.each(func(o Observer) { o.StageFinished(event, nil) })
		if !hinted { // as after an import; in a store that cannot be written the next hit scans again
			_ = store.setHint(call.Key, "run", id)
		}
		return result, true
	}
	return Result[R]{}, false
}

// finishedRuns lists the runs that have a result for the key, the newest
// first: the hinted one alone, or all that a scan finds.
func (s *Store) finishedRuns(key string) (runs []string, hinted bool) {
	hasResult := func(id string) bool {
		_, err := os.Stat(filepath.Join(s.runDir(id), "result.json"))
		return err == nil
	}
	if id := s.hint(key, "run"); id != "" && hasResult(id) {
		return []string{id}, true
	}
	ids, err := s.runIDs()
	if err != nil {
		return nil, false
	}
	var found []Run
	for _, id := range ids {
		if !hasResult(id) {
			continue
		}
		if identity, err := s.readIdentity(id); err == nil && identity.Key == key {
			found = append(found, s.readRun(id))
		}
	}
	slices.SortFunc(found, func(a, b Run) int { return b.Ended.Compare(a.Ended) })
	ids = ids[:0]
	for _, run := range found {
		ids = append(ids, run.ID)
	}
	return ids, false
}

// load reads a finished run's result. A strict load also verifies the
// artifacts and rejects a value with fields that R does not have, which means
// that the stage has changed without a new version.
func load[R any](store *Store, identity runFile, strict bool) (Result[R], error) {
	file, err := readResult(store.runDir(identity.ID))
	if err != nil {
		return Result[R]{}, err
	}
	result := Result[R]{
		Stage: identity.Stage, Run: identity.ID, Key: identity.Key, OutputHash: file.OutputHash, Cached: true,
		CodeChanged: codeChanged(file.Provenance.CodeHash),
		Started:     identity.Started, Finished: file.Finished, Config: identity.Config,
		Provenance: file.Provenance, Artifacts: file.Artifacts,
	}
	decoder := json.NewDecoder(bytes.NewReader(file.Value))
	if strict {
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(&result.Value); err != nil {
		return Result[R]{}, fmt.Errorf("its value does not fit %T (raise the stage's version when its result changes): %w", result.Value, err)
	}
	if strict {
		for _, artifact := range file.Artifacts {
			if err := store.Verify(artifact); err != nil {
				return Result[R]{}, err
			}
		}
	}
	return result, nil
}

// compute runs the stage under the key's lock.
func compute[C, R any](ctx context.Context, store *Store, stage Stage[C, R], config C, call runFile, afresh bool) (Result[R], error) {
	job, identity, err := store.start(call, afresh)
	if err != nil {
		return Result[R]{}, fmt.Errorf("stage %s: cannot start its run in the store: %w", stage.Name, advise(err))
	}
	store.use(job.event)
	store.each(func(o Observer) { o.StageStarted(job.event) })
	stopWatching := context.AfterFunc(ctx, func() { _ = job.Flush() })
	began := time.Now()
	value, err := protect(func() (R, error) { return stage.Run(ctx, job, config) })
	stopWatching()

	result := Result[R]{Value: value, Stage: stage.Name, Run: identity.ID, Key: call.Key, Started: identity.Started, Config: call.Config}
	if err == nil {
		var file resultFile
		if file, err = store.finish(job, value); err == nil {
			result.OutputHash, result.Finished = file.OutputHash, file.Finished
			result.Provenance, result.Artifacts = file.Provenance, file.Artifacts
		}
	}
	end := endOf(ctx, err)
	if closeErr := job.close(end); closeErr != nil {
		err = both(err, fmt.Errorf("its journal could not be written: %w", closeErr))
	}
	job.event.Duration = time.Since(began)
	if end.State == Finished {
		store.settle(job.event)
	}
	switch {
	case end.State == Interrupted:
		err = fmt.Errorf("stage %s was interrupted, the same call resumes it (run %s): %w", stage.Name, identity.ID, err)
	case err != nil:
		err = fmt.Errorf("stage %s (run %s): %w", stage.Name, identity.ID, advise(err))
	}
	store.each(func(o Observer) { o.StageFinished(job.event, err) })
	return result, err
}

// protect turns a panic into an error.
func protect[R any](run func() (R, error)) (value R, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: string(debug.Stack())}
		}
	}()
	return run()
}

// endOf is the journal's last event for the outcome of an attempt.
func endOf(ctx context.Context, err error) Event {
	end := Event{Time: time.Now(), Type: EventState, State: Finished}
	if err == nil {
		return end
	}
	end.State, end.Error = Failed, strings.TrimSpace(err.Error())
	if panicked := (*PanicError)(nil); errors.As(err, &panicked) {
		end.Stack = panicked.Stack
	} else if ctx.Err() != nil {
		end.State = Interrupted
	}
	return end
}

// start opens the run of a call: the one that was interrupted or crashed, or a
// new one. After an error nothing of a new run is left.
func (s *Store) start(call runFile, afresh bool) (*Job, runFile, error) {
	provenance := s.provenance()
	scratch := s.scratchDir(call.Key)
	if afresh {
		if err := os.RemoveAll(scratch); err != nil {
			return nil, call, err
		}
	}
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return nil, call, err
	}
	identity, attempts := call, 0
	if !afresh {
		identity, attempts = s.unfinished(call)
	}
	isNew := identity.ID == ""
	if isNew {
		identity.ID, identity.Started, identity.Provenance = newID(10), time.Now(), provenance
		identity.Parent = s.parentID()
		if err := s.create(identity); err != nil {
			return nil, call, err
		}
	}
	event := StageEvent{Stage: call.Stage, Version: call.Version, Key: call.Key, Run: identity.ID, Attempt: attempts + 1}
	if isNew {
		event.Reason = s.reason(identity)
	}
	attempt := Attempt{Number: event.Attempt, Process: os.Getpid(), Machine: machineID(), Provenance: &provenance}
	first := Event{Time: time.Now(), Type: EventAttempt, Attempt: &attempt}
	journal, err := openJournal(s.runDir(identity.ID), fmt.Sprintf("%03d", attempt.Number), first, func(err error) {
		s.warn(event, "metrics cannot be written, the work goes on: "+err.Error())
	})
	if err == nil {
		if err = s.setHint(call.Key, "active", identity.ID); err != nil {
			err = both(err, journal.close(endOf(context.Background(), err)))
		}
	}
	if err != nil {
		if isNew {
			err = both(err, os.RemoveAll(s.runDir(identity.ID)))
		}
		return nil, call, err
	}
	recording := &Recording{
		store: s, id: identity.ID, attempt: event.Attempt, stage: true, since: identity.Started,
		ctx: context.Background(), journal: journal,
	}
	return &Job{Recording: recording, event: event, scratch: scratch}, identity, nil
}

// create makes the run's folder appear with its run.json inside.
func (s *Store) create(identity runFile) error {
	temp := s.runDir(".new-" + identity.ID)
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return err
	}
	err := writeJSON(filepath.Join(temp, "run.json"), identity)
	if err == nil {
		err = os.Rename(temp, s.runDir(identity.ID))
	}
	if err != nil {
		return both(err, os.RemoveAll(temp))
	}
	return syncDir(filepath.Join(s.dir, "runs"))
}

// unfinished finds the run of the key to continue, if any. The caller holds
// the key's lock, so a run that looks alive is not.
func (s *Store) unfinished(call runFile) (identity runFile, attempts int) {
	id := s.hint(call.Key, "active")
	if id == "" {
		return call, 0
	}
	identity, err := s.readIdentity(id)
	if err != nil || identity.Key != call.Key {
		return call, 0
	}
	run := s.readRun(id)
	if run.State == Finished || run.State == Failed || run.State == Unreadable {
		return call, 0
	}
	return identity, run.Attempts
}

// finish writes result.json, which makes the run finished.
func (s *Store) finish(job *Job, value any) (resultFile, error) {
	canonical, err := canonicalJSON(value)
	if err != nil {
		return resultFile{}, fmt.Errorf("its result cannot be written as JSON (use track.Number where a value may be NaN): %w", err)
	}
	file := resultFile{
		Value: canonical, OutputHash: hashBytes(canonical), Provenance: job.provenance(),
		Artifacts: uniqueArtifacts(job.saved(), artifactsIn(value)), Finished: time.Now(),
	}
	if err := job.Flush(); err != nil {
		return resultFile{}, err
	}
	if err := writeJSON(filepath.Join(s.runDir(job.event.Run), "result.json"), file); err != nil {
		return resultFile{}, fmt.Errorf("its result could not be stored, checkpoints are kept: %w", err)
	}
	return file, nil
}

// settle points the key to its finished run and frees its scratch. Failures
// cost only a scan or some space, never the result.
func (s *Store) settle(event StageEvent) {
	if err := s.setHint(event.Key, "run", event.Run); err != nil {
		s.warn(event, "cannot note the finished run: "+err.Error())
	}
	if err := os.Remove(filepath.Join(s.keyDir(event.Key), "active")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.warn(event, err.Error())
	}
	if err := os.RemoveAll(s.scratchDir(event.Key)); err != nil {
		s.warn(event, "cannot remove checkpoints: "+err.Error())
	}
}

func uniqueArtifacts(lists ...[]Artifact) []Artifact {
	var unique []Artifact
	seen := map[Artifact]bool{}
	for _, list := range lists {
		for _, artifact := range list {
			if !seen[artifact] {
				seen[artifact] = true
				unique = append(unique, artifact)
			}
		}
	}
	return unique
}
