package augment

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, c := range []Config{{}, JointDiffusion()} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for want, change := range map[string]func(*Config){
		"jitter.probability is -1":            func(c *Config) { c.Jitter.Probability = -1 },
		"crop.probability is NaN":             func(c *Config) { c.Crop.Probability = math.NaN() },
		"rotation.probability is 2":           func(c *Config) { c.Rotation.Probability = 2 },
		"flip_probability is 1.5":             func(c *Config) { c.FlipProbability = 1.5 },
		"contrast.probability is +Inf":        func(c *Config) { c.Contrast.Probability = math.Inf(1) },
		"mixup_probability is -0.5":           func(c *Config) { c.MixupProbability = -0.5 },
		"crop.low is 0:":                      func(c *Config) { c.Crop.Low = 0 },
		"crop.low is -0.5":                    func(c *Config) { c.Crop.Low = -0.5 },
		"crop.high is 2":                      func(c *Config) { c.Crop.High = 2 },
		"rotation.low is -400":                func(c *Config) { c.Rotation.Low = -400 },
		"rotation.high is NaN":                func(c *Config) { c.Rotation.High = math.NaN() },
		"contrast.low is 3 and contrast.high": func(c *Config) { c.Contrast.Low = 3 },
		"sharpness.low is -0.1":               func(c *Config) { c.Sharpness.Low = -0.1 },
		"brightness.high is 2.5":              func(c *Config) { c.Brightness.High = 2.5 },
		"jitter.strength is 0.6":              func(c *Config) { c.Jitter.Strength = 0.6 },
		"jitter.strength is NaN":              func(c *Config) { c.Jitter.Strength = math.NaN() },
	} {
		c := JointDiffusion()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q in one line", err, want)
		}
	}
}

func TestConfigReadsBack(t *testing.T) {
	text, err := json.Marshal(JointDiffusion())
	if err != nil {
		t.Fatal(err)
	}
	var read Config
	if err := json.Unmarshal(text, &read); err != nil || read != JointDiffusion() {
		t.Errorf("%s reads back as %+v (%v)", text, read, err)
	}
}

// Whatever a valid config says, images stay in range and the augmenter does not fail.
func FuzzConfig(f *testing.F) {
	f.Add(0.5, 0.5, 1.0, -30.0, 30.0, 0.4, 2.0, 0.1, uint8(3), uint8(5))
	f.Add(1.0, 1e-9, 1e-9, 360.0, 360.0, 0.0, 3e38, 0.5, uint8(1), uint8(1))
	f.Add(1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, uint8(2), uint8(9))
	f.Fuzz(func(t *testing.T, p, area, areaHigh, degrees, degreesHigh, factor, factorHigh, strength float64, height, width uint8) {
		c := Config{
			Jitter: Jitter{p, strength}, Crop: Transform{p, area, areaHigh}, Rotation: Transform{p, degrees, degreesHigh}, FlipProbability: p,
			Contrast: Transform{p, factor, factorHigh}, Sharpness: Transform{p, factor, factorHigh}, Brightness: Transform{p, 0.5, 1.5}, MixupProbability: p,
		}
		h, w := int(height%12), int(width%12)
		a, err := New(c, h, w, 3, 1)
		if err != nil {
			return
		}
		images := noise(1, 3, h, w, 3)
		if err := a.Augment(1, images); err != nil {
			t.Fatal(err)
		}
		for _, v := range images {
			if !(v >= -1.001 && v <= 1.001) {
				t.Fatalf("%+v makes a value of %g", c, v)
			}
		}
	})
}
