package picture

import "image"

// fromYCbCr turns a decoded JPEG into colours as libjpeg does, which Pillow and
// so every Python evaluator decodes with: colours that were stored at half the
// size are interpolated ("fancy upsampling"), where Go's image package repeats
// them. On small pictures of the usual 4:2:0 that is a step of brightness on
// average and tens at edges, enough to move a distance.
func fromYCbCr(m *image.YCbCr) Picture {
	size := m.Bounds().Size()
	p := Picture{Pixels: make([]uint8, 0, 3*size.X*size.Y), Height: size.Y, Width: size.X, Channels: 3}
	blue, red := fullChroma(m, m.Cb), fullChroma(m, m.Cr)
	for y := range size.Y {
		for x := range size.X {
			luma := int(m.Y[y*m.YStride+x])
			b, r := int(blue[y*size.X+x])-128, int(red[y*size.X+x])-128
			// jdcolor.c: 16 fractional bits, rounded
			const half = 1 << 15
			p.Pixels = append(p.Pixels,
				clip(luma+(91881*r+half)>>16),
				clip(luma+(-22554*b-46802*r+half)>>16),
				clip(luma+(116130*b+half)>>16))
		}
	}
	return p
}

func clip(v int) uint8 { return uint8(min(max(v, 0), 255)) }

// fullChroma is one of the colour planes at the picture's size.
func fullChroma(m *image.YCbCr, plane []uint8) []uint8 {
	size := m.Bounds().Size()
	halfWidth, halfHeight := (size.X+1)/2, (size.Y+1)/2
	out := make([]uint8, size.X*size.Y)
	row := func(y int) []uint8 { return plane[y*m.CStride:] }
	switch {
	case m.SubsampleRatio == image.YCbCrSubsampleRatio420 && halfWidth > 2:
		sums := make([]int, halfWidth)
		for y := range size.Y {
			near, far := row(y/2), row(min(max(y/2+2*(y%2)-1, 0), halfHeight-1))
			for x := range sums {
				sums[x] = 3*int(near[x]) + int(far[x])
			}
			spread(out[y*size.X:(y+1)*size.X], sums, 4, 8, 7)
		}
	case m.SubsampleRatio == image.YCbCrSubsampleRatio422 && halfWidth > 2:
		values := make([]int, halfWidth)
		for y := range size.Y {
			for x := range values {
				values[x] = int(row(y)[x])
			}
			spread(out[y*size.X:(y+1)*size.X], values, 2, 1, 2)
		}
	case m.SubsampleRatio == image.YCbCrSubsampleRatio440:
		for y := range size.Y {
			near, far := row(y/2), row(min(max(y/2+2*(y%2)-1, 0), halfHeight-1))
			for x := range size.X {
				out[y*size.X+x] = uint8((3*int(near[x]) + int(far[x]) + 1 + y%2) >> 2)
			}
		}
	default:
		for y := range size.Y {
			for x := range size.X {
				out[y*size.X+x] = plane[m.COffset(x, y)]
			}
		}
	}
	return out
}

// spread doubles a row: each value's two pixels take three quarters of it and
// one of the neighbour on their side, and the first and last pixel all of it.
// Values have bits−2 fractional bits; left and right are what rounds the pixels
// (jdsample.c alternates them, so that no bias builds up).
func spread(out []uint8, values []int, bits, left, right int) {
	for x := range out {
		i := x / 2
		side, round := i-1, left
		if x%2 == 1 {
			side, round = i+1, right
		}
		side = min(max(side, 0), len(values)-1)
		out[x] = uint8((3*values[i] + values[side] + round) >> bits)
	}
}
