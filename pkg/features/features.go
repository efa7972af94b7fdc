// Package features turns images into feature vectors, and compares sets of
// them: what a published FID or precision must name beside its value.
//
// A [Network] takes [Images] of any source to a matrix of features: the pixels
// themselves, the last hidden layer of a LeNet that is trained here, the
// Inception-v3 that published distances are defined by, or the maps z_t of a
// diffusion model's UNet at a timestep.
package features

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
)

// Network turns images into features.
type Network interface {
	// Name is the network's kind, such as "inception".
	Name() string
	// Settings are all that the features depend on beside the images: which
	// layer, how images are brought to size, which weights.
	Settings() map[string]string
	// UsesEngine says whether Extract needs an engine.
	UsesEngine() bool
	// Each hands the features of images from, from+1, … to sink, batch by batch.
	// Memory beside a batch's is that of a few images.
	Each(ctx context.Context, e *engine.Engine, images Images, from int, sink Sink) error
}

// Sink takes the features [images, D] of a batch that begins with image first.
// An error ends the extraction.
type Sink func(first int, rows *mat.Dense) error

// Progress hears how many images of all are done; nil hears nothing.
type Progress func(done, total int)

func (p Progress) report(done, total int) {
	if p != nil {
		p(done, total)
	}
}

// Collect returns the features of all images in one matrix [images, D]. The
// engine may be nil for a network that uses none.
func Collect(ctx context.Context, n Network, e *engine.Engine, images Images, progress Progress) (*mat.Dense, error) {
	var all []*mat.Dense
	put := gather(&all, images.Len())
	err := n.Each(ctx, e, images, 0, func(first int, rows *mat.Dense) error {
		count, _ := rows.Dims()
		progress.report(first+count, images.Len())
		return put(first, []*mat.Dense{rows})
	})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// first is a network's only output, for its sink.
func (s Sink) first(from int, outputs []*mat.Dense) error { return s(from, outputs[0]) }

// Pixels are the features of images of one size that are their values, in
// [−1, 1], row by row with the channels innermost.
type Pixels struct{}

// Name is "pixels".
func (Pixels) Name() string { return "pixels" }

// Settings says how values are scaled.
func (Pixels) Settings() map[string]string { return map[string]string{"values": "p/127.5 - 1"} }

// UsesEngine is false.
func (Pixels) UsesEngine() bool { return false }

// Each gives a row of Height·Width·Channels an image. An image of another size
// than the first is an error.
func (Pixels) Each(ctx context.Context, _ *engine.Engine, images Images, from int, sink Sink) error {
	if images.Len() == 0 {
		return fmt.Errorf("features: no images")
	}
	first, err := images.Read(0)
	if err != nil {
		return err
	}
	values := make([]float32, len(first.Pixels))
	for ; from < images.Len(); from += splitBatch {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := mat.NewDense(min(splitBatch, images.Len()-from), len(values), nil)
		for r := range rows.RawMatrix().Rows {
			if err := readNormalized(images, from+r, first.Height, first.Width, first.Channels, values); err != nil {
				return fmt.Errorf("%w; pixels are compared at one size", err)
			}
			for c, v := range values {
				rows.Set(r, c, float64(v))
			}
		}
		if err := sink(from, rows); err != nil {
			return err
		}
	}
	return nil
}

func sameSize(p Picture, height, width, channels int) error {
	if p.Height != height || p.Width != width || p.Channels != channels {
		return fmt.Errorf("it has %d×%d×%d values instead of %d×%d×%d", p.Height, p.Width, p.Channels, height, width, channels)
	}
	return nil
}

// fit is the picture for a network that takes one size and one number of
// channels: grey is repeated for three, and three equal channels are grey.
func fit(p Picture, height, width, channels int) (Picture, error) {
	var err error
	if channels == 3 {
		p = p.RGB()
	} else if p, err = greyOf(p); err != nil {
		return p, err
	}
	return p, sameSize(p, height, width, channels)
}

// readNormalized reads image i in [−1, 1] for a network of one size.
func readNormalized(images Images, i, height, width, channels int, values []float32) error {
	p, err := images.Read(i)
	if err == nil {
		p, err = fit(p, height, width, channels)
	}
	if err != nil {
		return fmt.Errorf("features: image %d of %d: %w", i+1, images.Len(), err)
	}
	data.Normalize(values, p.Pixels)
	return nil
}
