package track

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// trashFile lies in a run's folder while the run is in the trash.
const trashFile = "trashed.json"

// TrashedRun is a run in the trash. Its artifacts stay in the store until the
// trash is emptied.
type TrashedRun struct {
	Run
	Trashed time.Time `json:"trashed"`
}

// ErrTrashed says that a run is in the trash.
var ErrTrashed = errors.New("the run is in the trash")

func (s *Store) trashDir(id string) string { return filepath.Join(s.dir, "trash", id) }

// LockForHousekeeping waits until no other process moves runs between the store,
// its trash and other stores. Recording and computing never wait for it.
func (s *Store) LockForHousekeeping(ctx context.Context) (unlock func(), err error) {
	fail := func(err error) (func(), error) {
		return nil, fmt.Errorf("track: cannot lock the run store: %w", advise(err))
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "trash"), 0o755); err != nil {
		return fail(err)
	}
	lock := flock.New(filepath.Join(s.dir, "trash", ".lock"))
	if _, err := lock.TryLockContext(ctx, lockPoll/10); err != nil { // mostly held for moments
		return fail(err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// Trash moves a run, given by its id, to the trash: it is no longer listed, and a
// stage that it answered is computed again. A running run is an error that wraps
// [ErrRunning].
func (s *Store) Trash(ctx context.Context, id string) error {
	fail := func(err error) error {
		return fmt.Errorf("track: cannot move run %s to the trash: %w", id, advise(err))
	}
	unlock, err := s.LockForHousekeeping(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !validID(id) {
		return fail(fs.ErrNotExist)
	}
	if run := s.readRun(id); run.State == Running {
		return fail(fmt.Errorf("%w: stop it first", ErrRunning))
	}
	if _, err := os.Stat(s.trashDir(id)); err == nil {
		return fail(ErrTrashed)
	}
	mark := filepath.Join(s.runDir(id), trashFile)
	if err := writeJSON(mark, struct {
		Time time.Time `json:"time"`
	}{time.Now()}); err != nil {
		return fail(err)
	}
	if err := os.Rename(s.runDir(id), s.trashDir(id)); err != nil {
		return fail(both(err, os.Remove(mark)))
	}
	return both(syncDir(filepath.Join(s.dir, "trash")), syncDir(filepath.Join(s.dir, "runs")))
}

// Restore moves a run, given by its id, back from the trash.
func (s *Store) Restore(ctx context.Context, id string) error {
	fail := func(err error) error { return fmt.Errorf("track: cannot restore run %s: %w", id, advise(err)) }
	unlock, err := s.LockForHousekeeping(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if !validID(id) {
		return fail(fs.ErrNotExist)
	}
	if _, err := os.Stat(s.runDir(id)); err == nil {
		return fail(errors.New("the store has a run of this id"))
	}
	if err := os.Rename(s.trashDir(id), s.runDir(id)); err != nil {
		return fail(err)
	}
	if err := os.Remove(filepath.Join(s.runDir(id), trashFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	return both(syncDir(filepath.Join(s.dir, "runs")), syncDir(filepath.Join(s.dir, "trash")))
}

// Trashed lists the runs in the trash, those that came last first.
func (s *Store) Trashed() ([]TrashedRun, error) {
	ids, err := idsIn(filepath.Join(s.dir, "trash"))
	if err != nil {
		return nil, err
	}
	runs := make([]TrashedRun, len(ids))
	for i, id := range ids {
		runs[i] = s.readTrashed(id)
	}
	slices.SortStableFunc(runs, func(a, b TrashedRun) int { return b.Trashed.Compare(a.Trashed) })
	return runs, nil
}

// TrashedRun finds a run in the trash by its id or by a prefix that only one run
// there has.
func (s *Store) TrashedRun(prefix string) (TrashedRun, error) {
	ids, err := idsIn(filepath.Join(s.dir, "trash"))
	if err != nil {
		return TrashedRun{}, err
	}
	id, err := oneID(ids, prefix)
	if err != nil {
		return TrashedRun{}, fmt.Errorf("track: in the trash: %w (noisebook runs restore lists what is there)", err)
	}
	return s.readTrashed(id), nil
}

func (s *Store) readTrashed(id string) TrashedRun {
	var mark struct {
		Time time.Time `json:"time"`
	}
	dir := s.trashDir(id)
	if err := readJSON(filepath.Join(dir, trashFile), &mark); err != nil {
		if info, err := os.Stat(dir); err == nil { // moved there by hand
			mark.Time = info.ModTime()
		}
	}
	return TrashedRun{Run: readRun(dir, id), Trashed: mark.Time}
}

// idsIn lists the runs of a folder.
func idsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
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

var errNoSuchRun = errors.New("no run")

// oneID finds the one id that is the prefix or begins with it.
func oneID(ids []string, prefix string) (string, error) {
	var found []string
	for _, id := range ids {
		if id == prefix {
			return id, nil
		}
		if strings.HasPrefix(id, prefix) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w %q", errNoSuchRun, prefix)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q fits %d runs (%s): give more of the id", prefix, len(found), strings.Join(found[:min(5, len(found))], ", "))
}
