package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"

	"github.com/klauspost/compress/zstd"
)

// errCut is what an archive that ends early is.
var errCut = errors.New("the archive is cut short: copy or export it again")

// extract writes an archive's files below a folder and verifies them. Nothing is
// written outside the folder; what was written when it fails is for the caller to
// remove.
func extract(ctx context.Context, r io.Reader, dir *os.Root) error {
	compressed, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return err
	}
	defer compressed.Close()
	x := extractor{ctx: ctx, tar: tar.NewReader(compressed), dir: dir, files: map[string]manifestFile{}}
	if err := x.extract(); err != nil {
		return readError(err)
	}
	// What follows the manifest must be the end; reading to it also checks the
	// frame's own checksum.
	if _, err := x.tar.Next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errors.New("damaged: something follows its manifest")
		}
		return readError(err)
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(compressed, manifestLimit)); err != nil {
		return readError(err)
	} else if n == manifestLimit {
		return errors.New("damaged: something follows its end")
	}
	return nil
}

// readError says in a user's words what the decompressor and the tar reader say.
func readError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errCut
	case errors.Is(err, zstd.ErrMagicMismatch), errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("no archive of noisebook: %w", err)
	case errors.Is(err, zstd.ErrCRCMismatch):
		return fmt.Errorf("damaged: %w", err)
	}
	return err
}

type extractor struct {
	ctx   context.Context
	tar   *tar.Reader
	dir   *os.Root
	files map[string]manifestFile
}

// extract reads up to and with the manifest.
func (x *extractor) extract() error {
	var head header
	name, _, err := x.next()
	switch {
	case err != nil:
		return err
	case name != headerName:
		return fmt.Errorf("no archive of noisebook: it begins with %q", name)
	}
	if err := x.json(&head, headerLimit); err != nil {
		return fmt.Errorf("damaged: %s: %w", name, err)
	}
	if head.Format != format {
		return fmt.Errorf("the archive has format %d and this program reads %d: update noisebook", head.Format, format)
	}
	for {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		name, size, err := x.next()
		if err != nil {
			return err
		}
		if name == manifestName {
			var m manifest
			if err := x.json(&m, manifestLimit); err != nil {
				return fmt.Errorf("damaged: %s: %w", name, err)
			}
			return x.check(m)
		}
		if err := x.file(name, size); err != nil {
			return err
		}
	}
}

// next goes to the next entry, which must be a regular file.
func (x *extractor) next() (name string, size int64, err error) {
	entry, err := x.tar.Next()
	if err != nil {
		return "", 0, err
	}
	if entry.Typeflag != tar.TypeReg {
		return "", 0, fmt.Errorf("refused: %q is not a regular file", entry.Name)
	}
	return entry.Name, entry.Size, nil
}

func (x *extractor) json(value any, limit int64) error {
	data, err := io.ReadAll(io.LimitReader(x.tar, limit+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > limit {
		return fmt.Errorf("larger than %d bytes", limit)
	}
	return json.Unmarshal(data, value)
}

func (x *extractor) file(name string, size int64) error {
	kind, sum, err := classify(name)
	if err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	if _, twice := x.files[name]; twice {
		return fmt.Errorf("damaged: it holds %s twice", name)
	}
	if err := x.dir.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	got, n, err := copyHashed(x.dir, name, x.tar)
	if err != nil {
		return err
	}
	if n != size {
		return errCut
	}
	if kind == objectEntry && got != sum {
		return fmt.Errorf("damaged: artifact %.12s… has the SHA-256 %.12s…", sum, got)
	}
	x.files[name] = manifestFile{Path: name, Bytes: n, SHA256: got}
	return nil
}

// check holds what was read against the manifest.
func (x *extractor) check(m manifest) error {
	unlisted := maps.Clone(x.files)
	for _, want := range m.Files {
		got, ok := unlisted[want.Path]
		switch {
		case !ok:
			return fmt.Errorf("damaged: %q is missing", want.Path)
		case got != want:
			return fmt.Errorf("damaged: %s has the SHA-256 %.12s…, want %.12s…", want.Path, got.SHA256, want.SHA256)
		}
		delete(unlisted, want.Path)
	}
	for name := range unlisted {
		return fmt.Errorf("damaged: %s is not in its manifest", name)
	}
	return nil
}

// copyHashed writes a new file below dir, durably.
func copyHashed(dir *os.Root, name string, content io.Reader) (sum string, n int64, err error) {
	file, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	n, err = io.Copy(io.MultiWriter(file, hash), content)
	if err == nil {
		err = file.Sync()
	}
	return hex.EncodeToString(hash.Sum(nil)), n, errors.Join(err, file.Close())
}
