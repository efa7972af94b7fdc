package data

import "fmt"

// Batches cuts a split into batches of one size, shuffled anew in every epoch.
//
// Batch number s holds elements s·size … (s+1)·size − 1 of the endless sequence of shuffled epochs. Every batch is full,
// every image is seen once an epoch, and a batch may reach into the next epoch. What it holds is a function of seed and
// step alone, so that training resumes anywhere.
//
// Filling a batch of 64 images of 28×28 takes tens of microseconds, far less than a training step, and allocates nothing:
// there is no need to prepare batches ahead. A Batches must not be used by two goroutines at once.
type Batches struct {
	split Split
	size  int
	seed  uint64

	epoch int   // of order
	order []int // the permutation of that epoch
	batch []int // positions in the split, reused
}

// NewBatches makes batches of size images. A size below 1 or above the number of images is an error.
func NewBatches(split Split, size int, seed uint64) (*Batches, error) {
	if size < 1 {
		return nil, fmt.Errorf("batch size %d; it must be at least 1", size)
	}
	if size > split.Len() {
		return nil, fmt.Errorf("batch size %d is larger than the data set of %d images; use a smaller batch", size, split.Len())
	}
	b := &Batches{split: split, size: size, seed: seed, order: make([]int, split.Len()), batch: make([]int, size)}
	b.shuffle(0)
	return b, nil
}

// Size is the number of images of each batch.
func (b *Batches) Size() int { return b.size }

// Indices writes the positions in the split of batch step ≥ 0 into indices, which must have the length of a batch.
func (b *Batches) Indices(step int, indices []int) error {
	if step < 0 {
		return fmt.Errorf("batch %d: steps start at 0", step)
	}
	if len(indices) != b.size {
		return fmt.Errorf("room for %d indices; a batch has %d", len(indices), b.size)
	}
	length := b.split.Len()
	for i := range indices {
		element := step*b.size + i
		if epoch := element / length; epoch != b.epoch {
			b.shuffle(epoch)
		}
		indices[i] = b.order[element%length]
	}
	return nil
}

// Fill writes batch step ≥ 0: its images, normalized to [−1, 1], as size×Height×Width×Channels, and its labels: size
// classes, or size×AttributeCount attributes, 0 or 1. Labels may be nil.
func (b *Batches) Fill(step int, images []float32, labels []int32) error {
	if want := b.size * b.labelWidth(); labels != nil && len(labels) != want {
		return fmt.Errorf("room for %d labels; a batch has %d", len(labels), want)
	}
	if err := b.fillImages(step, images); err != nil || labels == nil {
		return err
	}
	b.split.fillLabels(labels, b.batch)
	return nil
}

// labelWidth is how many numbers an image's label has.
func (b *Batches) labelWidth() int { return max(b.split.AttributeCount, 1) }

// fillLabels writes the classes or the attributes of the images at indices.
func (s Split) fillLabels(labels []int32, indices []int) {
	for i, index := range indices {
		if s.Attributes == nil {
			labels[i] = s.Labels[index]
			continue
		}
		for k, present := range s.AttributesOf(index) {
			labels[i*s.AttributeCount+k] = int32(present)
		}
	}
}

func (b *Batches) fillImages(step int, images []float32) error {
	imageSize := b.split.ImageSize()
	if len(images) != b.size*imageSize {
		return fmt.Errorf("room for %d pixels; a batch has %d×%d", len(images), b.size, imageSize)
	}
	if err := b.Indices(step, b.batch); err != nil {
		return err
	}
	for i, index := range b.batch {
		Normalize(images[i*imageSize:(i+1)*imageSize], b.split.Pixels(index))
	}
	return nil
}

func (b *Batches) shuffle(epoch int) {
	for i := range b.order {
		b.order[i] = i
	}
	shuffle(b.order, b.seed, batchStream, uint64(epoch))
	b.epoch = epoch
}
