// Package atomicfile writes files that appear whole or not at all.
package atomicfile

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write puts what write writes under path: into a temporary file beside it
// first, which is synced and then renamed. When anything fails, path keeps its
// old content and nothing is left behind. The folder must exist.
func Write(path string, write func(io.Writer) error) (err error) {
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		return errors.Join(err, file.Cleanup())
	}
	return file.CloseAtomicallyReplace()
}

// WriteBytes is Write of content at hand.
func WriteBytes(path string, content []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
