package augment

import "fmt"

// Source fills batches of Size images by their step alone, such as [data.Batches].
type Source interface {
	Size() int
	Fill(step int, images []float32, labels []int32) error
}

// Batches augments the batches of a source, for training. It must not be used by
// two goroutines at once.
type Batches struct {
	source    Source
	augmenter *Augmenter
	paired    bool
}

// NewBatches makes batches of the source's size, of augmented images alone.
func NewBatches(source Source, a *Augmenter) *Batches {
	return &Batches{source: source, augmenter: a}
}

// NewPairedBatches makes batches of two halves, each of the source's size: first
// its images as they are, then the same ones augmented, with the same labels. It
// is the layout of [data.LabelBuffer], for a network that diffuses the one half
// and classifies the other.
func NewPairedBatches(source Source, a *Augmenter) *Batches {
	return &Batches{source: source, augmenter: a, paired: true}
}

// Size is the number of images, of both halves if there are two.
func (b *Batches) Size() int {
	if b.paired {
		return 2 * b.source.Size()
	}
	return b.source.Size()
}

// Fill writes step ≥ 0: images [Size, Height, Width, Channels] in [−1, 1] and
// their labels, of any width.
func (b *Batches) Fill(step int, images []float32, labels []int32) error {
	if want := b.Size() * len(b.augmenter.image); len(images) != want {
		return fmt.Errorf("augment: room for %d pixels; a batch has %d", len(images), want)
	}
	augmented := images
	if b.paired {
		if len(labels)%2 != 0 {
			return fmt.Errorf("augment: room for %d labels; two halves have as many each", len(labels))
		}
		plain, names := images[:len(images)/2], labels[:len(labels)/2]
		if err := b.source.Fill(step, plain, names); err != nil {
			return err
		}
		augmented = images[len(plain):]
		copy(augmented, plain)
		copy(labels[len(names):], names)
	} else if err := b.source.Fill(step, images, labels); err != nil {
		return err
	}
	return b.augmenter.Augment(step, augmented)
}
