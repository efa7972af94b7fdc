package track

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Dir is the run's folder.
func (r Run) Dir() string { return r.dir }

// ObjectPath is where content with a SHA-256, given in hexadecimal, lies or would
// lie; see [Store.Path] for an artifact's content.
func (s *Store) ObjectPath(sum string) (string, error) {
	if !validHash(sum) {
		return "", fmt.Errorf("track: %q is no SHA-256", sum)
	}
	return s.objectPath(sum), nil
}

// References returns every SHA-256 that stands anywhere in the run's files, in
// order: its artifacts, whatever kind of event or field names them, and hashes
// that are no artifacts' at all. What this version of the program does not know
// about thus keeps its content.
func (r Run) References() ([]string, error) {
	found := map[string]bool{}
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return scanHashes(file, func(sum []byte) { found[string(sum)] = true })
	})
	if err != nil {
		return nil, fmt.Errorf("track: run %s: %w", r.ID, err)
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// hashDigits is the length of a SHA-256 in hexadecimal.
const hashDigits = 2 * sha256.Size

var isHexDigit = func() (table [256]bool) {
	for _, c := range []byte("0123456789abcdef") {
		table[c] = true
	}
	return table
}()

func validHash(text string) bool {
	if len(text) != hashDigits {
		return false
	}
	for i := range len(text) {
		if !isHexDigit[text[i]] {
			return false
		}
	}
	return true
}

// scanBuffers spares a collection, which reads every file of the store, most of
// its allocations.
var scanBuffers = sync.Pool{New: func() any {
	buffer := make([]byte, 256<<10)
	return &buffer
}}

// scanHashes finds the runs of exactly 64 hexadecimal digits. It looks at every
// 64th byte and back from there, so that a long journal costs little more than
// reading it.
func scanHashes(r io.Reader, found func(sum []byte)) error {
	buffer := *scanBuffers.Get().(*[]byte)
	defer scanBuffers.Put(&buffer)
	held := 0 // bytes at the start of the buffer that are not decided yet
	for {
		n, err := io.ReadFull(r, buffer[held:])
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return err
		}
		data := buffer[:held+n]
		pos := 0
		for pos+hashDigits <= len(data) {
			back := pos + hashDigits - 1
			for back >= pos && isHexDigit[data[back]] {
				back--
			}
			if back >= pos {
				pos = back + 1
				continue
			}
			end := pos + hashDigits
			for end < len(data) && isHexDigit[data[end]] {
				end++
			}
			if end == len(data) && !last {
				break
			}
			if end-pos == hashDigits {
				found(data[pos:end])
			}
			pos = end
		}
		if last {
			return nil
		}
		// One digit more than a hash has tells the next round that a run is too long.
		pos = max(pos, len(data)-hashDigits-1)
		held = copy(buffer, data[pos:])
	}
}
