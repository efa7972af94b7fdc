package arrayfile

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"noisebook/pkg/npy"
)

// files writes the same two columns in every format.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	scores := []float64{0.5, -1, 2.5}
	type row struct {
		Score float64   `parquet:"score"`
		Label int32     `parquet:"label"`
		Code  []float32 `parquet:"code,list"`
		Small uint8     `parquet:"small"`
		Good  bool      `parquet:"good"`
		Name  string    `parquet:"name"`
		Maybe *float64  `parquet:"maybe,optional"`
		Loose []float32 `parquet:"loose,list"`
	}
	one := 1.0
	rows := []row{
		{0.5, 1, []float32{1, 2}, 255, true, "a", &one, []float32{1}},
		{-1, 0, []float32{3, 4}, 0, false, "b", nil, nil},
		{2.5, 1, []float32{5, 6}, 7, true, "c", &one, []float32{1}},
	}
	var table bytes.Buffer
	if err := parquet.Write(&table, rows, parquet.MaxRowsPerRowGroup(2), parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"table.csv":       "score,label\n0.5,1\n-1,0\n2.5,1\n",
		"plain.CSV":       "0.5,1\n-1,0\n2.5,1\n",
		"table.tsv":       "\ufeffscore\tlabel\n0.5\t1\n -1\t0\n2.5\t1",
		"named.csv":       "name,score\nx,0.5\ny,-1\nz,2.5\n",
		"a#b.csv":         "1\n2\n",
		"table.parquet":   table.String(),
		"picture.png":     "",
		"empty.csv":       "",
		"ragged.csv":      "1,2\n3\n",
		"hexadecimal.csv": "1\n0x10\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, save := range map[string]func(string) error{
		"scores.npy": func(path string) error { return npy.Save(path, []int{3}, scores) },
		"cube.npy":   func(path string) error { return npy.Save(path, []int{1, 1, 2}, []int64{3, 4}) },
		"none.npy":   func(path string) error { return npy.Save(path, []int{0, 4}, []float64{}) },
		"one.npz": func(path string) error {
			return npy.SaveArchive(path, func(w *npy.ArchiveWriter) error { return npy.AddArray(w, "x", []int{3}, scores) })
		},
		"two.npz": func(path string) error {
			return npy.SaveArchive(path, func(w *npy.ArchiveWriter) error {
				if err := npy.AddArray(w, "other", []int{1}, []uint8{9}); err != nil {
					return err
				}
				return npy.AddArray(w, "scores", []int{3}, scores)
			})
		},
	} {
		if err := save(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpen(t *testing.T) {
	dir := files(t)
	score := []float64{0.5, -1, 2.5}
	both := []float64{0.5, 1, -1, 0, 2.5, 1}
	for source, want := range map[string]struct {
		shape   []int
		values  []float64
		columns []string
	}{
		"scores.npy":                       {[]int{3}, score, nil},
		"cube.npy":                         {[]int{1, 1, 2}, []float64{3, 4}, nil},
		"one.npz":                          {[]int{3}, score, nil},
		"two.npz#scores":                   {[]int{3}, score, nil},
		"table.csv":                        {[]int{3, 2}, both, []string{"score", "label"}},
		"table.csv#score":                  {[]int{3, 1}, score, []string{"score"}},
		"table.csv#0":                      {[]int{3, 1}, score, []string{"score"}},
		"table.csv#label,score":            {[]int{3, 2}, []float64{1, 0.5, 0, -1, 1, 2.5}, []string{"label", "score"}},
		"plain.CSV":                        {[]int{3, 2}, both, nil},
		"plain.CSV#0":                      {[]int{3, 1}, score, nil},
		"table.tsv":                        {[]int{3, 2}, both, []string{"score", "label"}},
		"named.csv#score":                  {[]int{3, 1}, score, []string{"score"}},
		"a#b.csv":                          {[]int{2, 1}, []float64{1, 2}, nil},
		"table.parquet#score":              {[]int{3, 1}, score, []string{"score"}},
		"table.parquet#score,label":        {[]int{3, 2}, both, []string{"score", "label"}},
		"table.parquet#code":               {[]int{3, 2}, []float64{1, 2, 3, 4, 5, 6}, []string{"code[0]", "code[1]"}},
		"table.parquet#good,code":          {[]int{3, 3}, []float64{1, 1, 2, 0, 3, 4, 1, 5, 6}, []string{"good", "code[0]", "code[1]"}},
		"table.parquet#small":              {[]int{3, 1}, []float64{255, 0, 7}, []string{"small"}},
		"../testdata/pyarrow.parquet":      {[]int{3, 3}, []float64{0, 0.5, 1.5, 1, 2.5, -1, 1, 0, 9}, []string{"label", "code[0]", "code[1]"}},
		"../testdata/pyarrow.parquet#code": {[]int{3, 2}, []float64{0.5, 1.5, 2.5, -1, 0, 9}, []string{"code[0]", "code[1]"}},
	} {
		path := filepath.Join(dir, source)
		if rest, isTestdata := strings.CutPrefix(source, "../"); isTestdata {
			path = rest
		}
		got, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.Equal(got.Shape, want.shape) || !slices.Equal(got.Values, want.values) || !slices.Equal(got.Columns, want.columns) {
			t.Errorf("%s: %v of shape %v, columns %q, want %v of %v, %q", source, got.Values, got.Shape, got.Columns, want.values, want.shape, want.columns)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := files(t)
	for source, want := range map[string]string{
		"nowhere.csv":           "no such file",
		"picture.png":           "want a file that ends in .npy",
		"scores.npy#x":          "without a name",
		"two.npz":               "the arrays other, scores; choose one",
		"two.npz#nothing":       "there are other, scores",
		"empty.csv":             "empty",
		"ragged.csv":            "wrong number of fields",
		"hexadecimal.csv":       `line 2, column 0: "0x10" is no number`,
		"named.csv":             `line 2, column name: "x" is no number; choose the columns`,
		"named.csv#name":        `line 2, column name: "x" is no number`,
		"table.csv#age":         `no column "age"; there are score, label`,
		"table.csv#2":           `no column "2"`,
		"plain.CSV#score":       "0 to 1, without names",
		"table.csv#0,score":     "chosen twice",
		"table.parquet":         "column name holds STRING, want integers, floats or truth values; choose",
		"table.parquet#maybe":   "column maybe: row 1 has no value",
		"table.parquet#loose":   "column loose: row 1 has no value",
		"table.parquet#nothing": `no column "nothing"`,
	} {
		if _, err := Open(filepath.Join(dir, source)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", source, err, want)
		}
	}
}

func TestShapes(t *testing.T) {
	dir := files(t)
	open := func(source string) *Array {
		array, err := Open(filepath.Join(dir, source))
		if err != nil {
			t.Fatal(err)
		}
		return array
	}
	if m, err := open("table.csv").Matrix(); err != nil || m.At(2, 0) != 2.5 || m.At(1, 1) != 0 {
		t.Errorf("matrix %v, %v", m, err)
	}
	if labels, err := open("table.csv#label").Ints(); err != nil || !slices.Equal(labels, []int{1, 0, 1}) {
		t.Errorf("labels %v, %v", labels, err)
	}
	for what, err := range map[string]error{
		"want two axes": second(open("scores.npy").Matrix()),
		"is empty":      second(open("none.npy").Matrix()),
		"choose one of its columns with #score or #label": second(open("table.csv").Vector()),
		"want one axis":                    second(open("cube.npy").Vector()),
		"0.5 at row 0, want whole numbers": second(open("scores.npy").Ints()),
		"NaN at row 0, want whole numbers": second((&Array{Shape: []int{1}, Values: []float64{math.NaN()}}).Ints()),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v, want one with %q", err, what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// wantConsistent checks that an array that was read fits its shape.
func wantConsistent(t *testing.T, a *Array) {
	t.Helper()
	if len(a.Shape) != 2 || len(a.Values) != a.Shape[0]*a.Shape[1] {
		t.Errorf("%d values of shape %v", len(a.Values), a.Shape)
	}
	if a.Columns != nil && len(a.Columns) != a.Shape[1] {
		t.Errorf("%d names for shape %v", len(a.Columns), a.Shape)
	}
}

func FuzzText(f *testing.F) {
	f.Add("score,label\n0.5,1\n", "label")
	f.Add("1,2\n3,4", "")
	f.Add("\ufeffa\tb\n\"1\n\",2", "0")
	f.Fuzz(func(t *testing.T, content, part string) {
		var parts []string
		if part != "" {
			parts = strings.Split(part, ",")
		}
		for _, separator := range []rune{',', '\t'} {
			if a, err := decodeText(strings.NewReader(content), separator, parts); err == nil {
				wantConsistent(t, a)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	pyarrow, err := os.ReadFile(filepath.Join("testdata", "pyarrow.parquet"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pyarrow)
	f.Add(pyarrow[:len(pyarrow)/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if a, err := decodeParquet(bytes.NewReader(content), int64(len(content)), nil); err == nil {
			wantConsistent(t, a)
		}
	})
}

func ExampleOpen() {
	path := filepath.Join(os.TempDir(), "arrayfile-example.csv")
	if err := os.WriteFile(path, []byte("score,label\n0.9,1\n0.2,0\n"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(path)
	labels, err := Open(path + "#label")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(labels.Shape, labels.Values)
	// Output: [2 1] [1 0]
}
