package joint

import (
	"context"
	"fmt"
	"image"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// GridConfig is a picture of samples: a row a step size and class.
type GridConfig struct {
	Setup
	Alphas  []float64 `json:"alphas"`  // step sizes of Algorithm 1
	Classes []int     `json:"classes"` // a row each; none shows the set's first images in one block
	Columns int       `json:"columns"` // images in a row
	Seed    uint64    `json:"seed"`    // of sampling: rows with equal classes start from equal noise
}

// Validate says what is wrong, by field.
func (c GridConfig) Validate() error {
	if err := c.Setup.Validate(); err != nil {
		return err
	}
	classes := c.Model.Network.Classes
	for _, class := range c.Classes {
		if class < 0 || class >= classes {
			return fmt.Errorf("classes has %d: it must be in 0 to %d", class, classes-1)
		}
	}
	switch {
	case len(c.Alphas) == 0:
		return fmt.Errorf("alphas is empty: name at least one step size")
	case c.Columns < 1:
		return fmt.Errorf("columns is %d: it must be at least 1", c.Columns)
	case len(c.Classes) > 0 && c.Samples/classes < c.Columns:
		return fmt.Errorf("columns is %d: %d samples have only %d of a class", c.Columns, c.Samples, c.Samples/classes)
	}
	return nil
}

// grid is an artifact that shows images.
type grid struct {
	GridConfig
	id     string
	title  string
	text   string // caption
	rows   func(alpha float64, class string) string
	judge  func(t table.Table) []claim.Judgement
	blocks int // rows of images when no classes are named
}

func (g grid) run(ctx context.Context, store *track.Store) (experiments.Outcome, error) {
	generator, y, err := g.prepare(ctx, store)
	if err != nil {
		return experiments.Outcome{}, err
	}
	defer generator.close()
	dataset, err := data.Describe(g.Model.Dataset)
	if err != nil {
		return experiments.Outcome{}, err
	}

	// Precision, recall and FID are of whole sets, so rows of one class have none.
	t := table.New("alpha", "class", "samples", "target_rate", "diversity", "precision", "recall", "fid")
	var inputs []track.Input
	var pictures []image.Image
	var labels []string
	perClass := g.Samples / g.Model.Network.Classes
	for _, alpha := range g.Alphas {
		samples, scores, err := generator.measured(ctx, store, y, Algorithm1(alpha), g.Samples, g.Seed)
		if err != nil {
			return experiments.Outcome{}, err
		}
		inputs = append(inputs, scores)
		set, err := images(store, samples.Value)
		if err != nil {
			return experiments.Outcome{}, err
		}
		s := scores.Value
		if len(g.Classes) == 0 {
			for i := range min(g.blocks*g.Columns, set.Len()) {
				pictures = append(pictures, set.Image(i))
			}
			if err := t.Append(alpha, "all", g.Samples, "", "", s.Precision, s.Recall, s.FID); err != nil {
				return experiments.Outcome{}, err
			}
		}
		for _, class := range g.Classes {
			name := dataset.Classes[class]
			for _, i := range ofClass(set.Labels, class)[:g.Columns] {
				pictures = append(pictures, set.Image(i))
			}
			labels = append(labels, g.rows(alpha, name))
			if err := t.Append(alpha, name, perClass, s.TargetRate[class], s.Diversity[class], "", "", ""); err != nil {
				return experiments.Outcome{}, err
			}
		}
	}
	result, err := keepTable(ctx, store, g.id, g.GridConfig, t, inputs...)
	if err != nil {
		return experiments.Outcome{}, err
	}

	trained := generator.trained.Value
	setting := g.setting()
	if len(g.Classes) > 0 { // a row is judged by the images of its class
		setting.Samples = perClass
	}
	o, err := tabled(g.id, g.Tier, result, setting, reportProvenance(result, trained, &y.lenet.Value))
	if err != nil {
		return o, err
	}
	drawn, err := figure.Grid(pictures, figure.GridSpec{
		Columns: g.Columns, RowLabels: labels, Title: g.title, Caption: g.text,
		Provenance: stamp(result, g.Model, g.Tier, trained, fmt.Sprintf("%d images shown", len(pictures)), ""),
	})
	if err != nil {
		return o, err
	}
	o.Figures = []experiments.NamedFigure{{Name: g.id, Figure: drawn}}
	o.Report.Judgements = g.judge(o.Table)
	return o, nil
}
