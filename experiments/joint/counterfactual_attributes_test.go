package joint

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/sample"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// lit are made-up pictures with two attributes: the left half is lit, the upper half is lit.
func lit(n int) data.Split {
	const side = 8
	s := data.Split{Height: side, Width: side, Channels: 1, AttributeCount: 2}
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		left, up := uint8(random.IntN(2)), uint8(random.IntN(2))
		s.Attributes = append(s.Attributes, left, up)
		for y := range side {
			for x := range side {
				level := 20 + random.IntN(40)
				if x < side/2 {
					level += 90 * int(left)
				}
				if y < side/2 {
					level += 90 * int(up)
				}
				s.Images = append(s.Images, uint8(level))
			}
		}
	}
	return s
}

// litModel is a joint model that a few seconds of training suffice for.
func litModel() ModelConfig {
	return ModelConfig{
		Dataset: "lit",
		Network: joint.Config{
			UNet:    nn.UNetConfig{ImageSize: 8, Channels: 1, Width: 8, Multipliers: []int{1, 2}, Blocks: 1, AttentionAt: []int{2}, Heads: 2, NormGroups: 4, Patch: 1},
			Classes: 2, Attributes: true,
		},
		Chain:     ChainConfig{Schedule: "linear", Timesteps: 50, First: process.HoFirst, Last: process.HoLast},
		Objective: joint.Objective{DiffusionScale: 1, ClassScale: 0.01, Noisy: joint.NoisyReplace},
		Train:     train.Config{Steps: 150, Batch: 32, LearningRate: 3e-3, Warmup: 10, CosineDecay: true, ClipNorm: 1, EMADecay: 0.9, Seed: 1},
	}
}

// A counterfactual of an attribute reads one target of all attributes an image:
// with 40 % of the steps, α flips the decision on one attribute more often than
// either control does, and more often than it flips the other one.
func TestAttributeCounterfactuals(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, pictures := litModel(), lit(400)
	trained, err := track.Do(t.Context(), store, track.Stage[ModelConfig, TrainedModel]{Name: "test/train", Version: 1,
		Run: func(ctx context.Context, job *track.Job, c ModelConfig) (TrainedModel, error) {
			net, objective, err := c.Training()
			if err != nil {
				return TrainedModel{}, err
			}
			e, err := experiments.Engine(ctx, job)
			if err != nil {
				return TrainedModel{}, err
			}
			batches, err := c.batches(pictures)
			if err != nil {
				return TrainedModel{}, err
			}
			weights, err := experiments.Train(ctx, job, e, net, objective, batches, [3]int{8, 8, 1}, c.Train)
			if err != nil {
				return TrainedModel{}, err
			}
			saved, err := job.Save("weights.safetensors", func(w io.Writer) error { return train.WriteWeights(w, net, weights, false, nil) })
			return TrainedModel{Weights: saved}, err
		}}, c)
	if err != nil {
		t.Fatal(err)
	}

	answers := [2]answer{hasAttribute{0, true}, hasAttribute{0, false}}
	originals, err := track.Do(t.Context(), store, track.Stage[ModelConfig, Originals]{Name: "test/originals", Version: 1,
		Run: func(_ context.Context, job *track.Job, c ModelConfig) (Originals, error) {
			var o Originals
			var picked []int
			var aims []int32
			for a, answer := range answers {
				for i := range 100 {
					if answer.labelled(pictures, i) {
						picked = append(picked, i)
						o.Counts[a]++
						aims = append(aims, answers[1-a].target(pictures, i)...)
					}
				}
			}
			set := pictures.Subset(picked)
			var err error
			if o.Images, err = savePictures(job, "originals.npy", set.Images, set); err != nil {
				return o, err
			}
			o.Targets, err = job.Save("targets.npy", func(w io.Writer) error { return writeTargets(w, c.Network, aims) })
			return o, err
		}}, c)
	if err != nil {
		t.Fatal(err)
	}

	const alpha = 30
	g := newGenerator(c, trained, sample.Config{Method: sample.Ancestral, Variance: process.FixedSmall, Clip: true}, 64) // the last batch is short
	defer g.close()
	sets := map[float64]explained{}
	for _, a := range []float64{-alpha, 0, alpha} {
		config := CounterfactualConfig{Network: c.Network, Chain: c.Chain, Sampler: g.sampler, Noised: 0.4, Guide: Algorithm1(a), Batch: g.batch, Seed: 1}
		made, err := g.counterfactuals(t.Context(), store, config, originals)
		if err != nil {
			t.Fatal(err)
		}
		sets[a] = explained{decision{"left", [2]string{"left", "not left"}, answers}, config, originals, made}
	}

	logits := func(s data.Split) *mat.Dense {
		result, err := track.Do(t.Context(), store, track.Stage[[]uint8, [][]float64]{Name: "test/judge", Version: 1,
			Run: func(ctx context.Context, job *track.Job, _ []uint8) ([][]float64, error) {
				m, err := c.judge(ctx, job, trained.Value, s)
				if err != nil {
					return nil, err
				}
				var rows [][]float64
				for i := range s.Len() {
					rows = append(rows, m.RawRowView(i))
				}
				return rows, nil
			}}, s.Images)
		if err != nil {
			t.Fatal(err)
		}
		m := mat.NewDense(s.Len(), 2, nil)
		for i, row := range result.Value {
			m.SetRow(i, row)
		}
		return m
	}
	flips, other := map[float64]float64{}, map[float64]float64{}
	for a, set := range sets {
		before, after, err := joinedPictures(store, []explained{set})
		if err != nil {
			t.Fatal(err)
		}
		own := logits(after)
		scores, err := scored("lit", []explained{set}, before, after, own, own)
		if err != nil {
			t.Fatal(err)
		}
		if flips[a], err = mean(scores, "flip_rate"); err != nil {
			t.Fatal(err)
		}
		if external, err := mean(scores, "external_flip_rate"); err != nil || external != flips[a] {
			t.Errorf("α = %g: the same judge counts %g and %g flips (%v)", a, flips[a], external, err)
		}
		for i := range after.Len() { // the second attribute, which was to stay
			if (own.At(i, 1) > 0) == (before.AttributesOf(i)[1] == 1) {
				other[a] += 1 / float64(after.Len())
			}
		}
	}
	if flips[alpha] < 0.6 || flips[alpha] <= flips[0]+0.2 || flips[alpha] <= flips[-alpha]+0.2 {
		t.Errorf("α flips %.2f of the decisions, the controls %.2f and %.2f", flips[alpha], flips[0], flips[-alpha])
	}
	if moved := 1 - other[alpha]; moved > flips[alpha]-0.2 {
		t.Errorf("α flips the attribute aimed at in %.2f of the images and the other, which is to stay, in %.2f", flips[alpha], moved)
	}

	// Equal seeds noise an image equally, whatever guides it.
	noised := func(a float64) []uint8 {
		s, err := images(store, sets[a].like(sets[a].result.Value.Noised))
		if err != nil {
			t.Fatal(err)
		}
		return s.Images
	}
	if !slices.Equal(noised(0), noised(alpha)) {
		t.Error("the same seed noises an image differently for another step size")
	}
}
