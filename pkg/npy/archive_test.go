package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestArchiveRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "statistics.npz")
	err := SaveArchive(path, func(w *ArchiveWriter) error {
		if err := AddArray(w, "mu", []int{2}, []float64{1, 2}); err != nil {
			return err
		}
		return AddArray(w, "labels", []int{1, 3}, []int64{7, 8, 9})
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := a.Names(); !slices.Equal(got, []string{"mu", "labels"}) {
		t.Errorf("names %v", got)
	}
	mu, err := a.Read("mu")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(mu.Float64s(), []float64{1, 2}) || mu.Type() != "float64" {
		t.Errorf("mu is %v of %s", mu.Float64s(), mu.Type())
	}
	labels, err := a.Read("labels")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := labels.Ints(); err != nil || !slices.Equal(got, []int{7, 8, 9}) || !slices.Equal(labels.Shape(), []int{1, 3}) {
		t.Errorf("labels are %v of shape %v, %v", got, labels.Shape(), err)
	}
	if h, err := a.Header("labels"); err != nil || !slices.Equal(h.Shape, []int{1, 3}) || h.Type != "int64" {
		t.Errorf("header of the labels: %v, %v", h, err)
	}
	if _, err := a.Header("sigma"); err == nil {
		t.Error("the header of an array that is not there")
	}
	if _, err := a.Read("sigma"); err == nil || !strings.Contains(err.Error(), `no array "sigma"; there are mu, labels`) {
		t.Errorf("an array that is not there: %v", err)
	}
}

// A file that fails to be made is not there.
func TestArchiveRefusesTwoOfAName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	err := SaveArchive(path, func(w *ArchiveWriter) error {
		if err := AddArray(w, "a", []int{1}, []float32{1}); err != nil {
			return err
		}
		return AddArray(w, "a", []int{1}, []float32{2})
	})
	if err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("two arrays of a name: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
}

// archive is a zip of entries, stored or compressed.
func archive(t testing.TB, method uint16, entries ...[2]string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for _, entry := range entries {
		content, err := w.CreateHeader(&zip.FileHeader{Name: entry[0], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := content.Write([]byte(entry[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

const arrayOfTwo = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }"

func TestArchiveRefuses(t *testing.T) {
	good := string(file(arrayOfTwo, 1, 0, 0, 0, 2, 0, 0, 0))
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"no zip":    {[]byte("text"), "not a valid zip file"},
		"two":       {archive(t, zip.Store, [2]string{"a.npy", good}, [2]string{"a.npy", good}), "two arrays"},
		"truncated": {archive(t, zip.Deflate, [2]string{"a.npy", good[:len(good)-1]}), "want 8"},
		"excess":    {archive(t, zip.Deflate, [2]string{"a.npy", good + "!"}), "more bytes"},
		"checksum":  {bytes.Replace(archive(t, zip.Store, [2]string{"a.npy", good}), []byte{2, 0, 0, 0}, []byte{3, 0, 0, 0}, 1), "checksum"},
		"no array":  {archive(t, zip.Store, [2]string{"a.txt", good}), `no array "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.npz")
			if err := os.WriteFile(path, test.content, 0o644); err != nil {
				t.Fatal(err)
			}
			a, err := OpenArchive(path)
			if err == nil {
				defer a.Close()
				_, err = a.Read("a")
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// A claim that the bytes of the file cannot keep costs no memory.
func TestLyingSizesCostNoMemory(t *testing.T) {
	huge := "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 20000), }"
	claims := func(compressed, inflated uint64) []byte {
		var buffer bytes.Buffer
		w := zip.NewWriter(&buffer)
		content, err := w.CreateRaw(&zip.FileHeader{Name: "a.npy", Method: zip.Deflate, CompressedSize64: compressed, UncompressedSize64: inflated})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := content.Write(file(huge)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buffer.Bytes()
	}
	for name, test := range map[string]struct {
		file    string
		content []byte
		want    string
	}{
		"shape of an array":            {"a.npy", file(huge), "bytes of elements, want 160000000000"},
		"shape of an archive's array":  {"a.npz", archive(t, zip.Deflate, [2]string{"a.npy", string(file(huge))}), "bytes of elements, want 160000000000"},
		"inflated size of an entry":    {"a.npz", claims(100, 160_000_000_128), "cannot inflate"},
		"compressed size of an entry":  {"a.npz", claims(1<<40, 160_000_000_128), "cannot inflate"},
		"deflated stream that is none": {"a.npz", claims(128, 120_000), "npy"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			if err := os.WriteFile(path, test.content, 0o644); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Open(path)
			if filepath.Ext(path) == ".npz" {
				a, openErr := OpenArchive(path)
				if openErr != nil {
					t.Fatal(openErr)
				}
				defer a.Close()
				_, err = a.Read("a")
			}
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("%d bytes were allocated for a file of %d", grown, len(test.content))
			}
		})
	}
}

// NumPy's smaller integers and truth values are read as their wider kin.
func TestReadSmallIntegers(t *testing.T) {
	for descr, test := range map[string]struct {
		elements []byte
		want     []int
	}{
		"<i4": {binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 5), 0xffffffff), []int{5, -1}},
		">i4": {[]byte{0, 0, 1, 0, 255, 255, 255, 254}, []int{256, -2}},
		"<u4": {binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 5), 0xffffffff), []int{5, 1<<32 - 1}},
		"<i2": {[]byte{1, 1, 255, 255}, []int{257, -1}},
		"<u2": {[]byte{1, 1, 255, 255}, []int{257, 65535}},
		"|i1": {[]byte{7, 255}, []int{7, -1}},
		"|b1": {[]byte{0, 1}, []int{0, 1}},
	} {
		array, err := Read(bytes.NewReader(file("{'descr': '"+descr+"', 'fortran_order': False, 'shape': (2,), }", test.elements...)))
		if err != nil {
			t.Errorf("%s: %v", descr, err)
			continue
		}
		if got, err := array.Ints(); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v, want %v", descr, got, err, test.want)
		}
	}
}

func FuzzArchive(f *testing.F) {
	good := string(file(arrayOfTwo, 1, 0, 0, 0, 2, 0, 0, 0))
	f.Add(archive(f, zip.Store, [2]string{"a.npy", good}))
	f.Add(archive(f, zip.Deflate, [2]string{"a.npy", good}, [2]string{"b.npy", good[:40]}))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := readArchive(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, name := range a.Names() {
			array, err := a.Read(name)
			if err != nil {
				continue
			}
			count := 1
			for _, length := range array.Shape() {
				count *= length
			}
			if got := len(array.Float64s()); got != count {
				t.Errorf("%d elements of shape %v", got, array.Shape())
			}
		}
	})
}
