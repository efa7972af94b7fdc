package augment

// clip keeps a value in [0, 1], the range that Kornia takes images to have.
func clip(v float32) float32 { return min(max(v, 0), 1) }

// scale is clip(factor·x): Kornia's contrast, and the brightness of its colour jitter.
func scale(pixels []float32, factor float32) {
	for i, v := range pixels {
		pixels[i] = clip(factor * v)
	}
}

// brighten is clip(x + factor − 1).
func brighten(pixels []float32, factor float32) {
	for i, v := range pixels {
		pixels[i] = clip(v + (factor - 1))
	}
}

// sharpen moves source away from what a 3×3 filter makes of it, by factor − 1;
// towards it below 1. Pixels at the border have no filtered value and stay. A
// factor above 1 clips.
func sharpen(to, source picture, factor float32) {
	if factor == 1 {
		copy(to.pixels, source.pixels)
		return
	}
	smooth(to, source)
	for i, v := range source.pixels {
		filtered := to.pixels[i]
		to.pixels[i] = filtered + factor*(v-filtered)
	}
	if factor > 1 {
		scale(to.pixels, 1)
	}
}

// smooth is the mean of 3×3 pixels in which the middle one counts five times,
// clipped.
func smooth(to, source picture) {
	copy(to.pixels, source.pixels)
	n := source.channels
	for y := 1; y < source.height-1; y++ {
		above, here, below, row := source.row(y-1), source.row(y), source.row(y+1), to.row(y)
		for i := n; i < len(here)-n; i++ {
			sum := above[i-n] + above[i] + above[i+n] + here[i-n] + 5*here[i] + here[i+n] + below[i-n] + below[i] + below[i+n]
			row[i] = clip(sum / 13)
		}
	}
}

// mix is (1−share)·x + share·other, in place.
func mix(pixels, other []float32, share float32) {
	for i, v := range other {
		pixels[i] = (1-share)*pixels[i] + share*v
	}
}
