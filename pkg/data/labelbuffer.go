package data

import "fmt"

// LabelBuffer cuts a split of whose labels only some are known into batches for semi-supervised training (Deja et al. 2023,
// §A.1).
//
// A batch has two halves of size images. The first holds images of the endless sequence of shuffled epochs, as [Batches]
// has them. Those of them whose labels are known are collected, and when size have come together they are the second half,
// once; what is over waits. In every other step the second half is empty: pixels 0 and labels −1. So every labelled image
// is handed out exactly once for each time that it was met, and when all labels are known both halves are equal.
//
// What a batch holds is a function of seed and step alone; asking for another step than the next replays the sequence.
type LabelBuffer struct {
	batches *Batches
	known   []bool
	waiting []int // positions of labelled images that were met and not yet handed out
	full    []int // the second half of the last step, empty or size positions
	next    int   // step that the buffer is ready for
}

// NewLabelBuffer makes batches of 2·size images. Known says of which images the label may be seen, and must know of at
// least one.
func NewLabelBuffer(split Split, known []bool, size int, seed uint64) (*LabelBuffer, error) {
	if split.Labels == nil || len(known) != split.Len() {
		return nil, fmt.Errorf("label buffer: %d images with %d labels, of which %d are said to be known or not", split.Len(), len(split.Labels), len(known))
	}
	any := false
	for _, k := range known {
		any = any || k
	}
	if !any {
		return nil, fmt.Errorf("label buffer: none of %d labels is known", len(known))
	}
	batches, err := NewBatches(split, size, seed)
	if err != nil {
		return nil, err
	}
	return &LabelBuffer{batches: batches, known: known}, nil
}

// Size is the number of images of both halves.
func (b *LabelBuffer) Size() int { return 2 * b.batches.size }

// Fill writes step ≥ 0: images as [Batches.Fill] does, and labels, −1 where the label is not known or there is no image.
func (b *LabelBuffer) Fill(step int, images []float32, labels []int32) error {
	size, imageSize := b.batches.size, b.batches.split.ImageSize()
	if len(labels) != 2*size || len(images) != 2*size*imageSize {
		return fmt.Errorf("room for %d labels and %d pixels; a batch has %d images of %d", len(labels), len(images), 2*size, imageSize)
	}
	if step < b.next {
		b.waiting, b.next = b.waiting[:0], 0
	}
	for ; b.next <= step; b.next++ {
		if err := b.collect(b.next); err != nil {
			return err
		}
	}
	if err := b.batches.Fill(step, images[:size*imageSize], labels[:size]); err != nil {
		return err
	}
	for i, index := range b.batches.batch {
		if !b.known[index] {
			labels[i] = -1
		}
	}
	second := images[size*imageSize:]
	if len(b.full) == 0 {
		clear(second)
		for i := range size {
			labels[size+i] = -1
		}
		return nil
	}
	for i, index := range b.full {
		Normalize(second[i*imageSize:(i+1)*imageSize], b.batches.split.Pixels(index))
	}
	b.batches.split.fillLabels(labels[size:], b.full)
	return nil
}

// collect meets a step's images and fills the second half if enough are waiting.
func (b *LabelBuffer) collect(step int) error {
	size := b.batches.size
	if err := b.batches.Indices(step, b.batches.batch); err != nil {
		return err
	}
	for _, index := range b.batches.batch {
		if b.known[index] {
			b.waiting = append(b.waiting, index)
		}
	}
	b.full = b.full[:0]
	if len(b.waiting) >= size { // of a batch no more than size can come, so that one half is enough
		b.full = append(b.full, b.waiting[:size]...)
		b.waiting = append(b.waiting[:0], b.waiting[size:]...)
	}
	return nil
}
