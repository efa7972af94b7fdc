package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is the type of a tensor's elements, spelled as in the file.
type DType string

// The element types that this package converts to and from Go slices. Files
// may hold the format's other types too; their bytes are in [Tensor.Data].
const (
	F16  DType = "F16"
	BF16 DType = "BF16"
	F32  DType = "F32"
	F64  DType = "F64"
	I64  DType = "I64"
	I32  DType = "I32"
	U8   DType = "U8"
)

// itemSizes has the bytes of an element for every type of the format.
var itemSizes = map[DType]int{
	"BOOL": 1, "I8": 1, U8: 1, "F8_E4M3": 1, "F8_E5M2": 1,
	"I16": 2, "U16": 2, F16: 2, BF16: 2,
	I32: 4, "U32": 4, F32: 4,
	I64: 8, "U64": 8, F64: 8,
}

// Tensor is a named array. Data holds its elements little-endian in row-major
// order; a tensor with an empty shape is a scalar and has one element.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// byteLength is the number of bytes that a tensor of this type and shape
// takes, or an error when the type is unknown, a dimension is negative or the
// product overflows.
func byteLength(dtype DType, shape []int) (int, error) {
	n, known := itemSizes[dtype]
	if !known {
		return 0, fmt.Errorf("unknown dtype %q", dtype)
	}
	for _, dim := range shape {
		switch {
		case dim < 0:
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		case dim > 0 && n > math.MaxInt/dim:
			return 0, fmt.Errorf("shape %v has more elements than can be addressed", shape)
		}
		n *= dim
	}
	return n, nil
}

// check reports whether Data has the length that DType and Shape ask for.
func (t Tensor) check() error {
	want, err := byteLength(t.DType, t.Shape)
	if err != nil {
		return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
	}
	if len(t.Data) != want {
		return fmt.Errorf("safetensors: tensor %q: shape %v of %s takes %d bytes, data has %d", t.Name, t.Shape, t.DType, want, len(t.Data))
	}
	return nil
}

// Float32s returns the elements of an F16, BF16 or F32 tensor; widening is
// exact. An F64 tensor is refused rather than rounded: see [Tensor.Float64s].
func (t Tensor) Float32s() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	switch t.DType {
	case F16:
		return decode(t.Data, 2, func(b []byte) float32 { return halfToFloat(binary.LittleEndian.Uint16(b)) }), nil
	case BF16:
		return decode(t.Data, 2, bfloat), nil
	case F32:
		return decode(t.Data, 4, float), nil
	}
	return nil, t.mismatch("float32", F16, BF16, F32)
}

// Float64s returns the elements of a tensor of any floating type; widening is
// exact.
func (t Tensor) Float64s() ([]float64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	switch t.DType {
	case F16:
		return decode(t.Data, 2, func(b []byte) float64 { return float64(halfToFloat(binary.LittleEndian.Uint16(b))) }), nil
	case BF16:
		return decode(t.Data, 2, func(b []byte) float64 { return float64(bfloat(b)) }), nil
	case F32:
		return decode(t.Data, 4, func(b []byte) float64 { return float64(float(b)) }), nil
	case F64:
		return decode(t.Data, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }), nil
	}
	return nil, t.mismatch("float64", F16, BF16, F32, F64)
}

// Int64s returns the elements of an I64, I32 or U8 tensor.
func (t Tensor) Int64s() ([]int64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	switch t.DType {
	case I64:
		return decode(t.Data, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }), nil
	case I32:
		return decode(t.Data, 4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }), nil
	case U8:
		return decode(t.Data, 1, func(b []byte) int64 { return int64(b[0]) }), nil
	}
	return nil, t.mismatch("int64", I64, I32, U8)
}

func (t Tensor) mismatch(want string, accepted ...DType) error {
	return fmt.Errorf("safetensors: tensor %q is %s, which does not read as %s (accepted: %v)", t.Name, t.DType, want, accepted)
}

// FromFloat32s makes an F32 tensor. Here and in its siblings the product of
// shape must be len(values); [Write] and the readers of a tensor refuse it
// otherwise.
func FromFloat32s(name string, shape []int, values []float32) Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Tensor{name, F32, shape, data}
}

// FromFloat16s makes an F16 tensor, each value rounded to the nearest half
// float (ties to even); magnitudes from 65520 up become infinite.
func FromFloat16s(name string, shape []int, values []float32) Tensor {
	data := make([]byte, 0, 2*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint16(data, floatToHalf(v))
	}
	return Tensor{name, F16, shape, data}
}

// FromFloat64s makes an F64 tensor.
func FromFloat64s(name string, shape []int, values []float64) Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return Tensor{name, F64, shape, data}
}

// FromInt64s makes an I64 tensor.
func FromInt64s(name string, shape []int, values []int64) Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return Tensor{name, I64, shape, data}
}

func decode[T any](data []byte, size int, element func([]byte) T) []T {
	out := make([]T, len(data)/size)
	for i := range out {
		out[i] = element(data[i*size : (i+1)*size])
	}
	return out
}

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

func bfloat(b []byte) float32 {
	return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
}
