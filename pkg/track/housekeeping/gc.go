package housekeeping

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"noisebook/pkg/track"
)

// Options say what a collection removes.
type Options struct {
	DryRun    bool          // only say what would be removed
	OlderThan time.Duration // keep what came into the trash more recently
}

// Freed counts what a collection removed, or would remove.
type Freed struct {
	Runs    Amount   `json:"runs"`    // emptied from the trash
	Objects Amount   `json:"objects"` // artifacts that no run names
	Scratch Amount   `json:"scratch"` // checkpoints of finished keys
	Orphans Amount   `json:"orphans"` // temporary files of killed processes
	Kept    []string `json:"kept,omitempty"`
}

// Amount is a number of things and their size.
type Amount struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(bytes int64) {
	a.Count++
	a.Bytes += bytes
}

// Bytes is all that was freed.
func (f Freed) Bytes() int64 {
	return f.Runs.Bytes + f.Objects.Bytes + f.Scratch.Bytes + f.Orphans.Bytes
}

// Collect empties the trash and removes what nothing needs. When a run's files
// cannot be read it fails before any artifact is removed.
func Collect(ctx context.Context, store *track.Store, o Options) (Freed, error) {
	unlock, err := store.LockForHousekeeping(ctx)
	if err != nil {
		return Freed{}, err
	}
	defer unlock()
	c := collector{ctx: ctx, store: store, options: o, now: time.Now(), named: map[string]bool{}, needed: map[string]string{}, newest: map[string]track.Run{}}
	for _, step := range []func() error{c.readRuns, c.putBack, c.emptyTrash, c.sweepObjects, c.sweepScratch, c.sweepOrphans} {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return c.freed, fmt.Errorf("gc: %w", err)
		}
	}
	return c.freed, nil
}

type collector struct {
	ctx     context.Context
	store   *track.Store
	options Options
	now     time.Time
	named   map[string]bool      // hashes in the files of runs that stay
	needed  map[string]string    // runs that a running run uses → that run
	newest  map[string]track.Run // of each key
	freed   Freed
}

// readRuns finds what the store's runs name.
func (c *collector) readRuns() error {
	runs, err := c.store.Runs()
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.keep(run); err != nil {
			return err
		}
		if run.State != track.Running {
			continue
		}
		for _, in := range run.Inputs {
			c.needed[in.Run] = run.ID
		}
		for _, use := range run.Uses {
			c.needed[use.Run] = run.ID
		}
	}
	return nil
}

// keep notes all that a run names and its key.
func (c *collector) keep(run track.Run) error {
	sums, err := run.References()
	if err != nil {
		if _, statErr := os.Stat(run.Dir()); errors.Is(statErr, fs.ErrNotExist) {
			return nil // a run that could not start was taken back
		}
		return fmt.Errorf("no artifact was removed, because a run cannot be read: %w", err)
	}
	for _, sum := range sums {
		c.named[sum] = true
	}
	if newest, ok := c.newest[run.Key]; run.Key != "" && (!ok || run.Started.After(newest.Started)) {
		c.newest[run.Key] = run
	}
	return nil
}

// emptyTrash removes runs from the trash, but for those that a running run works
// with.
func (c *collector) emptyTrash() error {
	trashed, err := c.store.Trashed()
	if err != nil {
		return err
	}
	for _, run := range trashed {
		user, isNeeded := c.needed[run.ID]
		if isNeeded {
			c.freed.Kept = append(c.freed.Kept, fmt.Sprintf("run %s stays in the trash while run %s works with it", run.ID, user))
		}
		if isNeeded || c.now.Sub(run.Trashed) < c.options.OlderThan {
			if err := c.keep(run.Run); err != nil {
				return err
			}
			continue
		}
		bytes, _, err := sizeOf(run.Dir())
		if err != nil {
			return err
		}
		c.freed.Runs.add(bytes)
		if c.options.DryRun {
			continue
		}
		// Renamed first, so that no half of it can be restored.
		gone := filepath.Join(filepath.Dir(run.Dir()), ".deleted-"+run.ID)
		if err := errors.Join(os.Rename(run.Dir(), gone), os.RemoveAll(gone)); err != nil {
			return err
		}
	}
	return nil
}

// grabbed begins the name of an object that is being removed.
const grabbed = ".gc-"

// sweepObjects removes the objects that no run names.
func (c *collector) sweepObjects() error {
	all, err := objects(c.store)
	if err != nil {
		return err
	}
	for _, o := range all {
		if c.named[o.sum] || c.now.Sub(o.modified) < youngObject {
			continue
		}
		if !c.options.DryRun {
			removed, err := c.remove(o)
			if err != nil {
				return err
			}
			if !removed {
				continue
			}
		}
		c.freed.Objects.add(o.bytes)
	}
	return nil
}

// remove takes an object away and looks at it once more: a process that stores
// the same content renames a new file over it, which must stay.
func (c *collector) remove(o object) (bool, error) {
	away := filepath.Join(filepath.Dir(o.path), grabbed+filepath.Base(o.path))
	if err := os.Rename(o.path, away); err != nil {
		return false, ignoreGone(err)
	}
	info, err := os.Stat(away)
	if err != nil {
		return false, err
	}
	if c.now.Sub(info.ModTime()) < youngObject {
		return false, os.Rename(away, o.path)
	}
	return true, os.Remove(away)
}

// putBack returns objects that a collection took away before it was killed.
func (c *collector) putBack() error {
	if c.options.DryRun {
		return nil
	}
	return walk(filepath.Join(c.store.Dir(), "objects"), func(path string, entry fs.DirEntry) error {
		name, ok := strings.CutPrefix(entry.Name(), grabbed)
		if !ok {
			return nil
		}
		return os.Rename(path, filepath.Join(filepath.Dir(path), name))
	})
}

// sweepScratch removes checkpoints that nobody will continue from: those of keys
// whose newest run finished, or that have no run at all.
func (c *collector) sweepScratch() error {
	keys, err := os.ReadDir(filepath.Join(c.store.Dir(), "keys"))
	if err != nil {
		return ignoreGone(err)
	}
	for _, entry := range keys {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		key := entry.Name()
		if newest, ok := c.newest[key]; ok && newest.State != track.Finished {
			continue
		}
		scratch := filepath.Join(c.store.Dir(), "keys", key, "scratch")
		bytes, changed, err := sizeOf(scratch)
		if err != nil {
			return err
		}
		if changed.IsZero() || c.now.Sub(changed) < youngObject {
			continue
		}
		if !c.options.DryRun {
			removed, err := c.store.RemoveScratch(key, c.now.Add(-youngObject))
			if err != nil {
				return err
			}
			if !removed {
				continue
			}
		}
		c.freed.Scratch.add(bytes)
	}
	return nil
}

// sweepOrphans removes temporary files and folders that a killed process left.
func (c *collector) sweepOrphans() error {
	root := os.DirFS(c.store.Dir())
	for pattern, age := range map[string]time.Duration{
		".tmp-*": orphanAge, "objects/.tmp-*": orphanAge, "runs/.new-*": orphanAge,
		"runs/*/.tmp-*": orphanAge, "trash/*/.tmp-*": orphanAge, "keys/*/.tmp-*": orphanAge,
		".import-*": 0, "trash/.deleted-*": 0, // made under the lock that we hold
	} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			path := filepath.Join(c.store.Dir(), filepath.FromSlash(name))
			bytes, changed, err := sizeOf(path)
			if err != nil {
				return err
			}
			if c.now.Sub(changed) < age {
				continue
			}
			c.freed.Orphans.add(bytes)
			if c.options.DryRun {
				continue
			}
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}
