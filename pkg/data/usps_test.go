package data

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestUSPS(t *testing.T) {
	content := golden(t, "usps.bz2")
	dataset, err := loadFrom(t, "usps", map[string][]byte{"usps.bz2": content, "usps.t.bz2": content})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dataset.Train.Labels, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) || dataset.Train.Height != 16 || dataset.Train.Channels != 1 {
		t.Errorf("labels are %v", dataset.Train.Labels)
	}
	if got := dataset.Train.Pixels(1)[:4]; !slices.Equal(got, []uint8{127, 255, 0, 127}) {
		t.Errorf("the second image starts with %v, want 0, 1, −1, 0 as pixels", got)
	}
	if description, _ := Describe("usps"); description.Files[0].Checksum() != "md5:ec16c51db3855ca6c91edd34d0e9b197" {
		t.Errorf("the training file is known by %s", description.Files[0].Checksum())
	}
	if dataset.Checksums["usps.bz2"] != sum(content) {
		t.Errorf("the training file's SHA-256 is recorded as %s", dataset.Checksums["usps.bz2"])
	}
}

func TestReadLibSVM(t *testing.T) {
	labels, values, err := readLibSVM(strings.NewReader("3 1:0.5 4:-1 \n-1 2:1e-3\n"), 4, 9)
	if err != nil || !slices.Equal(labels, []int{3, -1}) || !slices.Equal(values, []float64{0.5, 0, 0, -1, 0, 0.001, 0, 0}) {
		t.Errorf("%v %v (%v)", labels, values, err)
	}
	for text, want := range map[string]string{
		"":                       "no lines",
		"1 1:1\n\n":              "line 2 is empty",
		"one 1:1":                `"one" is no label`,
		"1 1:x":                  `"1:x" is no feature`,
		"1 1":                    `"1" is no feature`,
		"1 1:NaN":                "is no feature",
		"1 1:1e999":              "is no feature",
		"1 5:1":                  "feature 5 after 0; they ascend to 4",
		"1 2:1 2:1":              "feature 2 after 2",
		"1 0:1":                  "feature 0 after 0",
		"1\n2\n3\n4":             "more than 3 lines",
		strings.Repeat("1", 2e6): "too long",
	} {
		if _, _, err := readLibSVM(strings.NewReader(text), 4, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{"11 1:0": "stands for 10", "0 1:0": "stands for -1", "1 7:1.01": "pixel 6 of image 0 is 1.01, outside"} {
		if _, err := readUSPS(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadLibSVM(f *testing.F) {
	f.Add("3 1:0.5 4:-1 \n1 2:1\n")
	f.Add("3 1:")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, text string) {
		labels, values, err := readLibSVM(strings.NewReader(text), 4, 100)
		if err == nil && (len(values) != 4*len(labels) || len(labels) == 0 || len(labels) > 100) {
			t.Errorf("%d labels and %d values", len(labels), len(values))
		}
		if split, err := readUSPS(strings.NewReader(text)); err == nil && split.Len() != len(split.Labels) {
			t.Errorf("%d images with %d labels", split.Len(), len(split.Labels))
		}
	})
}

// encodeRData is a workspace with one real matrix, as R's save writes it; columnMajor has rows×columns values.
func encodeRData(rows, columns int, columnMajor []float64) []byte {
	out := []byte("RDX2\nX\n")
	ints := func(values ...int32) {
		for _, v := range values {
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
	}
	symbol := func(name string) {
		ints(rSymbol, 0x1000|rCharacters, int32(len(name)))
		out = append(out, name...)
	}
	ints(2, 0x20f00, 0x20300)
	ints(rPairs | rHasTag)
	symbol("zip.train")
	ints(rReal|rHasAttributes, int32(len(columnMajor)))
	for _, v := range columnMajor {
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(v))
	}
	ints(rPairs | rHasTag)
	symbol("dim")
	ints(rIntegers, 2, int32(rows), int32(columns), rEnd, rEnd)
	return out
}

func TestUSPSWorkspace(t *testing.T) {
	const rows = 3
	values := make([]float64, rows*257)
	copy(values, []float64{6, 5, 4})
	for i := rows; i < len(values); i++ {
		values[i] = -1 + float64(i%rows)
	}
	split, err := readUSPSWorkspace(bytes.NewReader(encodeRData(rows, 257, values)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(split.Labels, []int32{6, 5, 4}) || split.Pixels(0)[5] != 0 || split.Pixels(1)[5] != 127 || split.Pixels(2)[255] != 255 {
		t.Errorf("labels %v, pixels %d %d %d", split.Labels, split.Pixels(0)[5], split.Pixels(1)[5], split.Pixels(2)[255])
	}
	whole := encodeRData(rows, 257, values)
	packed, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(golden(t, "usps-esl.bz2"))))
	if err != nil || !bytes.Equal(packed, whole) {
		t.Errorf("testdata/usps-esl.bz2 holds another workspace (%v)", err)
	}
	for _, test := range []struct {
		want    string
		content []byte
	}{
		{"does not start with RDX2", []byte("RDA2\nA\n")},
		{"cut short", whole[:200]},
		{"cut short", whole[:len("RDX2\nX\n")]},
		{"are no matrix of 3×256", encodeRData(3, 256, values)},
		{"are no matrix of 0×0", bytes.Replace(whole, []byte("dim"), []byte("mid"), 1)},
		{"257", encodeRData(1, 256, values[:256])},
		{"label 0.5 of row 0 is no digit", encodeRData(1, 257, append([]float64{0.5}, values[3:259]...))},
		{"stands for 12", encodeRData(1, 257, append([]float64{12}, values[3:259]...))},
	} {
		if _, err := readUSPSWorkspace(bytes.NewReader(test.content)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error is %v, want %q", err, test.want)
		}
	}
}

func FuzzReadRData(f *testing.F) {
	f.Add(encodeRData(2, 2, []float64{1, 2, 3, 4}))
	f.Add(encodeRData(2, 2, []float64{1, 2, 3, 4})[:60])
	f.Add([]byte("RDX2\nX\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		rows, columns, values, err := readRData(bytes.NewReader(content), 1<<16)
		if err == nil && rows*columns != len(values) {
			t.Errorf("%d values in %d×%d", len(values), rows, columns)
		}
	})
}

func ExampleSplit_Resized() {
	usps := Split{Images: make([]uint8, 2*256), Labels: make([]int32, 2), Height: 16, Width: 16, Channels: 1}
	images := usps.Resized(32, 32).Colour()
	fmt.Println(images.Len(), images.Height, images.Width, images.Channels)
	// Output: 2 32 32 3
}
