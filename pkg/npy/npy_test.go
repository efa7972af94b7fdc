package npy

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// file assembles an array of format version 1 from a dictionary and elements.
func file(dictionary string, elements ...byte) []byte {
	dictionary += "\n"
	header := append([]byte("\x93NUMPY\x01\x00"), byte(len(dictionary)), byte(len(dictionary)>>8))
	return append(append(header, dictionary...), elements...)
}

func roundTrip[T Element](t *testing.T, shape []int, data []T, wantType string) {
	t.Helper()
	var buffer bytes.Buffer
	if err := Write(&buffer, shape, data); err != nil {
		t.Fatal(err)
	}
	if header := buffer.Len() - len(data)*map[string]int{"float64": 8, "float32": 4, "int64": 8, "uint8": 1}[wantType]; header%64 != 0 {
		t.Errorf("elements start at byte %d, want a multiple of 64", header)
	}
	array, err := Read(&buffer)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(array.Shape(), shape) || array.Type() != wantType {
		t.Errorf("read shape %v of %s, want %v of %s", array.Shape(), array.Type(), shape, wantType)
	}
	for i, got := range array.Float64s() {
		if want := float64(data[i]); got != want {
			t.Errorf("element %d is %v, want %v", i, got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	roundTrip(t, []int{2, 3}, []float64{0, -1.5, math.Inf(1), math.SmallestNonzeroFloat64, 1e300, 7}, "float64")
	roundTrip(t, []int{4}, []float32{0, -1.5, 3.25, 1e-30}, "float32")
	roundTrip(t, []int{1, 2, 2}, []int64{1, -2, math.MaxInt32, 9}, "int64")
	roundTrip(t, []int{2, 1, 2}, []uint8{0, 255, 7, 8}, "uint8")
	roundTrip(t, nil, []float64{42}, "float64")
	roundTrip(t, []int{0, 5}, []float32{}, "float32")
}

func TestReadOrders(t *testing.T) {
	bigEndian := file("{'descr': '>i8', 'fortran_order': False, 'shape': (2,), }", 0, 0, 0, 0, 0, 0, 1, 2, 255, 255, 255, 255, 255, 255, 255, 254)
	array, err := Read(bytes.NewReader(bigEndian))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := array.Ints(); err != nil || !slices.Equal(got, []int{258, -2}) {
		t.Errorf("big-endian: %v, %v", got, err)
	}

	// Element (i, j, k) of a 2x3x2 array is 100i+10j+k; Fortran order varies i fastest.
	var elements []byte
	for k := range 2 {
		for j := range 3 {
			for i := range 2 {
				elements = append(elements, byte(100*i+10*j+k))
			}
		}
	}
	array, err = Read(bytes.NewReader(file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }", elements...)))
	if err != nil {
		t.Fatal(err)
	}
	want := []int{0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121}
	if got, err := array.Ints(); err != nil || !slices.Equal(got, want) {
		t.Errorf("Fortran order: %v, %v, want %v", got, err, want)
	}
}

func TestReadVersion2(t *testing.T) {
	version1 := file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", 9)
	version2 := append([]byte("\x93NUMPY\x02\x00"), version1[8], version1[9], 0, 0)
	version2 = append(version2, version1[10:]...)
	array, err := Read(bytes.NewReader(version2))
	if err != nil {
		t.Fatal(err)
	}
	if got := array.Float64s(); !slices.Equal(got, []float64{9}) {
		t.Errorf("got %v, want [9]", got)
	}
}

// Every malformed input is an error that says what is wrong.
func TestReadRefuses(t *testing.T) {
	good := file("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", make([]byte, 8)...)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":            {nil, "too short"},
		"no magic":         {[]byte("PK\x03\x04 not numpy"), "magic"},
		"version 9":        {append([]byte("\x93NUMPY\x09"), good[7:]...), "version 9"},
		"truncated header": {good[:40], "too short for a header"},
		"truncated data":   {good[:len(good)-1], "7 bytes of elements, want 8"},
		"huge header":      {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "corrupt"},
		"no newline":       {[]byte("\x93NUMPY\x01\x00\x02\x00{}"), "corrupt"},
		"no dictionary":    {file("hello"), "dictionary"},
		"keys misplaced":   {file("'shape': 'fortran_order': 'descr': }"), "corrupt"},
		"bad shape":        {file("{'descr': '<f8', 'fortran_order': False, 'shape': (x,), }"), "invalid syntax"},
		"negative shape":   {file("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), "negative"},
		"overflow":         {file("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"), "too many"},
		"shape lies":       {file("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,), }", 1, 2), "2 bytes of elements"},
		"element type":     {file("{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }"), "not read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(test.data))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestArrayRefuses(t *testing.T) {
	read := func(write func(io.Writer) error) *Array {
		var buffer bytes.Buffer
		if err := write(&buffer); err != nil {
			t.Fatal(err)
		}
		array, err := Read(&buffer)
		if err != nil {
			t.Fatal(err)
		}
		return array
	}
	cube := read(func(w io.Writer) error { return Write(w, []int{1, 2, 1}, []float64{1, 2}) })
	if _, err := cube.Dense(); err == nil || !strings.Contains(err.Error(), "two axes") {
		t.Errorf("Dense of a cube: %v", err)
	}
	if _, err := cube.Ints(); err == nil || !strings.Contains(err.Error(), "float64") {
		t.Errorf("Ints of floats: %v", err)
	}
	empty := read(func(w io.Writer) error { return Write(w, []int{0, 3}, []float64{}) })
	if _, err := empty.Dense(); err == nil {
		t.Error("Dense of an empty array: no error")
	}
	if err := Write(io.Discard, []int{2, 2}, []float64{1}); err == nil {
		t.Error("Write of one element as 2x2: no error")
	}
}

func TestSaveAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	if err := Save(path, []int{2, 2}, []float32{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	array, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := array.Dense()
	if err != nil {
		t.Fatal(err)
	}
	if matrix.At(1, 0) != 3 {
		t.Errorf("element (1,0) is %v, want 3", matrix.At(1, 0))
	}

	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(content, 0), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "more bytes") {
		t.Errorf("trailing byte: %v", err)
	}
	if err := Save(filepath.Join(t.TempDir(), "missing", "a.npy"), []int{1}, []uint8{1}); err == nil {
		t.Error("Save into a missing folder: no error")
	}
}

func TestReadHeader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	for descr, want := range map[string]string{"<f8": "float64", ">f4": "float32", "<i2": "int64", "|u1": "uint8", "|b1": "uint8", "<c16": "<c16"} {
		if err := os.WriteFile(path, file("{'descr': '"+descr+"', 'fortran_order': False, 'shape': (3, 2), }"), 0o644); err != nil {
			t.Fatal(err)
		}
		if h, err := ReadHeader(path); err != nil || h.Type != want || !slices.Equal(h.Shape, []int{3, 2}) {
			t.Errorf("%s: %v, %v; want %s", descr, h, err, want)
		}
	}
	if err := os.WriteFile(path, []byte("text of no array"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHeader(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a text: %v", err)
	}
}

// Rows are parts of what Dense returns, of every type.
func TestRows(t *testing.T) {
	check := func(array *Array, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		whole, err := array.Dense()
		if err != nil {
			t.Fatal(err)
		}
		part, err := array.Rows(1, 3)
		if err != nil || !mat.Equal(part, whole.Slice(1, 3, 0, 2)) {
			t.Errorf("%s: rows 1 and 2 are %v, %v", array.Type(), part, err)
		}
		for _, bad := range [][2]int{{-1, 1}, {1, 1}, {2, 4}} {
			if _, err := array.Rows(bad[0], bad[1]); err == nil {
				t.Errorf("rows %v of 3", bad)
			}
		}
	}
	check(written(t, []float64{1, 2, 3, 4, 5, 6}))
	check(written(t, []float32{1, 2, 3, 4, 5, 6}))
	check(written(t, []int64{1, 2, 3, 4, 5, 6}))
	check(written(t, []uint8{1, 2, 3, 4, 5, 6}))
}

// written writes a 3×2 array and reads it again.
func written[T Element](t *testing.T, data []T) (*Array, error) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, []int{3, 2}, data); err != nil {
		t.Fatal(err)
	}
	return Read(&b)
}

func FuzzRead(f *testing.F) {
	f.Add(file("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", make([]byte, 8)...))
	f.Add(file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", make([]byte, 8)...))
	f.Add(file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 0, 3), }"))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
	f.Add(file("'shape': 'fortran_order': 'descr': }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		array, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		count := 1
		for _, length := range array.Shape() {
			count *= length
		}
		if got := len(array.Float64s()); got != count {
			t.Errorf("%d elements for shape %v", got, array.Shape())
		}
		if _, err := array.Ints(); err == nil != (array.Type() == "int64" || array.Type() == "uint8") {
			t.Errorf("Ints of %s: %v", array.Type(), err)
		}
		if matrix, err := array.Dense(); err == nil {
			if rows, columns := matrix.Dims(); rows*columns != count {
				t.Errorf("matrix of %dx%d for shape %v", rows, columns, array.Shape())
			}
		}
	})
}

func Example() {
	var features bytes.Buffer
	if err := Write(&features, []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}); err != nil {
		fmt.Println(err)
		return
	}
	array, err := Read(&features)
	if err != nil {
		fmt.Println(err)
		return
	}
	matrix, err := array.Dense()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(array.Type(), array.Shape(), matrix.At(1, 2))
	// Output: float32 [2 3] 6
}
