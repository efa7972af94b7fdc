package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/track"
)

// ExportOptions choose what an archive holds.
type ExportOptions struct {
	Alone bool // the named runs only, without what they depend on
}

// Summary says what an archive holds.
type Summary struct {
	Runs     []string `json:"runs"` // ids
	Objects  int      `json:"objects"`
	Bytes    int64    `json:"bytes"`   // before compression
	Written  int64    `json:"written"` // the archive's size
	Messages []string `json:"messages,omitempty"`
}

// ExportFile is [Export] to a file, which appears when it is whole.
func ExportFile(ctx context.Context, store *track.Store, file string, ids []string, o ExportOptions) (Summary, error) {
	var summary Summary
	err := atomicfile.Write(file, func(w io.Writer) (err error) {
		summary, err = Export(ctx, store, w, ids, o)
		return err
	})
	if err != nil {
		return Summary{}, fmt.Errorf("export to %s: %w", file, err)
	}
	return summary, nil
}

// Export writes runs, given by their ids or beginnings of them, as an archive:
// with their artifacts and, unless they go alone, with the runs that they depend
// on. Those are the runs that made their inputs, the stages that they used and the
// runs that have them as parent. Of a run that is still recording the archive holds
// what is there. An artifact that was changed on disk is an error.
func Export(ctx context.Context, store *track.Store, w io.Writer, ids []string, o ExportOptions) (Summary, error) {
	runs, messages, err := closure(store, ids, !o.Alone)
	if err != nil {
		return Summary{}, err
	}
	out := &countingWriter{w: w}
	compressed, err := zstd.NewWriter(out)
	if err != nil {
		return Summary{}, err
	}
	e := exporter{ctx: ctx, store: store, tar: tar.NewWriter(compressed), seen: map[string]bool{}}
	e.summary.Messages = messages
	err = e.write(runs)
	if err == nil {
		err = e.tar.Close()
	}
	err = errors.Join(err, compressed.Close())
	e.summary.Written = out.n
	return e.summary, err
}

type exporter struct {
	ctx      context.Context
	store    *track.Store
	tar      *tar.Writer
	manifest manifest
	seen     map[string]bool // objects
	summary  Summary
}

func (e *exporter) write(runs []track.Run) error {
	if err := e.addJSON(headerName, header{Format: format}); err != nil {
		return err
	}
	var objects []object
	for _, run := range runs {
		if err := e.addRun(run); err != nil {
			return err
		}
		// The files are written before they are searched: a run that records on
		// meanwhile names at most more than the archive's copy does.
		named, err := objectsOf(e.store, run)
		if err != nil {
			return err
		}
		has := map[string]bool{}
		for _, o := range named {
			has[o.sum] = true
			if !e.seen[o.sum] {
				e.seen[o.sum] = true
				objects = append(objects, o)
			}
		}
		for _, name := range missingArtifacts(run, func(sum string) bool { return has[sum] }) {
			e.summary.Messages = append(e.summary.Messages, fmt.Sprintf("artifact %s of run %s is missing from the store and from the archive", name, run.ID))
		}
	}
	for _, o := range objects {
		sum, err := e.addFile(objectName(o.sum), o.path)
		if err != nil {
			return err
		}
		if sum != o.sum {
			return fmt.Errorf("artifact %.12s… was changed on disk (SHA-256 %.12s…): recompute the stage that made it", o.sum, sum)
		}
		e.summary.Objects++
	}
	return e.addJSON(manifestName, e.manifest)
}

func (e *exporter) addRun(run track.Run) error {
	files, err := runFiles(run)
	if err != nil {
		return err
	}
	for _, name := range files {
		if _, err := e.addFile(path.Join("runs", run.ID, name), filepath.Join(run.Dir(), filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	if run.State == track.Running {
		e.summary.Messages = append(e.summary.Messages, fmt.Sprintf("run %s is running: the archive holds what it has recorded so far", run.ID))
	}
	e.summary.Runs = append(e.summary.Runs, run.ID)
	return nil
}

// addFile copies as many bytes as the file has now: a journal that grows stays a
// beginning of itself.
func (e *exporter) addFile(name, file string) (sum string, err error) {
	if err := e.ctx.Err(); err != nil {
		return "", err
	}
	if _, _, err := classify(name); err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	if err := e.add(name, info.Size(), io.TeeReader(io.LimitReader(f, info.Size()), hash)); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	sum = hex.EncodeToString(hash.Sum(nil))
	e.manifest.Files = append(e.manifest.Files, manifestFile{Path: name, Bytes: info.Size(), SHA256: sum})
	e.summary.Bytes += info.Size()
	return sum, nil
}

// add writes an entry whose header holds nothing of this machine.
func (e *exporter) add(name string, size int64, content io.Reader) error {
	if err := e.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	n, err := io.Copy(e.tar, content)
	if err == nil && n != size {
		err = errors.New("it has become shorter while it was read")
	}
	return err
}

func (e *exporter) addJSON(name string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return e.add(name, int64(len(data)), bytes.NewReader(data))
}
