package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Kind says what a run is.
type Kind string

// The kinds of runs.
const (
	KindStage Kind = "stage" // a cached computation, made by [Do]
	KindRun   Kind = "run"   // what a cell or a script logs by itself
	KindJob   Kind = "job"   // a noisebook command with its arguments
	KindSweep Kind = "sweep" // the parent of jobs
)

// Launch is how a job is started again from its folder alone.
type Launch struct {
	Args []string `json:"args"` // of noisebook; it runs at the module's root
}

// StartOptions describe a new run. The zero value is a run without a name.
type StartOptions struct {
	Name   string
	Kind   Kind   // KindRun when empty; stages are started by [Do] alone
	Parent string // a run of the same store, by its id
	Config any    // must survive JSON; its values become the run's first params
	Tags   map[string]string
	Launch *Launch
}

// ErrRunning says that another process works on the run.
var ErrRunning = errors.New("the run is alive")

// Create makes a run that no process works on yet: [Store.Resume] starts it,
// also from another process. Until then its state is [Pending].
func (s *Store) Create(o StartOptions) (id string, err error) {
	identity, err := s.newRun(o)
	if err != nil {
		return "", err
	}
	return identity.ID, nil
}

// Start makes a run and its first attempt. Call [Recording.End] when the work is
// over: a run whose process ends without it counts as crashed.
func (s *Store) Start(ctx context.Context, o StartOptions) (*Recording, error) {
	identity, err := s.newRun(o)
	if err != nil {
		return nil, err
	}
	r, err := s.attempt(ctx, identity)
	if err != nil {
		return nil, both(err, os.RemoveAll(s.runDir(identity.ID)))
	}
	return r, nil
}

// Resume starts the next attempt of a run, or the first one of a run that was
// only created. It fails with [ErrRunning] while a process works on the run.
func (s *Store) Resume(ctx context.Context, id string) (*Recording, error) {
	identity, err := s.readIdentity(id)
	if err != nil {
		return nil, fmt.Errorf("track: cannot resume run %s: %w", id, err)
	}
	if identity.kind() == KindStage {
		return nil, fmt.Errorf("track: run %s is of stage %s, which continues when it is called again", id, identity.Stage)
	}
	return s.attempt(ctx, identity)
}

// Attach adds a writer to a run, from any process, while the run lasts or
// afterwards. It changes neither the run's state nor its attempts.
func (s *Store) Attach(id string) (*Recording, error) {
	identity, err := s.readIdentity(id)
	if err != nil {
		return nil, fmt.Errorf("track: cannot attach to run %s: %w", id, err)
	}
	r := &Recording{store: s, id: id, ctx: context.Background(), since: identity.Started}
	first := Event{Time: time.Now(), Type: EventAttach, Attempt: &Attempt{Process: os.Getpid(), Machine: machineID()}}
	if r.journal, err = openJournal(s.runDir(id), "a", first, r.warn); err != nil {
		return nil, fmt.Errorf("track: cannot attach to run %s: %w", id, advise(err))
	}
	return r, nil
}

// newRun writes the identity of a run that is no stage.
func (s *Store) newRun(o StartOptions) (runFile, error) {
	fail := func(err error) (runFile, error) {
		return runFile{}, fmt.Errorf("track: cannot start a run: %w", advise(err))
	}
	identity := runFile{
		Format: storeFormat, ID: newID(10), Kind: o.Kind, Name: o.Name, Parent: o.Parent, Tags: o.Tags, Launch: o.Launch, Started: time.Now(),
	}
	switch identity.Kind {
	case "":
		identity.Kind = KindRun
	case KindRun, KindJob, KindSweep:
	default:
		return fail(fmt.Errorf("kind %q is not one of %s, %s, %s", o.Kind, KindRun, KindJob, KindSweep))
	}
	if o.Parent != "" {
		if _, err := s.readIdentity(o.Parent); err != nil {
			return fail(fmt.Errorf("parent: %w", err))
		}
	}
	if o.Config != nil {
		config, err := canonicalJSON(o.Config)
		if err != nil {
			return fail(fmt.Errorf("its config cannot be written as JSON: %w", err))
		}
		identity.Config = config
	}
	identity.Provenance = s.provenance()
	if err := s.create(identity); err != nil {
		return fail(err)
	}
	return identity, nil
}

// attempt opens a journal of the run in the name of this process, which alone
// may do so while the recording lasts.
func (s *Store) attempt(ctx context.Context, identity runFile) (*Recording, error) {
	id, dir := identity.ID, s.runDir(identity.ID)
	fail := func(err error) (*Recording, error) {
		return nil, fmt.Errorf("track: cannot start run %s: %w", id, advise(err))
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return fail(err)
	}
	run := s.readRun(id)
	// A lock that is free says nothing about a process of another machine.
	if !locked || run.State == Running && run.worker.Machine != machineID() {
		_ = lock.Unlock()
		return fail(fmt.Errorf("%w (attempt %d): attach to it, or stop it and wait", ErrRunning, run.Attempts))
	}
	provenance := identity.Provenance
	if run.Attempts > 0 {
		provenance = s.provenance()
	}
	attempt := Attempt{Number: run.Attempts + 1, Process: os.Getpid(), Machine: machineID(), Provenance: &provenance}
	r := &Recording{store: s, id: id, attempt: attempt.Number, ctx: ctx, since: identity.Started, unlock: lock.Unlock}
	first := Event{Time: time.Now(), Type: EventAttempt, Attempt: &attempt}
	if r.journal, err = openJournal(dir, fmt.Sprintf("%03d", attempt.Number), first, r.warn); err != nil {
		_ = lock.Unlock()
		return fail(err)
	}
	r.stopWatching = context.AfterFunc(ctx, func() { _ = r.Flush() })
	s.register(r)
	return r, nil
}

// SetParent makes the named run the parent of every stage that this store
// starts from now on; an empty id makes it none. When the parent is recorded by
// this store, each stage is noted there as used, computed or not.
func (s *Store) SetParent(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parent = id
}

func (s *Store) parentID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parent
}

func (s *Store) register(r *Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[r.id] = r
}

func (s *Store) unregister(r *Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[r.id] == r {
		delete(s.open, r.id)
	}
}

// use notes in the parent's journal that it asked for a stage.
func (s *Store) use(e StageEvent) {
	s.mu.Lock()
	parent := s.open[s.parent]
	s.mu.Unlock()
	if parent != nil {
		parent.journal.log(Event{Time: time.Now(), Type: EventUses, Uses: &Use{Run: e.Run, Stage: e.Stage, Cached: e.Cached}})
	}
}

// Children lists the runs whose parent is id, the oldest first.
func (s *Store) Children(id string) ([]Run, error) {
	ids, err := s.runIDs()
	if err != nil {
		return nil, err
	}
	var children []Run
	for _, child := range ids {
		if identity, err := s.readIdentity(child); err == nil && identity.Parent == id {
			children = append(children, s.readRun(child))
		}
	}
	slices.SortStableFunc(children, func(a, b Run) int { return a.Started.Compare(b.Started) })
	return children, nil
}

// configParams are the params that a run starts with.
func configParams(config json.RawMessage) Params {
	if len(config) == 0 {
		return Params{}
	}
	return Flatten(config)
}
