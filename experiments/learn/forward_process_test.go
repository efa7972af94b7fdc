package learn

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"noisebook/experiments/joint"
	"noisebook/pkg/data"
	model "noisebook/pkg/joint"
	"noisebook/pkg/process"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

func TestDefaultsFitTheChain(t *testing.T) {
	chain, err := joint.AlphaSweep(tier.CPU).Model.Chain.Process()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range tier.All() {
		if err := ForwardProcess(at).Validate(chain, 10_000); err != nil {
			t.Errorf("tier %s: %v", at, err)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	chain, err := joint.AlphaSweep(tier.CPU).Model.Chain.Process()
	if err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*ForwardProcessConfig){
		"timesteps has 500":  func(c *ForwardProcessConfig) { c.Timesteps = []int{0, 500} },
		"timesteps has -1":   func(c *ForwardProcessConfig) { c.Timesteps = []int{-1} },
		"timesteps is empty": func(c *ForwardProcessConfig) { c.Timesteps = nil },
		"images is 101":      func(c *ForwardProcessConfig) { c.Images = 101 },
		"batch is 0":         func(c *ForwardProcessConfig) { c.Batch = 0 },
		"shown is empty":     func(c *ForwardProcessConfig) { c.Shown = nil },
	} {
		c := ForwardProcess(tier.Smoke)
		spoil(&c)
		if err := c.Validate(chain, 100); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("error is %v, want one that begins with %q", err, field)
		}
	}
}

func TestFirstOfClasses(t *testing.T) {
	split := data.Split{Labels: []int32{2, 0, 2, 1, 0}}
	got, err := firstOfClasses(split, []int{1, 0, 2})
	if err != nil || !slices.Equal(got, []int{3, 1, 0}) {
		t.Errorf("positions are %v, %v; want [3 1 0]", got, err)
	}
	if _, err := firstOfClasses(split, []int{3}); err == nil {
		t.Error("a class without images is no error")
	}
}

// A new network's last convolution is zero, so that it predicts no noise at
// all: its guess is then the noised image, scaled back.
func TestDenoiserOfANewNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a network")
	}
	c := joint.AlphaSweep(tier.Smoke).Model
	net, err := model.New(c.Network)
	if err != nil {
		t.Fatal(err)
	}
	m := &joint.Model{Config: c, Network: net, Weights: train.Weights{
		Values: net.Layout.Initialize(1), Statistics: net.Statistics.Initialize(1)}}
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	images := data.Split{Height: 28, Width: 28, Channels: 1, Images: make([]uint8, 3*784), Labels: make([]int32, 3)}
	noised := gaussian(len(images.Images), 7)
	guessed := make([]float32, len(noised))
	marginal := process.Marginal{Mean: 0.8, Std: 0.6}
	stage := track.Stage[int, int]{Name: "test", Version: 1, Run: func(ctx context.Context, job *track.Job, _ int) (int, error) {
		d, err := newDenoiser(ctx, job, m, 2) // the second batch is short
		if err != nil {
			return 0, err
		}
		defer d.close()
		classes, err := d.run(ctx, noised, guessed, images, marginal, 100)
		return len(classes), err
	}}
	result, err := track.Do(t.Context(), store, stage, 0)
	if err != nil {
		t.Fatal(err)
	}
	if result.Value != 3 {
		t.Errorf("%d images have a class, want 3", result.Value)
	}
	for i, x := range noised {
		want := math.Max(-1, math.Min(1, float64(x)/0.8))
		if math.Abs(float64(guessed[i])-want) > 1e-5 {
			t.Fatalf("value %d is guessed as %g, want %g", i, guessed[i], want)
		}
	}
}
