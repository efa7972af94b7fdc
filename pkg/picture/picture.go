// Package picture decodes and resizes pictures as Pillow does, which most published data sets and evaluators were prepared
// with, so that pixels here are theirs.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"  // formats that Decode reads
	_ "image/jpeg" //
	_ "image/png"  //

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// Picture is one image of 8 bits a value, row by row, channels innermost.
type Picture struct {
	Pixels                  []uint8 // Height×Width×Channels
	Height, Width, Channels int     // Channels is 1 (grey) or 3 (red, green, blue)
}

// mostPixels bounds a picture before it is decoded: a header may claim any size.
const mostPixels = 1 << 27

// Decode reads a BMP, GIF, JPEG, PNG, TIFF or WebP file. Grey pictures get one channel and all others three. An alpha channel is
// left out, as Pillow's convert("RGB") leaves it out: colours are not blended with a background.
func Decode(content []byte) (Picture, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return Picture{}, err
	}
	if config.Width < 1 || config.Height < 1 || config.Width > mostPixels/config.Height {
		return Picture{}, fmt.Errorf("it claims %d×%d pixels, more than the %d that are read", config.Width, config.Height, mostPixels)
	}
	decoded, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return Picture{}, err
	}
	return fromImage(decoded)
}

func fromImage(m image.Image) (Picture, error) {
	size := m.Bounds().Size()
	p := Picture{Height: size.Y, Width: size.X, Channels: 3}
	switch m := m.(type) {
	case *image.Gray:
		p.Channels = 1
		p.Pixels = make([]uint8, 0, p.Height*p.Width)
		for y := range p.Height {
			p.Pixels = append(p.Pixels, m.Pix[y*m.Stride:y*m.Stride+p.Width]...)
		}
		return p, nil
	case *image.YCbCr:
		return fromYCbCr(m), nil
	case *image.Gray16, *image.RGBA64, *image.NRGBA64:
		return Picture{}, errors.New("it has 16 bits a value; save it with 8")
	case *image.NRGBA:
		p.Pixels = withoutAlpha(m.Pix, m.Stride, size)
		return p, nil
	case *image.RGBA:
		if m.Opaque() { // else its colours are multiplied with their opacity
			p.Pixels = withoutAlpha(m.Pix, m.Stride, size)
			return p, nil
		}
	}
	p.Pixels = make([]uint8, 0, 3*p.Height*p.Width)
	origin := m.Bounds().Min
	for y := range p.Height {
		for x := range p.Width {
			c := straight(m.At(origin.X+x, origin.Y+y))
			p.Pixels = append(p.Pixels, c.R, c.G, c.B)
		}
	}
	return p, nil
}

// withoutAlpha copies rows of four values a pixel to three.
func withoutAlpha(values []uint8, stride int, size image.Point) []uint8 {
	pixels := make([]uint8, 3*size.X*size.Y)
	for y := range size.Y {
		row, out := values[y*stride:y*stride+4*size.X], pixels[3*y*size.X:]
		for x := range size.X {
			copy(out[3*x:3*x+3], row[4*x:])
		}
	}
	return pixels
}

// straight is a colour that is not multiplied with its opacity; a transparent one keeps what the file says of it.
func straight(c color.Color) color.NRGBA {
	if n, ok := c.(color.NRGBA); ok {
		return n
	}
	return color.NRGBAModel.Convert(c).(color.NRGBA)
}

// RGB is the picture with three channels: grey ones are repeated.
func (p Picture) RGB() Picture {
	if p.Channels == 3 {
		return p
	}
	colour := make([]uint8, 0, 3*len(p.Pixels))
	for _, v := range p.Pixels {
		colour = append(colour, v, v, v)
	}
	return Picture{colour, p.Height, p.Width, 3}
}

// Crop copies the height×width pixels whose upper left one is at row top and column left; they must lie in the picture.
func (p Picture) Crop(top, left, height, width int) Picture {
	out := Picture{make([]uint8, 0, height*width*p.Channels), height, width, p.Channels}
	for y := top; y < top+height; y++ {
		row := p.Pixels[y*p.Width*p.Channels:]
		out.Pixels = append(out.Pixels, row[left*p.Channels:(left+width)*p.Channels]...)
	}
	return out
}
