package learn

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"noisebook/experiments/joint"
	model "noisebook/pkg/joint"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

func TestSamplingDefaultsAreValid(t *testing.T) {
	classes := []string{"Sneaker", "Bag"}
	for _, at := range tier.All() {
		if err := Sampling(at).Validate(classes); err != nil {
			t.Errorf("tier %s: %v", at, err)
		}
		if err := Sampling(at).Guided("Bag", 20).Validate(classes); err != nil {
			t.Errorf("tier %s, guided: %v", at, err)
		}
	}
}

func TestSamplingValidateNamesTheField(t *testing.T) {
	for field, spoil := range map[string]func(*SamplingConfig){
		"count is 0":            func(c *SamplingConfig) { c.Count = 0 },
		"sampler.steps is -1":   func(c *SamplingConfig) { c.Sampler.Steps = -1 },
		`class is "Shoe": use `: func(c *SamplingConfig) { c.Class, c.Alpha = "Shoe", 1 },
		"alpha is 0":            func(c *SamplingConfig) { c.Class = "Bag" },
		"alpha is -3":           func(c *SamplingConfig) { c.Class, c.Alpha = "Bag", -3 },
		"class is empty":        func(c *SamplingConfig) { c.Alpha = 5 },
	} {
		c := Sampling(tier.Smoke)
		spoil(&c)
		if err := c.Validate([]string{"Sneaker", "Bag"}); err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("error is %v, want one that begins with %q", err, field)
		}
	}
}

// newWeights writes a new network of tier smoke as a shipped file.
func newWeights(t *testing.T) string {
	t.Helper()
	c := joint.AlphaSweep(tier.Smoke).Model
	net, err := model.New(c.Network)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	err = train.WriteWeights(&file, train.Network{Layout: net.Layout, Statistics: net.Statistics},
		train.Weights{Values: net.Layout.Initialize(1), Statistics: net.Statistics.Initialize(1)}, false,
		map[string]string{"config": string(config), "run": "none"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new.safetensors")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSamplesFollowFromTheSeed(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a network")
	}
	t.Setenv(joint.WeightsVariable, newWeights(t))
	run := func(store *track.Store, seed uint64) Drawn {
		t.Helper()
		c := Sampling(tier.Smoke)
		c.Seed = seed
		drawn, err := c.Run(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		if len(drawn.Images) != c.Count || drawn.Figure == nil {
			t.Fatalf("%d images, figure %v; want %d", len(drawn.Images), drawn.Figure, c.Count)
		}
		return drawn
	}
	var stores []*track.Store
	for range 2 {
		store, err := track.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, store)
	}
	first := run(stores[0], 1)
	if again := run(stores[0], 1); first.Cached || !again.Cached {
		t.Errorf("asked twice: from the store %v, then %v", first.Cached, again.Cached)
	}
	if elsewhere := run(stores[1], 1); elsewhere.Cached || elsewhere.Value.Images.SHA256 != first.Value.Images.SHA256 {
		t.Error("the same seed in another store gives other images")
	}
	if other := run(stores[1], 2); other.Value.Images.SHA256 == first.Value.Images.SHA256 {
		t.Error("another seed gives the same images")
	}
}
