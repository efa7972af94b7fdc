package figure

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"
)

func grey(levels ...uint8) image.Image {
	picture := image.NewGray(image.Rect(0, 0, 2, 2))
	for i := range picture.Pix {
		picture.Pix[i] = levels[i%len(levels)]
	}
	return picture
}

// The pixels of the images arrive unsmoothed, in reading order, at whole places.
func TestGridCopiesPixels(t *testing.T) {
	images := []image.Image{grey(10, 200, 60, 120), grey(30), grey(90)}
	figure, err := Grid(images, GridSpec{
		Columns: 2, Scale: 8, RowLabels: []string{"one", "two"}, ColumnLabels: []string{"a", "a very long label"},
		RowTitle: "α", ColumnTitle: "class", Title: "Pixels", Caption: "Three images.",
	})
	if err != nil {
		t.Fatal(err)
	}
	requireWhiteRim(t, figure.PNG)
	page, err := png.Decode(bytes.NewReader(figure.PNG))
	if err != nil {
		t.Fatal(err)
	}
	corner, found := findSquare(page, 10)
	if !found {
		t.Fatal("the first image's first pixel is nowhere on the page")
	}
	const pixel, pitch = 16, 2*16 + 4 // scale 8 and a gap of 2, both doubled
	at := func(x, y int) uint8 { return color.GrayModel.Convert(page.At(corner.X+x, corner.Y+y)).(color.Gray).Y }
	for _, c := range []struct {
		x, y int
		want uint8
	}{
		{0, 0, 10}, {pixel - 1, pixel - 1, 10}, {pixel, 0, 200}, {0, pixel, 60}, {2*pixel - 1, 2*pixel - 1, 120},
		{2 * pixel, 0, 255}, {pitch, 0, 30}, {0, pitch, 90}, {pitch, pitch, 255},
	} {
		if got := at(c.x, c.y); got != c.want {
			t.Errorf("grey at (%d, %d) of the grid is %d, want %d", c.x, c.y, got, c.want)
		}
	}
	text := svgText(t, figure.SVG)
	for _, want := range []string{"one", "two", "a", "a very long label", "α", "class", "Pixels", "Three images."} {
		if !slices.Contains(text, want) {
			t.Errorf("the SVG lacks %q", want)
		}
	}
	if !bytes.Contains(figure.SVG, []byte("data:image/png;base64,")) {
		t.Error("the SVG holds no image")
	}
}

// Headed blocks stand apart, by the same distance on the raster and in the SVG's picture.
func TestGridBlocks(t *testing.T) {
	images := []image.Image{grey(10), grey(30), grey(50), grey(70)}
	figure, err := Grid(images, GridSpec{Columns: 1, Scale: 8, Blocks: []string{"up", "down"}, RowLabels: []string{"a", "b", "c", "d"}})
	if err != nil {
		t.Fatal(err)
	}
	requireWhiteRim(t, figure.PNG)
	page, err := png.Decode(bytes.NewReader(figure.PNG))
	if err != nil {
		t.Fatal(err)
	}
	top := func(level uint8) int {
		corner, found := findSquare(page, level)
		if !found {
			t.Fatalf("grey %d is nowhere on the page", level)
		}
		return corner.Y
	}
	const pitch = 2*16 + 4 // as above
	for i, want := range []int{pitch, pitch + 2*heading, pitch} {
		if got := top(uint8(30+20*i)) - top(uint8(10+20*i)); got != want {
			t.Errorf("row %d begins %d dots below the one above, want %d", i+2, got, want)
		}
	}
	dark := 0 // the second heading's ink
	for y := top(30) + pitch; y < top(50); y++ {
		for x := range page.Bounds().Dx() {
			if color.GrayModel.Convert(page.At(x, y)).(color.Gray).Y < 128 {
				dark++
			}
		}
	}
	if dark < 20 {
		t.Errorf("%d dark dots between the blocks: the heading is covered", dark)
	}
	for _, want := range []string{"up", "down"} {
		if !slices.Contains(svgText(t, figure.SVG), want) {
			t.Errorf("the SVG lacks %q", want)
		}
	}
}

// findSquare finds the corner of the first 8 × 8 square of one grey.
func findSquare(page image.Image, level uint8) (image.Point, bool) {
	is := func(x, y int) bool {
		return color.GrayModel.Convert(page.At(x, y)).(color.Gray).Y == level
	}
	b := page.Bounds()
	for y := b.Min.Y; y < b.Max.Y-8; y++ {
	next:
		for x := b.Min.X; x < b.Max.X-8; x++ {
			for dy := range 8 {
				for dx := range 8 {
					if !is(x+dx, y+dy) {
						continue next
					}
				}
			}
			return image.Pt(x, y), true
		}
	}
	return image.Point{}, false
}

func TestGridErrors(t *testing.T) {
	two := []image.Image{grey(0), grey(1)}
	for name, c := range map[string]struct {
		images []image.Image
		spec   GridSpec
		want   string
	}{
		"none":          {nil, GridSpec{}, "no images"},
		"sizes":         {[]image.Image{grey(0), image.NewGray(image.Rect(0, 0, 3, 2))}, GridSpec{}, "image 2 is 3 × 2"},
		"empty":         {[]image.Image{image.NewGray(image.Rectangle{})}, GridSpec{}, "empty"},
		"row labels":    {two, GridSpec{Columns: 1, RowLabels: []string{"a"}}, "1 row labels for 2 rows"},
		"column labels": {two, GridSpec{Columns: 2, ColumnLabels: []string{"a"}}, "1 column labels for 2 columns"},
		"blocks":        {two, GridSpec{Columns: 1, Blocks: []string{"a", "b", "c"}}, "3 blocks for 2 rows"},
		"negative":      {two, GridSpec{Columns: -1}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Grid(c.images, c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// A drawing may lose rare blends; a photograph may not lose a colour.
func TestEncodePNGKeepsPhotographs(t *testing.T) {
	photograph := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		photograph.Set(i%64, i/64, color.RGBA{uint8(i), uint8(i >> 4), uint8(i >> 8), 255})
	}
	for _, drawing := range []bool{false, true} {
		data, err := encodePNG(photograph, drawing)
		if err != nil {
			t.Fatal(err)
		}
		got, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		_, indexed := got.(*image.Paletted)
		if indexed != drawing {
			t.Errorf("drawing %v: indexed %v", drawing, indexed)
		}
		for i := range 64 * 64 {
			if !drawing && color.RGBAModel.Convert(got.At(i%64, i/64)) != photograph.At(i%64, i/64) {
				t.Fatalf("pixel %d of the photograph changed", i)
			}
		}
	}
}
