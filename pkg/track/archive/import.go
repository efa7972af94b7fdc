package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"noisebook/pkg/track"
)

// Report says what an import did.
type Report struct {
	Added    []string `json:"added,omitempty"`  // runs that the store did not have
	United   []string `json:"united,omitempty"` // runs that both sides had and that have more now
	Same     int      `json:"same"`             // runs that both sides had alike
	Objects  int      `json:"objects"`          // artifacts that the store did not have
	Bytes    int64    `json:"bytes"`            // of those
	Messages []string `json:"messages,omitempty"`
}

func (r *Report) say(format string, args ...any) {
	r.Messages = append(r.Messages, fmt.Sprintf(format, args...))
}

// Import brings in the runs of an archive or of another store's folder. All is
// verified before anything is placed; an archive that is damaged, cut, of another
// format or that holds a name leading out of the store is refused whole. Of another
// store, what is damaged there is left out and named in the report's messages.
//
// A run that both sides have is united: files that one side has are kept, of two
// versions of a journal the longer when it continues the other, of two results the
// newer. Anything else that differs stays as it is here, and the other side's
// version lies beside it as conflict-<hash>-<name>. A run that is running here, or
// is in the trash here, is left alone and named in the messages.
func Import(ctx context.Context, store *track.Store, source string) (Report, error) {
	report, err := importFrom(ctx, store, source)
	if err != nil {
		return Report{}, fmt.Errorf("import %s: %w", source, err)
	}
	return report, nil
}

func importFrom(ctx context.Context, store *track.Store, source string) (report Report, err error) {
	info, err := os.Stat(source)
	if err != nil {
		return report, errors.Unwrap(err)
	}
	unlock, err := store.LockForHousekeeping(ctx)
	if err != nil {
		return report, err
	}
	defer unlock()
	dir, err := os.MkdirTemp(store.Dir(), ".import-*")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if info.IsDir() {
		err = stageStore(ctx, store, source, dir, &report)
	} else {
		err = stageArchive(ctx, source, dir)
	}
	if err != nil {
		return report, err
	}
	if err := ctx.Err(); err != nil {
		return report, err
	}
	staged, err := track.Open(dir)
	if err != nil {
		return report, err
	}
	return report, place(store, staged, &report)
}

// stageArchive unpacks an archive and verifies all of it.
func stageArchive(ctx context.Context, file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := extract(ctx, f, root); err != nil {
		return err
	}
	staged, err := track.Open(dir)
	if err != nil {
		return err
	}
	runs, err := staged.Runs()
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := verifyRun(run); err != nil {
			return fmt.Errorf("damaged: run %s: %w", run.ID, err)
		}
	}
	return nil
}

// verifyRun checks that a run's own files agree with each other.
func verifyRun(run track.Run) error {
	if run.State == track.Unreadable {
		return errors.New(run.Error)
	}
	data, err := os.ReadFile(filepath.Join(run.Dir(), "run.json"))
	if err != nil {
		return err
	}
	var identity struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(data, &identity); err != nil {
		return err
	}
	if identity.ID != run.ID {
		return fmt.Errorf("its folder is named %s and its run.json %s", run.ID, identity.ID)
	}
	if _, err := os.Stat(filepath.Join(run.Dir(), "result.json")); err != nil {
		return nil // it has no result
	}
	_, _, err = run.Result()
	return err
}
