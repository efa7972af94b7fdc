package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// raw assembles a file from a header and its data, both unchecked.
func raw(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

func open(content []byte) (*File, error) {
	return New(bytes.NewReader(content), int64(len(content)))
}

func TestCorruptFilesAreRefused(t *testing.T) {
	valid := raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
	if _, err := open(valid); err != nil {
		t.Fatalf("the file that the cases corrupt: %v", err)
	}
	cases := []struct {
		name    string
		content []byte
		want    string // part of the error
	}{
		{"empty", nil, "too few"},
		{"prefix cut", valid[:5], "too few"},
		{"header cut", valid[:20], "does not fit"},
		{"data cut", valid[:len(valid)-1], "truncated"},
		{"header length overflows", append(bytes.Repeat([]byte{0xff}, 8), valid[8:]...), "does not fit"},
		{"header above the limit", binary.LittleEndian.AppendUint64(nil, maxHeader+1), "does not fit"},
		{"not JSON", raw("hello", 0), "header"},
		{"array", raw("[]", 0), "want {"},
		{"object cut", raw(`{"a":`, 0), "header"},
		{"two objects", raw(`{}{}`, 0), "follows"},
		{"not UTF-8", raw("{\"\xff\":1}", 0), "UTF-8"},
		{"bytes after the last tensor", raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 9), "belong to no tensor"},
		{"bytes without tensors", raw(`{}`, 4), "belong to no tensor"},
		{"hole", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), "belong to no tensor"},
		{"overlap", raw(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), "inside another"},
		{"offsets reversed", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1), "lies at bytes"},
		{"offset negative", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, 1), "natural"},
		{"offset beyond int64", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,99999999999999999999]}}`, 1), "natural"},
		{"one offset", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 1), "want 2"},
		{"shape larger than data", raw(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "span 8"},
		{"shape overflows", raw(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), "more elements"},
		{"shape overflows to the size of the data", raw(`{"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}}`, 8), "more elements"},
		{"negative dimension", raw(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1), "natural"},
		{"fractional dimension", raw(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1), "natural"},
		{"null dimension", raw(`{"a":{"dtype":"U8","shape":[null],"data_offsets":[0,0]}}`, 0), "integer"},
		{"unknown type", raw(`{"a":{"dtype":"F128","shape":[1],"data_offsets":[0,16]}}`, 16), "F128"},
		{"type missing", raw(`{"a":{"shape":[1],"data_offsets":[0,1]}}`, 1), "want dtype"},
		{"unknown key", raw(`{"a":{"dtype":"U8","shape":[1],"offsets":[0,1]}}`, 1), "unknown key"},
		{"key twice", raw(`{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 1), "twice"},
		{"name twice", raw(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "twice"},
		{"metadata not strings", raw(`{"__metadata__":{"n":1}}`, 0), "not a string"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(c.content)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			path := filepath.Join(t.TempDir(), "x.safetensors")
			if err := os.WriteFile(path, c.content, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("Read: error %v, want one that names the file", err)
			}
		})
	}
}

func TestReadsTypes(t *testing.T) {
	file, err := open(append(raw(`{"half":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},`+
		`"brain":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]},`+
		`"int":{"dtype":"I32","shape":[1,1],"data_offsets":[8,12]},`+
		`"byte":{"dtype":"U8","shape":[2],"data_offsets":[12,14]},`+
		`"none":{"dtype":"F64","shape":[2,0],"data_offsets":[14,14]},`+
		`"scalar":{"dtype":"F32","shape":[],"data_offsets":[14,18]}}  `, 0),
		0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, // 1, -2, 2^-24
		0x40, 0xbf, // -0.75
		0xfe, 0xff, 0xff, 0xff, // -2
		7, 255,
		0, 0, 0x80, 0x3f, // 1
	))
	if err != nil {
		t.Fatal(err)
	}
	floats := map[string][]float32{"half": {1, -2, 1.0 / (1 << 24)}, "brain": {-0.75}, "scalar": {1}}
	for name, want := range floats {
		tensor, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensor.Float32s()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
		wide, err := tensor.Float64s()
		if err != nil || len(wide) != len(want) || wide[0] != float64(want[0]) {
			t.Errorf("%s as float64: %v (%v), want %v", name, wide, err, want)
		}
		if _, err := tensor.Int64s(); err == nil {
			t.Errorf("%s reads as integers", name)
		}
	}
	integers := map[string][]int64{"int": {-2}, "byte": {7, 255}}
	for name, want := range integers {
		tensor, err := file.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensor.Int64s()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v", name, got, err, want)
		}
		if _, err := tensor.Float32s(); err == nil {
			t.Errorf("%s reads as floats", name)
		}
	}
	none, err := file.Tensor("none")
	if err != nil || !slices.Equal(none.Shape, []int{2, 0}) || len(none.Data) != 0 {
		t.Errorf("none: %+v (%v)", none, err)
	}
	if _, err := none.Float32s(); err == nil {
		t.Error("an F64 tensor was narrowed to float32")
	}
	if _, err := file.Tensor("absent"); err == nil || file.Has("absent") {
		t.Error("a tensor that is not there was found")
	}
}

// TestRoundTrip writes random tensors of random shapes in random order and
// wants each of them back bit for bit.
func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 40 {
		var tensors []Tensor
		for i := range rng.IntN(6) {
			var shape []int
			n := 1
			for range rng.IntN(4) {
				dim := rng.IntN(5)
				shape = append(shape, dim)
				n *= dim
			}
			name := fmt.Sprintf("block/%d.\"<ü>\"", i)
			switch rng.IntN(4) {
			case 0:
				tensors = append(tensors, FromFloat32s(name, shape, fill(n, func() float32 { return math.Float32frombits(rng.Uint32()) })))
			case 1:
				tensors = append(tensors, FromFloat64s(name, shape, fill(n, func() float64 { return math.Float64frombits(rng.Uint64()) })))
			case 2:
				tensors = append(tensors, FromInt64s(name, shape, fill(n, rng.Int64)))
			case 3:
				tensors = append(tensors, FromFloat16s(name, shape, fill(n, func() float32 { return float32(rng.NormFloat64()) })))
			}
		}
		var metadata map[string]string
		if trial%2 == 0 {
			metadata = map[string]string{"step": fmt.Sprint(trial), "note": "a\nb"}
		}
		path := filepath.Join(t.TempDir(), "x.safetensors")
		if err := Write(path, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		file, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(file.Metadata, metadata) {
			t.Errorf("metadata %v, want %v", file.Metadata, metadata)
		}
		if len(file.Names()) != len(tensors) {
			t.Errorf("%d tensors, want %d", len(file.Names()), len(tensors))
		}
		for _, want := range tensors {
			got, err := file.Tensor(want.Name)
			if err != nil || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
				t.Fatalf("%+v (%v), want %+v", got, err, want)
			}
		}
		shuffled := slices.Clone(tensors)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		var a, b bytes.Buffer
		if err := Encode(&a, tensors, metadata); err != nil {
			t.Fatal(err)
		}
		if err := Encode(&b, shuffled, metadata); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Error("the order of the argument changes the file")
		}
		if n := binary.LittleEndian.Uint64(a.Bytes()); n%8 != 0 {
			t.Errorf("header of %d bytes is not aligned", n)
		}
	}
}

func TestValuesRoundTrip(t *testing.T) {
	singles := []float32{0, -1.5, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Inf(1))}
	if got, err := FromFloat32s("x", []int{5}, singles).Float32s(); err != nil || !slices.Equal(got, singles) {
		t.Errorf("%v (%v), want %v", got, err, singles)
	}
	doubles := []float64{0, math.Pi, -math.MaxFloat64}
	if got, err := FromFloat64s("x", []int{3}, doubles).Float64s(); err != nil || !slices.Equal(got, doubles) {
		t.Errorf("%v (%v), want %v", got, err, doubles)
	}
	integers := []int64{math.MinInt64, -1, math.MaxInt64}
	if got, err := FromInt64s("x", []int{1, 3}, integers).Int64s(); err != nil || !slices.Equal(got, integers) {
		t.Errorf("%v (%v), want %v", got, err, integers)
	}
}

func TestWriteRefuses(t *testing.T) {
	one := []float32{1}
	cases := map[string][]Tensor{
		"shape against data":   {FromFloat32s("x", []int{2}, one)},
		"negative dimension":   {FromFloat32s("x", []int{-1}, one)},
		"unknown type":         {{Name: "x", DType: "F8", Shape: []int{1}, Data: []byte{0}}},
		"name twice":           {FromFloat32s("x", []int{1}, one), FromInt64s("x", []int{1}, []int64{1})},
		"reserved name":        {FromFloat32s("__metadata__", []int{1}, one)},
		"name that is no text": {FromFloat32s("\xff", []int{1}, one)},
	}
	for name, tensors := range cases {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.safetensors")
		if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, tensors, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != "before" {
			t.Errorf("%s: the old file became %q (%v)", name, content, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s: left behind %v (%v)", name, left, err)
		}
	}
	if err := Write(filepath.Join(t.TempDir(), "absent", "x"), nil, nil); err == nil {
		t.Error("writing to a folder that does not exist: no error")
	}
}

// TestHalf goes through all 65,536 half floats: widening and rounding back is
// the identity, and a value between two neighbours goes to the nearer one, a
// tie to the even one.
func TestHalf(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := halfToFloat(h)
		if f != f {
			if back := floatToHalf(f); back&0x7c00 != 0x7c00 || back&0x3ff == 0 {
				t.Fatalf("NaN %#04x became %#04x", h, back)
			}
			continue
		}
		if back := floatToHalf(f); back != h {
			t.Fatalf("%#04x is %g and became %#04x", h, f, back)
		}
		if h&0x7fff >= 0x7bff {
			continue // the largest number has no finite neighbour above
		}
		next := halfToFloat(h + 1)
		middle := f + (next-f)/2 // exact: float32 has 13 more bits
		even := h + h&1
		if back := floatToHalf(middle); back != even {
			t.Fatalf("the middle %g of %g and %g became %#04x, want %#04x", middle, f, next, back, even)
		}
		if back := floatToHalf(f + (next-f)/4); back != h {
			t.Fatalf("a quarter above %g became %#04x, want %#04x", f, back, h)
		}
	}
	if floatToHalf(65519) != 0x7bff || floatToHalf(65520) != 0x7c00 || floatToHalf(float32(math.Inf(-1))) != 0xfc00 {
		t.Error("the largest half float ends elsewhere than at 65520")
	}
}

// FuzzNew wants an error or a file whose tensors can all be read, and of which
// what is written reads back equal.
func FuzzNew(f *testing.F) {
	var seed bytes.Buffer
	if err := Encode(&seed, []Tensor{FromFloat32s("a", []int{2, 1}, []float32{1, 2}), FromInt64s("b", nil, []int64{3})}, map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add(raw(`{"a":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}`, 0))
	f.Add(raw(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0))
	f.Add(raw(`{"__metadata__":{},"a":[]}`, 1))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := open(content)
		if err != nil {
			return
		}
		var tensors []Tensor
		total := 0
		for _, name := range file.Names() {
			tensor, err := file.Tensor(name)
			if err != nil {
				t.Fatalf("%q is listed and cannot be read: %v", name, err)
			}
			if err := tensor.check(); err != nil {
				t.Fatal(err)
			}
			tensors = append(tensors, tensor)
			total += len(tensor.Data)
		}
		if total > len(content) {
			t.Fatalf("%d bytes of tensors from a file of %d", total, len(content))
		}
		var out bytes.Buffer
		if err := Encode(&out, tensors, file.Metadata); err != nil {
			t.Fatal(err)
		}
		again, err := open(out.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Names(), file.Names()) || !maps.Equal(again.Metadata, file.Metadata) {
			t.Fatalf("%v %v, want %v %v", again.Names(), again.Metadata, file.Names(), file.Metadata)
		}
	})
}

func fill[T any](n int, next func() T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = next()
	}
	return out
}
