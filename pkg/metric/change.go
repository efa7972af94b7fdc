package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// ClassChange says what an edit did to a judge's scores (Mediffusion, tables 4
// to 7): much for the target class, little for the others.
type ClassChange struct {
	Before Score     // mean score of the target class before the edit
	Target Score     // mean of after - before of the target class, signed
	Others Score     // mean |after - before| over samples and the remaining classes
	Class  []float64 // [classes] mean |after - before| of each
	Sample []float64 // [samples] mean |after - before| over the remaining classes, whose mean is Others
}

// ClassChanges compares a judge's scores [samples, classes] of images before
// and after an edit that meant to change class target. Changes are taken
// sample by sample, so opposite ones do not cancel. There must be 2 classes.
func ClassChanges(before, after *mat.Dense, target int) (ClassChange, error) {
	samples, classes := before.Dims()
	if n, c := after.Dims(); n != samples || c != classes {
		return ClassChange{}, fmt.Errorf("metric: %dx%d scores before and %dx%d after the edit; they must pair up", samples, classes, n, c)
	}
	if classes < 2 || target < 0 || target >= classes {
		return ClassChange{}, fmt.Errorf("metric: target class %d of %d; want 2 classes or more and a target from 0 to %d", target, classes, classes-1)
	}
	if err := checkFeatures(1, "the scores before", before, "the scores after", after); err != nil {
		return ClassChange{}, err
	}
	change := ClassChange{Class: make([]float64, classes), Sample: make([]float64, samples)}
	original, signed := 0.0, 0.0
	for i := range samples {
		was, is := before.RawRowView(i), after.RawRowView(i)
		original += was[target]
		signed += is[target] - was[target]
		for class := range classes {
			size := math.Abs(is[class] - was[class])
			change.Class[class] += size / float64(samples)
			if class != target {
				change.Sample[i] += size / float64(classes-1)
			}
		}
	}
	score := func(name string, value float64) Score {
		return Score{
			Name: name, Value: value, N: map[string]int{"images": samples},
			Settings: map[string]any{"classes": classes, "target class": target},
		}
	}
	change.Before = score("target score before", original/float64(samples))
	change.Target = score("target change", signed/float64(samples))
	change.Others = score("change of other classes", stat.Mean(change.Sample, nil))
	change.Others.Settings["change"] = "absolute, by sample and class"
	return change, nil
}

// Box is a rectangle in pixels from the upper left corner of an image, as in
// ChestX-ray14's expert boxes. A pixel is inside when its centre is.
type Box struct{ X, Y, Width, Height float64 }

// Images are pixel values [count, height, width, channels] in row-major order.
type Images struct {
	Height, Width, Channels int
	Values                  []float64
}

// Count is the number of whole images.
func (m Images) Count() int { return len(m.Values) / max(1, m.Height*m.Width*m.Channels) }

// PixelChange says where an edit changed pixels (Mediffusion, figures 4 and 8).
type PixelChange struct {
	Inside  Score // mean over images of the mean |after - before| inside their boxes
	Outside Score // the same outside

	InsideImage, OutsideImage []float64 // [images], whose means are Inside and Outside
}

// PixelChanges compares images before and after an edit inside and outside the
// expert boxes of each, whose union counts. Values are as given: bring them to
// the 0 to 1 scale of the paper first. Every image needs a pixel inside its
// boxes and one outside.
func PixelChanges(before, after Images, boxes [][]Box) (PixelChange, error) {
	if before.Height != after.Height || before.Width != after.Width || before.Channels != after.Channels || len(before.Values) != len(after.Values) {
		return PixelChange{}, fmt.Errorf("metric: %d images of %dx%dx%d before and %d of %dx%dx%d after the edit; they must pair up",
			before.Count(), before.Height, before.Width, before.Channels, after.Count(), after.Height, after.Width, after.Channels)
	}
	size := before.Height * before.Width * before.Channels
	if before.Height < 1 || before.Width < 1 || before.Channels < 1 || len(before.Values)%size != 0 {
		return PixelChange{}, fmt.Errorf("metric: %d values are no whole number of images of %dx%dx%d", len(before.Values), before.Height, before.Width, before.Channels)
	}
	if err := checkPaired("images", before.Count(), "lists of boxes", len(boxes)); err != nil {
		return PixelChange{}, err
	}
	if err := checkVector("the images before", before.Values); err != nil {
		return PixelChange{}, err
	}
	if err := checkVector("the images after", after.Values); err != nil {
		return PixelChange{}, err
	}
	var change PixelChange
	for i, own := range boxes {
		from := i * size
		inside, outside, err := pixelChange(before, before.Values[from:from+size], after.Values[from:from+size], own)
		if err != nil {
			return PixelChange{}, fmt.Errorf("metric: image %d: %w", i, err)
		}
		change.InsideImage = append(change.InsideImage, inside)
		change.OutsideImage = append(change.OutsideImage, outside)
	}
	score := func(name string, images []float64) Score {
		return Score{
			Name: name, Value: stat.Mean(images, nil), N: map[string]int{"images": len(images)},
			Settings: map[string]any{
				"image": fmt.Sprintf("%dx%dx%d", before.Height, before.Width, before.Channels), "mean": "of images' means, absolute change",
			},
		}
	}
	change.Inside, change.Outside = score("change inside", change.InsideImage), score("change outside", change.OutsideImage)
	return change, nil
}

// pixelChange is the mean absolute change of one image in and out of its boxes.
func pixelChange(size Images, before, after []float64, boxes []Box) (inside, outside float64, err error) {
	pixelsInside, pixelsOutside := 0, 0
	for y := range size.Height {
		for x := range size.Width {
			change := 0.0
			for c := range size.Channels {
				at := (y*size.Width+x)*size.Channels + c
				change += math.Abs(after[at]-before[at]) / float64(size.Channels)
			}
			if contains(boxes, float64(x)+0.5, float64(y)+0.5) {
				inside += change
				pixelsInside++
			} else {
				outside += change
				pixelsOutside++
			}
		}
	}
	if pixelsInside == 0 || pixelsOutside == 0 {
		return 0, 0, fmt.Errorf("%d of %d pixels lie inside its boxes, want one inside and one outside: %w", pixelsInside, pixelsInside+pixelsOutside, ErrUndefined)
	}
	return inside / float64(pixelsInside), outside / float64(pixelsOutside), nil
}

func contains(boxes []Box, x, y float64) bool {
	for _, b := range boxes {
		if x >= b.X && x < b.X+b.Width && y >= b.Y && y < b.Y+b.Height {
			return true
		}
	}
	return false
}
