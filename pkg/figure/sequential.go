package figure

import (
	"image/color"
	"math"
)

// sequential are stops of viridis (Smith and van der Walt, 2015), which rises
// evenly in lightness for readers with any colour vision and in grey. Its end in
// light yellow is left out: it is too light for lines on white.
var sequential = []color.NRGBA{
	{0x44, 0x01, 0x54, 0xFF},
	{0x46, 0x32, 0x7E, 0xFF},
	{0x36, 0x5C, 0x8D, 0xFF},
	{0x27, 0x7F, 0x8E, 0xFF},
	{0x1F, 0xA1, 0x87, 0xFF},
	{0x4A, 0xC1, 0x6D, 0xFF},
	{0xA0, 0xDA, 0x39, 0xFF},
}

// missingColor marks a line that has no value to colour it by.
var missingColor = color.NRGBA{0xB0, 0xB0, 0xB0, 0xFF}

// Sequential is the colour of a place on a scale from 0 to 1; grey for NaN.
func Sequential(share float64) color.NRGBA {
	if math.IsNaN(share) {
		return missingColor
	}
	place := math.Max(0, math.Min(1, share)) * float64(len(sequential)-1)
	i := min(int(place), len(sequential)-2)
	return mix(sequential[i], sequential[i+1], place-float64(i))
}
