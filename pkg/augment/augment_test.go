package augment

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// noise is a batch of images with values in [−1, 1].
func noise(seed uint64, n, height, width, channels int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0xa06))
	values := make([]float32, n*height*width*channels)
	for i := range values {
		values[i] = 2*rng.Float32() - 1
	}
	return values
}

func augmenter(t testing.TB, c Config, height, width, channels int, seed uint64) *Augmenter {
	t.Helper()
	a, err := New(c, height, width, channels, seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// augmented is a changed copy of a batch.
func augmented(t testing.TB, a *Augmenter, step int, images []float32) []float32 {
	t.Helper()
	out := slices.Clone(images)
	if err := a.Augment(step, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNothingHappensAtProbability0(t *testing.T) {
	never := JointDiffusion()
	never.Jitter.Probability, never.Crop.Probability, never.Rotation.Probability, never.FlipProbability = 0, 0, 0, 0
	never.Contrast.Probability, never.Sharpness.Probability, never.Brightness.Probability, never.MixupProbability = 0, 0, 0, 0
	images := noise(1, 8, 5, 7, 3)
	for _, c := range []Config{{}, never} {
		if c.Active() {
			t.Errorf("%+v is active", c)
		}
		if got := augmented(t, augmenter(t, c, 5, 7, 3, 1), 0, images); !slices.Equal(got, images) {
			t.Errorf("%+v changes images", c)
		}
	}
	if !JointDiffusion().Active() {
		t.Error("the authors' augmentation is not active")
	}
}

// What happens is a function of seed, step and images: not of what was asked before.
func TestAugmentIsDeterministic(t *testing.T) {
	images := noise(1, 16, 8, 8, 3)
	a := augmenter(t, JointDiffusion(), 8, 8, 3, 5)
	first := augmented(t, a, 3, images)
	if other := augmented(t, a, 4, images); slices.Equal(other, first) {
		t.Error("two steps change images equally")
	}
	if again := augmented(t, a, 3, images); !slices.Equal(again, first) {
		t.Error("a step asked again gives other images")
	}
	if fresh := augmented(t, augmenter(t, JointDiffusion(), 8, 8, 3, 5), 3, images); !slices.Equal(fresh, first) {
		t.Error("an augmenter of the same seed gives other images")
	}
	if seed := augmented(t, augmenter(t, JointDiffusion(), 8, 8, 3, 6), 3, images); slices.Equal(seed, first) {
		t.Error("two seeds change images equally")
	}
}

// Without mixup an image does not feel the others, and what is not changed in a
// config happens as before.
func TestDecisionsAreIndependent(t *testing.T) {
	c := JointDiffusion()
	c.MixupProbability = 0
	images := noise(1, 16, 8, 8, 3)
	const size = 8 * 8 * 3
	whole := augmented(t, augmenter(t, c, 8, 8, 3, 1), 7, images)
	half := augmented(t, augmenter(t, c, 8, 8, 3, 1), 7, images[:8*size])
	if !slices.Equal(half, whole[:8*size]) {
		t.Error("the first half of a batch depends on the second")
	}
	flips := Config{FlipProbability: 0.5}
	also := Config{FlipProbability: 0.5, Brightness: Transform{1, 1, 1}} // only clips
	want := augmented(t, augmenter(t, flips, 8, 8, 3, 1), 7, images)
	for i, v := range want {
		want[i] = clip(v)
	}
	if got := augmented(t, augmenter(t, also, 8, 8, 3, 1), 7, images); !slices.Equal(got, want) {
		t.Error("brightness changes which images are flipped")
	}
}

func TestValuesStayInRange(t *testing.T) {
	always := JointDiffusion()
	for _, p := range []*float64{
		&always.Jitter.Probability, &always.Crop.Probability, &always.Rotation.Probability, &always.FlipProbability,
		&always.Contrast.Probability, &always.Sharpness.Probability, &always.Brightness.Probability, &always.MixupProbability,
	} {
		*p = 1
	}
	one := func(set func(*Config)) (c Config) {
		set(&c)
		return c
	}
	for name, test := range map[string]struct {
		config Config
		low    float32
	}{
		"as the authors":    {JointDiffusion(), -1},
		"all of it":         {always, 0}, // brightness clips last
		"contrast":          {one(func(c *Config) { c.Contrast = always.Contrast }), 0},
		"brightness":        {one(func(c *Config) { c.Brightness = always.Brightness }), 0},
		"jitter":            {one(func(c *Config) { c.Jitter = Jitter{1, 0.5} }), 0},
		"much sharper":      {one(func(c *Config) { c.Sharpness = Transform{1, 1.01, 9} }), 0},
		"a little smoother": {one(func(c *Config) { c.Sharpness = Transform{1, 0, 0.99} }), -1},
		"crops":             {one(func(c *Config) { c.Crop = Transform{1, 0.01, 1} }), -1},
		"rotation":          {one(func(c *Config) { c.Rotation = Transform{1, -360, 360} }), -1},
	} {
		a := augmenter(t, test.config, 9, 6, 3, 3)
		for step := range 20 {
			for i, v := range augmented(t, a, step, noise(uint64(step), 8, 9, 6, 3)) {
				// Interpolation rounds.
				if !(v >= test.low-1e-6 && v <= 1+1e-6) {
					t.Fatalf("%s: value %d of step %d is %g, outside [%g, 1]", name, i, step, v, test.low)
				}
			}
		}
	}
}

// The shares of images that something happens to are the probabilities. A batch's
// crop falls for all of its images, and mixup has two coins.
func TestShares(t *testing.T) {
	const steps, batch, size = 400, 16, 8 * 8
	a := augmenter(t, Config{FlipProbability: 0.5}, 8, 8, 1, 9)
	changed := func(c Config) (images, batches float64) {
		a.config = c
		for step := range steps {
			before := noise(uint64(step), batch, 8, 8, 1)
			after := augmented(t, a, step, before)
			any := false
			for i := range batch {
				if !slices.Equal(after[i*size:(i+1)*size], before[i*size:(i+1)*size]) {
					images++
					any = true
				}
			}
			if any {
				batches++
			}
		}
		return images / (steps * batch), batches / steps
	}
	within := func(what string, got, want, trials float64) {
		t.Helper()
		if bound := 4 * math.Sqrt(want*(1-want)/trials); math.Abs(got-want) > bound {
			t.Errorf("%s: %.4f, want %.4f ± %.4f", what, got, want, bound)
		}
	}
	for name, c := range map[string]Config{
		"rotations": {Rotation: Transform{0.25, 5, 30}}, "contrast": {Contrast: Transform{0.25, 0.6, 1.8}},
		"sharpness": {Sharpness: Transform{0.25, 0.4, 0.9}}, "brightness": {Brightness: Transform{0.25, 0.6, 1.8}},
	} {
		share, _ := changed(c)
		within(name, share, 0.25, steps*batch)
	}
	flips, _ := changed(Config{FlipProbability: 0.5})
	within("flips", flips, 0.5, steps*batch)
	crops, batches := changed(Config{Crop: Transform{0.25, 0.5, 1}})
	within("batches cropped", batches, 0.25, steps)
	if math.Abs(crops-batches) > 1e-9 {
		t.Errorf("%.4f of the images are cropped in %.4f of the batches: a crop is of all or none", crops, batches)
	}
	mixed, batches := changed(Config{MixupProbability: 0.5})
	within("batches mixed", batches, 0.5, steps)
	// Within the batches that are mixed, half of the images, but for those mixed with themselves.
	within("images mixed in such a batch", mixed/batches, 0.5*(1-1.0/batch), steps*batch/2)
}

func TestRefusedBatches(t *testing.T) {
	a := augmenter(t, JointDiffusion(), 4, 4, 1, 1)
	for name, err := range map[string]error{
		"step −1":   a.Augment(-1, make([]float32, 16)),
		"half":      a.Augment(0, make([]float32, 24)),
		"late step": a.Augment(1<<32, make([]float32, 16)),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, size := range [][3]int{{0, 4, 1}, {4, 0, 1}, {4, 4, 0}, {4, 4, 2}, {4, 4, 4}} {
		if _, err := New(Config{}, size[0], size[1], size[2], 1); err == nil {
			t.Errorf("images of %v are taken", size)
		}
	}
	if _, err := New(Config{FlipProbability: 2}, 4, 4, 1, 1); err == nil {
		t.Error("a flip of probability 2 is taken")
	}
}

func TestAugmentAllocatesNothing(t *testing.T) {
	a, images, step := augmenter(t, JointDiffusion(), 8, 8, 3, 1), noise(1, 16, 8, 8, 3), 0
	augment := func() {
		if err := a.Augment(step, images); err != nil {
			t.Fatal(err)
		}
		step++
	}
	for range 20 { // until scratch has been made
		augment()
	}
	if allocations := testing.AllocsPerRun(50, augment); allocations != 0 {
		t.Errorf("%g allocations a batch", allocations)
	}
}

// A batch of CIFAR-10's training at tier paper.
func BenchmarkAugment(b *testing.B) {
	a, images := augmenter(b, JointDiffusion(), 32, 32, 3, 1), noise(1, 256, 32, 32, 3)
	fresh, step := slices.Clone(images), 0
	b.ReportAllocs()
	for b.Loop() {
		copy(images, fresh)
		if err := a.Augment(step, images); err != nil {
			b.Fatal(err)
		}
		step++
	}
}
