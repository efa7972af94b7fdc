// Package data finds, fetches, verifies and decodes data sets, splits them and cuts them into batches.
//
// Identity is the SHA-256 of a file's decompressed content. A variant of a data set (re-compressed images, another
// selection) therefore has another content and must have a name of its own, and its numbers are never compared with a
// paper's.
package data

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
)

// Dataset is a data set in memory.
type Dataset struct {
	Name    string   // as given to [Load]: "fashion-mnist"
	Title   string   // for people: "Fashion-MNIST"
	Classes []string // the name of label i
	Train   Split
	Test    Split

	Checksums map[string]string // SHA-256 of each file's decompressed content, by the file's official name
	Paths     map[string]string // where each file was read
}

// Split is a part of a data set: Len images of the same size, each with a label.
type Split struct {
	Images                  []uint8 // Len×Height×Width×Channels, row-major
	Labels                  []int32 // Len labels in [0, number of classes)
	Height, Width, Channels int
}

// Len is the number of images.
func (s Split) Len() int { return len(s.Labels) }

// ImageSize is the number of values of one image.
func (s Split) ImageSize() int { return s.Height * s.Width * s.Channels }

// Pixels are the Height×Width×Channels values of image i, shared with the split.
func (s Split) Pixels(i int) []uint8 {
	size := s.ImageSize()
	return s.Images[i*size : (i+1)*size : (i+1)*size]
}

// Image is image i for drawing: grey for one channel, else the first three channels as red, green and blue.
func (s Split) Image(i int) image.Image {
	bounds, pixels := image.Rect(0, 0, s.Width, s.Height), s.Pixels(i)
	if s.Channels < 3 {
		picture := image.NewGray(bounds)
		for p := range picture.Pix {
			picture.Pix[p] = pixels[p*s.Channels]
		}
		return picture
	}
	picture := image.NewRGBA(bounds)
	for p := range s.Height * s.Width {
		values := pixels[p*s.Channels:]
		picture.SetRGBA(p%s.Width, p/s.Width, color.RGBA{values[0], values[1], values[2], 255})
	}
	return picture
}

// Subset copies the images at indices, in that order.
func (s Split) Subset(indices []int) Split {
	subset := s
	subset.Images = make([]uint8, 0, len(indices)*s.ImageSize())
	subset.Labels = make([]int32, 0, len(indices))
	for _, i := range indices {
		subset.Images = append(subset.Images, s.Pixels(i)...)
		subset.Labels = append(subset.Labels, s.Labels[i])
	}
	return subset
}

// First is the first n images, or all if there are fewer, shared with the split.
func (s Split) First(n int) Split {
	n = max(0, min(n, s.Len()))
	first := s
	first.Images = s.Images[: n*s.ImageSize() : n*s.ImageSize()]
	first.Labels = s.Labels[:n:n]
	return first
}

// ClassCounts is how many images have label 0, 1, … classes−1.
func (s Split) ClassCounts(classes int) []int {
	counts := make([]int, classes)
	for _, label := range s.Labels {
		counts[label]++
	}
	return counts
}

// newSplit joins decoded images (N×H×W, or N×H×W×C) with decoded labels (N).
func newSplit(images, labels idxArray, classes int) (Split, error) {
	if len(images.shape) != 3 && len(images.shape) != 4 {
		return Split{}, fmt.Errorf("images have %d dimensions instead of 3 or 4", len(images.shape))
	}
	if len(labels.shape) != 1 {
		return Split{}, fmt.Errorf("labels have %d dimensions instead of 1", len(labels.shape))
	}
	if images.shape[0] != labels.shape[0] {
		return Split{}, fmt.Errorf("%d images but %d labels", images.shape[0], labels.shape[0])
	}
	if slices.Contains(images.shape, 0) {
		return Split{}, errors.New("no images")
	}
	split := Split{Images: images.values, Height: images.shape[1], Width: images.shape[2], Channels: 1}
	if len(images.shape) == 4 {
		split.Channels = images.shape[3]
	}
	split.Labels = make([]int32, len(labels.values))
	for i, label := range labels.values {
		if int(label) >= classes {
			return Split{}, fmt.Errorf("label %d of image %d is outside 0…%d", label, i, classes-1)
		}
		split.Labels[i] = int32(label)
	}
	return split, nil
}
