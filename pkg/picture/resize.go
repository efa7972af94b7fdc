package picture

import "math"

// Kernel weighs the pixels around a place when a picture is resized. It widens with the step where the picture shrinks, which
// smooths it.
type Kernel struct {
	support float64 // where it ends
	at      func(x float64) float64
}

// The kernels of Pillow's resize.
var (
	Box      = Kernel{0.5, box}
	Bilinear = Kernel{1, triangle}
	Cubic    = Kernel{2, cubic}
)

func box(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

// cubic is Keys's convolution kernel with a = −½.
func cubic(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

// Window is the inputs that make one output: Shares sum to 1, the first is of input First.
type Window struct {
	First  int
	Shares []float64
}

// Windows are the windows of the out pixels of a row that is made of in pixels (Pillow's precompute_coeffs).
func Windows(in, out int, kernel Kernel) []Window {
	step := float64(in) / float64(out)
	wide := max(step, 1)
	windows := make([]Window, out)
	for i := range windows {
		centre := (float64(i) + 0.5) * step
		reach := kernel.support * wide
		first, end := max(0, int(centre-reach+0.5)), min(in, int(centre+reach+0.5))
		w := Window{first, make([]float64, end-first)}
		sum := 0.0
		for k := range w.Shares {
			w.Shares[k] = kernel.at((float64(first+k) - centre + 0.5) / wide)
			sum += w.Shares[k]
		}
		for k := range w.Shares {
			w.Shares[k] /= sum
		}
		windows[i] = w
	}
	return windows
}

// Resize brings the picture to height×width, bit for bit as Pillow's resize of pictures of 8 bits: first along rows, then along
// columns, each rounded to 8 bits.
func (p Picture) Resize(height, width int, kernel Kernel) Picture {
	if width != p.Width {
		windows := fixedWindows(p.Width, width, kernel)
		out := Picture{make([]uint8, p.Height*width*p.Channels), p.Height, width, p.Channels}
		for y := range p.Height {
			from, to := p.Pixels[y*p.Width*p.Channels:], out.Pixels[y*width*p.Channels:]
			for x, w := range windows {
				for k := range p.Channels {
					to[x*p.Channels+k] = w.mix(from[w.first*p.Channels+k:], p.Channels)
				}
			}
		}
		p = out
	}
	if height != p.Height {
		row := p.Width * p.Channels
		out := Picture{make([]uint8, height*row), height, p.Width, p.Channels}
		for y, w := range fixedWindows(p.Height, height, kernel) {
			for j := range row {
				out.Pixels[y*row+j] = w.mix(p.Pixels[w.first*row+j:], row)
			}
		}
		p = out
	}
	return p
}

// fixedBits are the fractional bits of Pillow's coefficients for 8-bit pictures.
const fixedBits = 32 - 8 - 2

type fixedWindow struct {
	first  int
	shares []int
}

func fixedWindows(in, out int, kernel Kernel) []fixedWindow {
	fixed := make([]fixedWindow, out)
	for i, w := range Windows(in, out, kernel) {
		fixed[i] = fixedWindow{w.First, make([]int, len(w.Shares))}
		for k, share := range w.Shares {
			fixed[i].shares[k] = int(math.Round(share * (1 << fixedBits))) // half away from zero, as Pillow rounds
		}
	}
	return fixed
}

// mix weighs values[0], values[stride], … with the window's shares.
func (w fixedWindow) mix(values []uint8, stride int) uint8 {
	sum := 1 << (fixedBits - 1)
	for i, share := range w.shares {
		sum += int(values[i*stride]) * share
	}
	return clip(sum >> fixedBits)
}
