package features

import (
	"fmt"
	"math"
	"testing"

	"noisebook/pkg/safetensors"
)

// formula is the picture of testdata/resize.py.
func formula(height, width int) Picture {
	p := Picture{Pixels: make([]uint8, height*width*3), Height: height, Width: width, Channels: 3}
	for k := range p.Pixels {
		p.Pixels[k] = uint8(37*k*k + 11*k)
	}
	return p
}

// Each resizer gives what the program of its name gives, to a hundred-thousandth of the range.
func TestResizeEqualsReferences(t *testing.T) {
	golden, err := safetensors.Read("testdata/resize.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for name, resize := range map[Preprocessing]resizer{TorchFidelity: resizeTensorFlow, PyTorchFID: resizePyTorch, CleanFID: resizePillow} {
		for _, size := range [][2]int{{5, 7}, {23, 40}, {9, 9}, {1, 3}} {
			key := fmt.Sprintf("%dx%d.%s", size[0], size[1], name)
			tensor, err := golden.Tensor(key)
			if err != nil {
				t.Fatal(err)
			}
			want, err := tensor.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			got := resize(formula(size[0], size[1]), 9)
			if len(got) != len(want) {
				t.Fatalf("%s: %d values, want %d", key, len(got), len(want))
			}
			for i := range want {
				if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5*255) {
					t.Errorf("%s: value %d is %g, want %g", key, i, got[i], want[i])
					break
				}
			}
		}
	}
}

// At the network's own size nothing is resized, only scaled.
func TestPrepareScales(t *testing.T) {
	p := Picture{Pixels: []uint8{0, 128, 255}, Height: 1, Width: 1, Channels: 3}
	for preprocess, want := range map[Preprocessing][3]float32{
		TorchFidelity: {-1, 0, 127. / 128},
		PyTorchFID:    {-1, 0.5 / 127.5, 1},
		CleanFID:      {-1, 0, 127. / 128},
	} {
		var got [3]float32
		preprocess.prepare(p, 1, got[:])
		if got != want {
			t.Errorf("%s: %v, want %v", preprocess, got, want)
		}
	}
}
