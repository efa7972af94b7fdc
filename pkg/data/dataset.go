// Package data finds, fetches, verifies and decodes data sets, splits them and cuts them into batches.
//
// Identity is the checksum of a file's content: of its bytes as they are published, of the decompressed bytes where people
// keep them both ways, of the pictures where no archive has fixed bytes. A variant of a data set (re-compressed images,
// another selection) therefore has another content and must have a name of its own, and its numbers are never compared with
// a paper's.
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
	Name       string   // as given to [Load]: "fashion-mnist"
	Title      string   // for people: "Fashion-MNIST"
	VariantOf  string   // see [Description]
	Classes    []string // the name of label i; nil where images have attributes
	Attributes []string // the name of attribute i; nil where images have classes
	Train      Split
	Validation Split // official, empty for most; [Dataset.Split] makes one
	Test       Split

	Checksums map[string]string // SHA-256 of each file's content, by the file's official name
	Paths     map[string]string // where each file was read
}

// Split is a part of a data set: Len images of the same size, each with a label or with attributes.
type Split struct {
	Images                  []uint8 // Len×Height×Width×Channels, row-major
	Labels                  []int32 // Len labels in [0, number of classes); nil where images have attributes
	Attributes              []uint8 // Len×AttributeCount, row-major, 1 where an image has the attribute, else 0; nil where images have classes
	AttributeCount          int     // attributes of each image
	Height, Width, Channels int
}

// Len is the number of images.
func (s Split) Len() int {
	if size := s.ImageSize(); size > 0 {
		return len(s.Images) / size
	}
	return len(s.Labels)
}

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

// AttributesOf are the AttributeCount attributes of image i, shared with the split.
func (s Split) AttributesOf(i int) []uint8 {
	return s.Attributes[i*s.AttributeCount : (i+1)*s.AttributeCount : (i+1)*s.AttributeCount]
}

// Subset copies the images at indices, in that order.
func (s Split) Subset(indices []int) Split {
	subset := s
	subset.Images = make([]uint8, 0, len(indices)*s.ImageSize())
	if s.Labels != nil {
		subset.Labels = make([]int32, 0, len(indices))
	}
	if s.Attributes != nil {
		subset.Attributes = make([]uint8, 0, len(indices)*s.AttributeCount)
	}
	for _, i := range indices {
		subset.Images = append(subset.Images, s.Pixels(i)...)
		if s.Labels != nil {
			subset.Labels = append(subset.Labels, s.Labels[i])
		}
		if s.Attributes != nil {
			subset.Attributes = append(subset.Attributes, s.AttributesOf(i)...)
		}
	}
	return subset
}

// First is the first n images, or all if there are fewer, shared with the split.
func (s Split) First(n int) Split {
	n = max(0, min(n, s.Len()))
	first := s
	first.Images = s.Images[: n*s.ImageSize() : n*s.ImageSize()]
	if s.Labels != nil {
		first.Labels = s.Labels[:n:n]
	}
	if s.Attributes != nil {
		first.Attributes = s.Attributes[: n*s.AttributeCount : n*s.AttributeCount]
	}
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

// AttributeCounts is how many images have attribute 0, 1, ….
func (s Split) AttributeCounts() []int {
	counts := make([]int, s.AttributeCount)
	for i, present := range s.Attributes {
		counts[i%s.AttributeCount] += int(present)
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
