package joint

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/data"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// counterfactualColumns are the artifacts' table: a row a direction, step size and seed.
var counterfactualColumns = []string{
	"dataset", "from", "to", "alpha", "seed", "images",
	"flip_rate",          // share that the joint model takes for the answer aimed at
	"external_flip_rate", // the same by a classifier that was trained alone
	"l1",                 // mean absolute change of a pixel, in [0, 1]
	"top_decile_share",   // of the absolute change, in the tenth of the pixels that change most
	"apart",              // l1 of an image and a random one of the other answer
}

// explained is one set of counterfactuals of one decision.
type explained struct {
	decision  decision
	config    CounterfactualConfig
	originals track.Result[Originals]
	result    track.Result[Counterfactuals]
}

// like is another picture of each original, as a set of samples.
func (s explained) like(images track.Artifact) Samples {
	return Samples{Images: images, Targets: s.originals.Value.Targets}
}

// alpha is the step size; 0 without guidance.
func (s explained) alpha() float64 { return s.config.Guide.Scale }

// JudgesConfig names the classifiers that say whether a decision flipped.
type JudgesConfig struct {
	Model    ModelConfig `json:"model"`    // the joint model, which is explained
	External ModelConfig `json:"external"` // trained alone, and no part of Algorithm 1
}

// scoreCounterfactuals measures all sets of a dataset, or answers from the store.
func (c JudgesConfig) scoreCounterfactuals(ctx context.Context, store *track.Store, trained, external track.Result[TrainedModel], sets []explained) (track.Result[tableResult], error) {
	inputs := []track.Input{trained, external}
	for _, s := range sets {
		inputs = append(inputs, s.originals, s.result)
	}
	stage := track.Stage[JudgesConfig, tableResult]{Name: "joint/counterfactual-scores", Version: 1, Run: func(ctx context.Context, job *track.Job, c JudgesConfig) (tableResult, error) {
		before, after, err := joinedPictures(store, sets)
		if err != nil {
			return tableResult{}, err
		}
		own, err := c.Model.judge(ctx, job, trained.Value, after)
		if err != nil {
			return tableResult{}, err
		}
		foreign, err := c.External.judge(ctx, job, external.Value, after)
		if err != nil {
			return tableResult{}, err
		}
		t, err := scored(c.Model.Dataset, sets, before, after, own, foreign)
		return tableResult{t}, err
	}}
	return track.Do(ctx, store, stage, c, inputs...)
}

// joinedPictures are all sets' originals and their counterfactuals.
func joinedPictures(store *track.Store, sets []explained) (before, after data.Split, err error) {
	for _, s := range sets {
		original, err := images(store, s.originals.Value.Samples)
		if err != nil {
			return before, after, err
		}
		made, err := images(store, s.like(s.result.Value.Images))
		if err != nil {
			return before, after, err
		}
		before, after = joined(before, original), joined(after, made)
	}
	return before, after, nil
}

// joined appends images to a split that may be empty.
func joined(all, more data.Split) data.Split {
	more.Images = append(all.Images, more.Images...)
	more.Labels, more.Attributes = append(all.Labels, more.Labels...), append(all.Attributes, more.Attributes...)
	return more
}

// scored measures every set in both directions by the logits of its counterfactuals.
func scored(dataset string, sets []explained, before, after data.Split, own, external *mat.Dense) (table.Table, error) {
	t := table.New(counterfactualColumns...)
	row := 0
	for _, s := range sets {
		o := s.originals.Value
		for a := range s.decision.answers {
			aimed := s.decision.answers[1-a]
			var flipped, agreed, l1, top float64
			for range o.Counts[a] {
				if aimed.given(own.RawRowView(row)) {
					flipped++
				}
				if aimed.given(external.RawRowView(row)) {
					agreed++
				}
				change := meanChange(before.Pixels(row), after.Pixels(row), before.Channels)
				l1 += stat.Mean(change, nil)
				top += topShare(change, 0.1)
				row++
			}
			n := float64(o.Counts[a])
			err := t.Append(dataset, s.decision.words[a], s.decision.words[1-a], s.alpha(), s.config.Seed, o.Counts[a],
				flipped/n, agreed/n, l1/n, top/n, o.Apart[a])
			if err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

// meanChange is the absolute change of each pixel, in [0, 1], mean over its channels.
func meanChange(before, after []uint8, channels int) []float64 {
	change := make([]float64, len(before)/channels)
	for i := range before {
		change[i/channels] += math.Abs(float64(before[i])-float64(after[i])) / (255 * float64(channels))
	}
	return change
}

// meanAbsolute is the mean absolute difference of two images, in [0, 1].
func meanAbsolute(a, b []uint8) float64 { return meanChange(a, b, len(a))[0] }

// topShare is the share of all change that lies in the given share of the pixels,
// those that change most; of no change it is 0.
func topShare(change []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(change))
	slices.Reverse(sorted)
	most, all := 0.0, 0.0
	for i, c := range sorted {
		if all += c; float64(i) < share*float64(len(sorted)) {
			most += c
		}
	}
	if all == 0 {
		return 0
	}
	return most / all
}
