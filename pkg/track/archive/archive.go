// Package archive moves runs between stores: as one file, or by merging another
// store's folder.
//
// # Format
//
// An archive is a tar stream compressed with Zstandard. Its entries, all regular
// files, are in this order:
//
//	noisebook-archive.json   {"format": 1}
//	runs/<id>/…              the files of each run as they lie in a store
//	objects/ab/cdef…         the artifacts that the runs name, by SHA-256
//	manifest.json            size and SHA-256 of every file between
//
// The manifest comes last so that an archive is written in one pass, also of a run
// that is still recording, and so that a cut archive is known as such.
//
// # Import
//
// What is imported is first written to a folder of its own inside the store and
// verified there: every file against the manifest, every object against its name,
// every run's identity and result. Only then is it moved into place, objects before
// the runs that name them, each run as a whole. Importing the same again changes
// nothing.
//
// Runs have random ids, so two stores hold the same id only when they hold the
// same run: copied and perhaps continued on both sides. Its files are then united,
// see [Import].
package archive

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/track"
)

const (
	format       = 1
	headerName   = "noisebook-archive.json"
	manifestName = "manifest.json"
	// headerLimit and manifestLimit bound what is read into memory.
	headerLimit   = 4 << 10
	manifestLimit = 256 << 20
)

type header struct {
	Format int `json:"format"`
}

type manifest struct {
	Files []manifestFile `json:"files"`
}

type manifestFile struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// entryKind is what an archive's entry is.
type entryKind int

const (
	runEntry entryKind = iota
	objectEntry
)

// classify says what an entry is by its name and refuses every name that a store
// would not have, those that lead out of it among them.
func classify(name string) (kind entryKind, id string, err error) {
	refused := fmt.Errorf("%q is no file of a run store", name)
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00") {
		return 0, "", refused
	}
	parts := strings.Split(name, "/")
	if slices.ContainsFunc(parts, func(part string) bool { return part[0] == '.' }) {
		return 0, "", refused
	}
	switch {
	case parts[0] == "runs" && len(parts) >= 3:
		return runEntry, parts[1], nil
	case parts[0] == "objects" && len(parts) == 3 && len(parts[1]) == 2 && len(parts[2]) == 62 &&
		strings.Trim(parts[1]+parts[2], "0123456789abcdef") == "":
		return objectEntry, parts[1] + parts[2], nil
	}
	return 0, "", refused
}

func objectName(sum string) string { return path.Join("objects", sum[:2], sum[2:]) }

// runFiles lists the files of a run that an archive holds, by their paths inside
// the run's folder. Temporary files and locks stay behind.
func runFiles(run track.Run) ([]string, error) {
	var files []string
	err := filepath.WalkDir(run.Dir(), func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(run.Dir(), file)
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".")
		switch {
		case entry.IsDir() && hidden && name != ".":
			return fs.SkipDir
		case !entry.Type().IsRegular() || hidden || isLocal(entry.Name()):
			return nil
		}
		files = append(files, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", run.ID, err)
	}
	slices.Sort(files)
	return files, nil
}

// isLocal names files that mean something on one machine only.
func isLocal(name string) bool { return name == "lock" }

// object is content that a run names and the store has.
type object struct {
	sum   string
	path  string
	bytes int64
}

// objectsOf lists the content that a run names. What the store does not have is
// left out: most hashes in a run's files are no artifacts'.
func objectsOf(store *track.Store, run track.Run) ([]object, error) {
	sums, err := run.References()
	if err != nil {
		return nil, err
	}
	var objects []object
	for _, sum := range sums {
		file, err := store.ObjectPath(sum)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			objects = append(objects, object{sum: sum, path: file, bytes: info.Size()})
		}
	}
	return objects, nil
}

// missingArtifacts names artifacts of a run's result that has does not know.
func missingArtifacts(run track.Run, has func(sum string) bool) []string {
	_, artifacts, err := run.Result()
	if err != nil {
		return nil // an unfinished run promises none
	}
	var missing []string
	for _, a := range artifacts {
		if !has(a.SHA256) {
			missing = append(missing, a.Name)
		}
	}
	return missing
}

// countingWriter counts what passes.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
