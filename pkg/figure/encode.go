package figure

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"math"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// cssPixel is the length of a CSS pixel: 1/96 inch.
const cssPixel = vg.Inch / 96

// render draws a picture twice, as SVG and as PNG, and writes title and caption
// into the metadata of both. The size is rounded up to whole CSS pixels; drawing
// says that there are no photographs in it (see encodePNG).
func render(width, height vg.Length, title, caption string, drawing bool, paint func(vg.Canvas)) (*Figure, error) {
	columns := int(math.Ceil(float64(width / cssPixel)))
	rows := int(math.Ceil(float64(height / cssPixel)))
	width, height = vg.Length(columns)*cssPixel, vg.Length(rows)*cssPixel

	vector := measuredText{Canvas: vgsvg.New(width, height)}
	paint(&vector)
	var svg bytes.Buffer
	if _, err := vector.WriteTo(&svg); err != nil {
		return nil, fmt.Errorf("figure: write SVG: %w", err)
	}

	raster := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(pngDensity))
	paint(raster)
	encoded, err := encodePNG(raster.Image(), drawing)
	if err != nil {
		return nil, fmt.Errorf("figure: write PNG: %w", err)
	}

	described, err := describeSVG(vector.fixWidths(svg.Bytes()), title, caption)
	if err != nil {
		return nil, err
	}
	labelled, err := describePNG(encoded, [][2]string{{"Title", title}, {"Description", caption}})
	if err != nil {
		return nil, err
	}
	return &Figure{SVG: described, PNG: labelled, Caption: caption, Width: columns, Height: rows}, nil
}

// measuredText is an SVG canvas that remembers how wide each text is in the font
// of the layout, in points.
type measuredText struct {
	*vgsvg.Canvas
	widths []vg.Length
}

// FillString draws a text and notes its width.
func (c *measuredText) FillString(face font.Face, at vg.Point, s string) {
	c.widths = append(c.widths, face.Width(s))
	c.Canvas.FillString(face, at, s)
}

// fixWidths gives each text of the drawing the width that it was laid out with,
// so that a viewer whose font is wider squeezes it and clips nothing.
func (c *measuredText) fixWidths(svg []byte) []byte {
	opening := []byte("<text ")
	var out bytes.Buffer
	for _, width := range c.widths {
		before, after, found := bytes.Cut(svg, opening)
		if !found {
			break
		}
		out.Write(before)
		out.Write(opening)
		if width > 0 {
			fmt.Fprintf(&out, `textLength="%.4g" lengthAdjust="spacingAndGlyphs" `, width.Points())
		}
		svg = after
	}
	out.Write(svg)
	return out.Bytes()
}

// fontFallback names metric-compatible fonts for viewers without Liberation Sans.
const fontFallback = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif"

// describeSVG puts title, description and metadata first in the document, as
// the SVG specification asks, and gives the text fonts to fall back to.
func describeSVG(svg []byte, title, caption string) ([]byte, error) {
	open := bytes.Index(svg, []byte("<svg"))
	end := -1
	if open >= 0 {
		end = bytes.IndexByte(svg[open:], '>')
	}
	if end < 0 {
		return nil, fmt.Errorf("figure: the drawing has no <svg> element")
	}
	end += open + 1
	var head strings.Builder
	for _, element := range []struct{ name, content string }{
		{"title", title}, {"desc", caption}, {"metadata", caption},
	} {
		if element.content == "" {
			continue
		}
		fmt.Fprintf(&head, "\n<%s>", element.name)
		if err := xml.EscapeText(&head, []byte(element.content)); err != nil {
			return nil, fmt.Errorf("figure: describe SVG: %w", err)
		}
		fmt.Fprintf(&head, "</%s>", element.name)
	}
	body := bytes.ReplaceAll(svg[end:], []byte("font-family:Liberation Sans"), []byte(fontFallback))
	body = bytes.ReplaceAll(body, []byte("data:image/jpg;base64,"), []byte("data:image/png;base64,"))
	return bytes.Join([][]byte{svg[:end], []byte(head.String()), body}, nil), nil
}

// headerLength is where the second chunk of a PNG begins: the signature of 8
// bytes and the IHDR chunk of 25.
const headerLength = 8 + 25

// describePNG adds international text chunks (iTXt, PNG specification 11.3.4.5:
// UTF-8, where tEXt is Latin-1 and has no α) after the header.
func describePNG(picture []byte, texts [][2]string) ([]byte, error) {
	if len(picture) < headerLength {
		return nil, fmt.Errorf("figure: a PNG of %d bytes has no header", len(picture))
	}
	out := bytes.NewBuffer(bytes.Clone(picture[:headerLength]))
	for _, text := range texts {
		keyword, content := text[0], text[1]
		if content == "" {
			continue
		}
		// Keyword, NUL, compression flag and method 0, empty language and translated keyword.
		chunk := append([]byte("iTXt"+keyword+"\x00\x00\x00\x00\x00"), content...)
		var number [4]byte
		binary.BigEndian.PutUint32(number[:], uint32(len(chunk)-4))
		out.Write(number[:])
		out.Write(chunk)
		binary.BigEndian.PutUint32(number[:], crc32.ChecksumIEEE(chunk))
		out.Write(number[:])
	}
	out.Write(picture[headerLength:])
	return out.Bytes(), nil
}
