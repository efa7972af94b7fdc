package augment

import "fmt"

// Augmenter augments batches of images of one size. What it makes of an image is
// a function of the seed, the step, the image's position in the batch and, by
// mixup, the batch's other images.
//
// It is fast beside a training step: see BenchmarkAugment. It must not be used by
// two goroutines at once.
type Augmenter struct {
	config Config
	size   picture // without pixels
	seed   uint64

	random random
	image  []float32 // scratch: a copy of one image
	batch  []float32 // scratch: a copy of the batch
	others []int     // scratch: what each image is mixed with
}

// The steps and images of a batch that have random numbers of their own.
const largestStep, largestBatch = 1<<32 - 1, 1 << 24

// New makes an augmenter for images of height×width pixels with 1 or 3 channels.
func New(c Config, height, width, channels int, seed uint64) (*Augmenter, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("augment: %w", err)
	}
	if height < 1 || width < 1 || channels != 1 && channels != 3 {
		return nil, fmt.Errorf("augment: images of %d×%d×%d: they must have pixels and 1 or 3 channels", height, width, channels)
	}
	return &Augmenter{
		config: c, seed: seed, size: picture{height: height, width: width, channels: channels},
		image: make([]float32, height*width*channels),
	}, nil
}

// Augment changes the batch of a step ≥ 0 in place: images [N, Height, Width,
// Channels] in [−1, 1], in which they stay.
func (a *Augmenter) Augment(step int, images []float32) error {
	size := len(a.image)
	if step < 0 || step > largestStep {
		return fmt.Errorf("augment: step %d is outside 0 to %d", step, uint32(largestStep))
	}
	if len(images)%size != 0 || len(images)/size > largestBatch {
		return fmt.Errorf("augment: %d numbers are no batch of at most %d images of %d", len(images), largestBatch, size)
	}
	whole := a.drawBatch(step)
	for i := range len(images) / size {
		p := a.size
		p.pixels = images[i*size : (i+1)*size]
		a.augment(step, i, p, whole)
	}
	a.mixup(step, images)
	return nil
}

// shared is what is drawn for a whole batch.
type shared struct {
	jitterOrder [4]int
	crop        bool
}

func (a *Augmenter) drawBatch(step int) (s shared) {
	a.random.begin(a.seed, jitterOrder, step, 0)
	a.random.permute(s.jitterOrder[:])
	a.random.begin(a.seed, cropBatch, step, 0)
	s.crop = a.random.chance(a.config.Crop.Probability)
	return s
}

// augment changes one image, by all but mixup.
func (a *Augmenter) augment(step, i int, p picture, s shared) {
	c := a.config
	if p.channels == 3 && a.happens(jitterImage, step, i, c.Jitter.Probability) {
		drawRecolouring(&a.random, c.Jitter.Strength).apply(p.pixels, s.jitterOrder)
	}
	if s.crop {
		a.random.begin(a.seed, cropImage, step, i)
		crop(p, a.copyOf(p), drawCrop(&a.random, c.Crop, p.height, p.width))
	}
	if degrees, ok := a.amount(rotation, step, i, c.Rotation); ok {
		rotate(p, a.copyOf(p), degrees)
	}
	if a.happens(flipping, step, i, c.FlipProbability) {
		flip(p)
	}
	if factor, ok := a.amount(contrast, step, i, c.Contrast); ok {
		scale(p.pixels, float32(factor))
	}
	if factor, ok := a.amount(sharpness, step, i, c.Sharpness); ok {
		sharpen(p, a.copyOf(p), float32(factor))
	}
	if factor, ok := a.amount(brightness, step, i, c.Brightness); ok {
		brighten(p.pixels, float32(factor))
	}
}

// mixup mixes images with others of the batch, as these were before.
func (a *Augmenter) mixup(step int, images []float32) {
	if !a.happens(mixupBatch, step, 0, a.config.MixupProbability) {
		return
	}
	size := len(a.image)
	a.batch = append(a.batch[:0], images...)
	if n := len(images) / size; cap(a.others) < n {
		a.others = make([]int, n)
	} else {
		a.others = a.others[:n]
	}
	a.random.permute(a.others)
	for i, other := range a.others {
		if share, ok := a.amount(mixupImage, step, i, Transform{a.config.MixupProbability, 0, 1}); ok {
			mix(images[i*size:(i+1)*size], a.batch[other*size:(other+1)*size], float32(share))
		}
	}
}

// happens throws a decision's coin; further numbers of the decision follow.
func (a *Augmenter) happens(d decision, step, image int, probability float64) bool {
	a.random.begin(a.seed, d, step, image)
	return a.random.chance(probability)
}

// amount throws a transform's coin and draws how much of it there is.
func (a *Augmenter) amount(d decision, step, image int, t Transform) (float64, bool) {
	if !a.happens(d, step, image, t.Probability) {
		return 0, false
	}
	return a.random.between(t.Low, t.High), true
}

// copyOf keeps an image, until the next is kept.
func (a *Augmenter) copyOf(p picture) picture {
	copy(a.image, p.pixels)
	p.pixels = a.image
	return p
}
