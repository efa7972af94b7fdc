package joint

import (
	"context"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/sample"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// tiny is a model of 4×4 images with three classes, or attributes.
func tiny(attributes bool) ModelConfig {
	c := model(tier.Smoke)
	c.Network = joint.Config{
		UNet:    nn.UNetConfig{ImageSize: 4, Channels: 1, Width: 4, Multipliers: []int{1, 2}, Blocks: 1, Heads: 2, NormGroups: 2, Patch: 1},
		Classes: 3, Attributes: attributes,
	}
	return c
}

// initialized puts a model into a store as if it had been trained, with weights that differ from one another.
func initialized(t *testing.T, store *track.Store, c ModelConfig, seed uint64) track.Result[TrainedModel] {
	t.Helper()
	m, err := joint.New(c.Network)
	if err != nil {
		t.Fatal(err)
	}
	w := train.Weights{Values: m.Layout.Initialize(seed), Statistics: m.Statistics.Initialize(seed)}
	for i := range w.Values { // the zeros of output layers would hide what reaches them
		w.Values[i] += 0.1 * float32(i%7-3)
	}
	stage := track.Stage[ModelConfig, TrainedModel]{Name: "joint/initialized", Version: 1,
		Run: func(_ context.Context, job *track.Job, _ ModelConfig) (TrainedModel, error) {
			saved, err := job.Save("weights.safetensors", func(out io.Writer) error {
				return train.WriteWeights(out, network(m), w, false, nil)
			})
			return TrainedModel{Weights: saved}, err
		}}
	result, err := track.Do(t.Context(), store, stage, c)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// sampleTiny draws images that aim at targets.
func sampleTiny(t *testing.T, g *generator, store *track.Store, guide Guide, aims []int32) data.Split {
	t.Helper()
	c := SampleConfig{
		Network: g.config.Network, Chain: g.config.Chain, Sampler: g.sampler,
		Guide: guide, Count: len(aims) / targetWidth(g.config.Network), Batch: g.batch, Seed: 5,
	}
	stage := track.Stage[[]int32, Samples]{Name: "joint/sample-test", Version: 1,
		Run: func(ctx context.Context, job *track.Job, aims []int32) (Samples, error) {
			return g.draw(ctx, job, c, aims)
		}}
	result, err := track.Do(t.Context(), store, stage, aims, track.DatasetInput(track.Dataset{Name: string(guide.By), Checksum: asJSON(t, guide)}))
	if err != nil {
		t.Fatal(err)
	}
	split, err := images(store, result.Value)
	if err != nil {
		t.Fatal(err)
	}
	return split
}

// Every guide takes classes and attributes, moves images by its scale alone,
// and tells one target from another.
func TestGuides(t *testing.T) {
	for name, test := range map[string]struct {
		attributes  bool
		aims, other []int32
	}{
		"classes":    {false, []int32{0, 1, 2}, []int32{2, 0, 1}},
		"attributes": {true, []int32{0, 1, 1, 1, 0, 0, 1, 1, 0}, []int32{1, 0, 0, 0, 1, 1, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := track.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			c := tiny(test.attributes)
			// Three images in batches of two: the last batch is short.
			g := newGenerator(c, initialized(t, store, c, 1), sample.Config{Method: sample.Ancestral, Variance: process.FixedSmall, Steps: 3}, 2)
			defer g.close()
			classifier := c.NoisyClassifier()
			g.guidedBy(classifier, initialized(t, store, classifier, 2))

			plain := sampleTiny(t, g, store, Algorithm1(0), test.aims)
			if plain.Len() != 3 {
				t.Fatalf("%d images, want 3", plain.Len())
			}
			if got := aimedAt(plain); !slices.Equal(got, test.aims) {
				t.Errorf("targets %v come back as %v", test.aims, got)
			}
			for _, guide := range []Guide{Algorithm1(300), ClassifierGuidance(300)} {
				none, full := guide, sampleTiny(t, g, store, guide, test.aims)
				none.Scale = 0
				if got := sampleTiny(t, g, store, none, test.aims); !slices.Equal(got.Images, plain.Images) {
					t.Errorf("guided by %s with scale 0 gives other images than without a guide", guide.By)
				}
				if slices.Equal(full.Images, plain.Images) {
					t.Errorf("guided by %s with scale %g nothing changes", guide.By, guide.Scale)
				}
				if other := sampleTiny(t, g, store, guide, test.other); slices.Equal(full.Images, other.Images) {
					t.Errorf("guided by %s other targets give equal images", guide.By)
				}
			}
		})
	}
}

// aimedAt are a set's targets, row-major.
func aimedAt(s data.Split) []int32 {
	if s.Attributes == nil {
		return s.Labels
	}
	var aims []int32
	for _, present := range s.Attributes {
		aims = append(aims, int32(present))
	}
	return aims
}

func TestClassifierGuidanceNeedsAClassifier(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := tiny(false).DDGM()
	g := newGenerator(c, initialized(t, store, c, 1), sampler(tier.Smoke), 2)
	defer g.close()
	if _, err := g.sample(t.Context(), store, ClassifierGuidance(1), 2, 0); err == nil || !strings.Contains(err.Error(), "DDGM on fashion-mnist") {
		t.Errorf("%v, want an error that names the model", err)
	}
}

// Attribute targets are whole vectors of training images, of each at most once
// while there are enough.
func TestAttributeTargets(t *testing.T) {
	training := data.Split{Images: make([]uint8, 4), Height: 1, Width: 1, Channels: 1, AttributeCount: 3,
		Attributes: []uint8{0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1}}
	counts := map[[3]int32]int{}
	drawn := attributeTargets(training, 6, 9)
	for i := range 6 {
		counts[[3]int32(drawn[3*i:])]++
	}
	if len(counts) != 4 || counts[[3]int32{1, 1, 1}] == 0 || slices.Max([]int{counts[[3]int32{0, 0, 1}], counts[[3]int32{0, 1, 0}], counts[[3]int32{1, 0, 0}], counts[[3]int32{1, 1, 1}]}) != 2 {
		t.Errorf("six targets of four images: %v", counts)
	}
	if slices.Equal(drawn, attributeTargets(training, 6, 10)) {
		t.Error("another seed draws the same")
	}
	if !slices.Equal(drawn, attributeTargets(training, 6, 9)) {
		t.Error("the same seed draws others")
	}
}

func TestScoresOfAims(t *testing.T) {
	logits := mat.NewDense(4, 2, []float64{3, -1, 2, 1, -1, 4, 5, 1})
	seen := mat.NewDense(4, 1, []float64{0, 2, 7, 7})
	var classes Scores
	if err := classes.aim(data.Split{Images: make([]uint8, 4), Height: 1, Width: 1, Channels: 1, Labels: []int32{0, 0, 1, 1}}, seen, logits, 2); err != nil {
		t.Fatal(err)
	}
	if want := (Scores{TargetRate: []float64{1, 0.5}, Diversity: []float64{2, 0}}); !reflect.DeepEqual(classes, want) {
		t.Errorf("classes: %+v, want %+v", classes, want)
	}
	var attributes Scores
	aims := data.Split{Images: make([]uint8, 4), Height: 1, Width: 1, Channels: 1, AttributeCount: 2, Attributes: []uint8{1, 0, 1, 0, 1, 1, 0, 1}}
	if err := attributes.aim(aims, seen, logits, 2); err != nil {
		t.Fatal(err)
	}
	if want := (Scores{TargetRate: []float64{0.5, 0.75}}); !reflect.DeepEqual(attributes, want) {
		t.Errorf("attributes: %+v, want %+v", attributes, want)
	}
}
