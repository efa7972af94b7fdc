package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxHeader is the format's own limit on the header, in bytes.
const maxHeader = 100_000_000

// File is a parsed header and access to the tensors behind it.
type File struct {
	Metadata map[string]string // strings the writer left under "__metadata__"; may be nil

	entries map[string]entry
	data    io.ReaderAt
}

// entry is where a tensor lies and what it is; offsets count in bytes from the
// end of the header.
type entry struct {
	dtype      DType
	shape      []int
	start, end int64
}

// Read reads the file at path into memory.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	file, err := New(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	data := make([]byte, file.dataLength())
	if _, err := file.data.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("safetensors: read %s: %w", path, err)
	}
	file.data = bytes.NewReader(data)
	return file, nil
}

// New reads the header of a file of size bytes and checks it against size.
// Tensors are read from r when they are asked for, so r must stay open.
func New(r io.ReaderAt, size int64) (*File, error) {
	if size < 8 {
		return nil, fmt.Errorf("safetensors: %d bytes are too few for a header: the file is truncated or of another format", size)
	}
	var prefix [8]byte
	if _, err := r.ReadAt(prefix[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("safetensors: read header length: %w", err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxHeader || int64(length) > size-8 {
		return nil, fmt.Errorf("safetensors: a header of %d bytes does not fit a file of %d bytes: the file is truncated or of another format", length, size)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(r, 8, int64(length)), header); err != nil {
		return nil, fmt.Errorf("safetensors: read header: %w", err)
	}
	from := 8 + int64(length)
	file := &File{entries: map[string]entry{}, data: io.NewSectionReader(r, from, size-from)}
	if err := file.parse(header); err != nil {
		return nil, fmt.Errorf("safetensors: header: %w", err)
	}
	if err := file.checkLayout(size - from); err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return file, nil
}

// Names returns the names of all tensors in increasing order.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.entries)) }

// Has says whether the file holds a tensor of that name.
func (f *File) Has(name string) bool {
	_, ok := f.entries[name]
	return ok
}

// Tensor reads a tensor. Its data is a copy that the caller may change.
func (f *File) Tensor(name string) (Tensor, error) {
	e, ok := f.entries[name]
	if !ok {
		return Tensor{}, fmt.Errorf("safetensors: no tensor %q among the file's %d", name, len(f.entries))
	}
	data := make([]byte, e.end-e.start)
	if _, err := io.ReadFull(io.NewSectionReader(f.data, e.start, e.end-e.start), data); err != nil {
		return Tensor{}, fmt.Errorf("safetensors: read tensor %q: %w", name, err)
	}
	return Tensor{Name: name, DType: e.dtype, Shape: slices.Clone(e.shape), Data: data}, nil
}

// dataLength is the number of bytes after the header.
func (f *File) dataLength() int64 {
	var end int64
	for _, e := range f.entries {
		end = max(end, e.end)
	}
	return end
}

// checkLayout holds the format's rule that tensors cover the length bytes
// after the header without overlaps, holes or remainder.
func (f *File) checkLayout(length int64) error {
	names := f.Names()
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := f.entries[a], f.entries[b]
		if x.start != y.start {
			return int(max(-1, min(1, x.start-y.start)))
		}
		return int(max(-1, min(1, x.end-y.end)))
	})
	var next int64
	for _, name := range names {
		e := f.entries[name]
		size, err := byteLength(e.dtype, e.shape)
		switch {
		case err != nil:
			return fmt.Errorf("tensor %q: %w", name, err)
		case e.start < 0 || e.end < e.start || e.end > length:
			return fmt.Errorf("tensor %q lies at bytes %d to %d of %d: the file is truncated or its header is wrong", name, e.start, e.end, length)
		case int64(size) != e.end-e.start:
			return fmt.Errorf("tensor %q: shape %v of %s takes %d bytes, its offsets span %d", name, e.shape, e.dtype, size, e.end-e.start)
		case e.start < next:
			return fmt.Errorf("tensor %q starts at byte %d inside another that ends at %d", name, e.start, next)
		case e.start > next:
			return fmt.Errorf("bytes %d to %d before tensor %q belong to no tensor", next, e.start, name)
		}
		next = e.end
	}
	if next != length {
		return fmt.Errorf("the last %d bytes belong to no tensor", length-next)
	}
	return nil
}

// parse reads the JSON header token by token: unlike decoding into a map it
// sees names that occur twice.
func (f *File) parse(header []byte) error {
	if !utf8.Valid(header) {
		return errors.New("not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	dec.UseNumber()
	err := readObject(dec, func(name string) error {
		if name == "__metadata__" {
			f.Metadata = map[string]string{}
			return readObject(dec, func(key string) (err error) {
				f.Metadata[key], err = readString(dec)
				return err
			})
		}
		e, err := readEntry(dec)
		f.entries[name] = e
		return err
	})
	if err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func readEntry(dec *json.Decoder) (entry, error) {
	var e entry
	fields := 0
	err := readObject(dec, func(key string) error {
		fields++
		switch key {
		case "dtype":
			dtype, err := readString(dec)
			e.dtype = DType(dtype)
			return err
		case "shape":
			dims, err := readIntegers(dec)
			for _, dim := range dims {
				if dim > math.MaxInt {
					return fmt.Errorf("dimension %d is too large", dim)
				}
				e.shape = append(e.shape, int(dim))
			}
			return err
		case "data_offsets":
			offsets, err := readIntegers(dec)
			if err == nil && len(offsets) != 2 {
				return fmt.Errorf("%d data_offsets, want 2", len(offsets))
			}
			if err == nil {
				e.start, e.end = offsets[0], offsets[1]
			}
			return err
		}
		return fmt.Errorf("unknown key %q", key)
	})
	if err == nil && fields != 3 {
		return e, errors.New("want dtype, shape and data_offsets")
	}
	return e, err
}

// readObject reads an object and calls visit for each key, which must read the
// key's value. A key that occurs twice is an error.
func readObject(dec *json.Decoder, visit func(key string) error) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := readString(dec)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%q occurs twice", key)
		}
		seen[key] = true
		if err := visit(key); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return expect(dec, '}')
}

func readIntegers(dec *json.Decoder) ([]int64, error) {
	if err := expect(dec, '['); err != nil {
		return nil, err
	}
	var out []int64
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%v is not an integer", token)
		}
		n, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s is not a natural number", number)
		}
		out = append(out, n)
	}
	return out, expect(dec, ']')
}

func readString(dec *json.Decoder) (string, error) {
	token, err := dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%v is not a string", token)
	}
	return s, nil
}

func expect(dec *json.Decoder, delim json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != delim {
		return fmt.Errorf("found %v, want %v", token, delim)
	}
	return nil
}
