// Package housekeeping says what a run store's space is spent on and frees what
// nothing needs: runs in the trash, artifacts that no run names, checkpoints of
// keys that are finished, and temporary files of processes that were killed.
//
// It is safe beside processes that write to the store. An artifact counts as
// needed while any file of any run, also of one in the trash, holds its SHA-256;
// what was written in the last hour is never touched, because the file that names
// it may not be written yet.
package housekeeping

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"noisebook/pkg/track"
)

const (
	// youngObject is the age up to which an artifact may still wait for the run
	// that names it.
	youngObject = time.Hour
	// orphanAge is the age from which a temporary file is taken for left behind:
	// writing one artifact may pause for long.
	orphanAge = 24 * time.Hour
)

// object is an artifact's content.
type object struct {
	sum      string
	path     string
	bytes    int64
	modified time.Time
}

// objects lists the content in the store; temporary files are not among it.
func objects(store *track.Store) ([]object, error) {
	var all []object
	root := filepath.Join(store.Dir(), "objects")
	err := walk(root, func(path string, entry fs.DirEntry) error {
		if strings.HasPrefix(entry.Name(), ".") {
			return nil
		}
		sum := filepath.Base(filepath.Dir(path)) + entry.Name()
		if want, err := store.ObjectPath(sum); err != nil || want != path {
			return nil // not ours
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		all = append(all, object{sum: sum, path: path, bytes: info.Size(), modified: info.ModTime()})
		return nil
	})
	return all, err
}

// walk visits the files below root. What vanishes meanwhile is skipped.
func walk(root string, visit func(path string, entry fs.DirEntry) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		if entry.IsDir() {
			return nil
		}
		return visit(path, entry)
	})
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sizeOf is the size of a file or of all files below a folder, and the time of
// the newest change among them.
func sizeOf(root string) (bytes int64, newest time.Time, err error) {
	err = filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		if info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes, newest, err
}
