package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// readRData reads the one real matrix of an R workspace as save() writes it (decompressed): the magic "RDX2", then R's
// serialization in XDR, big-endian. Values are column-major. More than limit bytes are an error.
func readRData(in io.Reader, limit int64) (rows, columns int, values []float64, err error) {
	content, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return 0, 0, nil, cutShort(err)
	}
	if int64(len(content)) > limit {
		return 0, 0, nil, fmt.Errorf("longer than %d bytes", limit)
	}
	const magic = "RDX2\nX\n"
	if !bytes.HasPrefix(content, []byte(magic)) {
		return 0, 0, nil, errors.New("no R workspace: it does not start with RDX2")
	}
	r := rReader{content: content[len(magic):]}
	const headerInts = 3 // version of the format, of the writer, of the oldest reader
	for range headerInts {
		r.int()
	}
	// A pairlist of tag and value: the variable.
	if kind := r.int() & 0xff; r.err == nil && kind != rPairs {
		return 0, 0, nil, fmt.Errorf("the workspace holds an object of type %d instead of variables", kind)
	}
	r.skip() // the variable's name
	flags := r.int()
	if r.err == nil && flags&0xff != rReal {
		return 0, 0, nil, fmt.Errorf("the first variable has type %d instead of real values", flags&0xff)
	}
	values = r.reals()
	if flags&rHasAttributes != 0 {
		rows, columns = r.dimensions()
	}
	if r.err != nil {
		return 0, 0, nil, r.err
	}
	if rows < 1 || columns < 1 || rows > len(values) || rows*columns != len(values) {
		return 0, 0, nil, fmt.Errorf("%d values are no matrix of %d×%d", len(values), rows, columns)
	}
	return rows, columns, values, nil
}

// Types and flags of R's serialization.
const (
	rSymbol     = 1
	rPairs      = 2
	rCharacters = 9
	rIntegers   = 13
	rReal       = 14
	rEnd        = 254
	rReference  = 255

	rHasAttributes = 1 << 9
	rHasTag        = 1 << 10
)

// rReader reads from the start of content; after its first error it reads zeros.
type rReader struct {
	content []byte
	err     error
}

func (r *rReader) bytes(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.content)) {
		r.err = errors.New("the R workspace is cut short")
	}
	if r.err != nil {
		return nil
	}
	part := r.content[:n]
	r.content = r.content[n:]
	return part
}

func (r *rReader) int() int {
	part := r.bytes(4)
	if part == nil {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(part)))
}

func (r *rReader) reals() []float64 {
	count := r.int()
	part := r.bytes(count * 8)
	if part == nil {
		return nil
	}
	values := make([]float64, count)
	for i := range values {
		values[i] = math.Float64frombits(binary.BigEndian.Uint64(part[8*i:]))
	}
	return values
}

// skip passes over a symbol, a reference to one, or its characters, and returns the text.
func (r *rReader) skip() string {
	switch kind := r.int() & 0xff; kind {
	case rSymbol:
		return r.skip()
	case rCharacters:
		return string(r.bytes(max(r.int(), 0)))
	case rReference:
	default:
		if r.err == nil {
			r.err = fmt.Errorf("an object of type %d where a name should be", kind)
		}
	}
	return ""
}

// dimensions reads attributes up to "dim", which must have two values; nothing behind it matters.
func (r *rReader) dimensions() (rows, columns int) {
	for r.err == nil {
		flags := r.int()
		if flags&0xff != rPairs || flags&rHasTag == 0 {
			break // rEnd, or nothing that is known
		}
		name := r.skip()
		kind := r.int()
		if r.err != nil {
			break
		}
		if kind&0xff != rIntegers || kind&rHasAttributes != 0 {
			r.err = fmt.Errorf("the attribute %.40q stands before dim and has type %d", name, kind&0xff)
			break
		}
		count := r.int()
		if name == "dim" && count == 2 {
			return r.int(), r.int()
		}
		r.bytes(count * 4)
	}
	return 0, 0
}
