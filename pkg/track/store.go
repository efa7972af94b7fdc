package track

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// storeFormat is the version of the layout that this package writes; it reads
// every version up to it.
const storeFormat = 2

// lockPoll is how often a process looks whether another has let go of a key.
const lockPoll = 100 * time.Millisecond

// Store is a directory of runs. Any number of processes and goroutines may use
// it at once.
type Store struct {
	dir      string
	verified sync.Map // SHA-256 → modification time of content that was checked

	mu          sync.Mutex
	observers   []Observer
	environment map[string]string
	recompute   map[string]bool // by stage name; "" is every stage
	recomputed  map[string]bool // keys that were computed again by this process
	parent      string          // of the stages that are started
	open        map[string]*Recording
}

// Open opens the store in dir and creates it when there is none. An empty dir
// means $NOISEBOOK_STORE or, without it, .noisebook beside the nearest go.mod
// above the working directory. An existing store may be read-only: results are
// read from it, and computing new ones fails with an error.
func Open(dir string) (*Store, error) {
	if dir == "" {
		dir = os.Getenv("NOISEBOOK_STORE")
	}
	if dir == "" {
		cwd, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("track: %w", err)
		}
		root, ok := moduleRoot(cwd)
		if !ok {
			return nil, fmt.Errorf("track: no go.mod above %s: set NOISEBOOK_STORE to the folder of the run store", cwd)
		}
		dir = filepath.Join(root, ".noisebook")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("track: %w", err)
	}
	s := &Store{dir: dir, environment: map[string]string{}, recompute: map[string]bool{}, recomputed: map[string]bool{}, open: map[string]*Recording{}}
	var header struct {
		Format int `json:"format"`
	}
	path := filepath.Join(dir, "store.json")
	switch err := readJSON(path, &header); {
	case errors.Is(err, fs.ErrNotExist):
		header.Format = storeFormat
		for _, sub := range []string{"runs", "objects", "keys"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				return nil, fmt.Errorf("track: cannot create the run store: %w", advise(err))
			}
		}
		if err := writeJSON(path, header); err != nil {
			return nil, fmt.Errorf("track: cannot create the run store: %w", advise(err))
		}
	case err != nil:
		return nil, fmt.Errorf("track: %w", err)
	case header.Format < 1 || header.Format > storeFormat:
		return nil, fmt.Errorf("track: the store %s has format %d and this program reads up to %d: update noisebook", dir, header.Format, storeFormat)
	}
	return s, nil
}

// Dir is the store's folder.
func (s *Store) Dir() string { return s.dir }

// Recompute makes the named stages run once more in this process instead of
// being answered from the store, each key once; without names, every stage.
// What an interrupted computation left behind is thrown away first, unless the
// parent of [Store.SetParent] made it: a job that is resumed keeps what it has
// computed again already.
func (s *Store) Recompute(stages ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(stages) == 0 {
		s.recompute[""] = true
	}
	for _, name := range stages {
		s.recompute[name] = true
	}
}

func (s *Store) mustRecompute(stage, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (s.recompute[stage] || s.recompute[""]) && !s.recomputed[key]
}

// ownsHint says that the hinted run of the key was started by the present parent.
func (s *Store) ownsHint(key, name string) bool {
	parent := s.parentID()
	if parent == "" {
		return false
	}
	identity, err := s.readIdentity(s.hint(key, name))
	return err == nil && identity.Parent == parent && identity.Key == key
}

func (s *Store) markRecomputed(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recomputed[key] = true
}

func (s *Store) keyDir(key string) string     { return filepath.Join(s.dir, "keys", key) }
func (s *Store) scratchDir(key string) string { return filepath.Join(s.keyDir(key), "scratch") }
func (s *Store) runDir(id string) string      { return filepath.Join(s.dir, "runs", id) }

// lock waits until this process alone may compute the key. The system releases
// the lock when the process ends, however it ends.
func (s *Store) lock(ctx context.Context, key string) (unlock func(), err error) {
	if err := os.MkdirAll(s.keyDir(key), 0o755); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(s.keyDir(key), "lock"))
	if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
		return nil, err
	}
	return func() { _ = l.Unlock() }, nil
}

// hint reads a run id from a hint file; a missing or odd one is no hint.
func (s *Store) hint(key, name string) string {
	data, err := os.ReadFile(filepath.Join(s.keyDir(key), name))
	if err != nil || !validID(string(data)) {
		return ""
	}
	return string(data)
}

func (s *Store) setHint(key, name, run string) error {
	if err := os.MkdirAll(s.keyDir(key), 0o755); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.keyDir(key), name), []byte(run))
}

// validID keeps run ids inside the runs folder.
func validID(id string) bool {
	return id != "" && id[0] != '.' && filepath.Base(id) == id
}
