package data

// normalized[p] is p/127.5 − 1, rounded once.
var normalized = func() (table [256]float32) {
	for p := range table {
		table[p] = float32(float64(p)/127.5 - 1)
	}
	return table
}()

// Normalize maps pixels from 0…255 to [−1, 1], as all four papers do: p/127.5 − 1. Values must have the length of pixels.
func Normalize(values []float32, pixels []uint8) {
	values = values[:len(pixels)]
	for i, p := range pixels {
		values[i] = normalized[p]
	}
}

// Pixels maps values back from [−1, 1] to 0…255, the inverse of [Normalize]. Values outside are clipped, and NaN becomes 0.
// Pixels must have the length of values.
func Pixels(pixels []uint8, values []float32) {
	pixels = pixels[:len(values)]
	for i, v := range values {
		switch p := (v + 1) * 127.5; {
		case p >= 255:
			pixels[i] = 255
		case p > 0:
			pixels[i] = uint8(p + 0.5)
		default:
			pixels[i] = 0
		}
	}
}
