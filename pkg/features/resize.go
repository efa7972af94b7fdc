package features

import "noisebook/pkg/picture"

// Three ways to bring a picture to another size, each as one of the programs
// whose distances are published does it. They give different features.

// resizer turns rows of pixels in 0…255 into size×size pixels of floats in the same range.
type resizer func(p Picture, size int) []float32

// resizeTensorFlow is TensorFlow 1's bilinear resizing with align_corners false,
// of the original FID and of torch-fidelity: output i samples at i·in/out, so
// that pixels' corners, not centres, fall together. Nothing is smoothed.
func resizeTensorFlow(p Picture, size int) []float32 {
	place := func(i, in int) (low, high int, share float32) {
		at := float32(i) * (float32(in) / float32(size))
		low = int(at)
		return low, min(low+1, in-1), at - float32(low)
	}
	return bilinear(p, size, place)
}

// resizePyTorch is F.interpolate's bilinear with align_corners false, of
// pytorch-fid: output i samples at (i + ½)·in/out − ½. Nothing is smoothed.
func resizePyTorch(p Picture, size int) []float32 {
	place := func(i, in int) (low, high int, share float32) {
		at := max(0, (float32(i)+0.5)*(float32(in)/float32(size))-0.5)
		low = min(int(at), in-1)
		return low, min(low+1, in-1), at - float32(low)
	}
	return bilinear(p, size, place)
}

// bilinear mixes two rows and two columns at the places that place gives: the
// lower index, the higher one and its share.
func bilinear(p Picture, size int, place func(i, in int) (low, high int, share float32)) []float32 {
	type neighbours struct {
		low, high int
		share     float32
	}
	columns := make([]neighbours, size)
	for x := range columns {
		n := &columns[x]
		n.low, n.high, n.share = place(x, p.Width)
	}
	c := p.Channels
	out := make([]float32, 0, size*size*c)
	for y := range size {
		low, high, share := place(y, p.Height)
		top, bottom := p.Pixels[low*p.Width*c:], p.Pixels[high*p.Width*c:]
		for _, n := range columns {
			for k := range c {
				left, right := n.low*c+k, n.high*c+k
				a, b := float32(top[left]), float32(bottom[left])
				a += (float32(top[right]) - a) * n.share
				b += (float32(bottom[right]) - b) * n.share
				out = append(out, a+(b-a)*share)
			}
		}
	}
	return out
}

// resizePillow is Pillow's bicubic resizing in floats, of clean-fid: a cubic
// (a = −½) that widens with the step where the picture shrinks, which smooths
// it, first along rows, then along columns, then cut to 0…255.
func resizePillow(p Picture, size int) []float32 {
	c := p.Channels
	across := picture.Windows(p.Width, size, picture.Cubic)
	rows := make([]float32, p.Height*size*c)
	for y := range p.Height {
		from := p.Pixels[y*p.Width*c:]
		for x, w := range across {
			for k := range c {
				sum := 0.0
				for i, share := range w.Shares {
					sum += float64(from[(w.First+i)*c+k]) * share
				}
				rows[(y*size+x)*c+k] = float32(sum)
			}
		}
	}
	out := make([]float32, size*size*c)
	for y, w := range picture.Windows(p.Height, size, picture.Cubic) {
		for j := range size * c {
			sum := 0.0
			for i, share := range w.Shares {
				sum += float64(rows[(w.First+i)*size*c+j]) * share
			}
			out[y*size*c+j] = float32(min(max(float64(float32(sum)), 0), 255))
		}
	}
	return out
}
