package augment

import "math"

// picture is one image [Height, Width, Channels], row-major.
type picture struct {
	pixels                  []float32
	height, width, channels int
}

// row is the pixels of a row.
func (p picture) row(y int) []float32 {
	n := p.width * p.channels
	return p.pixels[y*n : (y+1)*n]
}

// rectangle is a part of an image in whole pixels.
type rectangle struct{ x, y, width, height int }

// The aspect ratios of crops, width to height, even in their logarithm.
const narrowest, widest = 3.0 / 4, 4.0 / 3

// drawCrop draws a rectangle of a share of the area. As in Kornia the sides are
// rounded and must be below the image's; after ten tries without such sides it is
// the largest one of 4:3.
func drawCrop(r *random, share Transform, height, width int) rectangle {
	part := largest(height, width)
	for range 10 {
		area := r.between(share.Low, share.High) * float64(height*width)
		ratio := math.Exp(r.between(math.Log(narrowest), math.Log(widest)))
		w, h := int(math.RoundToEven(math.Sqrt(area*ratio))), int(math.RoundToEven(math.Sqrt(area/ratio)))
		if 0 < w && w < width && 0 < h && h < height {
			part = rectangle{width: w, height: h}
			break
		}
	}
	part.x, part.y = r.below(width-part.width+1), r.below(height-part.height+1)
	return part
}

// largest is the largest rectangle of 4:3.
func largest(height, width int) rectangle {
	if float64(width) > widest*float64(height) {
		return rectangle{width: min(width, int(math.RoundToEven(widest*float64(height)))), height: height}
	}
	return rectangle{width: width, height: max(1, int(math.RoundToEven(float64(width)/widest)))}
}

// crop stretches a part of source over to, bilinearly and corner to corner.
func crop(to, source picture, part rectangle) {
	stepX, stepY := stretch(part.width, to.width), stretch(part.height, to.height)
	for y := range to.height {
		fy := float32(y) * stepY
		top := min(int(fy), part.height-1)
		bottom := min(top+1, part.height-1)
		upper, lower, wy := source.row(part.y+top), source.row(part.y+bottom), fy-float32(top)
		row := to.row(y)
		for x := range to.width {
			fx := float32(x) * stepX
			left := min(int(fx), part.width-1)
			right := min(left+1, part.width-1)
			wx := fx - float32(left)
			a, b := (part.x+left)*to.channels, (part.x+right)*to.channels
			for c := range to.channels {
				up := upper[a+c] + wx*(upper[b+c]-upper[a+c])
				down := lower[a+c] + wx*(lower[b+c]-lower[a+c])
				row[x*to.channels+c] = up + wy*(down-up)
			}
		}
	}
}

// stretch is the distance in a part of one pixel of the whole.
func stretch(part, whole int) float32 {
	if whole == 1 {
		return 0
	}
	return float32(part-1) / float32(whole-1)
}

// rotate turns source counter-clockwise about its middle, bilinearly. Outside of
// the source are zeros.
func rotate(to, source picture, degrees float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	middleX, middleY := float64(to.width-1)/2, float64(to.height-1)/2
	for y := range to.height {
		dy := float64(y) - middleY
		row := to.row(y)
		for x := range to.width {
			dx := float64(x) - middleX
			source.bilinear(row[x*to.channels:(x+1)*to.channels], cos*dx-sin*dy+middleX, sin*dx+cos*dy+middleY)
		}
	}
}

// bilinear writes the value at a point between pixels.
func (p picture) bilinear(to []float32, x, y float64) {
	left, top := math.Floor(x), math.Floor(y)
	wx, wy := float32(x-left), float32(y-top)
	clear(to)
	p.add(to, int(left), int(top), (1-wx)*(1-wy))
	p.add(to, int(left)+1, int(top), wx*(1-wy))
	p.add(to, int(left), int(top)+1, (1-wx)*wy)
	p.add(to, int(left)+1, int(top)+1, wx*wy)
}

// add adds a weighted pixel, if there is one.
func (p picture) add(to []float32, x, y int, weight float32) {
	if x < 0 || x >= p.width || y < 0 || y >= p.height {
		return
	}
	at := (y*p.width + x) * p.channels
	for c, v := range p.pixels[at : at+len(to)] {
		to[c] += weight * v
	}
}

// flip mirrors left and right.
func flip(p picture) {
	for y := range p.height {
		row := p.row(y)
		for left, right := 0, (p.width-1)*p.channels; left < right; left, right = left+p.channels, right-p.channels {
			for c := range p.channels {
				row[left+c], row[right+c] = row[right+c], row[left+c]
			}
		}
	}
}
