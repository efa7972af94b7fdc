package pytorch

import (
	"errors"
	"fmt"
	"io"
	"math"

	"noisebook/pkg/safetensors"
)

// storageTypes maps the names of PyTorch's storages, without "Storage", to element types.
var storageTypes = map[string]safetensors.DType{
	"Float": safetensors.F32, "Double": safetensors.F64, "Half": safetensors.F16, "BFloat16": safetensors.BF16,
	"Long": safetensors.I64, "Int": safetensors.I32, "Byte": safetensors.U8,
	"Short": "I16", "Char": "I8", "Bool": "BOOL",
}

// itemSizes are the bytes of an element.
var itemSizes = map[safetensors.DType]int{
	safetensors.F32: 4, safetensors.F64: 8, safetensors.F16: 2, safetensors.BF16: 2,
	safetensors.I64: 8, safetensors.I32: 4, safetensors.U8: 1,
	"I16": 2, "I8": 1, "BOOL": 1,
}

// storage is a run of elements in the file that tensors are views of.
type storage struct {
	key      string
	dtype    safetensors.DType
	elements int
	data     io.ReaderAt // from its first element; nil until it is found
}

// check refuses a storage of more elements than there are bytes for.
func (s *storage) check(available int64) error {
	if int64(s.elements) > available/int64(itemSizes[s.dtype]) {
		return fmt.Errorf("storage %.80q claims %d elements of %s, %d bytes are there: the file is truncated", s.key, s.elements, s.dtype, available)
	}
	return nil
}

// tensor is a strided view of a storage.
type tensor struct {
	storage       *storage
	offset        int // of the first element
	shape, stride []int
	count         int // elements
}

// newTensor makes a tensor of (storage, offset, shape, stride, …).
func newTensor(arguments tuple) (*tensor, error) {
	if len(arguments) < 4 {
		return nil, errors.New("a tensor without storage, offset, shape or stride: the file is damaged")
	}
	s, ok1 := arguments[0].(*storage)
	offset, ok2 := arguments[1].(int64)
	shape, ok3 := integers(arguments[2])
	stride, ok4 := integers(arguments[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) {
		return nil, errors.New("a tensor without storage, offset, shape or stride: the file is damaged")
	}
	t := &tensor{storage: s, offset: int(offset), shape: shape, stride: stride, count: 1}
	for _, n := range shape {
		if n == 0 {
			t.count = 0
		}
	}
	if offset < 0 || offset > int64(s.elements) {
		return nil, t.outside()
	}
	last := t.offset
	for i, n := range shape {
		if n < 0 || stride[i] < 0 {
			return nil, t.outside()
		}
		if t.count == 0 || n == 1 {
			continue
		}
		// Fewer elements than the storage has: a view that repeats some, made by
		// expand, would let a small file ask for any amount of memory.
		if t.count > s.elements/n {
			return nil, fmt.Errorf("a tensor of shape %v over %d elements repeats them; save a copy made by clone()", shape, s.elements)
		}
		t.count *= n
		if stride[i] > (s.elements-last)/(n-1) {
			return nil, t.outside()
		}
		last += stride[i] * (n - 1)
	}
	if t.count > 0 && last >= s.elements {
		return nil, t.outside()
	}
	return t, nil
}

func (t *tensor) outside() error {
	return fmt.Errorf("a tensor of shape %v and stride %v at %d lies outside its storage of %d elements: the file is damaged",
		t.shape, t.stride, t.offset, t.storage.elements)
}

func integers(value any) ([]int, bool) {
	values, ok := value.(tuple)
	if !ok || len(values) > maxAxes {
		return nil, false
	}
	out := make([]int, len(values))
	for i, v := range values {
		n, ok := v.(int64)
		if !ok || n > math.MaxInt {
			return nil, false
		}
		out[i] = int(n)
	}
	return out, true
}

// maxAxes is NumPy's limit on the axes of an array, beyond what PyTorch prints.
const maxAxes = 64

// read copies the elements in row-major order.
func (t *tensor) read() ([]byte, error) {
	size := itemSizes[t.storage.dtype]
	if t.count == 0 {
		return nil, nil
	}
	last := 0
	for i, n := range t.shape {
		last += t.stride[i] * (n - 1)
	}
	span := make([]byte, (last+1)*size)
	if _, err := io.ReadFull(io.NewSectionReader(t.storage.data, int64(t.offset*size), int64(len(span))), span); err != nil {
		return nil, err
	}
	if t.contiguous() {
		return span, nil
	}
	data := make([]byte, 0, t.count*size)
	index := make([]int, len(t.shape))
	at := 0
	for range t.count {
		data = append(data, span[at*size:(at+1)*size]...)
		for axis := len(index) - 1; axis >= 0; axis-- {
			index[axis]++
			at += t.stride[axis]
			if index[axis] < t.shape[axis] {
				break
			}
			at -= index[axis] * t.stride[axis]
			index[axis] = 0
		}
	}
	return data, nil
}

// contiguous says whether the elements lie in row-major order without gaps.
func (t *tensor) contiguous() bool {
	want := 1
	for axis := len(t.shape) - 1; axis >= 0; axis-- {
		if t.shape[axis] != 1 && t.stride[axis] != want {
			return false
		}
		want *= t.shape[axis]
	}
	return true
}
