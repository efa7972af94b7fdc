package npy

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"noisebook/pkg/atomicfile"
)

// Archive is an open .npz file: a zip of .npy arrays by name, as numpy.savez
// and numpy.savez_compressed write it.
type Archive struct {
	path    string
	file    *os.File
	size    int64 // of the file
	entries map[string]*zip.File
	names   []string
}

// OpenArchive opens an .npz file. Close it after use.
func OpenArchive(path string) (*Archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("npz: %w", err), file.Close())
	}
	a, err := readArchive(file, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	a.path, a.file = path, file
	return a, nil
}

func readArchive(r io.ReaderAt, size int64) (*Archive, error) {
	reader, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	a := &Archive{size: size, entries: map[string]*zip.File{}}
	for _, entry := range reader.File {
		name, isArray := strings.CutSuffix(entry.Name, ".npy")
		if !isArray {
			continue
		}
		if a.entries[name] != nil {
			return nil, fmt.Errorf("npz: two arrays are called %q; the file is corrupt", name)
		}
		a.entries[name] = entry
		a.names = append(a.names, name)
	}
	return a, nil
}

// Names lists the arrays in the file's order.
func (a *Archive) Names() []string { return slices.Clone(a.names) }

// Read reads one array. What it allocates is bounded by the bytes that the
// entry really inflates to.
func (a *Archive) Read(name string) (*Array, error) {
	entry, ok := a.entries[name]
	if !ok {
		return nil, fmt.Errorf("%s: npz: no array %q; there are %s", a.path, name, strings.Join(a.names, ", "))
	}
	array, err := readEntry(entry, a.size)
	if err != nil {
		return nil, fmt.Errorf("%s: array %q: %w", a.path, name, err)
	}
	return array, nil
}

// Header reads the start of one array.
func (a *Archive) Header(name string) (Header, error) {
	entry, ok := a.entries[name]
	if !ok {
		return Header{}, fmt.Errorf("%s: npz: no array %q; there are %s", a.path, name, strings.Join(a.names, ", "))
	}
	content, err := entry.Open()
	if err != nil {
		return Header{}, fmt.Errorf("%s: npz: %w", a.path, err)
	}
	defer content.Close()
	h, err := describe(content)
	if err != nil {
		return Header{}, fmt.Errorf("%s: array %q: %w", a.path, name, err)
	}
	return h, nil
}

func readEntry(entry *zip.File, fileSize int64) (array *Array, err error) {
	content, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	r := bufio.NewReader(content)
	if err := plausible(entry, fileSize); err != nil {
		return nil, err
	}
	if array, err = read(r, int64(entry.UncompressedSize64)); err != nil {
		return nil, err
	}
	switch _, err := r.ReadByte(); { // reading to the end checks the checksum too
	case err == nil:
		return nil, fmt.Errorf("npy: more bytes than shape %v of %s needs", array.shape, array.Type())
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("npz: %w", err)
	}
	return array, nil
}

// plausible refuses an entry that claims more bytes than the file has, or to
// inflate to more than deflate can make of them, so that its size can be believed.
func plausible(entry *zip.File, fileSize int64) error {
	const most = 1032 // bytes from one
	if entry.CompressedSize64 > uint64(fileSize) || entry.UncompressedSize64/most > entry.CompressedSize64 {
		return fmt.Errorf("npz: %d bytes of a file of %d cannot inflate to the %d that the file claims; it is corrupt",
			entry.CompressedSize64, fileSize, entry.UncompressedSize64)
	}
	return nil
}

// Close closes the file; arrays that were read stay valid.
func (a *Archive) Close() error { return a.file.Close() }

// ArchiveWriter takes the arrays of an .npz file in turn.
type ArchiveWriter struct {
	zip   *zip.Writer
	names map[string]bool
}

// SaveArchive writes an .npz file, compressed as by numpy.savez_compressed,
// from the arrays that add adds. It appears whole or not at all.
func SaveArchive(path string, add func(*ArchiveWriter) error) error {
	if err := atomicfile.Write(path, func(w io.Writer) error { return WriteArchive(w, add) }); err != nil {
		return fmt.Errorf("npz: saving %s: %w", path, err)
	}
	return nil
}

// WriteArchive writes what [SaveArchive] puts into a file. Equal arrays give equal bytes.
func WriteArchive(w io.Writer, add func(*ArchiveWriter) error) error {
	archive := &ArchiveWriter{zip: zip.NewWriter(w), names: map[string]bool{}}
	archive.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed) // features hardly compress
	})
	return errors.Join(add(archive), archive.zip.Close())
}

// AddArray adds an array under a name of its own, as Write writes it.
func AddArray[T Element](a *ArchiveWriter, name string, shape []int, data []T) error {
	if name == "" || a.names[name] {
		return fmt.Errorf("npz: array name %q is empty or taken", name)
	}
	a.names[name] = true
	w, err := a.zip.Create(name + ".npy")
	if err != nil {
		return fmt.Errorf("npz: %w", err)
	}
	return Write(w, shape, data)
}
