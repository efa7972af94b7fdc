package npy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	npyio "codeberg.org/sbinet/npyio/npy"
)

// headerLimit bounds the header's length in bytes. NumPy's are 118 bytes; the
// format would allow 4 GiB.
const headerLimit = 1 << 16

// Open reads the one array that the file holds. Bytes after it are an error.
func Open(path string) (*Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	defer file.Close()
	size := int64(unknownSize)
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	r := bufio.NewReader(file)
	array, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: npy: more bytes than shape %v of %s needs; save one array a file", path, array.shape, array.Type())
	}
	return array, nil
}

// Header is what a file says of its array before the elements.
type Header struct {
	Shape []int
	Type  string // as [Array.Type]; NumPy's own name where such elements are not read
}

// ReadHeader reads the start of a file.
func ReadHeader(path string) (Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return Header{}, fmt.Errorf("npy: %w", err)
	}
	defer file.Close()
	h, err := describe(file)
	if err != nil {
		return Header{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

func describe(r io.Reader) (Header, error) {
	header, _, err := readHeader(r)
	if err != nil {
		return Header{}, err
	}
	h := Header{Shape: header.Descr.Shape, Type: strings.Trim(header.Descr.Type, "'")}
	switch strings.TrimLeft(h.Type, "<>|") {
	case "f8":
		h.Type = "float64"
	case "f4":
		h.Type = "float32"
	case "i8", "i4", "u4", "i2", "u2", "i1":
		h.Type = "int64"
	case "u1", "b1":
		h.Type = "uint8"
	}
	return h, nil
}

// Read reads one array from r and nothing behind it.
func Read(r io.Reader) (*Array, error) { return read(r, unknownSize) }

// unknownSize stands for the size of what is no file.
const unknownSize = -1

// read reads one array from the start of size bytes; where the size is known, a
// shape that needs more is refused before its elements are read.
func read(r io.Reader, size int64) (*Array, error) {
	header, length, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	count, err := elements(header.Descr.Shape)
	if err != nil {
		return nil, err
	}
	array := &Array{shape: header.Descr.Shape}
	var order binary.ByteOrder = binary.LittleEndian
	descr := header.Descr.Type
	if len(descr) == 5 && descr[1] == '>' {
		order = binary.BigEndian
	}
	left := int64(unknownSize)
	if size != unknownSize {
		left = size - length
	}
	switch descr {
	case "'<f8'", "'>f8'":
		array.data, err = readElements(r, count, 8, left, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) })
	case "'<f4'", "'>f4'":
		array.data, err = readElements(r, count, 4, left, func(b []byte) float32 { return math.Float32frombits(order.Uint32(b)) })
	case "'<i8'", "'>i8'":
		array.data, err = readElements(r, count, 8, left, func(b []byte) int64 { return int64(order.Uint64(b)) })
	case "'<i4'", "'>i4'":
		array.data, err = readElements(r, count, 4, left, func(b []byte) int64 { return int64(int32(order.Uint32(b))) })
	case "'<u4'", "'>u4'":
		array.data, err = readElements(r, count, 4, left, func(b []byte) int64 { return int64(order.Uint32(b)) })
	case "'<i2'", "'>i2'":
		array.data, err = readElements(r, count, 2, left, func(b []byte) int64 { return int64(int16(order.Uint16(b))) })
	case "'<u2'", "'>u2'":
		array.data, err = readElements(r, count, 2, left, func(b []byte) int64 { return int64(order.Uint16(b)) })
	case "'|i1'":
		array.data, err = readElements(r, count, 1, left, func(b []byte) int64 { return int64(int8(b[0])) })
	case "'|u1'", "'|b1'":
		array.data, err = readElements(r, count, 1, left, func(b []byte) uint8 { return b[0] })
	default:
		return nil, fmt.Errorf("npy: element type %s is not read; convert it with astype to float64, float32, int64 or uint8", descr)
	}
	if err != nil {
		return nil, fmt.Errorf("npy: reading shape %v of %s: %w", array.shape, descr, err)
	}
	if header.Descr.Fortran {
		array.toRowMajor()
	}
	return array, nil
}

// readHeader parses the preamble and the dictionary of an array. The bytes are
// bounded before npyio sees them, because it trusts the length they state, and
// its panics on a malformed dictionary become errors. It returns how many bytes
// they are.
func readHeader(r io.Reader) (header npyio.Header, length int64, err error) {
	preamble := make([]byte, 8)
	if _, err := io.ReadFull(r, preamble); err != nil {
		return header, 0, fmt.Errorf("npy: too short for a header: %w", eofIsUnexpected(err))
	}
	if !bytes.Equal(preamble[:6], npyio.Magic[:]) {
		return header, 0, errors.New("npy: not a .npy file: the magic bytes are missing")
	}
	var width int
	switch major := preamble[6]; major {
	case 1:
		width = 2
	case 2:
		width = 4
	default:
		return header, 0, fmt.Errorf("npy: format version %d is not read; versions 1 and 2 are", major)
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(r, size[:width]); err != nil {
		return header, 0, fmt.Errorf("npy: too short for a header: %w", eofIsUnexpected(err))
	}
	claimed := binary.LittleEndian.Uint32(size)
	if claimed > headerLimit {
		return header, 0, fmt.Errorf("npy: the header claims %d bytes, more than the %d that any array needs; the file is corrupt", claimed, headerLimit)
	}
	dictionary := make([]byte, claimed)
	if _, err := io.ReadFull(r, dictionary); err != nil {
		return header, 0, fmt.Errorf("npy: too short for a header of %d bytes: %w", claimed, eofIsUnexpected(err))
	}

	defer func() {
		if recover() != nil {
			err = fmt.Errorf("npy: the header %.80q is not a dictionary of descr, fortran_order and shape; the file is corrupt", dictionary)
		}
	}()
	parsed, err := npyio.NewReader(io.MultiReader(bytes.NewReader(preamble), bytes.NewReader(size[:width]), bytes.NewReader(dictionary)))
	if err != nil {
		return header, 0, fmt.Errorf("npy: the header %.80q: %w", dictionary, err)
	}
	return parsed.Header, int64(len(preamble) + width + len(dictionary)), nil
}

// elements is the product of the axes, refused when negative or beyond int.
func elements(shape []int) (int, error) {
	count := 1
	for _, length := range shape {
		if length < 0 {
			return 0, fmt.Errorf("npy: shape %v has a negative axis; the file is corrupt", shape)
		}
		if length > 0 && count > math.MaxInt/8/length {
			return 0, fmt.Errorf("npy: shape %v has too many elements; the file is corrupt", shape)
		}
		count *= length
	}
	return count, nil
}

// readElements decodes count elements of size bytes each. With the number of
// bytes left in the file they are refused if there are fewer, and read straight
// into place; without, memory grows with what arrives. Either way a shape that
// lies costs no memory.
func readElements[T Element](r io.Reader, count, size int, left int64, decode func([]byte) T) ([]T, error) {
	need := int64(count) * int64(size)
	if left != unknownSize && left < need {
		return nil, fmt.Errorf("%d bytes of elements, want %d: %w", left, need, io.ErrUnexpectedEOF)
	}
	room := count
	if left == unknownSize {
		room = min(count, chunk)
	}
	data := make([]T, 0, room)
	buffer := make([]byte, size*min(count, chunk))
	for len(data) < count {
		part := buffer[:size*min(count-len(data), chunk)]
		if n, err := io.ReadFull(r, part); err != nil {
			return nil, fmt.Errorf("%d bytes of elements, want %d: %w", len(data)*size+n, need, eofIsUnexpected(err))
		}
		for ; len(part) > 0; part = part[size:] {
			data = append(data, decode(part))
		}
	}
	return data, nil
}

// chunk is how many elements are decoded at a time.
const chunk = 1 << 14

// toRowMajor reorders elements that were stored with the first axis fastest.
func (a *Array) toRowMajor() {
	switch data := a.data.(type) {
	case []float64:
		a.data = rowMajor(data, a.shape)
	case []float32:
		a.data = rowMajor(data, a.shape)
	case []int64:
		a.data = rowMajor(data, a.shape)
	case []uint8:
		a.data = rowMajor(data, a.shape)
	}
}

func rowMajor[T Element](columnMajor []T, shape []int) []T {
	out := make([]T, len(columnMajor))
	index := make([]int, len(shape))
	for i := range out {
		from, stride := 0, 1
		for axis, length := range shape {
			from += index[axis] * stride
			stride *= length
		}
		out[i] = columnMajor[from]
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return out
}

func eofIsUnexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
