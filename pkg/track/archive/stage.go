package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"noisebook/pkg/track"
)

// stageStore copies into dir what another store has and this one does not, and
// verifies the copies. What is damaged there is left out with a message.
func stageStore(ctx context.Context, store *track.Store, source, dir string, report *Report) error {
	other, err := openOther(store, source)
	if err != nil {
		return err
	}
	runs, err := other.Runs()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	s := stager{store: store, other: other, root: root, report: report}
	for _, run := range runs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := verifyRun(run); err != nil {
			report.say("run %s is damaged in %s and was left out: %v", run.ID, source, err)
			continue
		}
		if err := s.run(run); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return nil
}

// openOther opens another store without creating one.
func openOther(store *track.Store, source string) (*track.Store, error) {
	dir := source
	if _, err := os.Stat(filepath.Join(dir, "store.json")); err != nil {
		dir = filepath.Join(source, ".noisebook")
		if _, err := os.Stat(filepath.Join(dir, "store.json")); err != nil {
			return nil, errors.New("there is no run store in this folder (no store.json)")
		}
	}
	there, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	here, err := os.Stat(store.Dir())
	if err != nil {
		return nil, err
	}
	if os.SameFile(there, here) {
		return nil, errors.New("this is the store itself")
	}
	return track.Open(dir)
}

type stager struct {
	store, other *track.Store
	root         *os.Root
	report       *Report
}

// run stages a run that the store does not have in the same state, and the
// objects that it lacks.
func (s *stager) run(run track.Run) error {
	objects, err := objectsOf(s.other, run)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := s.object(run, o); err != nil {
			return err
		}
	}
	for _, name := range missingArtifacts(run, s.has) {
		s.report.say("artifact %s of run %s is missing or damaged in the other store", name, run.ID)
	}
	files, err := runFiles(run)
	if err != nil {
		return err
	}
	same, err := sameFiles(run.Dir(), filepath.Join(s.store.Dir(), "runs", run.ID), files)
	if err != nil {
		return err
	}
	if same {
		s.report.Same++
		return nil
	}
	if run.State == track.Running {
		s.report.say("run %s is running in the other store: what it has recorded so far was taken", run.ID)
	}
	for _, name := range files {
		target := path.Join("runs", run.ID, name)
		if _, _, err := classify(target); err != nil {
			return err
		}
		if _, _, err := s.copy(target, filepath.Join(run.Dir(), filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func (s *stager) object(run track.Run, o object) error {
	if has, err := hasObject(s.store, o.sum, o.bytes); has || err != nil {
		return err
	}
	name := objectName(o.sum)
	if _, err := s.root.Stat(name); err == nil {
		return nil
	}
	sum, _, err := s.copy(name, o.path)
	if err != nil {
		return err
	}
	if sum != o.sum {
		s.report.say("artifact %.12s… of run %s was changed on disk in the other store and was left out", o.sum, run.ID)
		return s.root.Remove(name)
	}
	return nil
}

// has says that the store has an object already or will have it.
func (s *stager) has(sum string) bool {
	if _, err := s.root.Stat(objectName(sum)); err == nil {
		return true
	}
	file, err := s.store.ObjectPath(sum)
	if err != nil {
		return false
	}
	_, err = os.Stat(file)
	return err == nil
}

func (s *stager) copy(name, file string) (sum string, n int64, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	if err := s.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return "", 0, err
	}
	return copyHashed(s.root, name, in)
}

// sameFiles says that there holds all the named files just as here does.
func sameFiles(here, there string, files []string) (bool, error) {
	for _, name := range files {
		relation, err := compareFiles(filepath.Join(here, filepath.FromSlash(name)), filepath.Join(there, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if relation != equal {
			return false, nil
		}
	}
	return true, nil
}

// relation is how two files' contents stand to each other.
type relation int

const (
	equal   relation = iota
	begins           // the first is the beginning of the second
	extends          // the first continues the second
	differs
)

func compareFiles(first, second string) (relation, error) {
	a, err := os.Open(first)
	if err != nil {
		return differs, err
	}
	defer a.Close()
	b, err := os.Open(second)
	if err != nil {
		return differs, err
	}
	defer b.Close()
	bufferA, bufferB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufferA)
		m, errB := io.ReadFull(b, bufferB)
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return differs, err
			}
		}
		common := min(n, m)
		switch {
		case !bytes.Equal(bufferA[:common], bufferB[:common]):
			return differs, nil
		case n < m:
			return begins, nil
		case n > m:
			return extends, nil
		case n < len(bufferA):
			return equal, nil
		}
	}
}
