package joint

import (
	"context"
	"fmt"

	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// The rows of tab1 that are the paper's own, by its names.
const (
	methodClassifier = "Classifier"
	methodProbe      = "Joint (pre-trained DDGM)"
	methodJoint      = "Joint"
)

// accuracies collects the rows of a table like tab1, a dataset after the other.
type accuracies struct {
	comparison
	model  ModelConfig // of the dataset
	column string      // the dataset as the paper names it
	inputs []track.Input
}

// dataset begins with a dataset.
func (a *accuracies) dataset(s Suite, name string) (err error) {
	if a.model, err = s.Model(name); err != nil {
		return err
	}
	a.column, err = paperDataset(name)
	return err
}

// testImages is the column of how many images an accuracy is taken on.
const testImages = "test_images"

// ofAccuracies is such a table with nothing of ours yet.
func ofAccuracies(c comparison) accuracies {
	c.further = []string{testImages}
	return accuracies{comparison: c}
}

// add is a row with an accuracy, a share of test images.
func (a *accuracies) add(method string, share float64, images int, seed uint64, from track.Input) {
	a.inputs = append(a.inputs, from)
	a.measured = append(a.measured, measurement{
		Dataset: a.column, Method: method, Metric: "accuracy_pct", Value: 100 * share, Seed: seed,
		Setting: claim.Setting{Dataset: a.model.Dataset, Model: describeRow(a.model, method)}, Further: []string{fmt.Sprint(images)},
	})
}

// fit trains a model and adds the accuracy of its own head.
func (a *accuracies) fit(ctx context.Context, store *track.Store, method string, model ModelConfig) error {
	trained, err := model.Fit(ctx, store)
	if err == nil {
		a.add(method, trained.Value.Accuracy, trained.Value.TestImages, model.Train.Seed, trained)
	}
	return err
}

// probe trains a model, or none, and adds the accuracy of the probes on it.
func (a *accuracies) probe(ctx context.Context, store *track.Store, c ProbeConfig, method string, model ModelConfig, untrained bool) ([]track.Result[Probed], error) {
	var trained *track.Result[TrainedModel]
	if !untrained {
		fitted, err := model.Fit(ctx, store)
		if err != nil {
			return nil, err
		}
		trained = &fitted
	}
	probes, err := c.probe(ctx, store, model, trained)
	for i, probed := range probes {
		a.add(method, probed.Value.Accuracy, probed.Value.TestImages, c.Train.Seed+uint64(i), probed)
	}
	return probes, err
}

// here looks at our own rows of a column of the table alone.
func here(column string, check func(table.Table) (claim.Evidence, error)) func(table.Table) (claim.Evidence, error) {
	return func(t table.Table) (claim.Evidence, error) {
		t, err := t.Where("source", sourceHere)
		if err != nil {
			return claim.Evidence{}, err
		}
		if t, err = t.Where("dataset", column); err != nil {
			return claim.Evidence{}, err
		}
		return check(t)
	}
}

// areColumns refuses datasets that are no column of tab1.
func areColumns(datasets []string) error {
	for _, name := range datasets {
		d, err := data.Describe(name)
		if err != nil {
			return err
		}
		if d.Classes == nil {
			return fmt.Errorf("datasets has %s, whose images have attributes: name datasets with classes", name)
		}
	}
	return areApart(datasets)
}
