// Package augment changes images at random before a classifier sees them, on the
// host, as a function of seed, step and position in the batch alone.
package augment

import (
	"fmt"
	"math"
)

// Config is what may happen to an image, in this order: colour jitter, resized
// crop, rotation, flip, contrast, sharpness, brightness, mixup. The zero value
// changes nothing.
type Config struct {
	Jitter          Jitter    `json:"jitter"`           // colour images alone
	Crop            Transform `json:"crop"`             // to a share of the area, resized back; the coin is thrown once a batch
	Rotation        Transform `json:"rotation"`         // by degrees, counter-clockwise
	FlipProbability float64   `json:"flip_probability"` // left to right
	Contrast        Transform `json:"contrast"`         // times a factor
	Sharpness       Transform `json:"sharpness"`        // factor: 0 smooths, 1 changes nothing
	Brightness      Transform `json:"brightness"`       // plus a factor less 1
	// MixupProbability is of a batch, and then of each of its images, to be mixed
	// with another image of the batch. Labels stay as they are.
	MixupProbability float64 `json:"mixup_probability"`
}

// Transform happens with a probability, by an amount drawn evenly from Low to High.
type Transform struct {
	Probability float64 `json:"probability"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
}

// Jitter changes brightness, contrast and saturation by factors of 1 ± Strength
// and turns the hue by ± Strength of the colour circle, in an order drawn once a batch.
type Jitter struct {
	Probability float64 `json:"probability"`
	Strength    float64 `json:"strength"`
}

// JointDiffusion is the augmentation in the code of the joint diffusion paper
// (Deja et al. 2023, github.com/KamilDeja/joint_diffusion), which the paper does
// not mention: their classifier branch sees such images, their diffusion branch
// plain ones.
//
// Their code calls Kornia (0.6, by its date) on images in [−1, 1], though Kornia
// means images in [0, 1]. What follows from that is kept:
//
//   - Contrast, brightness, sharpness above 1 and colour jitter clip to [0, 1], so
//     that the darker half of the range becomes a flat mid-grey.
//   - Rotation fills the corners with 0, mid-grey.
//   - Contrast multiplies the value itself and brightness adds to it.
//   - The coin of the crop falls once a batch, that of mixup once a batch and again
//     for each image: a quarter of the images is mixed.
//   - Mixup mixes images and not labels. The other image's share is even in [0, 1].
func JointDiffusion() Config {
	return Config{
		Jitter:           Jitter{0.25, 0.1},
		Crop:             Transform{0.25, 0.5, 1},
		Rotation:         Transform{0.25, -30, 30},
		FlipProbability:  0.5,
		Contrast:         Transform{0.25, 0.6, 1.8},
		Sharpness:        Transform{0.25, 0.4, 2},
		Brightness:       Transform{0.25, 0.6, 1.8},
		MixupProbability: 0.5,
	}
}

// Active says whether anything may happen to an image.
func (c Config) Active() bool {
	for _, p := range c.probabilities() {
		if p.value != 0 {
			return true
		}
	}
	return false
}

// Validate says what is wrong, by field: probabilities are in [0, 1], ranges
// ascend, a crop's areas are in (0, 1], degrees in [−360, 360], contrast and
// sharpness not negative, brightness in [0, 2], the jitter's strength in [0, 0.5].
func (c Config) Validate() error {
	for _, p := range c.probabilities() {
		if !(p.value >= 0 && p.value <= 1) {
			return fmt.Errorf("%s is %g: it must be in [0, 1]", p.field, p.value)
		}
	}
	for _, t := range []struct {
		field     string
		is        Transform
		low, high float64
	}{
		{"crop", c.Crop, 0, 1},
		{"rotation", c.Rotation, -360, 360},
		{"contrast", c.Contrast, 0, math.MaxFloat32},
		{"sharpness", c.Sharpness, 0, math.MaxFloat32},
		{"brightness", c.Brightness, 0, 2},
	} {
		switch low, high := t.is.Low, t.is.High; {
		case !(low >= t.low):
			return fmt.Errorf("%s.low is %g: it must be at least %g", t.field, low, t.low)
		case !(high <= t.high):
			return fmt.Errorf("%s.high is %g: it must be at most %g", t.field, high, t.high)
		case !(low <= high):
			return fmt.Errorf("%s.low is %g and %s.high is %g: low must not be above high", t.field, low, t.field, high)
		}
	}
	if c.Crop.Probability > 0 && c.Crop.Low == 0 {
		return fmt.Errorf("crop.low is 0: a crop must leave some of the area")
	}
	if !(c.Jitter.Strength >= 0 && c.Jitter.Strength <= 0.5) {
		return fmt.Errorf("jitter.strength is %g: it must be in [0, 0.5]", c.Jitter.Strength)
	}
	return nil
}

type probability struct {
	field string
	value float64
}

func (c Config) probabilities() [8]probability {
	return [...]probability{
		{"jitter.probability", c.Jitter.Probability},
		{"crop.probability", c.Crop.Probability},
		{"rotation.probability", c.Rotation.Probability},
		{"flip_probability", c.FlipProbability},
		{"contrast.probability", c.Contrast.Probability},
		{"sharpness.probability", c.Sharpness.Probability},
		{"brightness.probability", c.Brightness.Probability},
		{"mixup_probability", c.MixupProbability},
	}
}
