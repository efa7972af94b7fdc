package safetensors

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"noisebook/pkg/atomicfile"
)

// Write writes tensors and metadata (which may be nil) to path: to a temporary
// file beside it first, synced and then renamed, so that path holds either the
// old content or all of the new.
func Write(path string, tensors []Tensor, metadata map[string]string) error {
	if err := atomicfile.Write(path, func(w io.Writer) error { return Encode(w, tensors, metadata) }); err != nil {
		return fmt.Errorf("safetensors: write %s: %w", path, err)
	}
	return nil
}

// Encode writes the format to w. Tensors lie by size of element, the largest
// first, then by name: each is aligned to its elements, and equal contents
// give equal bytes whatever the order of the argument.
func Encode(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(itemSizes[b.DType], itemSizes[a.DType]), cmp.Compare(a.Name, b.Name))
	})
	header, err := encodeHeader(tensors, metadata)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(header)))
	out.Write(length[:]) // bufio.Writer keeps the first error for Flush
	out.Write(header)
	for _, t := range tensors {
		out.Write(t.Data)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("safetensors: write: %w", err)
	}
	return nil
}

// encodeHeader returns the JSON header, padded with spaces to a multiple of 8
// bytes, of tensors that lie in the given order.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	type tensorEntry struct {
		DType   DType  `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	entries := map[string]any{}
	if len(metadata) > 0 {
		for key, value := range metadata {
			if !utf8.ValidString(key) || !utf8.ValidString(value) {
				return nil, fmt.Errorf("safetensors: metadata %q: %q is not valid UTF-8", key, value)
			}
		}
		entries["__metadata__"] = metadata
	}
	offset := 0
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return nil, err
		}
		if !utf8.ValidString(t.Name) || t.Name == "__metadata__" {
			return nil, fmt.Errorf("safetensors: %q cannot be the name of a tensor", t.Name)
		}
		if _, taken := entries[t.Name]; taken {
			return nil, fmt.Errorf("safetensors: two tensors are named %q", t.Name)
		}
		shape := append([]int{}, t.Shape...) // a scalar's shape is [], not null
		entries[t.Name] = tensorEntry{t.DType, shape, [2]int{offset, offset + len(t.Data)}}
		offset += len(t.Data)
	}
	header, err := json.Marshal(entries)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	for len(header)%8 != 0 {
		header = append(header, ' ')
	}
	if len(header) > maxHeader {
		return nil, fmt.Errorf("safetensors: a header of %d bytes is above the format's limit of %d", len(header), maxHeader)
	}
	return header, nil
}
