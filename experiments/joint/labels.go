package joint

import (
	"context"
	"fmt"
	"slices"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/track"
)

// KnownLabels is how many training images of each class have a label that may be seen.
type KnownLabels struct {
	OfClass []int `json:"of_class"`
}

// LabelledData names the training images of a dataset whose labels are known.
type LabelledData struct {
	Dataset string       `json:"dataset"`
	Labels  LabelsConfig `json:"labels"`
}

// knownLabels counts the labels that a model of this dataset may see, or answers from the store.
func (c ModelConfig) knownLabels(ctx context.Context, store *track.Store, labels LabelsConfig) (track.Result[KnownLabels], error) {
	inputs, err := c.data()
	if err != nil {
		return track.Result[KnownLabels]{}, err
	}
	stage := track.Stage[LabelledData, KnownLabels]{Name: "joint/known-labels", Version: 1,
		Run: func(ctx context.Context, job *track.Job, l LabelledData) (KnownLabels, error) {
			job.Seed(int64(l.Labels.Seed))
			d, err := experiments.LoadDataset(ctx, job, l.Dataset)
			if err != nil {
				return KnownLabels{}, err
			}
			known, err := data.LabelMask(d.Train.Labels, l.Labels.Share, l.Labels.Seed)
			if err != nil {
				return KnownLabels{}, err
			}
			return KnownLabels{OfClass: labelled(d.Train, known).ClassCounts(len(d.Classes))}, nil
		}}
	return track.Do(ctx, store, stage, LabelledData{Dataset: c.Dataset, Labels: labels}, inputs...)
}

// cells are all labels, and those of the class with the fewest and the most;
// empty where nothing was counted.
func (k KnownLabels) cells() []string {
	if len(k.OfClass) == 0 {
		return []string{"", "", ""}
	}
	all := 0
	for _, n := range k.OfClass {
		all += n
	}
	return []string{fmt.Sprint(all), fmt.Sprint(slices.Min(k.OfClass)), fmt.Sprint(slices.Max(k.OfClass))}
}
