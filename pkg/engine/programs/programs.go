// Package programs keeps compiled programs on disk, so that a process loads in
// a fraction of a second what an earlier one has compiled.
//
// It knows files, not compilers: pkg/engine says what a program is and what its
// key must tell apart.
package programs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/fetch"
)

// Variable is the environment variable that moves the cache to another folder,
// or turns it off by the word [Off].
const (
	Variable = "NOISEBOOK_PROGRAM_CACHE"
	Off      = "off"
)

// Limit is how many bytes of programs a cache keeps: about a hundred training
// steps of a UNet.
const Limit = 512 << 20

// extension of a program's file; what else lies in the folder is left alone.
const extension = ".program"

// header begins each file; the SHA-256 of what follows comes after it.
const header = "noisebook program 1\n"

// Key says which program a file holds.
type Key [sha256.Size]byte

// NewKey hashes everything that two programs may differ by.
func NewKey(parts ...[]byte) Key {
	hash := sha256.New()
	for _, part := range parts {
		// Lengths keep ("ab", "c") and ("a", "bc") apart.
		hash.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		hash.Write(part)
	}
	return Key(hash.Sum(nil))
}

// Cache is a folder of programs. Several processes may use it at once.
type Cache struct {
	folder string
	limit  int64
}

// Folder is where programs are kept, "" when the cache is turned off.
func Folder() (string, error) {
	switch value := os.Getenv(Variable); value {
	case Off:
		return "", nil
	case "":
		cache, err := fetch.CacheDir()
		if err != nil {
			return "", fmt.Errorf("programs: %w", err)
		}
		return filepath.Join(cache, "programs"), nil
	default:
		return value, nil
	}
}

// Open makes the folder where it is missing. It returns nil when the cache is turned off.
func Open() (*Cache, error) {
	folder, err := Folder()
	if err != nil || folder == "" {
		return nil, err
	}
	return open(folder, Limit)
}

func open(folder string, limit int64) (*Cache, error) {
	// Programs are code that later processes run: nobody else may write here.
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("programs: %w; set %s to another folder or to %s", err, Variable, Off)
	}
	return &Cache{folder: folder, limit: limit}, nil
}

func (c *Cache) path(key Key) string {
	return filepath.Join(c.folder, fmt.Sprintf("%x", key)+extension)
}

// Load returns a program and marks it as used. A file that is damaged, or not a
// program's, counts as absent.
func (c *Cache) Load(key Key) (code []byte, found bool) {
	path := c.path(key)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	rest, isProgram := bytes.CutPrefix(content, []byte(header))
	if !isProgram || len(rest) < sha256.Size {
		return nil, false
	}
	code = rest[sha256.Size:]
	if sha256.Sum256(code) != [sha256.Size]byte(rest) {
		return nil, false
	}
	now := time.Now()
	// Where the time cannot be set the program is only forgotten earlier.
	_ = os.Chtimes(path, now, now)
	return code, true
}

// Save keeps a program, in place of one that is there, and removes those that
// were not used for longest when the cache exceeds its limit.
func (c *Cache) Save(key Key, code []byte) error {
	digest := sha256.Sum256(code)
	err := atomicfile.Write(c.path(key), func(w io.Writer) error {
		for _, part := range [][]byte{[]byte(header), digest[:], code} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = c.trim()
	}
	if err != nil {
		return fmt.Errorf("programs: %w", err)
	}
	return nil
}

// trim removes the least recently used programs beyond the limit.
func (c *Cache) trim() error {
	kept, err := list(c.folder)
	if err != nil {
		return err
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	total := int64(0)
	for _, file := range kept {
		if total += file.Size(); total <= c.limit {
			continue
		}
		// Another process may have removed it first.
		if err := os.Remove(filepath.Join(c.folder, file.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Usage is how many programs the cache holds, and their bytes.
func Usage() (count int, size int64, err error) {
	folder, err := Folder()
	if err != nil || folder == "" {
		return 0, 0, err
	}
	kept, err := list(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	for _, file := range kept {
		size += file.Size()
	}
	return len(kept), size, err
}

func list(folder string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []fs.FileInfo
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != extension {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		files = append(files, info)
	}
	return files, nil
}
