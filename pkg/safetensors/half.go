package safetensors

import "math"

// halfToFloat widens an IEEE 754 binary16 number: 1 sign, 5 exponent and 10
// fraction bits. Every half float is a float32, so nothing is lost; the
// payload of a NaN is kept.
func halfToFloat(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction · 2^-24
		magnitude := float32(fraction) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(magnitude))
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// floatToHalf rounds to the nearest binary16 number, ties to even.
func floatToHalf(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits>>16) & 0x8000
	magnitude := math.Float32frombits(bits &^ (1 << 31))
	switch {
	case magnitude != magnitude: // quiet NaN with what fits of the payload
		return sign | 0x7e00 | uint16(bits>>13)&0x3ff
	case magnitude >= 65520: // halfway from the largest half float to the next power of two
		return sign | 0x7c00
	case magnitude < 1.0/(1<<14): // subnormal: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(float64(magnitude)*(1<<24)))
	}
	m := math.Float32bits(magnitude) - (127-15)<<23 // rebias the exponent
	m += 0xfff + (m>>13)&1                          // round to even; a carry moves to the exponent
	return sign | uint16(m>>13)
}
