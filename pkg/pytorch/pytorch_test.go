package pytorch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/safetensors"
)

func open(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func floats(t *testing.T, f *File, name string) ([]int, []float64) {
	t.Helper()
	tensor, err := f.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	values, err := tensor.Float64s()
	if err != nil {
		t.Fatal(err)
	}
	return tensor.Shape, values
}

// Both formats give what testdata/make.py saved, in row-major order.
func TestStateDict(t *testing.T) {
	for _, name := range []string{"weights.pth", "legacy.pth"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			want := []string{"base", "bfloat16", "byte", "conv.bias", "conv.weight", "count", "double", "empty", "half", "int", "transposed", "view"}
			if got := f.Names(); !slices.Equal(got, want) {
				t.Fatalf("names %q, want %q", got, want)
			}
			for _, test := range []struct {
				name   string
				shape  []int
				values []float64
			}{
				{"conv.weight", []int{2, 3, 1, 2}, []float64{-5.5, -4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5}},
				{"conv.bias", []int{2}, []float64{0.25, -3}},
				{"transposed", []int{3, 2}, []float64{0, 3, 1, 4, 2, 5}},
				{"base", []int{8}, []float64{0, .25, .5, .75, 1, 1.25, 1.5, 1.75}},
				{"view", []int{3}, []float64{.5, 1, 1.5}},
				{"half", []int{3}, []float64{1.5, -0.125, 65504}},
				{"bfloat16", []int{2}, []float64{1.5, -2}},
				{"double", []int{1, 1}, []float64{1. / 3}},
				{"empty", []int{0, 3}, []float64{}},
			} {
				shape, values := floats(t, f, test.name)
				if !slices.Equal(shape, test.shape) || !slices.Equal(values, test.values) {
					t.Errorf("%s: %v %v, want %v %v", test.name, shape, values, test.shape, test.values)
				}
			}
			for name, want := range map[string][]int64{"count": {7}, "int": {-2, 300000}, "byte": {0, 255}} {
				tensor, err := f.Tensor(name)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := tensor.Int64s(); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v, %v, want %v", name, got, err, want)
				}
			}
			if f.Has("absent") {
				t.Error("it has a tensor that was not saved")
			}
			if _, err := f.Tensor("absent"); err == nil {
				t.Error("a tensor that was not saved")
			}
		})
	}
}

// A checkpoint's dictionaries are searched, and what is not understood is passed over.
func TestCheckpoint(t *testing.T) {
	for _, name := range []string{"checkpoint.pth", "protocol4.pth"} {
		f := open(t, name)
		if got, want := f.Names(), []string{"optimizer.state.0.mean", "state_dict.linear.weight"}; !slices.Equal(got, want) {
			t.Fatalf("%s: names %q, want %q", name, got, want)
		}
		if _, values := floats(t, f, "state_dict.linear.weight"); !slices.Equal(values, []float64{1, 2, 3, 4}) {
			t.Errorf("%s: %v", name, values)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"module.pth":   "state_dict",
		"tensor.pth":   "without a name",
		"expanded.pth": "clone()",
		"script.pth":   "TorchScript",
		"make.py":      "neither a ZIP archive nor",
		"absent.pth":   "absent.pth",
	} {
		_, err := Open(filepath.Join("testdata", name))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", name, err, want)
		}
	}
}

// Every truncation of a file is an error.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"weights.pth", "legacy.pth"} {
		content := read(t, name)
		for n := range content {
			if _, err := readAll(content[:n]); err == nil {
				t.Fatalf("%s: its first %d of %d bytes are a file", name, n, len(content))
			}
		}
	}
}

// pickled is a legacy file of one storage "0" of eight floats and of the
// program of a state dict, {"x": the program's last value}.
func pickled(program string) []byte {
	var b bytes.Buffer
	b.WriteString("\x80\x02\x8a\x0a" + legacyMagic + ".")
	b.WriteString("\x80\x02M\xe9\x03.")
	b.WriteString("\x80\x02}.")
	b.WriteString("\x80\x02}X\x01\x00\x00\x00x" + program + "s.")
	b.WriteString("\x80\x02]X\x01\x00\x00\x000a.")
	b.WriteString("\x08\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00\x00\x80\x3f", 8))
	return b.Bytes()
}

// rebuilt is the program of a tensor over the storage of [pickled]; offset,
// shape and stride are programs as well.
func rebuilt(offset, shape, stride string) string {
	const storage = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x08NtQ"
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + stride + "\x89NtR"
}

func TestHostilePickles(t *testing.T) {
	good := rebuilt("K\x02", "K\x02K\x03\x86", "K\x03K\x01\x86")
	if f, err := readAll(pickled(good)); err != nil || len(f) != 1 {
		t.Fatalf("the tensor that the others are variants of: %v, %v", f, err)
	}
	const huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
	for name, program := range map[string]string{
		"offset beyond the storage":    rebuilt("K\x09", "K\x01\x85", "K\x01\x85"),
		"negative offset":              rebuilt("J\xff\xff\xff\xff", "K\x01\x85", "K\x01\x85"),
		"shape beyond the storage":     rebuilt("K\x02", "K\x07\x85", "K\x01\x85"),
		"huge shape":                   rebuilt("K\x00", huge+"\x85", "K\x01\x85"),
		"huge shape of stride 0":       rebuilt("K\x00", huge+"\x85", "K\x00\x85"),
		"product that overflows":       rebuilt("K\x00", huge+huge+"\x86", "K\x00K\x00\x86"),
		"huge stride":                  rebuilt("K\x00", "K\x02\x85", huge+"\x85"),
		"negative shape":               rebuilt("K\x00", "J\xff\xff\xff\xff\x85", "K\x01\x85"),
		"negative stride":              rebuilt("K\x07", "K\x02\x85", "J\xff\xff\xff\xff\x85"),
		"shape and stride differ":      rebuilt("K\x00", "K\x02\x85", ")"),
		"shape that is a list":         rebuilt("K\x00", "]", ")"),
		"tensor of nothing":            "ctorch._utils\n_rebuild_tensor_v2\n)R",
		"parameter of nothing":         "ctorch._utils\n_rebuild_parameter\n)R",
		"storage of another reference": "(X\x04\x00\x00\x00file)tQ",
		"call of a number":             "K\x01)R",
		"value that was not kept":      "h\x05",
		"mark as a value":              "(",
		"pop of nothing":               "000000",
		"items for a number":           "K\x01(K\x01K\x02u",
		"key without a value":          "}(K\x01u",
		"text that is longer":          "X\xff\xff\xff\xffabc",
		"text of 2^63 bytes":           "\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc",
		"unknown operation":            "\xff",
		"class without an end":         "cos",
		"protocol 0 pickle":            "\x80\x00N",
		"long name":                    "}X\x00\x03\x00\x00" + strings.Repeat("n", 768) + good + "s",
	} {
		if tensors, err := readAll(pickled(program)); err == nil {
			t.Errorf("%s: read as %d tensors", name, len(tensors))
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want one line", name, err)
		}
	}
}

// Calls are not carried out: os.system is a name and nothing else.
func TestExecutesNothing(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "executed")
	command := "touch " + marker
	program := fmt.Sprintf("}(X\x01\x00\x00\x00acos\nsystem\n(X%c\x00\x00\x00%stRX\x01\x00\x00\x00b%su", len(command), command, rebuilt("K\x00", ")", ")"))
	tensors, err := readAll(pickled(program))
	if err != nil || len(tensors) != 1 || tensors["x.b"].DType != safetensors.F32 {
		t.Errorf("%v, %v; want the tensor beside the call", tensors, err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the pickle's command was carried out")
	}
}

// Dictionaries that hold each other many times are searched once each.
func TestSharedAndCyclicDictionaries(t *testing.T) {
	var program strings.Builder
	program.WriteString("}q\x00X\x01\x00\x00\x00s" + rebuilt("K\x00", ")", ")") + "s0")
	for level := range byte(60) { // each holds the one before twice: 2^60 paths
		fmt.Fprintf(&program, "}q%c(X\x01\x00\x00\x00ah%cX\x01\x00\x00\x00bh%cu0", level+1, level, level)
	}
	program.WriteString("h\x3c(X\x01\x00\x00\x00ch\x3cu") // and the last one itself
	if _, err := readAll(pickled(program.String())); err == nil {
		t.Error("a tensor at depth 60 is found") // deeper than state dicts are
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// readAll reads all tensors of a file's content.
func readAll(content []byte) (map[string]safetensors.Tensor, error) {
	f, err := New(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	tensors := map[string]safetensors.Tensor{}
	for _, name := range f.Names() {
		if tensors[name], err = f.Tensor(name); err != nil {
			return nil, err
		}
	}
	return tensors, nil
}

func FuzzNew(f *testing.F) {
	for _, name := range []string{"weights.pth", "legacy.pth", "checkpoint.pth", "protocol4.pth", "module.pth", "tensor.pth", "expanded.pth"} {
		f.Add(read(f, name))
	}
	f.Add(pickled(rebuilt("K\x00", "K\x02K\x02\x86", "K\x01K\x02\x86")))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := New(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			tensor, err := file.Tensor(name)
			if err != nil {
				continue
			}
			// No tensor is larger than the file, and its shape says how large it is.
			if len(tensor.Data) > len(content) {
				t.Errorf("%d bytes of a file of %d", len(tensor.Data), len(content))
			}
			count := 1
			for _, n := range tensor.Shape {
				count *= n
			}
			if len(tensor.Data) != count*itemSizes[tensor.DType] {
				t.Errorf("%d bytes for shape %v of %s", len(tensor.Data), tensor.Shape, tensor.DType)
			}
		}
	})
}

func Example() {
	file, err := Open("testdata/weights.pth")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	tensor, err := file.Tensor("conv.bias")
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := tensor.Float32s()
	fmt.Println(tensor.Shape, values, err)
	// Output: [2] [0.25 -3] <nil>
}
