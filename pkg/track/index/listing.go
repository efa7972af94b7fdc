package index

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"noisebook/pkg/track"
)

// listing is the store's runs and when their folders changed.
type listing struct {
	folders []folder
	err     error
}

type folder struct {
	id      string
	changed int64 // nanoseconds; 0 is no folder
}

func listRuns(store *track.Store) listing {
	dir, err := os.Open(filepath.Join(store.Dir(), "runs"))
	if errors.Is(err, fs.ErrNotExist) {
		return listing{}
	}
	if err != nil {
		return listing{err: err}
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1) // unsorted, and each is looked at below anyway
	if err != nil {
		return listing{err: err}
	}
	folders := make([]folder, len(names))
	var group sync.WaitGroup
	for w := range scanWorkers {
		group.Go(func() {
			for i := w; i < len(names); i += scanWorkers {
				if strings.HasPrefix(names[i], ".") {
					continue
				}
				if info, err := os.Lstat(store.RunDir(names[i])); err == nil && info.IsDir() {
					folders[i] = folder{names[i], info.ModTime().UnixNano()}
				}
			}
		})
	}
	group.Wait()
	kept := folders[:0]
	for _, f := range folders {
		if f.id != "" {
			kept = append(kept, f)
		}
	}
	return listing{folders: kept}
}
