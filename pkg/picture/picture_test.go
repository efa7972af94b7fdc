package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/npy"
)

// formula is the picture of testdata/resize.py.
func formula(height, width, channels int) Picture {
	p := Picture{Pixels: make([]uint8, height*width*channels), Height: height, Width: width, Channels: channels}
	for k := range p.Pixels {
		p.Pixels[k] = uint8(37*k*k + 11*k)
	}
	return p
}

func TestResizeEqualsPillow(t *testing.T) {
	archive, err := npy.OpenArchive("testdata/resize.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	kernels := map[string]Kernel{"box": Box, "bilinear": Bilinear, "cubic": Cubic}
	if len(archive.Names()) != 3*2*7 {
		t.Fatalf("%d cases, want 42", len(archive.Names()))
	}
	for _, name := range archive.Names() {
		array, err := archive.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := array.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		kernel, sizes, _ := strings.Cut(name, "-")
		var h, w, c, toHeight, toWidth int
		if _, err := fmt.Sscanf(sizes, "%d-%d-%d-%d-%d", &h, &w, &c, &toHeight, &toWidth); err != nil {
			t.Fatal(err)
		}
		got := formula(h, w, c).Resize(toHeight, toWidth, kernels[kernel])
		if got.Height != toHeight || got.Width != toWidth || got.Channels != c || !slices.Equal(got.Pixels, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestCropAndRGB(t *testing.T) {
	p := Picture{[]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 3, 1}
	if got := p.Crop(1, 1, 2, 2).RGB(); !slices.Equal(got.Pixels, []uint8{5, 5, 5, 6, 6, 6, 8, 8, 8, 9, 9, 9}) || got.Channels != 3 || got.Width != 2 {
		t.Errorf("cropped to %v", got)
	}
	colour := Picture{[]uint8{1, 2, 3, 4, 5, 6}, 1, 2, 3}
	if got := colour.Crop(0, 1, 1, 1).RGB(); !slices.Equal(got.Pixels, []uint8{4, 5, 6}) {
		t.Errorf("cropped to %v", got)
	}
}

// However a PNG stores colours, they come out as they are in it.
func TestDecodeKeepsColours(t *testing.T) {
	colours := []color.NRGBA{{200, 100, 50, 255}, {10, 20, 30, 255}, {255, 0, 1, 255}, {7, 8, 9, 255}}
	want := []uint8{200, 100, 50, 10, 20, 30, 255, 0, 1, 7, 8, 9}
	var palette color.Palette
	for _, c := range colours {
		palette = append(palette, c)
	}
	straight, opaque := image.NewNRGBA(image.Rect(0, 0, 2, 2)), image.NewRGBA(image.Rect(0, 0, 2, 2))
	paletted := image.NewPaletted(image.Rect(0, 0, 2, 2), palette)
	for i, c := range colours {
		straight.Set(i%2, i/2, c)
		opaque.Set(i%2, i/2, c)
		paletted.Set(i%2, i/2, c)
	}
	transparent := image.NewNRGBA(straight.Rect)
	copy(transparent.Pix, straight.Pix)
	for i := 3; i < len(transparent.Pix); i += 4 {
		transparent.Pix[i] = 0
	}
	for name, m := range map[string]image.Image{"NRGBA": straight, "RGBA": opaque, "palette": paletted, "transparent": transparent} {
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		if p, err := Decode(b.Bytes()); err != nil || !slices.Equal(p.Pixels, want) {
			t.Errorf("%s: %v (%v), want %v", name, p, err, want)
		}
	}
}

// Whatever the bytes are, decoding ends without a panic and gives pixels for the size that it states.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:30])
	f.Add([]byte("\xff\xd8\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<12 {
			return
		}
		if config, _, err := image.DecodeConfig(bytes.NewReader(content)); err == nil && config.Width*config.Height > 1<<16 {
			return // memory that a fuzzer need not spend
		}
		if p, err := Decode(content); err == nil && len(p.Pixels) != p.Height*p.Width*p.Channels {
			t.Errorf("%d×%d×%d with %d values", p.Height, p.Width, p.Channels, len(p.Pixels))
		}
	})
}
