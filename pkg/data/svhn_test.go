package data

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// SciPy's file and the test's own hold the same.
func TestSVHN(t *testing.T) {
	for writer, content := range map[string][]byte{"SciPy": golden(t, "svhn.mat"), "here": svhnFixture(4)} {
		dataset, err := loadFrom(t, "svhn", map[string][]byte{"train_32x32.mat": content, "test_32x32.mat": svhnFixture(2)})
		if err != nil {
			t.Fatalf("%s: %v", writer, err)
		}
		split := dataset.Train
		if !slices.Equal(split.Labels, []int32{1, 0, 9, 2}) || split.Channels != 3 || split.Width != 32 || dataset.Test.Len() != 2 {
			t.Errorf("%s: labels are %v, want 1, 0 (stored as 10), 9, 2", writer, split.Labels)
		}
		for n := range 4 {
			for i, v := range split.Pixels(n) { // i counts rows, columns and colours in the order of testdata/make.py
				if want := uint8(7*(4*i+n) + 3); v != want {
					t.Fatalf("%s: value %d of image %d is %d, want %d", writer, i, n, v, want)
				}
			}
		}
	}
	plain, err := readSVHN(foundFile{path: "testdata/svhn-plain.mat"})
	if err != nil || !slices.Equal(plain.Labels, []int32{1}) || !bytes.Equal(plain.Images[:6], []uint8{3, 31, 59, 87, 115, 143}) {
		t.Errorf("uncompressed, with labels of type double: labels %v, values %v (%v)", plain.Labels, plain.Images[:6], err)
	}
}

// svhnFixture is a file of up to 4 images as it is published, X and y compressed, with the values of testdata/make.py.
func svhnFixture(count int) []byte {
	const side = 32
	x := make([]byte, 3*side*side*count)
	for i := range x { // the first dimension varies fastest in the file, the last one in make.py
		row, column, colour, n := i%side, i/side%side, i/(side*side)%3, i/(3*side*side)
		x[i] = byte(7*(((row*side+column)*3+colour)*4+n) + 3)
	}
	return matFile(matPacked(matMatrixOf("X", []int32{side, side, 3, int32(count)}, matUint8, x...)),
		matPacked(matMatrixOf("y", []int32{int32(count), 1}, matUint8, []byte{1, 10, 9, 2}[:count]...)))
}

// matElement is an element in its long form.
func matElement(kind uint32, content ...byte) []byte {
	element := binary.LittleEndian.AppendUint32(nil, kind)
	element = binary.LittleEndian.AppendUint32(element, uint32(len(content)))
	element = append(element, content...)
	return append(element, make([]byte, -len(content)&7)...)
}

func matFile(elements ...[]byte) []byte {
	header := append(bytes.Repeat([]byte(" "), 124), 0, 1, 'I', 'M')
	copy(header, "MATLAB 5.0 MAT-file")
	return append(header, slices.Concat(elements...)...)
}

func matMatrixOf(name string, shape []int32, kind uint32, values ...byte) []byte {
	var dimensions []byte
	for _, length := range shape {
		dimensions = binary.LittleEndian.AppendUint32(dimensions, uint32(length))
	}
	return matElement(matMatrix, slices.Concat(matElement(matUint32, 9, 0, 0, 0, 0, 0, 0, 0), matElement(matInt32, dimensions...),
		matElement(matInt8, []byte(name)...), matElement(kind, values...))...)
}

// matPacked is an element compressed with zlib.
func matPacked(element []byte) []byte {
	var stream bytes.Buffer
	w := zlib.NewWriter(&stream)
	w.Write(element)
	w.Close()
	return matElement(matCompressed, stream.Bytes()...)[:8+stream.Len()] // compressed elements have no padding
}

func TestReadMATRejects(t *testing.T) {
	whole := matMatrixOf("y", []int32{2, 1}, matUint8, 1, 2)
	packed := matPacked(whole)
	if arrays, err := readMAT(bytes.NewReader(matFile(packed, whole)), 1000); err != nil || len(arrays) != 1 || arrays["y"].at(1) != 2 {
		t.Errorf("%v (%v)", arrays, err)
	}
	corrupt := slices.Clone(packed)
	corrupt[8+20] ^= 0xff
	changed := slices.Clone(packed)
	changed[len(changed)-1] ^= 1
	for _, test := range []struct {
		want    string
		content []byte
	}{
		{"cut short", matFile()[:100]},
		{"version 7.3", append([]byte("MATLAB 7.3 MAT-file"), make([]byte, 200)...)},
		{"no little-endian MAT file", bytes.Repeat([]byte("x"), 200)},
		{"cut short", matFile(whole)[:128+60]},
		{"ends before its parts", matFile(matElement(matMatrix, matElement(matUint32, 9, 0, 0, 0, 0, 0, 0, 0)...))},
		{"has 2 bytes of type 2 for the shape [3 1]", matFile(matMatrixOf("y", []int32{3, 1}, matUint8, 1, 2))},
		{"impossible dimensions", matFile(matMatrixOf("y", []int32{-3, 1}, matUint8, 1, 2))},
		{"impossible dimensions", matFile(matMatrixOf("y", []int32{1 << 30, 1 << 30, 1 << 30, 1 << 30}, matUint8, 1, 2))},
		{"an element of 2000 bytes", matFile(matMatrixOf("y", []int32{20, 1}, matUint8, make([]byte, 2000)...))},
		{"zlib", matFile(changed)},
		{"flate: corrupt", matFile(corrupt)},
		{"cut short", matFile(packed[:len(packed)-6])},
	} {
		if _, err := readMAT(bytes.NewReader(test.content), 1000); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error is %v, want one line with %q", err, test.want)
		}
	}
}

func TestSVHNSplitRejects(t *testing.T) {
	x := matArray{[]int{32, 32, 3, 1}, matUint8, make([]byte, 3072)}
	for want, arrays := range map[string][2]matArray{
		"instead of bytes of 32×32×3×N": {{[]int{32, 32, 3}, matUint8, nil}, {}},
		"y has shape [2 1] for 1":       {x, {[]int{2, 1}, matUint8, []byte{1, 2}}},
		"label 0 of image 0 is none":    {x, {[]int{1, 1}, matUint8, []byte{0}}},
		"label 11 of image 0 is none":   {x, {[]int{1, 1}, matInt8, []byte{11}}},
		"X has type 0 and shape []":     {},
	} {
		if _, err := svhnSplit(arrays[0], arrays[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// Whatever the bytes are, reading ends without a panic, and what it accepts has as many values as its shape says.
func FuzzReadMAT(f *testing.F) {
	f.Add(golden(f, "svhn.mat"))
	f.Add(golden(f, "svhn-plain.mat"))
	f.Add(matFile(matMatrixOf("y", []int32{2, 1}, matUint8, 1, 2)))
	f.Add(matFile(matElement(matCompressed, 0x78, 0x9c)))
	f.Fuzz(func(t *testing.T, content []byte) {
		arrays, err := readMAT(bytes.NewReader(content), 1<<16)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is more than one line", err)
			}
			return
		}
		for name, array := range arrays {
			size := 1
			for _, length := range array.shape {
				size *= length
			}
			if size*matSizes[array.kind] != len(array.values) {
				t.Errorf("%q has %d bytes for the shape %v", name, len(array.values), array.shape)
			}
			if size > 0 {
				array.at(size - 1)
			}
		}
		svhnSplit(arrays["X"], arrays["y"])
	})
}
