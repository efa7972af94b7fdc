package joint

import (
	"context"
	"io"
	"slices"

	"noisebook/experiments"
	"noisebook/pkg/features"
	"noisebook/pkg/joint"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// CleanFeaturesConfig names z_0 of a part of a dataset, by a network.
type CleanFeaturesConfig struct {
	Dataset string       `json:"dataset"`
	Part    string       `json:"part"`             // train or test
	Images  int          `json:"images,omitempty"` // the first of them; 0 means all
	Network joint.Config `json:"network"`
	Chain   ChainConfig  `json:"chain"`
	Resize  bool         `json:"resize,omitempty"`
	// Untrained is the seed of weights as training begins with them; 0 takes a trained model's.
	Untrained uint64 `json:"untrained,omitempty"`
}

// CleanFeatures are z_0 of labelled images in the store.
type CleanFeatures struct {
	experiments.FeatureSet
	Labels       track.Artifact `json:"labels"`        // int64 [images]
	MostFrequent float64        `json:"most_frequent"` // share of the most frequent class
}

// cleanFeatures measures z_0 of a part of the model's dataset, or answers from
// the store. Without a trained model the weights are those it would start from.
func (c ModelConfig) cleanFeatures(ctx context.Context, store *track.Store, trained *track.Result[TrainedModel], part string, images int) (track.Result[CleanFeatures], error) {
	config := CleanFeaturesConfig{Dataset: c.Dataset, Part: part, Images: images, Network: c.Network, Chain: c.Chain, Resize: c.Resize}
	inputs, err := c.data()
	if err != nil {
		return track.Result[CleanFeatures]{}, err
	}
	if trained != nil {
		inputs = append(inputs, *trained)
	} else {
		config.Untrained = c.Train.Seed
	}
	stage := track.Stage[CleanFeaturesConfig, CleanFeatures]{Name: "joint/clean-features", Version: 1,
		Run: func(ctx context.Context, job *track.Job, config CleanFeaturesConfig) (CleanFeatures, error) {
			return c.measureClean(ctx, job, config, trained)
		}}
	return track.Do(ctx, store, stage, config, inputs...)
}

func (c ModelConfig) measureClean(ctx context.Context, job *track.Job, config CleanFeaturesConfig, trained *track.Result[TrainedModel]) (CleanFeatures, error) {
	dataset, err := c.load(ctx, job)
	if err != nil {
		return CleanFeatures{}, err
	}
	split := dataset.Train
	if config.Part == "test" {
		split = dataset.Test
	}
	if config.Images > 0 {
		split = split.First(config.Images)
	}
	model, err := joint.New(config.Network)
	if err != nil {
		return CleanFeatures{}, err
	}
	chain, err := config.Chain.Process()
	if err != nil {
		return CleanFeatures{}, err
	}
	unet := features.UNetAt{UNet: features.UNet{Network: network(model), UNet: model.UNet, Chain: chain, Clean: true}}
	if trained == nil {
		unet.Weights = train.Weights{Values: model.Layout.Initialize(config.Untrained), Statistics: model.Statistics.Initialize(config.Untrained)}
	} else if path, err := job.Path(trained.Value.Weights); err != nil {
		return CleanFeatures{}, err
	} else if unet.Weights, err = train.ReadWeights(path, unet.Network); err != nil {
		return CleanFeatures{}, err
	}
	set, err := experiments.MeasureFeatures(ctx, job, unet, features.FromSplit(split))
	if err != nil {
		return CleanFeatures{}, err
	}
	counts := split.ClassCounts(len(dataset.Classes))
	out := CleanFeatures{FeatureSet: set, MostFrequent: float64(slices.Max(counts)) / float64(split.Len())}
	out.Labels, err = job.Save("labels.npy", func(w io.Writer) error {
		labels := make([]int64, split.Len())
		for i, label := range split.Labels {
			labels[i] = int64(label)
		}
		return npy.Write(w, []int{len(labels)}, labels)
	})
	return out, err
}

// featureRows are labelled features in memory.
type featureRows struct {
	values []float32 // [images·width]
	width  int
	labels []int32
}

func (f CleanFeatures) read(job *track.Job) (featureRows, error) {
	rows := featureRows{width: f.Width}
	open := func(a track.Artifact) (*npy.Array, error) {
		path, err := job.Path(a)
		if err != nil {
			return nil, err
		}
		return npy.Open(path)
	}
	array, err := open(f.Features)
	if err != nil {
		return rows, err
	}
	for _, v := range array.Float64s() {
		rows.values = append(rows.values, float32(v))
	}
	if array, err = open(f.Labels); err != nil {
		return rows, err
	}
	labels, err := array.Ints()
	for _, label := range labels {
		rows.labels = append(rows.labels, int32(label))
	}
	return rows, err
}
