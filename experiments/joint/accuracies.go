package joint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"noisebook/experiments"
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

// add is a row with an accuracy, a share.
func (a *accuracies) add(method string, share float64, seed uint64, from track.Input) {
	a.inputs = append(a.inputs, from)
	a.measured = append(a.measured, measurement{
		Dataset: a.column, Method: method, Metric: "accuracy_pct", Value: 100 * share, Seed: seed,
		Setting: claim.Setting{Dataset: a.model.Dataset, Model: describe(a.model)},
	})
}

// fit trains a model and adds the accuracy of its own head.
func (a *accuracies) fit(ctx context.Context, store *track.Store, method string, model ModelConfig) error {
	trained, err := model.Fit(ctx, store)
	if err == nil {
		a.add(method, trained.Value.Accuracy, model.Train.Seed, trained)
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
		a.add(method, probed.Value.Accuracy, c.Train.Seed+uint64(i), probed)
	}
	return probes, err
}

// conclude keeps the table as the result of the artifact's own stage and draws it; the verdicts are the caller's.
func conclude[C any](ctx context.Context, store *track.Store, a *accuracies, id string, config C, s Suite, title, caption string) (experiments.Outcome, error) {
	t, err := a.table()
	if err != nil {
		return experiments.Outcome{}, err
	}
	stage := track.Stage[C, comparisonTable]{Name: id, Version: 1,
		Run: func(context.Context, *track.Job, C) (comparisonTable, error) { return comparisonTable{t}, nil }}
	result, err := track.Do(ctx, store, stage, config, a.inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	o := experiments.Outcome{ID: id, Tier: s.Tier, Run: result.Run, Cached: result.Cached, Table: result.Value.Table}
	apart, err := a.differences()
	if err != nil {
		return o, err
	}
	drawn, err := drawComparison(o.Table, title, strings.TrimSpace(caption+" "+apart), map[string]string{
		"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": string(s.Tier), "data": strings.Join(s.Datasets, ", "),
	})
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{{Name: id, Figure: drawn}}
	var models []string
	for _, m := range a.measured {
		if !slices.Contains(models, m.Setting.Model) {
			models = append(models, m.Setting.Model)
		}
	}
	o.Report, err = claim.NewReport(id, s.Tier, claim.Setting{Dataset: strings.Join(s.Datasets, ", "), Model: strings.Join(models, "; ")})
	o.Report.Provenance = map[string]string{
		"run": result.Run, "commit": result.Provenance.ShortCommit(), "computed": result.Finished.UTC().Format("2006-01-02 15:04 UTC"),
	}
	return o, err
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
	columns := map[string]string{}
	for _, name := range datasets {
		d, err := data.Describe(name)
		if err != nil {
			return err
		}
		if d.Classes == nil {
			return fmt.Errorf("datasets has %s, whose images have attributes: name datasets with classes", name)
		}
		column, err := paperDataset(name)
		if err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		if other, taken := columns[column]; taken {
			return fmt.Errorf("datasets has %s and %s: both are the paper's %s, name one", other, name, column)
		}
		columns[column] = name
	}
	return nil
}
