package features

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/npy"
)

func save(t *testing.T, path string, m image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	encode := func() error { return png.Encode(&b, m) }
	if filepath.Ext(path) == ".jpg" {
		encode = func() error { return jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}) }
	}
	if err := encode(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pixel is a picture of one pixel.
func pixel(c color.Color) image.Image {
	var m interface {
		image.Image
		Set(x, y int, c color.Color)
	} = image.NewNRGBA(image.Rect(0, 0, 1, 1))
	if _, grey := c.(color.Gray); grey {
		m = image.NewGray(image.Rect(0, 0, 1, 1))
	}
	m.Set(0, 0, c)
	return m
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "b.PNG"), pixel(color.NRGBA{200, 100, 50, 255}))
	save(t, filepath.Join(dir, "a", "late.png"), pixel(color.Gray{7}))
	save(t, filepath.Join(dir, "c.png"), pixel(color.NRGBA{200, 100, 50, 0})) // invisible, and still of that colour
	save(t, filepath.Join(dir, "d.jpg"), pixel(color.NRGBA{120, 120, 120, 255}))
	palette := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.NRGBA{1, 2, 3, 255}, color.NRGBA{4, 5, 6, 255}})
	palette.Pix = []uint8{1, 0}
	save(t, filepath.Join(dir, "e.png"), palette)
	save(t, filepath.Join(dir, ".hidden", "x.png"), pixel(color.Gray{1}))
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	images, err := OpenImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Picture{
		{Pixels: []uint8{7}, Height: 1, Width: 1, Channels: 1},
		{Pixels: []uint8{200, 100, 50}, Height: 1, Width: 1, Channels: 3},
		{Pixels: []uint8{200, 100, 50}, Height: 1, Width: 1, Channels: 3},
		{Pixels: []uint8{120, 120, 120}, Height: 1, Width: 1, Channels: 3},
		{Pixels: []uint8{4, 5, 6, 1, 2, 3}, Height: 1, Width: 2, Channels: 3},
	}
	if images.Len() != len(want) {
		t.Fatalf("%d pictures, want %d", images.Len(), len(want))
	}
	for i, w := range want {
		p, err := images.Read(i)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Pixels, w.Pixels) || p.Height != w.Height || p.Width != w.Width || p.Channels != w.Channels {
			t.Errorf("picture %d is %v, want %v", i, p, w)
		}
	}
	before, err := images.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "e.png"), pixel(color.Gray{8}))
	if after, err := images.Checksum(); err != nil || after == before {
		t.Errorf("the checksum of other content is %s, %v, as before", after, err)
	}
}

func TestArraysOfPixels(t *testing.T) {
	dir := t.TempDir()
	grey, colour := filepath.Join(dir, "grey.npy"), filepath.Join(dir, "colour.npz")
	if err := npy.Save(grey, []int{2, 1, 2}, []uint8{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := npy.SaveArchive(colour, func(a *npy.ArchiveWriter) error {
		if err := npy.AddArray(a, "mu", []int{1}, []float64{0}); err != nil {
			return err
		}
		return npy.AddArray(a, "arr_0", []int{2, 1, 1, 3}, []uint8{1, 2, 3, 4, 5, 6})
	}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Picture{grey: {Pixels: []uint8{3, 4}, Height: 1, Width: 2, Channels: 1}, colour: {Pixels: []uint8{4, 5, 6}, Height: 1, Width: 1, Channels: 3}} {
		images, err := OpenImages(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := images.Read(1)
		if err != nil || images.Len() != 2 || !slices.Equal(p.Pixels, want.Pixels) || p.Channels != want.Channels {
			t.Errorf("%s: second of %d is %v, %v; want %v", path, images.Len(), p, err, want)
		}
	}
}

func TestOpenImagesRefuses(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, write func(path string) error) string {
		path := filepath.Join(dir, name)
		if err := write(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for want, path := range map[string]string{
		"no such file":           filepath.Join(dir, "none"),
		"no pictures":            t.TempDir(),
		"no folder and no .npy":  put("a.txt", func(path string) error { return os.WriteFile(path, nil, 0o644) }),
		"astype":                 put("float.npy", func(path string) error { return npy.Save(path, []int{1, 2, 2}, make([]float32, 4)) }),
		"1 or 3 channels":        put("channels.npy", func(path string) error { return npy.Save(path, []int{1, 1, 2, 2}, make([]uint8, 4)) }),
		"[N, H, W]":              put("flat.npy", func(path string) error { return npy.Save(path, []int{4}, make([]uint8, 4)) }),
		"shape [0 2 2 1]: no im": put("empty.npy", func(path string) error { return npy.Save(path, []int{0, 2, 2}, []uint8{}) }),
		"looked for in arr_0": put("two.npz", func(path string) error {
			return npy.SaveArchive(path, func(a *npy.ArchiveWriter) error {
				return errors.Join(npy.AddArray(a, "mu", []int{1}, []float64{0}), npy.AddArray(a, "sigma", []int{1}, []float64{0}))
			})
		}),
	} {
		if _, err := OpenImages(path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, want)
		}
	}
	pictures := t.TempDir()
	save(t, filepath.Join(pictures, "deep.png"), image.NewGray16(image.Rect(0, 0, 1, 1)))
	if err := os.WriteFile(filepath.Join(pictures, "broken.png"), []byte("\x89PNG\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	images, err := OpenImages(pictures)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"broken.png", "16 bits"} {
		if _, err := images.Read(i); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("picture %d: %v, want an error with %q", i, err, want)
		}
	}
}

// A header that claims a huge picture costs no memory.
func TestHugePictureIsNotDecoded(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	content := b.Bytes()
	copy(content[16:], []byte{0x7f, 0, 0, 0, 0x7f, 0, 0, 0}) // width and height in IHDR
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "huge.png"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	images, err := OpenImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := images.Read(0); err == nil {
		t.Error("a picture of 2^61 pixels")
	}
}
