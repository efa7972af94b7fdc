package joint

import (
	"context"
	"fmt"
	"image"
	"slices"
	"strings"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// GridsConfig is a set of samples of each dataset, shown in a grid of its own.
type GridsConfig struct {
	SampledSuite
	Columns int    `json:"columns"` // images in a row
	Seed    uint64 `json:"seed"`    // of sampling
}

// grids is an artifact that shows images of sets, one set a dataset.
type grids struct {
	GridsConfig
	id, title, caption string // of every figure; the title is followed by the dataset
	sets               []sampledSet
	table              table.Table
	// images are those shown of a set, row by row, and the rows' labels, if any.
	images func(set sampledSet, all data.Split) (shown []image.Image, labels []string, err error)
	judge  func(set sampledSet, t table.Table) ([]claim.Judgement, error) // t has the rows of the set's dataset
}

// showGrids keeps the table as the result of the artifact's own stage, draws a
// grid of each set and judges each.
func showGrids[C any](ctx context.Context, store *track.Store, g grids, config C) (experiments.Outcome, error) {
	var inputs []track.Input
	var models []string
	for _, set := range g.sets {
		inputs, models = append(inputs, set.scores), append(models, set.setting.Model)
	}
	result, err := keepTable(ctx, store, g.id, config, g.table, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}
	o, err := tabled(g.id, g.Tier, result, claim.Setting{
		Dataset: strings.Join(g.Datasets, ", "), Features: g.Reference.Network.Title(), Model: strings.Join(slices.Compact(models), "; "),
	}, g.provenance(result))
	if err != nil {
		return o, err
	}
	for i, set := range g.sets {
		drawn, err := g.draw(store, set, result)
		if err != nil {
			return o, err
		}
		o.Figures = append(o.Figures, experiments.NamedFigure{Name: figureName(g.id, i, set.model.Dataset), Figure: drawn})
		rows, err := o.Table.Where("dataset", set.model.Dataset)
		if err != nil {
			return o, err
		}
		judged, err := g.judge(set, rows)
		if err != nil {
			return o, err
		}
		o.Report.Judgements = append(o.Report.Judgements, judged...)
	}
	return o, nil
}

// figureName names an artifact's figure of its i-th dataset: the first has the artifact's own name.
func figureName(id string, i int, dataset string) string {
	if i == 0 {
		return id
	}
	return id + "-" + dataset
}

// provenance is the run's, and that of each dataset's networks.
func (g grids) provenance(result track.Result[tableResult]) map[string]string {
	p := runProvenance(result)
	for _, set := range g.sets {
		for what, value := range networkProvenance(set.trained.Value, &set.lenet) {
			p[what+" "+set.model.Dataset] = value
		}
	}
	return p
}

func (g grids) draw(store *track.Store, set sampledSet, result track.Result[tableResult]) (*figure.Figure, error) {
	d, err := data.Describe(set.model.Dataset)
	if err != nil {
		return nil, err
	}
	all, err := images(store, set.samples.Value)
	if err != nil {
		return nil, err
	}
	shown, labels, err := g.images(set, all)
	if err != nil {
		return nil, err
	}
	return figure.Grid(shown, figure.GridSpec{
		Columns: g.Columns, RowLabels: labels, Title: g.title + ": " + d.Title, Caption: g.caption,
		Provenance: stamp(result, set.model, g.Tier, set.trained.Value, fmt.Sprintf("%d images shown", len(shown)), ""),
	})
}

// firstOf are the first images of a class.
func firstOf(set data.Split, class, count int) []image.Image {
	var pictures []image.Image
	for _, i := range ofClass(set.Labels, class)[:count] {
		pictures = append(pictures, set.Image(i))
	}
	return pictures
}

// classRows refuses rows of classes that a model does not know, and rows longer
// than its set of samples has images of a class.
func classRows(m ModelConfig, classes []int, columns, samples int) error {
	known := m.Network.Classes
	if m.Network.Attributes {
		return fmt.Errorf("classes: %s has attributes instead, which make no rows", m.Dataset)
	}
	for _, class := range classes {
		if class < 0 || class >= known {
			return fmt.Errorf("classes has %d: it must be in 0 to %d on %s", class, known-1, m.Dataset)
		}
	}
	switch {
	case columns < 1:
		return fmt.Errorf("columns is %d: it must be at least 1", columns)
	case samples/known < columns:
		return fmt.Errorf("columns is %d: %d samples of %s have only %d of a class", columns, samples, m.Dataset, samples/known)
	}
	return nil
}
