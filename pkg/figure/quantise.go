package figure

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"slices"
)

// encodePNG writes a picture as 8-bit indexed colour when that is exact (at most
// 256 colours) or when the picture is a drawing, whose rare colours are blends
// along antialiased edges; a photograph with more colours stays true colour.
// Indexed files are about a quarter of the size, which keeps notebooks small.
func encodePNG(picture image.Image, drawing bool) ([]byte, error) {
	pixels, ok := picture.(*image.RGBA)
	if !ok {
		pixels = image.NewRGBA(picture.Bounds())
		draw.Draw(pixels, pixels.Bounds(), picture, picture.Bounds().Min, draw.Src)
	}
	counts := countColours(pixels)
	var out bytes.Buffer
	var err error
	if len(counts) <= 256 || drawing {
		err = png.Encode(&out, index(pixels, counts))
	} else {
		err = png.Encode(&out, pixels)
	}
	return out.Bytes(), err
}

// rgb is an opaque colour as 0xRRGGBB.
type rgb uint32

func (c rgb) channels() (r, g, b int) { return int(c >> 16 & 0xFF), int(c >> 8 & 0xFF), int(c & 0xFF) }

func pixelAt(pix []uint8) rgb { return rgb(pix[0])<<16 | rgb(pix[1])<<8 | rgb(pix[2]) }

func countColours(picture *image.RGBA) map[rgb]int {
	counts := map[rgb]int{}
	var last rgb
	run := 0
	for i := 0; i < len(picture.Pix); i += 4 {
		if c := pixelAt(picture.Pix[i:]); c != last {
			counts[last] += run
			last, run = c, 0
		}
		run++
	}
	counts[last] += run
	if counts[0] == 0 { // the first run is of length zero unless the picture starts black
		delete(counts, 0)
	}
	return counts
}

// index maps a picture to its 256 most frequent colours, others to the nearest.
func index(picture *image.RGBA, counts map[rgb]int) *image.Paletted {
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b rgb) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	kept := colours[:min(len(colours), 256)]
	out := image.NewPaletted(picture.Bounds(), nil)
	place := make(map[rgb]uint8, len(colours))
	for i, c := range kept {
		r, g, b := c.channels()
		out.Palette = append(out.Palette, color.RGBA{uint8(r), uint8(g), uint8(b), 0xFF})
		place[c] = uint8(i)
	}
	for _, c := range colours[len(kept):] {
		place[c] = nearest(kept, c)
	}
	last := pixelAt(picture.Pix)
	at := place[last]
	for i := range out.Pix {
		if c := pixelAt(picture.Pix[4*i:]); c != last {
			last, at = c, place[c]
		}
		out.Pix[i] = at
	}
	return out
}

func nearest(colours []rgb, wanted rgb) uint8 {
	best, least := 0, 1<<30
	r, g, b := wanted.channels()
	for i, c := range colours {
		cr, cg, cb := c.channels()
		if d := (r-cr)*(r-cr) + (g-cg)*(g-cg) + (b-cb)*(b-cb); d < least {
			best, least = i, d
		}
	}
	return uint8(best)
}
