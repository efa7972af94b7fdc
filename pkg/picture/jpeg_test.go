package picture

import (
	"image"
	"os"
	"testing"

	"noisebook/pkg/safetensors"
)

// JPEGs decode to what Pillow makes of them, up to the rounding of the cosine
// transform. With repeated colours these pictures are 19 away on average at 4:2:0.
func TestJPEGEqualsPillow(t *testing.T) {
	golden, err := safetensors.Read("testdata/jpeg.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range golden.Names() {
		content, err := os.ReadFile("testdata/colours" + name + ".jpg")
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(content)
		if err != nil {
			t.Fatal(err)
		}
		want, err := golden.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Pixels) != len(want.Data) || p.Height != 13 || p.Width != 21 {
			t.Fatalf("%s: %d×%d pixels", name, p.Height, p.Width)
		}
		sum, largest := 0, 0
		for i, v := range p.Pixels {
			d := int(v) - int(want.Data[i])
			sum += max(d, -d)
			largest = max(largest, d, -d)
		}
		if mean := float64(sum) / float64(len(p.Pixels)); mean > 0.1 || largest > 3 {
			t.Errorf("%s: a value is %g away on average, %d at most", name, mean, largest)
		} else {
			t.Logf("%s: %g on average, %d at most", name, mean, largest)
		}
	}
}

// Where height alone is halved, colours are interpolated down the columns.
func TestChromaOfHalfHeight(t *testing.T) {
	m := image.NewYCbCr(image.Rect(0, 0, 1, 4), image.YCbCrSubsampleRatio440)
	m.Cb[0], m.Cb[m.CStride] = 100, 200
	got := fullChroma(m, m.Cb)
	for i, want := range []uint8{100, 125, 175, 200} {
		if got[i] != want {
			t.Errorf("row %d is %d, want %d", i, got[i], want)
		}
	}
}
