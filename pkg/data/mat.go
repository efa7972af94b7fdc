package data

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// matArray is a numeric array of a MAT file.
type matArray struct {
	shape  []int // the first dimension varies fastest
	kind   uint32
	values []byte // little-endian, of that kind
}

// Types of elements of MAT files of version 5.
const (
	matInt8       = 1
	matUint8      = 2
	matInt16      = 3
	matUint16     = 4
	matInt32      = 5
	matUint32     = 6
	matSingle     = 7
	matDouble     = 9
	matInt64      = 12
	matUint64     = 13
	matMatrix     = 14
	matCompressed = 15
)

// matSizes are the bytes of a value of each numeric type.
var matSizes = map[uint32]int{matInt8: 1, matUint8: 1, matInt16: 2, matUint16: 2, matInt32: 4, matUint32: 4, matSingle: 4,
	matDouble: 8, matInt64: 8, matUint64: 8}

// readMAT reads the numeric arrays of a little-endian MAT file of version 5, by name, and passes over all others: a header of
// 128 bytes, then elements, each a matrix or a zlib stream that holds one. Elements of more than limit bytes are an error.
func readMAT(in io.Reader, limit int64) (map[string]matArray, error) {
	header := make([]byte, 128)
	if _, err := io.ReadFull(in, header); err != nil {
		return nil, errors.New("cut short: a MAT file starts with 128 bytes")
	}
	switch version := binary.LittleEndian.Uint16(header[124:]); {
	case bytes.HasPrefix(header, []byte("MATLAB 7.3")):
		return nil, errors.New("a MAT file of version 7.3; only version 5 is read here")
	case string(header[126:]) != "IM":
		return nil, errors.New("no little-endian MAT file of version 5")
	case version != 0x0100:
		return nil, fmt.Errorf("a MAT file of version %#x; only version 5 (0x100) is read here", version)
	}
	arrays := map[string]matArray{}
	for {
		kind, length, small, err := readMATTag(in)
		if err == io.EOF {
			return arrays, nil
		}
		if err != nil {
			return nil, err
		}
		if small != nil {
			continue // a numeric element outside a matrix
		}
		element := io.LimitReader(in, int64(length))
		switch kind {
		case matMatrix:
			err = addMATArray(arrays, element, limit)
		case matCompressed:
			err = addCompressed(arrays, element, limit)
		}
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.Discard, element); err != nil {
			return nil, err
		}
	}
}

func addCompressed(arrays map[string]matArray, element io.Reader, limit int64) error {
	plain, err := zlib.NewReader(element)
	if err != nil {
		return fmt.Errorf("compressed element: %w", cutShort(err))
	}
	defer plain.Close()
	kind, length, small, err := readMATTag(plain)
	if err == io.EOF {
		err = errors.New("nothing in it")
	}
	if err == nil && kind == matMatrix && small == nil {
		err = addMATArray(arrays, io.LimitReader(plain, int64(length)), limit)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(plain, 8)) // reaches the end, where the stream's checksum is compared
	}
	if err != nil {
		return fmt.Errorf("compressed element: %w", cutShort(err))
	}
	return nil
}

// readMATTag reads the start of an element. Small elements, of at most four bytes, lie in the tag itself.
func readMATTag(in io.Reader) (kind, length uint32, small []byte, err error) {
	var tag [8]byte
	if n, err := io.ReadFull(in, tag[:]); err != nil {
		if n == 0 && err == io.EOF {
			return 0, 0, nil, io.EOF
		}
		return 0, 0, nil, cutShort(err)
	}
	kind, length = binary.LittleEndian.Uint32(tag[:]), binary.LittleEndian.Uint32(tag[4:])
	if kind>>16 != 0 {
		length = kind >> 16
		if length > 4 {
			return 0, 0, nil, fmt.Errorf("a small element of %d bytes; at most 4 fit", length)
		}
		return kind & 0xffff, length, tag[4 : 4+length], nil
	}
	return kind, length, nil, nil
}

// readMATElement reads a numeric element with its padding to 8 bytes.
func readMATElement(in io.Reader, limit int64) (kind uint32, content []byte, err error) {
	kind, length, small, err := readMATTag(in)
	if err == io.EOF {
		err = errors.New("a matrix ends before its parts do")
	}
	if err != nil || small != nil {
		return kind, small, err
	}
	if int64(length) > limit {
		return 0, nil, fmt.Errorf("an element of %d bytes, more than the %d that are read", length, limit)
	}
	var buffer bytes.Buffer
	n, err := buffer.ReadFrom(io.LimitReader(in, int64(length)))
	if err == nil && n < int64(length) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, nil, cutShort(err)
	}
	if padding := -length & 7; padding > 0 {
		if _, err := io.CopyN(io.Discard, in, int64(padding)); err != nil && err != io.EOF { // some writers leave out the last
			return 0, nil, err
		}
	}
	return kind, buffer.Bytes(), nil
}

// addMATArray reads the parts of a matrix: flags with the class, dimensions, name, values.
func addMATArray(arrays map[string]matArray, in io.Reader, limit int64) error {
	_, flags, err := readMATElement(in, limit)
	if err != nil {
		return err
	}
	const firstNumeric, lastNumeric, complexFlag = 6, 15, 0x08
	if len(flags) < 8 || flags[0] < firstNumeric || flags[0] > lastNumeric || flags[1]&complexFlag != 0 {
		return nil // a cell, a structure, text, sparse or complex values
	}
	kind, dimensions, err := readMATElement(in, limit)
	if err != nil {
		return err
	}
	if kind != matInt32 || len(dimensions) < 8 || len(dimensions)%4 != 0 {
		return errors.New("a matrix without dimensions")
	}
	array, size := matArray{}, int64(1)
	for at := 0; at < len(dimensions); at += 4 {
		length := int32(binary.LittleEndian.Uint32(dimensions[at:]))
		if length < 0 || length > 0 && size > limit/int64(length) {
			return errors.New("a matrix of impossible dimensions")
		}
		size *= int64(length)
		array.shape = append(array.shape, int(length))
	}
	_, name, err := readMATElement(in, limit)
	if err != nil {
		return err
	}
	if array.kind, array.values, err = readMATElement(in, limit); err != nil {
		return fmt.Errorf("%.64q: %w", name, err)
	}
	if width, known := matSizes[array.kind]; !known || int64(len(array.values)) != size*int64(width) {
		return fmt.Errorf("%.64q has %d bytes of type %d for the shape %v", name, len(array.values), array.kind, array.shape)
	}
	arrays[string(name)] = array
	return nil
}

// at is value i, in the file's order.
func (a matArray) at(i int) float64 {
	v := a.values[i*matSizes[a.kind]:]
	switch a.kind {
	case matInt8:
		return float64(int8(v[0]))
	case matUint8:
		return float64(v[0])
	case matInt16:
		return float64(int16(binary.LittleEndian.Uint16(v)))
	case matUint16:
		return float64(binary.LittleEndian.Uint16(v))
	case matInt32:
		return float64(int32(binary.LittleEndian.Uint32(v)))
	case matUint32:
		return float64(binary.LittleEndian.Uint32(v))
	case matSingle:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))
	case matInt64:
		return float64(int64(binary.LittleEndian.Uint64(v)))
	case matUint64:
		return float64(binary.LittleEndian.Uint64(v))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v))
}
