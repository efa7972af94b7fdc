package data

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"noisebook/pkg/fetch"
)

// sharedDownloads keeps archives of which several files are made, so that each is downloaded once.
type sharedDownloads struct {
	folder string               // "" before the first download
	whole  map[fetch.URL]string // paths of complete ones
}

func (d *sharedDownloads) remove() {
	if d.folder != "" {
		os.RemoveAll(d.folder)
	}
}

// sharedURL is the address of such an archive.
type sharedURL struct {
	fetch.URL
	downloads *sharedDownloads
}

// Open implements [fetch.Source].
func (u sharedURL) Open(ctx context.Context, scratch string) (io.ReadCloser, int64, error) {
	d := u.downloads
	if path, have := d.whole[u.URL]; have {
		return fetch.Path(path).Open(ctx, scratch)
	}
	body, size, err := u.URL.Open(ctx, scratch)
	if err != nil {
		return nil, 0, err
	}
	if d.folder == "" {
		if d.folder, err = os.MkdirTemp("", "noisebook-data-"); err != nil {
			body.Close()
			return nil, 0, err
		}
		d.whole = map[fetch.URL]string{}
	}
	copied, err := os.Create(filepath.Join(d.folder, strconv.Itoa(len(d.whole))))
	if err != nil {
		body.Close()
		return nil, 0, err
	}
	return &keptBody{ReadCloser: body, copied: copied, whole: func() { d.whole[u.URL] = copied.Name() }}, size, nil
}

// keptBody copies what is read and says when all of it has been. An archive's reader stops at its last file, so that Close
// reads what is left.
type keptBody struct {
	io.ReadCloser
	copied *os.File
	whole  func()
	failed bool
}

func (b *keptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if _, writeErr := b.copied.Write(p[:n]); writeErr != nil {
		b.failed = true // the next file downloads it anew
	}
	if err != nil && err != io.EOF {
		b.failed = true
	}
	return n, err
}

func (b *keptBody) Close() error {
	if !b.failed {
		const rest = 1 << 20 // padding; more is not worth the wait
		n, err := io.Copy(io.Discard, io.LimitReader(b, rest))
		b.failed = b.failed || err != nil || n == rest
	}
	if err := b.copied.Close(); err == nil && !b.failed {
		b.whole()
	}
	return b.ReadCloser.Close()
}
