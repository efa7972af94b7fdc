package data

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// idxArray is an array of bytes as an IDX file holds it.
type idxArray struct {
	shape  []int
	values []uint8 // row-major, shared with the content it was decoded from
}

const (
	idxUnsignedByte  = 0x08
	idxMaxDimensions = 4
)

// decodeIDX decodes the content of an IDX file, the format of MNIST: two zero bytes, the type of the elements (only 0x08,
// unsigned byte), the number of dimensions (1 to 4), each dimension as a big-endian uint32, and the elements. The content
// must end where the elements do.
func decodeIDX(content []byte) (idxArray, error) {
	if len(content) < 4 {
		return idxArray{}, fmt.Errorf("cut short: %d bytes, an IDX file has at least 8", len(content))
	}
	if content[0] != 0 || content[1] != 0 {
		return idxArray{}, fmt.Errorf("no IDX file: it starts with %#x instead of two zero bytes", content[:2])
	}
	if content[2] != idxUnsignedByte {
		return idxArray{}, fmt.Errorf("IDX elements of type %#02x; only unsigned bytes (0x08) are read here", content[2])
	}
	dimensions := int(content[3])
	if dimensions < 1 || dimensions > idxMaxDimensions {
		return idxArray{}, fmt.Errorf("IDX file of %d dimensions; 1 to %d are read here", dimensions, idxMaxDimensions)
	}
	header := 4 + 4*dimensions
	if len(content) < header {
		return idxArray{}, errors.New("cut short in the IDX header")
	}
	array := idxArray{shape: make([]int, dimensions), values: content[header:]}
	size := uint64(1)
	for i := range array.shape {
		length := binary.BigEndian.Uint32(content[4+4*i:])
		array.shape[i] = int(length)
		// Below 2^32 × 2^31 nothing overflows, and no file is that large.
		if size *= uint64(length); size > 1<<31 {
			return idxArray{}, fmt.Errorf("the IDX header announces a shape of more than %d elements", size)
		}
	}
	if size != uint64(len(array.values)) {
		return idxArray{}, fmt.Errorf("the IDX header announces %d elements of shape %v, but %d follow", size, array.shape,
			len(array.values))
	}
	return array, nil
}
