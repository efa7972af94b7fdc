package data

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestDecodeIDX(t *testing.T) {
	values := []uint8{1, 2, 3, 4, 5, 6}
	for _, shape := range [][]int{{6}, {2, 3}, {1, 2, 3}, {1, 2, 3, 1}} {
		array, err := decodeIDX(encodeIDX(values, shape...))
		if err != nil || !slices.Equal(array.shape, shape) || !bytes.Equal(array.values, values) {
			t.Errorf("shape %v: decoded %+v (%v)", shape, array, err)
		}
	}
	for _, test := range []struct {
		name, want string
		content    []byte
	}{
		{"empty", "cut short: 0 bytes", nil},
		{"no dimensions", "of 0 dimensions", []byte{0, 0, 8, 0}},
		{"five dimensions", "of 5 dimensions", encodeIDX(values, 1, 1, 1, 2, 3)},
		{"cut in the header", "cut short in the IDX header", encodeIDX(nil, 2, 3)[:9]},
		{"floats", "elements of type 0x0d", []byte{0, 0, 0x0d, 1, 0, 0, 0, 0}},
		{"no magic", "it starts with 0x1f8b", []byte{0x1f, 0x8b, 8, 1}},
		{"missing elements", "announces 7 elements of shape [7], but 6 follow", encodeIDX(values, 7)},
		{"extra elements", "announces 5 elements of shape [5], but 6 follow", encodeIDX(values, 5)},
		{"overflow", "announces a shape of more than", encodeIDX(values, 1<<31, 1<<31, 1<<31, 1<<31)},
		{"overflow that wraps to the right size", "announces a shape of more than", encodeIDX(values, 1<<32-1, 1<<32-1, 1<<32-1, 6)},
	} {
		if array, err := decodeIDX(test.content); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, error %v, want %q", test.name, array, err, test.want)
		}
	}
}

func TestNewSplitRejects(t *testing.T) {
	array := func(values []uint8, shape ...int) idxArray { return idxArray{shape, values} }
	for _, test := range []struct {
		want           string
		images, labels idxArray
	}{
		{"2 images but 3 labels", array(make([]uint8, 8), 2, 2, 2), array(make([]uint8, 3), 3)},
		{"images have 2 dimensions", array(make([]uint8, 4), 2, 2), array(make([]uint8, 2), 2)},
		{"labels have 2 dimensions", array(make([]uint8, 8), 2, 2, 2), array(make([]uint8, 2), 2, 1)},
		{"label 3 of image 1 is outside 0…2", array(make([]uint8, 8), 2, 2, 2), array([]uint8{2, 3}, 2)},
		{"no images", array(nil, 0, 2, 2), array(nil, 0)},
		{"no images", array(nil, 2, 0, 2), array(make([]uint8, 2), 2)},
	} {
		if _, err := newSplit(test.images, test.labels, 3); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error is %v, want %q", err, test.want)
		}
	}
	split, err := newSplit(array([]uint8{1, 2, 3, 4, 5, 6}, 1, 1, 2, 3), array([]uint8{2}, 1), 3)
	if err != nil || split.Channels != 3 || split.ImageSize() != 6 {
		t.Errorf("colour images: %+v (%v)", split, err)
	}
}

// Whatever the bytes are, decoding ends without a panic, and what it accepts is exactly what the bytes say.
func FuzzDecodeIDX(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(encodeIDX([]uint8{9, 0, 1}, 3))
	f.Add(encodeIDX(make([]uint8, 32), 2, 4, 4))
	f.Add(encodeIDX(make([]uint8, 32), 2, 4, 4)[:20])
	f.Add(encodeIDX(nil, 1<<32-1, 1<<32-1))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		array, err := decodeIDX(content)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is more than one line", err)
			}
			return
		}
		if again := encodeIDX(array.values, array.shape...); !bytes.Equal(again, content) {
			t.Errorf("decoded to shape %v, which encodes to other bytes", array.shape)
		}
	})
}

// Reading damaged compressed data ends in an error or in their true content, never in a panic or in endless output.
func FuzzReadContent(f *testing.F) {
	f.Add(compress(encodeIDX([]uint8{9, 0, 1}, 3)))
	f.Add(encodeIDX([]uint8{9, 0, 1}, 3))
	f.Add(compress(make([]byte, 10_000))) // much more than the limit
	f.Fuzz(func(t *testing.T, file []byte) {
		const limit = 1000
		path := t.TempDir() + "/file"
		put(t, path, file)
		c, err := readContent(path, FileDescription{form: gunzipped}, limit)
		if err != nil {
			return
		}
		if len(c.bytes) > limit || c.sha256 != sum(c.bytes) {
			t.Errorf("%d bytes of content with digest %s", len(c.bytes), c.sha256)
		}
		if !isGzip(file) && !bytes.Equal(c.bytes, file) {
			t.Error("a plain file was changed")
		}
	})
}
