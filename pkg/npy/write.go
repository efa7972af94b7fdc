package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"noisebook/pkg/atomicfile"

	npyio "codeberg.org/sbinet/npyio/npy"
)

// Write writes data, in row-major order, as an array of the given shape in
// format version 1, little-endian. The product of shape must be len(data).
func Write[T Element](w io.Writer, shape []int, data []T) error {
	count, err := elements(shape)
	if err != nil {
		return err
	}
	if count != len(data) {
		return fmt.Errorf("npy: shape %v holds %d elements, got %d", shape, count, len(data))
	}
	header, err := encodeHeader(descr[T](), shape)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("npy: writing the header: %w", err)
	}
	for part := range slices.Chunk(data, chunk) { // binary.Write doubles what it is given
		if err := binary.Write(w, binary.LittleEndian, part); err != nil {
			return fmt.Errorf("npy: writing the elements: %w", err)
		}
	}
	return nil
}

// Save writes an array to a file, which appears whole or not at all.
func Save[T Element](path string, shape []int, data []T) error {
	if err := atomicfile.Write(path, func(w io.Writer) error { return Write(w, shape, data) }); err != nil {
		return fmt.Errorf("npy: saving %s: %w", path, err)
	}
	return nil
}

func descr[T Element]() string {
	switch any(*new(T)).(type) {
	case float64:
		return "<f8"
	case float32:
		return "<f4"
	case int64:
		return "<i8"
	default:
		return "|u1"
	}
}

// encodeHeader returns magic, version, length and dictionary, padded so that
// the elements start at a multiple of 64 bytes.
func encodeHeader(descr string, shape []int) ([]byte, error) {
	axes := make([]string, len(shape))
	for i, length := range shape {
		axes[i] = fmt.Sprint(length)
	}
	tuple := strings.Join(axes, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	dictionary := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	const preamble = 10
	dictionary += strings.Repeat(" ", 63-(preamble+len(dictionary))%64) + "\n"
	if len(dictionary) >= headerLimit {
		return nil, fmt.Errorf("npy: a shape of %d axes does not fit the header", len(shape))
	}
	header := append(npyio.Magic[:], 1, 0)
	header = binary.LittleEndian.AppendUint16(header, uint16(len(dictionary)))
	return append(header, dictionary...), nil
}
