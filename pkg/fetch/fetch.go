// Package fetch brings files that the project needs onto this machine.
//
// A [File] has an ordered list of [Source]s and the checksum of its content. [Get] asks one source after the other,
// retries what may be temporary, checks the digest while it writes, and moves the finished file into place, so that a
// file under its final name is always complete and always the right one. When nothing helps, the error names each
// source with its reason and says how to supply the file by hand.
package fetch

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Source is one place that a file may come from.
type Source interface {
	// String names the source in messages: an address, a command, a path.
	String() string

	// Open starts reading the file. The folder scratch exists, is empty, belongs to this call and is removed after the
	// reader is closed. Size is the number of bytes to come, -1 if unknown. An error wrapped by [Permanent] says that
	// asking again is useless.
	Open(ctx context.Context, scratch string) (content io.ReadCloser, size int64, err error)
}

// File describes one file: what it is called, what its content is and where it may come from.
type File struct {
	Name    string   // shown to the user
	SHA256  string   // hexadecimal digest of the content as stored, after Decode
	MD5     string   // used where SHA256 is empty: all that some publishers give
	Sources []Source // asked in this order

	// Decode turns what the sources deliver into what is stored, for instance by decompressing it. Nil stores the bytes
	// as they come. It must return the content unchanged when there is nothing to decode.
	Decode func(io.Reader) (io.Reader, error)

	// ByHand ends the error's advice; empty says to put the file at the target's path.
	ByHand string
}

// Event says how far a file is. The first event of each attempt has Done = 0 and says that the source is being asked.
type Event struct {
	File, Source string
	Done, Total  int64 // bytes that the source delivers; Total is -1 if unknown
}

// Progress receives events, from one goroutine at a time and as often as the source is read. Nil ignores them.
type Progress func(Event)

// Report passes an event on, if anybody listens.
func (p Progress) Report(event Event) {
	if p != nil {
		p(event)
	}
}

// Options has a useful zero value.
type Options struct {
	Attempts int           // tries of each source; 0 means 3
	Backoff  time.Duration // wait before the second try, doubled for each later one; 0 means 500 ms
	Progress Progress      // may be nil
}

// Attempt is a source that did not deliver.
type Attempt struct {
	Source string
	Err    error
}

// Error says that no source delivered a file.
type Error struct {
	Name, Target string
	SHA256, MD5  string // one of them is empty
	Attempts     []Attempt
	ByHand       string
}

// Error is one line: each thing tried with its reason, and how to supply the file by hand.
func (e *Error) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "cannot get %s", e.Name)
	for _, attempt := range e.Attempts {
		fmt.Fprintf(&text, "; tried %s: %s", attempt.Source, oneLine(attempt.Err.Error()))
	}
	if e.ByHand != "" {
		fmt.Fprintf(&text, "; %s", e.ByHand)
	} else {
		fmt.Fprintf(&text, "; to supply it by hand, put it at %s", e.Target)
	}
	kind, digest := File{SHA256: e.SHA256, MD5: e.MD5}.checksum()
	fmt.Fprintf(&text, " (%s %s)", kind, digest)
	return text.String()
}

// Unwrap gives the reasons of all attempts.
func (e *Error) Unwrap() []error {
	reasons := make([]error, len(e.Attempts))
	for i, attempt := range e.Attempts {
		reasons[i] = attempt.Err
	}
	return reasons
}

// checksum is the kind and the value of the digest that identifies the content.
func (f File) checksum() (kind, digest string) {
	if f.SHA256 == "" {
		return "md5", f.MD5
	}
	return "sha256", f.SHA256
}

func (f File) hash() hash.Hash {
	if f.SHA256 == "" {
		return md5.New()
	}
	return sha256.New()
}

// ErrChecksum is the reason when a source delivered other content than the one asked for.
var ErrChecksum = errors.New("checksum mismatch")

// Permanent marks an error of a source for which a retry is useless. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Get makes sure that target holds the file's content, asking the sources where it does not. A target that has the right
// digest is left alone.
//
// The error is an [*Error] if no source delivered, the context's error if it ended, else the reason why the target's
// folder cannot be written.
func Get(ctx context.Context, target string, file File, options Options) error {
	if file.Decode == nil {
		file.Decode = func(r io.Reader) (io.Reader, error) { return r, nil }
	}
	_, want := file.checksum()
	if digest, err := hashFile(target, file.hash()); err == nil && digest == want {
		return nil
	}
	folder := filepath.Dir(target)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return unwritable(folder, err)
	}
	removeAbandoned(folder)
	work, err := os.MkdirTemp(folder, workPrefix)
	if err != nil {
		return unwritable(folder, err)
	}
	defer os.RemoveAll(work)

	failure := &Error{Name: file.Name, Target: target, SHA256: file.SHA256, MD5: file.MD5, ByHand: file.ByHand}
	for _, source := range file.Sources {
		err := getFrom(ctx, source, work, target, file, options)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("getting %s from %s: %w", file.Name, source, context.Cause(ctx))
		}
		var write *writeError
		if errors.As(err, &write) {
			return unwritable(folder, write.error)
		}
		failure.Attempts = append(failure.Attempts, Attempt{Source: source.String(), Err: err})
	}
	return failure
}

// workPrefix starts the names of the folders in which downloads are made.
const workPrefix = ".fetch-"

// removeAbandoned removes what killed processes left. Another process may be at work in a folder that is younger.
func removeAbandoned(folder string) {
	const abandonedAfter = 24 * time.Hour
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // making the work folder will say why
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), workPrefix) && time.Since(info.ModTime()) > abandonedAfter {
			os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
	}
}

func getFrom(ctx context.Context, source Source, work, target string, file File, options Options) error {
	attempts, wait := options.Attempts, options.Backoff
	if attempts <= 0 {
		attempts = 3
	}
	if wait <= 0 {
		wait = 500 * time.Millisecond
	}
	for attempt := 1; ; attempt++ {
		err := try(ctx, source, work, target, file, options.Progress)
		var permanent permanentError
		var write *writeError
		if err == nil || ctx.Err() != nil || errors.As(err, &permanent) || errors.As(err, &write) {
			return err
		}
		if attempt == attempts {
			if attempts > 1 {
				err = fmt.Errorf("%w (%d attempts)", err, attempts)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// try asks a source once. What it leaves in work is removed by Get.
func try(ctx context.Context, source Source, work, target string, file File, progress Progress) (err error) {
	event := Event{File: file.Name, Source: source.String(), Total: -1}
	progress.Report(event)
	scratch, err := os.MkdirTemp(work, "source-")
	if err != nil {
		return &writeError{err}
	}
	defer os.RemoveAll(scratch)
	content, size, err := source.Open(ctx, scratch)
	if err != nil {
		return err
	}
	defer content.Close()

	event.Total = size
	counted := &countingReader{Reader: content, report: func(done int64) {
		event.Done = done
		progress.Report(event)
	}}
	decoded, err := file.Decode(counted)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(work, "content-")
	if err != nil {
		return &writeError{err}
	}
	defer os.Remove(out.Name())
	defer out.Close()
	hash := file.hash()
	var start beginning
	if _, err := io.Copy(markedWriter{out}, io.TeeReader(decoded, io.MultiWriter(hash, &start))); err != nil {
		if size >= 0 && counted.done < size && errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("broke off after %d of %d bytes: %w", counted.done, size, err)
		}
		return err
	}
	kind, want := file.checksum()
	if digest := hex.EncodeToString(hash.Sum(nil)); digest != want {
		err := fmt.Errorf("%w: %s %s instead of %s", ErrChecksum, kind, digest, want)
		if start.isWebPage() {
			err = fmt.Errorf("%w; it delivers a web page, such as one that asks to log in or to confirm", err)
		}
		return err
	}
	if err := errors.Join(out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return &writeError{err}
	}
	if err := os.Rename(out.Name(), target); err != nil {
		return &writeError{err}
	}
	return nil
}

// writeError tells a full or read-only disk from a source that fails.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

type markedWriter struct{ io.Writer }

func (w markedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

func unwritable(folder string, err error) error {
	return fmt.Errorf("cannot write to %s: %w; free some space there, or set NOISEBOOK_CACHE to another folder", folder, err)
}

// beginning keeps the first bytes that are written to it.
type beginning struct{ bytes []byte }

func (b *beginning) Write(p []byte) (int, error) {
	const enough = 256
	b.bytes = append(b.bytes, p[:min(len(p), enough-len(b.bytes))]...)
	return len(p), nil
}

func (b *beginning) isWebPage() bool {
	text := bytes.ToLower(bytes.TrimSpace(b.bytes))
	return bytes.HasPrefix(text, []byte("<!doctype html")) || bytes.HasPrefix(text, []byte("<html"))
}

type countingReader struct {
	io.Reader
	done   int64
	report func(done int64)
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.done += int64(n)
		r.report(r.done)
	}
	return n, err
}

// Digest returns the hexadecimal SHA-256 of a file's bytes.
func Digest(path string) (string, error) { return hashFile(path, sha256.New()) }

func hashFile(path string, hash hash.Hash) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if _, err := io.Copy(hash, in); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// CacheDir is the folder for everything that Noisebook downloads: $NOISEBOOK_CACHE, else "noisebook" in the user's cache
// folder. It need not exist.
func CacheDir() (string, error) {
	if folder := os.Getenv("NOISEBOOK_CACHE"); folder != "" {
		return filepath.Abs(folder)
	}
	folder, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w; set NOISEBOOK_CACHE to a folder of your choice", err)
	}
	return filepath.Join(folder, "noisebook"), nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
