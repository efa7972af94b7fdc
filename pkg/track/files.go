package track

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// writeFile puts data under path so that readers see the old content or all of
// the new, also after a power cut.
func writeFile(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	return commitFile(temp, path, 0o644, err)
}

// commitFile syncs, closes and renames temp to path, or removes it when err
// is set or any step fails.
func commitFile(temp *os.File, path string, mode os.FileMode, err error) error {
	if err == nil {
		err = temp.Chmod(mode)
	}
	if err == nil {
		err = temp.Sync()
	}
	err = both(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir durable. Filesystems that cannot sync a
// directory (some network mounts) are left alone: the rename itself is atomic.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(data, '\n'))
}

func readJSON(path string, value any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, value); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// readTail returns up to limit bytes from the end of a file and whether the
// first line of them may be cut.
func readTail(path string, limit int64) (data []byte, cut bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	start := max(0, info.Size()-limit)
	data, err = io.ReadAll(io.NewSectionReader(f, start, info.Size()-start))
	return data, start > 0, err
}

// newID returns n random characters of an alphabet without look-alikes; ten of
// them are 50 bits, so two machines' stores can be merged.
func newID(n int) string {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	for i, b := range raw {
		raw[i] = alphabet[b%32]
	}
	return string(raw)
}

// both is errors.Join on one line.
func both(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return fmt.Errorf("%w; %w", first, second)
}

// advise adds what to do about a store that cannot be written.
func advise(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free some space or set NOISEBOOK_STORE to a folder on another disk", err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: the run store cannot be written, set NOISEBOOK_STORE to a folder of your own", err)
	}
	return err
}
