package features

import (
	"testing"

	"noisebook/pkg/data"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/metric"
	"noisebook/pkg/train"
)

// bars are images with one bright row of three bands: a class each.
func bars(n int) data.Split {
	s := randomImages(n, 12, 1)
	for i := range n {
		class := i % 3
		s.Labels[i] = int32(class)
		pixels := s.Pixels(i)
		for p := range pixels {
			pixels[p] /= 4
			if p/12/4 == class {
				pixels[p] += 190
			}
		}
	}
	return s
}

func TestLeNetLearns(t *testing.T) {
	l, err := NewLeNet(12, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	images := bars(60)
	batches, err := data.NewBatches(images, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := train.Config{Steps: 30, Batch: 12, LearningRate: 5e-3, EMADecay: 0.5, Seed: 1}
	trained, err := train.Run(t.Context(), enginetest.Go(t), l.Network, l.Objective, batches, [3]int{12, 12, 1}, c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, logits, err := l.Measure(t.Context(), enginetest.Go(t), train.Weights{Values: trained.Average, Statistics: trained.Statistics}, images)
	if err != nil {
		t.Fatal(err)
	}
	predicted, err := metric.Argmax(logits)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, class := range predicted {
		if int32(class) == images.Labels[i] {
			right++
		}
	}
	if right < 57 {
		t.Errorf("%d of 60 bars are recognised, want at least 57", right)
	}
}

// With attributes the logits are those of independent sigmoids: the bar's band
// is one of three attributes, and the second is always there too.
func TestLeNetLearnsAttributes(t *testing.T) {
	l, err := NewLeNet(12, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	l.Network.Attributes = 3
	images := bars(60)
	images.AttributeCount, images.Attributes = 3, make([]uint8, 3*60)
	for i, class := range images.Labels {
		images.Attributes[3*i+int(class)], images.Attributes[3*i+1] = 1, 1
	}
	images.Labels = nil
	batches, err := data.NewBatches(images, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := train.Config{Steps: 60, Batch: 12, LearningRate: 5e-3, EMADecay: 0.5, Seed: 1}
	trained, err := train.Run(t.Context(), enginetest.Go(t), l.Network, l.Objective, batches, [3]int{12, 12, 1}, c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, logits, err := l.Measure(t.Context(), enginetest.Go(t), train.Weights{Values: trained.Average, Statistics: trained.Statistics}, images)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, present := range images.Attributes {
		if (logits.At(i/3, i%3) > 0) == (present == 1) {
			right++
		}
	}
	if right < 170 {
		t.Errorf("%d of 180 attributes are recognised, want at least 170", right)
	}
}
