package figure

import (
	"image/color"
	"math"
)

// Ends in blue and red, which differ for readers with any
// colour vision, around a grey that neither has a hue nor is white paper.
var (
	divergingLow    = color.NRGBA{0x05, 0x50, 0xA0, 0xFF}
	divergingMiddle = color.NRGBA{0xD8, 0xD8, 0xD8, 0xFF}
	divergingHigh   = color.NRGBA{0xB2, 0x0A, 0x24, 0xFF}
)

// Diverging is the colour of a place on a scale from −1 (blue) over 0 (grey) to
// +1 (red); values outside have the end's colour, NaN that of a missing value.
func Diverging(value float64) color.NRGBA {
	switch {
	case math.IsNaN(value):
		return missingColor
	case value < 0:
		return mix(divergingMiddle, divergingLow, min(1, -value))
	}
	return mix(divergingMiddle, divergingHigh, min(1, value))
}

// mix is the colour a part of the way from one to another.
func mix(from, to color.NRGBA, part float64) color.NRGBA {
	channel := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + part*(float64(b)-float64(a)))) }
	return color.NRGBA{channel(from.R, to.R), channel(from.G, to.G), channel(from.B, to.B), 0xFF}
}
