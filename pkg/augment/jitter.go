package augment

// recolouring is what colour jitter does to one image [H·W, 3].
type recolouring struct {
	brightness, contrast, saturation float32 // factors
	turn                             float32 // of the hue, in [−0.5, 0.5]
}

func drawRecolouring(r *random, strength float64) recolouring {
	factor := func() float32 { return float32(r.between(1-strength, 1+strength)) }
	return recolouring{factor(), factor(), factor(), float32(r.between(-strength, strength))}
}

// apply does the four changes in an order: brightness 0, contrast 1, saturation 2, hue 3.
func (r recolouring) apply(pixels []float32, order [4]int) {
	for _, change := range order {
		switch change {
		case 0:
			scale(pixels, r.brightness)
		case 1:
			stretchContrast(pixels, r.contrast)
		case 2:
			saturate(pixels, r.saturation)
		case 3:
			turnHue(pixels, r.turn)
		}
	}
}

// grey is the luma of an RGB pixel (ITU-R BT.601).
func grey(p []float32) float32 { return 0.299*p[0] + 0.587*p[1] + 0.114*p[2] }

// stretchContrast moves pixels away from the image's mean grey, and clips.
func stretchContrast(pixels []float32, factor float32) {
	sum := 0.0
	for i := 0; i < len(pixels); i += 3 {
		sum += float64(grey(pixels[i : i+3]))
	}
	mean := float32(sum / float64(len(pixels)/3))
	for i, v := range pixels {
		pixels[i] = clip(factor*v + (1-factor)*mean)
	}
}

// saturate moves pixels away from their own grey, and clips.
func saturate(pixels []float32, factor float32) {
	for i := 0; i < len(pixels); i += 3 {
		p := pixels[i : i+3]
		g := grey(p)
		for c, v := range p {
			p[c] = clip((1-factor)*g + factor*v)
		}
	}
}

// turnHue turns the hue of HSV, and keeps value and chroma. It does not clip, and
// takes values below 0 as they are.
func turnHue(pixels []float32, turn float32) {
	for i := 0; i < len(pixels); i += 3 {
		p := pixels[i : i+3]
		value := max(p[0], p[1], p[2])
		chroma := value - min(p[0], p[1], p[2])
		if chroma == 0 {
			continue
		}
		var hue float32 // in sixths of the circle
		switch value {
		case p[0]:
			hue = (p[1] - p[2]) / chroma
		case p[1]:
			hue = (p[2]-p[0])/chroma + 2
		default:
			hue = (p[0]-p[1])/chroma + 4
		}
		if hue += 6 * turn; hue < 0 {
			hue += 6
		} else if hue >= 6 {
			hue -= 6
		}
		sector := min(int(hue), 5)
		part := (hue - float32(sector)) * chroma
		low, falling, rising := value-chroma, value-part, value-chroma+part
		switch sector {
		case 0:
			p[0], p[1], p[2] = value, rising, low
		case 1:
			p[0], p[1], p[2] = falling, value, low
		case 2:
			p[0], p[1], p[2] = low, value, rising
		case 3:
			p[0], p[1], p[2] = low, falling, value
		case 4:
			p[0], p[1], p[2] = rising, low, value
		case 5:
			p[0], p[1], p[2] = value, low, falling
		}
	}
}
