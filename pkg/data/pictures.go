package data

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"noisebook/pkg/picture"
)

// labelledPicture is a picture in an archive.
type labelledPicture struct {
	name  string
	label int32
	read  func() ([]byte, error) // its file; several goroutines may read at once
}

// prepare brings a decoded picture to the size of the data set.
type prepare func(picture.Picture) picture.Picture

func asItIs(p picture.Picture) picture.Picture { return p }

// decodePictures decodes and prepares pictures, in their order, to colour images of height×width.
func decodePictures(ctx context.Context, pictures []labelledPicture, height, width int, prepare prepare) (Split, error) {
	split := Split{Height: height, Width: width, Channels: 3, Labels: make([]int32, len(pictures))}
	split.Images = make([]uint8, len(pictures)*split.ImageSize())
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for ctx.Err() == nil && failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(pictures) {
					return
				}
				split.Labels[i] = pictures[i].label
				if err := decodePicture(pictures[i], split.Pixels(i), height, width, prepare); err != nil {
					err = fmt.Errorf("%q: %w", pictures[i].name, err)
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return Split{}, context.Cause(ctx)
	}
	if err := failed.Load(); err != nil {
		return Split{}, *err
	}
	return split, nil
}

func decodePicture(from labelledPicture, pixels []uint8, height, width int, prepare prepare) error {
	content, err := from.read()
	if err != nil {
		return cutShort(err)
	}
	p, err := picture.Decode(content)
	if err != nil {
		return cutShort(err)
	}
	if p = prepare(p.RGB()); p.Height != height || p.Width != width {
		return fmt.Errorf("it has %d×%d pixels instead of %d×%d", p.Height, p.Width, height, width)
	}
	copy(pixels, p.Pixels)
	return nil
}

// smallerSideTo resizes (bilinear, smoothed) the shorter side to side pixels and cuts out the middle, as torchvision's
// Resize and CenterCrop do.
func smallerSideTo(side int) prepare {
	return func(p picture.Picture) picture.Picture {
		height, width := side, side*p.Width/p.Height
		if p.Width < p.Height {
			height, width = side*p.Height/p.Width, side
		}
		if height > most || width > most {
			return p // too thin to be a picture; the caller refuses its size
		}
		p = p.Resize(height, width, picture.Bilinear)
		// Python's round goes to the even neighbour.
		return p.Crop(int(math.RoundToEven(float64(height-side)/2)), int(math.RoundToEven(float64(width-side)/2)), side, side)
	}
}

// most bounds the longer side of a resized picture.
const most = 1 << 14

// halveThenCubic is guided-diffusion's preparation: halve with a box filter while the shorter side is at least twice side,
// bring it to side with a cubic one, and cut out the middle.
func halveThenCubic(side int) prepare {
	return func(p picture.Picture) picture.Picture {
		for min(p.Height, p.Width) >= 2*side {
			p = p.Resize(p.Height/2, p.Width/2, picture.Box)
		}
		scale := float64(side) / float64(min(p.Height, p.Width))
		height, width := int(math.RoundToEven(float64(p.Height)*scale)), int(math.RoundToEven(float64(p.Width)*scale))
		if height > most || width > most {
			return p
		}
		p = p.Resize(height, width, picture.Cubic)
		return p.Crop((height-side)/2, (width-side)/2, side, side)
	}
}
