package archive

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/track"
)

// place moves what was staged and verified into the store: objects first, then
// the runs that name them. The caller holds the store's lock for housekeeping.
func place(store, staged *track.Store, report *Report) error {
	if err := placeObjects(store, staged, report); err != nil {
		return err
	}
	runs, err := staged.Runs()
	if err != nil {
		return err
	}
	slices.Reverse(runs) // the oldest first
	for _, run := range runs {
		if err := placeRun(store, run, report); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return nil
}

// hasObject says that the store has an object of this size, and makes it young,
// so that a collection of garbage leaves it until its run is in place.
func hasObject(store *track.Store, sum string, size int64) (bool, error) {
	file, err := store.ObjectPath(sum)
	if err != nil {
		return false, err
	}
	info, err := os.Stat(file)
	if err != nil || info.Size() != size {
		return false, nil
	}
	now := time.Now()
	return true, os.Chtimes(file, now, now)
}

func placeObjects(store, staged *track.Store, report *Report) error {
	objects := filepath.Join(staged.Dir(), "objects")
	return filepath.WalkDir(objects, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		sum := filepath.Base(filepath.Dir(file)) + entry.Name()
		info, err := entry.Info()
		if err != nil {
			return err
		}
		has, err := hasObject(store, sum, info.Size())
		if has || err != nil {
			return err
		}
		target, err := store.ObjectPath(sum)
		if err != nil {
			return err
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(target), 0o755), os.Chmod(file, 0o444)); err != nil {
			return err
		}
		report.Objects++
		report.Bytes += info.Size()
		return os.Rename(file, target)
	})
}

func placeRun(store *track.Store, run track.Run, report *Report) error {
	target := filepath.Join(store.Dir(), "runs", run.ID)
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		if trashed, err := store.TrashedRun(run.ID); err == nil && trashed.ID == run.ID {
			report.say("run %s is in the trash here and was left there: restore it and import again", run.ID)
			return nil
		}
		report.Added = append(report.Added, run.ID)
		return os.Rename(run.Dir(), target)
	} else if err != nil {
		return err
	}
	here, err := store.Run(run.ID)
	if err != nil {
		return err
	}
	files, err := runFiles(run)
	if err != nil {
		return err
	}
	if same, err := sameFiles(run.Dir(), target, files); err != nil {
		return err
	} else if same {
		report.Same++
		return nil
	}
	if here.State == track.Running {
		report.say("run %s is running here and was left alone: import again when it has ended", run.ID)
		return nil
	}
	u := uniting{id: run.ID, staged: run.Dir(), dir: target, damaged: here.State == track.Unreadable, report: report}
	_, _, err = here.Result()
	u.badResult = err != nil
	for _, name := range files {
		if err := u.file(name); err != nil {
			return err
		}
	}
	if u.changed {
		report.United = append(report.United, run.ID)
	} else {
		report.Same++
	}
	return nil
}

// uniting brings a staged run's files into the folder of the same run.
type uniting struct {
	id, staged, dir string
	damaged         bool // the run here cannot be read
	badResult       bool // nor can its result
	changed         bool
	report          *Report
}

func (u *uniting) file(name string) error {
	theirs, ours := filepath.Join(u.staged, filepath.FromSlash(name)), filepath.Join(u.dir, filepath.FromSlash(name))
	relation, err := compareFiles(theirs, ours)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return u.take(theirs, ours)
	case err != nil:
		return err
	case relation == equal:
		return nil
	case isJournal(name) && relation == extends:
		return u.take(theirs, ours)
	case isJournal(name) && relation == begins:
		return nil
	case name == "result.json" && (u.badResult || newerResult(theirs, ours)), name == "run.json" && u.damaged:
		if err := u.keepBeside(ours, name, "the version from here"); err != nil {
			return err
		}
		return u.take(theirs, ours)
	}
	return u.keepBeside(theirs, name, "the other version")
}

func (u *uniting) take(theirs, ours string) error {
	u.changed = true
	if err := os.MkdirAll(filepath.Dir(ours), 0o755); err != nil {
		return err
	}
	return os.Rename(theirs, ours)
}

// keepBeside keeps a file that lost under a name made of its content, so that
// importing it again finds it there.
func (u *uniting) keepBeside(file, name, what string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	beside := fmt.Sprintf("conflict-%.8s-%s", fmt.Sprintf("%x", sha256.Sum256(content)), path.Base(name))
	target := filepath.Join(u.dir, filepath.FromSlash(path.Dir(name)), beside)
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	u.changed = true
	u.report.say("run %s has two versions of %s: %s was kept as %s", u.id, name, what, beside)
	return atomicfile.WriteBytes(target, content)
}

// isJournal names the files that only grow.
func isJournal(name string) bool {
	return strings.HasPrefix(name, "journal-") && strings.HasSuffix(name, ".jsonl")
}

// newerResult says that the first of two results is the newer one.
func newerResult(first, second string) bool {
	finished := func(file string) (t time.Time) {
		var result struct {
			Finished time.Time `json:"finished"`
		}
		if data, err := os.ReadFile(file); err == nil && json.Unmarshal(data, &result) == nil {
			t = result.Finished
		}
		return t
	}
	return finished(first).After(finished(second))
}
