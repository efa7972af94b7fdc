package pytorch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A pickle's values are nil, bool, int64, float64, string (of text and of
// bytes), tuple, and pointers to the types below.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct{ entries []entry }
	entry struct{ key, value any }

	// global names a class or function. It is never looked up.
	global struct{ module, name string }

	// opaque is what an unknown class or function would have made.
	opaque struct{ maker global }

	// mark is the stack's own, below the items of a container being built.
	mark struct{}
)

// builder turns what a pickle says of PyTorch into values: persistent ids into
// storages, calls of rebuilding functions into tensors. It returns an *opaque
// for what it does not know.
type builder interface {
	persistent(id any) (any, error)
	call(f global, arguments tuple) (any, error)
}

// unpickler is the stack machine of Python's pickle module, protocols 2 to 5,
// for data (https://docs.python.org/3/library/pickletools.html). Its memory is
// bounded by a multiple of the pickle's length: every operation takes a byte
// and adds at most a constant and the bytes of its own argument.
type unpickler struct {
	data    []byte
	at      int
	stack   []any
	memo    map[uint32]any
	builder builder
}

// unpickle reads one pickle from the start of data and returns its value and
// its length in bytes.
func unpickle(data []byte, b builder) (value any, length int, err error) {
	u := unpickler{data: data, memo: map[uint32]any{}, builder: b}
	for {
		start := u.at
		operation, err := u.byte()
		if err == nil {
			if operation == '.' {
				value, err = u.pop()
				if err == nil {
					return value, u.at, nil
				}
			} else {
				err = u.step(operation)
			}
		}
		if err != nil {
			return nil, 0, fmt.Errorf("pickle, byte %d: %w", start, err)
		}
	}
}

var errShort = errors.New("the data end early: the file is truncated")

func (u *unpickler) bytes(n uint64) ([]byte, error) {
	if n > uint64(len(u.data)-u.at) {
		return nil, errShort
	}
	part := u.data[u.at : u.at+int(n)]
	u.at += int(n)
	return part, nil
}

func (u *unpickler) byte() (byte, error) {
	b, err := u.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// number reads an unsigned little-endian number of 1, 2, 4 or 8 bytes.
func (u *unpickler) number(size int) (uint64, error) {
	b, err := u.bytes(uint64(size))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

func (u *unpickler) line() (string, error) {
	n := bytes.IndexByte(u.data[u.at:], '\n')
	if n < 0 {
		return "", errShort
	}
	text := string(u.data[u.at : u.at+n])
	u.at += n + 1
	return text, nil
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

var errEmpty = errors.New("the stack is empty: the file is damaged")

// top returns the last value, which is left on the stack.
func (u *unpickler) top() (any, error) {
	if len(u.stack) == 0 {
		return nil, errEmpty
	}
	v := u.stack[len(u.stack)-1]
	if _, ok := v.(mark); ok {
		return nil, errEmpty
	}
	return v, nil
}

func (u *unpickler) pop() (any, error) {
	v, err := u.top()
	if err == nil {
		u.stack = u.stack[:len(u.stack)-1]
	}
	return v, err
}

// popN returns the last n values as a new tuple.
func (u *unpickler) popN(n int) (tuple, error) {
	values := make(tuple, n)
	for i := n - 1; i >= 0; i-- {
		v, err := u.pop()
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// popMarked returns a copy of the values above the last mark, which goes too.
func (u *unpickler) popMarked() (tuple, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(mark); ok {
			values := append(tuple(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return values, nil
		}
	}
	return nil, errEmpty
}

// step carries out one operation other than the end.
func (u *unpickler) step(operation byte) error {
	switch operation {
	case 0x80: // PROTO
		version, err := u.byte()
		if err == nil && (version < 2 || version > 5) {
			err = fmt.Errorf("protocol %d is not read; protocols 2 to 5 are", version)
		}
		return err
	case 0x95: // FRAME, which only helps reading ahead
		_, err := u.bytes(8)
		return err
	case '(':
		u.push(mark{})
	case '0': // POP, also of a mark
		if len(u.stack) == 0 {
			return errEmpty
		}
		u.stack = u.stack[:len(u.stack)-1]
	case '1': // POP_MARK
		_, err := u.popMarked()
		return err
	case '2': // DUP
		v, err := u.top()
		if err != nil {
			return err
		}
		u.push(v)
	case 'N':
		u.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		u.push(operation == 0x88)
	case 'K', 'M', 'J', 0x8a, 0x8b, 'G':
		return u.stepNumber(operation)
	case 'X', 0x8c, 0x8d, 'U', 'T', 'B', 'C', 0x8e:
		return u.stepText(operation)
	case ')', 't', 0x85, 0x86, 0x87, ']', 'l', 'a', 'e', '}', 'd', 's', 'u', 0x8f, 0x90, 0x91:
		return u.stepContainer(operation)
	case 'q', 'r', 0x94, 'h', 'j':
		return u.stepMemo(operation)
	case 'c', 0x93, 'R', 0x81, 'b', 'Q':
		return u.stepObject(operation)
	default:
		return fmt.Errorf("operation %#02x is not read: the file is damaged or no state dict", operation)
	}
	return nil
}

func (u *unpickler) stepNumber(operation byte) error {
	switch operation {
	case 'K', 'M', 'J': // BININT1, BININT2, BININT
		v, err := u.number(map[byte]int{'K': 1, 'M': 2, 'J': 4}[operation])
		if operation == 'J' {
			v = uint64(int64(int32(v)))
		}
		u.push(int64(v))
		return err
	case 'G': // BINFLOAT, the one big-endian number
		b, err := u.bytes(8)
		if err != nil {
			return err
		}
		u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		return nil
	}
	size, err := u.number(map[byte]int{0x8a: 1, 0x8b: 4}[operation]) // LONG1, LONG4
	if err != nil {
		return err
	}
	b, err := u.bytes(size)
	if err != nil {
		return err
	}
	if len(b) > 8 { // no size or offset: the legacy magic number, say
		u.push(string(b))
		return nil
	}
	var v int64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	if n := uint(len(b)); n > 0 { // two's complement
		v = v << (64 - 8*n) >> (64 - 8*n)
	}
	u.push(v)
	return nil
}

func (u *unpickler) stepText(operation byte) error {
	width := 1 // SHORT_BINUNICODE, SHORT_BINSTRING, SHORT_BINBYTES
	switch operation {
	case 'X', 'T', 'B': // BINUNICODE, BINSTRING, BINBYTES
		width = 4
	case 0x8d, 0x8e: // BINUNICODE8, BINBYTES8
		width = 8
	}
	n, err := u.number(width)
	if err != nil {
		return err
	}
	b, err := u.bytes(n)
	if err != nil {
		return err
	}
	u.push(string(b))
	return nil
}

func (u *unpickler) stepContainer(operation byte) error {
	switch operation {
	case ')':
		u.push(tuple{})
		return nil
	case 0x85, 0x86, 0x87: // TUPLE1, TUPLE2, TUPLE3
		values, err := u.popN(int(operation) - 0x84)
		u.push(values)
		return err
	case ']', 0x8f: // EMPTY_LIST, EMPTY_SET
		u.push(&list{})
		return nil
	case '}':
		u.push(&dict{})
		return nil
	case 'a': // APPEND
		value, err := u.pop()
		if err != nil {
			return err
		}
		return u.extend(tuple{value})
	case 's': // SETITEM
		pair, err := u.popN(2)
		if err != nil {
			return err
		}
		return u.setItems(pair)
	}
	values, err := u.popMarked()
	if err != nil {
		return err
	}
	switch operation {
	case 't':
		u.push(values)
	case 'l', 0x91: // LIST, FROZENSET
		u.push(&list{values})
	case 'd': // DICT
		u.push(&dict{})
		return u.setItems(values)
	case 'u': // SETITEMS
		return u.setItems(values)
	default: // APPENDS, ADDITEMS
		return u.extend(values)
	}
	return nil
}

// extend adds to the list on top of the stack.
func (u *unpickler) extend(values tuple) error {
	v, err := u.top()
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *list:
		v.items = append(v.items, values...)
	case *opaque: // an unknown class that is a list
	default:
		return fmt.Errorf("items for %T, which is no list: the file is damaged", v)
	}
	return nil
}

// setItems adds keys and values, in turn, to the dictionary on top of the stack.
func (u *unpickler) setItems(values tuple) error {
	v, err := u.top()
	if err != nil {
		return err
	}
	if len(values)%2 != 0 {
		return errors.New("a key without a value: the file is damaged")
	}
	switch v := v.(type) {
	case *dict:
		for i := 0; i < len(values); i += 2 {
			v.entries = append(v.entries, entry{values[i], values[i+1]})
		}
	case *opaque: // an unknown class that is a dictionary
	default:
		return fmt.Errorf("items for %T, which is no dictionary: the file is damaged", v)
	}
	return nil
}

func (u *unpickler) stepMemo(operation byte) error {
	key := uint64(len(u.memo)) // MEMOIZE
	if operation != 0x94 {
		size := 1 // BINPUT, BINGET
		if operation == 'r' || operation == 'j' {
			size = 4 // LONG_BINPUT, LONG_BINGET
		}
		var err error
		if key, err = u.number(size); err != nil {
			return err
		}
	}
	if operation == 'h' || operation == 'j' {
		v, ok := u.memo[uint32(key)]
		if !ok {
			return fmt.Errorf("value %d is used before it is kept: the file is damaged", key)
		}
		u.push(v)
		return nil
	}
	v, err := u.top()
	if err != nil {
		return err
	}
	u.memo[uint32(key)] = v
	return nil
}

func (u *unpickler) stepObject(operation byte) error {
	switch operation {
	case 'c': // GLOBAL
		module, err := u.line()
		if err != nil {
			return err
		}
		name, err := u.line()
		if err != nil {
			return err
		}
		u.push(global{module, name})
		return nil
	case 'Q': // BINPERSID
		id, err := u.pop()
		if err != nil {
			return err
		}
		v, err := u.builder.persistent(id)
		if err != nil {
			return err
		}
		u.push(v)
		return nil
	}
	values, err := u.popN(2)
	if err != nil {
		return err
	}
	switch operation {
	case 0x93: // STACK_GLOBAL
		module, ok1 := values[0].(string)
		name, ok2 := values[1].(string)
		if !ok1 || !ok2 {
			return errors.New("a class without a name: the file is damaged")
		}
		u.push(global{module, name})
	case 'R', 0x81: // REDUCE, NEWOBJ
		f, ok1 := values[0].(global)
		arguments, ok2 := values[1].(tuple)
		if !ok1 || !ok2 {
			if _, unknown := values[0].(*opaque); unknown && ok2 {
				u.push(values[0])
				return nil
			}
			return errors.New("a call of something that is no function: the file is damaged")
		}
		v, err := u.builder.call(f, arguments)
		if err != nil {
			return err
		}
		u.push(v)
	case 'b': // BUILD sets attributes, of which none matters here
		u.push(values[0])
	}
	return nil
}
