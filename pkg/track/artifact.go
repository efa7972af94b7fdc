package track

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// Artifact is a file in the store, named by the SHA-256 of its content. It may
// be a field of a stage's result; [Store.Path] finds the file again.
type Artifact struct {
	Name      string `json:"name"`
	SHA256    string `json:"sha256"`
	MediaType string `json:"media_type,omitempty"`
	Bytes     int64  `json:"bytes"`
}

// Path returns where the artifact's content lies. The file is read-only and
// must stay so. An artifact that is missing or has another size is an error.
func (s *Store) Path(a Artifact) (string, error) {
	if len(a.SHA256) != 2*sha256.Size || strings.Trim(a.SHA256, "0123456789abcdef") != "" {
		return "", fmt.Errorf("track: artifact %q has no valid SHA-256 (%q)", a.Name, a.SHA256)
	}
	path := s.objectPath(a.SHA256)
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("track: artifact %q is missing from the store: %w", a.Name, err)
	}
	if info.Size() != a.Bytes {
		return "", fmt.Errorf("track: artifact %q has %d bytes on disk, want %d: it was changed; recompute its stage", a.Name, info.Size(), a.Bytes)
	}
	return path, nil
}

// Verify reads the artifact's content and compares its SHA-256. A file that was
// verified by this process and not touched since is not read again.
func (s *Store) Verify(a Artifact) error {
	path, err := s.Path(a)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("track: artifact %q: %w", a.Name, err)
	}
	if seen, ok := s.verified.Load(a.SHA256); ok && seen.(time.Time).Equal(info.ModTime()) {
		return nil
	}
	sum, err := hashFile(path)
	if err != nil {
		return fmt.Errorf("track: artifact %q: %w", a.Name, err)
	}
	if sum != a.SHA256 {
		return fmt.Errorf("track: artifact %q was changed on disk (SHA-256 %.12s…, want %.12s…); recompute its stage", a.Name, sum, a.SHA256)
	}
	s.verified.Store(a.SHA256, info.ModTime())
	return nil
}

// save writes content to a temporary name while hashing it, then moves it to
// the place its hash names.
func (s *Store) save(name string, write func(io.Writer) error) (Artifact, error) {
	fail := func(err error) (Artifact, error) {
		return Artifact{}, fmt.Errorf("track: cannot store artifact %q: %w", name, err)
	}
	objects := filepath.Join(s.dir, "objects")
	if err := os.MkdirAll(objects, 0o755); err != nil {
		return fail(err)
	}
	temp, err := os.CreateTemp(objects, ".tmp-*")
	if err != nil {
		return fail(err)
	}
	hash := sha256.New()
	counted := &countingWriter{w: io.MultiWriter(temp, hash)}
	buffered := bufio.NewWriterSize(counted, 1<<16)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	artifact := Artifact{Name: name, SHA256: sum, MediaType: mediaType(name), Bytes: counted.n}
	path := s.objectPath(sum)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err := commitFile(temp, path, 0o444, err); err != nil {
		return fail(err)
	}
	return artifact, nil
}

func (s *Store) objectPath(sum string) string {
	return filepath.Join(s.dir, "objects", sum[:2], sum[2:])
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// mediaType names the content by the file's extension. The table is our own so
// that the same artifact is recorded alike on every machine.
func mediaType(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png":
		return "image/png"
	case ".svg":
		return "image/svg+xml"
	case ".csv":
		return "text/csv"
	case ".json":
		return "application/json"
	case ".txt", ".log", ".diff", ".go":
		return "text/plain"
	case ".html":
		return "text/html"
	}
	return "application/octet-stream"
}

// artifactsIn collects the artifacts inside a stage's result, also those it
// passes on from an earlier stage, so that a hit can check that all are there.
func artifactsIn(value any) []Artifact {
	var found []Artifact
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		if !v.IsValid() {
			return
		}
		if v.Type() == reflect.TypeFor[Artifact]() {
			if a := v.Interface().(Artifact); a.SHA256 != "" {
				found = append(found, a)
			}
			return
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		case reflect.Slice, reflect.Array:
			if holdsNoArtifact(v.Type().Elem().Kind()) {
				return
			}
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				walk(it.Value())
			}
		}
	}
	walk(reflect.ValueOf(value))
	return found
}

// holdsNoArtifact lets the walk skip large slices of numbers and strings.
func holdsNoArtifact(k reflect.Kind) bool { return k <= reflect.Complex128 || k == reflect.String }
