package joint

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/metric"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// outcome draws a figure of images for each dataset and one of the table, and judges.
func (x explanations) outcome(store *track.Store, result track.Result[tableResult], datasets []explainedDataset) (experiments.Outcome, error) {
	setting, counts := x.setting(datasets)
	provenance := runProvenance(result)
	provenance["images"] = counts
	o, err := tabled(x.id, x.Tier, result, setting, provenance)
	if err != nil {
		return o, err
	}
	for i, d := range datasets {
		drawn, err := x.drawImages(store, d, result)
		if err != nil {
			return o, err
		}
		o.Figures = append(o.Figures, experiments.NamedFigure{Name: figureName(x.id, i, d.model.Dataset), Figure: drawn})
	}
	rates, err := x.drawRates(o.Table, drawnOf(result, x.Tier, setting.Dataset, map[string]string{
		"n": fmt.Sprintf("%d × %s", x.Seeds, counts), "model": setting.Model,
	}))
	if err != nil {
		return o, err
	}
	o.Figures = append(o.Figures, experiments.NamedFigure{Name: x.id + "-rates", Figure: rates})

	for _, d := range datasets {
		for which, m := range map[string]TrainedModel{"test_accuracy": d.trained, "external_classifier_accuracy": d.external} {
			if o.Report.Provenance[which+" "+d.model.Dataset], err = accuracyInWords(m); err != nil {
				return o, err
			}
		}
	}
	for _, d := range datasets {
		if x.judge == nil {
			break
		}
		judged, err := x.judge(d)
		if err != nil {
			return o, err
		}
		o.Report.Judgements = append(o.Report.Judgements, judged...)
	}
	shapes, err := x.shapes(o.Table)
	o.Report.Judgements = append(o.Report.Judgements, shapes...)
	return o, err
}

// setting is the setting of all datasets together, and how many images were changed
// in each direction. Each of several datasets may have a model and counts of its own.
func (x explanations) setting(datasets []explainedDataset) (s claim.Setting, counts string) {
	var names, models, numbers []string
	for _, d := range datasets {
		var directions []string
		for _, set := range x.shown(d.sets) { // one of each decision
			for _, n := range set.originals.Value.Counts {
				directions = append(directions, fmt.Sprint(n))
			}
		}
		names, models = append(names, d.model.Dataset), append(models, describe(d.model))
		numbers = append(numbers, strings.Join(slices.Compact(directions), ", ")+" "+d.model.Dataset)
	}
	return claim.Setting{Dataset: strings.Join(names, ", "), Model: strings.Join(slices.Compact(models), "; ")}, strings.Join(numbers, "; ")
}

// accuracyInWords is an accuracy with its binomial interval.
func accuracyInWords(m TrainedModel) (string, error) {
	low, high, err := metric.Wilson(int(math.Round(m.Accuracy*float64(m.TestImages))), m.TestImages, 0.95)
	return fmt.Sprintf("%.1f %% of %d test images (95 %% interval %.1f to %.1f)", 100*m.Accuracy, m.TestImages, 100*low, 100*high), err
}

// shown are the sets that are drawn: step size alpha and the first seed.
func (x explanations) shown(sets []explained) []explained {
	return slices.DeleteFunc(slices.Clone(sets), func(s explained) bool { return s.alpha() != x.Alpha || s.config.Seed != 0 })
}

// drawImages draws a block a direction: originals, noised, counterfactuals and what had to go or to come.
func (x explanations) drawImages(store *track.Store, d explainedDataset, result track.Result[tableResult]) (*figure.Figure, error) {
	sets := x.shown(d.sets)
	columns := x.Columns
	for _, s := range sets {
		columns = min(columns, s.originals.Value.Counts[0], s.originals.Value.Counts[1])
	}
	var rows [][3]data.Split // original, noised, counterfactual
	var blocks, labels []string
	for _, s := range sets {
		o := s.originals.Value
		var all [3]data.Split
		for k, set := range []Samples{o.Samples, s.like(s.result.Value.Noised), s.like(s.result.Value.Images)} {
			var err error
			if all[k], err = images(store, set); err != nil {
				return nil, err
			}
		}
		for a := range s.decision.answers {
			from, _ := o.of(a)
			var block [3]data.Split
			for k := range all {
				block[k] = all[k].Subset(consecutive(from, columns))
			}
			rows = append(rows, block)
			blocks = append(blocks, s.decision.words[a]+" → "+s.decision.words[1-a])
			labels = append(labels, "original", "noised", "counterfactual", "difference")
		}
	}
	scale := differenceScale(rows)
	var pictures []image.Image
	for _, block := range rows {
		for k := range block {
			for i := range columns {
				pictures = append(pictures, block[k].Image(i))
			}
		}
		for i := range columns {
			pictures = append(pictures, differenceImage(block[0], block[2], i, scale))
		}
	}
	choice := "The first test images of each class or attribute"
	if x.Right {
		choice += " that the model classifies right"
	}
	accuracy, err := accuracyInWords(d.trained)
	if err != nil {
		return nil, err
	}
	return figure.Grid(pictures, figure.GridSpec{
		Columns: columns, RowLabels: labels, Blocks: blocks, Title: x.title,
		Caption: fmt.Sprintf("%s%s, not picked by hand. Noised through %.0f %% of the steps, then Algorithm 1 with α = %g and the other answer. "+
			"Difference: original − counterfactual, red where the counterfactual is darker, blue where it is brighter, full colour at %.2f of the range of a pixel. "+
			"The joint model is right on %s.", x.text(d.model.Dataset), choice, 100*x.Noised, x.Alpha, scale, accuracy),
		Provenance: stamp(result, d.model, x.Tier, d.trained, fmt.Sprintf("%d images shown", len(rows)*columns), ""),
	})
}

func consecutive(from, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = from + i
	}
	return list
}

// signedChange is original − counterfactual at each pixel of image i, mean over its channels, in [−1, 1].
func signedChange(original, counterfactual data.Split, i int) []float64 {
	before, after := original.Pixels(i), counterfactual.Pixels(i)
	change := make([]float64, len(before)/original.Channels)
	for k := range before {
		change[k/original.Channels] += (float64(before[k]) - float64(after[k])) / (255 * float64(original.Channels))
	}
	return change
}

// differenceScale is the change that has full colour in all of a figure: all but one pixel in 200 change less.
func differenceScale(rows [][3]data.Split) float64 {
	var sizes []float64
	for _, block := range rows {
		for i := range block[0].Len() {
			for _, change := range signedChange(block[0], block[2], i) {
				sizes = append(sizes, math.Abs(change))
			}
		}
	}
	slices.Sort(sizes)
	return max(stat.Quantile(0.995, stat.Empirical, sizes, nil), 1.0/255)
}

func differenceImage(original, counterfactual data.Split, i int, scale float64) image.Image {
	picture := image.NewNRGBA(image.Rect(0, 0, original.Width, original.Height))
	for k, change := range signedChange(original, counterfactual, i) {
		picture.SetNRGBA(k%original.Width, k/original.Width, figure.Diverging(change/scale))
	}
	return picture
}

// measurePanels are the measures that are drawn, in order.
var measurePanels = []struct{ column, panel string }{
	{"flip_rate", "flipped for the joint model"}, {"external_flip_rate", "flipped for another classifier"},
	{"l1", "mean change of a pixel"}, {"top_decile_share", "share of it in a tenth of the pixels"},
}

// drawRates draws every measure against the step size, a line a direction.
func (x explanations) drawRates(t table.Table, provenance map[string]string) (*figure.Figure, error) {
	panels := map[string]string{}
	var columns []string
	for _, m := range measurePanels {
		panels[m.column], columns = m.panel, append(columns, m.column)
	}
	long, err := t.Melt(columns...)
	if err != nil {
		return nil, err
	}
	from, to, metrics := slices.Index(long.Columns, "from"), slices.Index(long.Columns, "to"), slices.Index(long.Columns, "metric")
	long.Columns = append(long.Columns, "panel", "direction")
	for i, row := range long.Rows {
		long.Rows[i] = append(row, panels[row[metrics]], row[from]+" → "+row[to])
	}
	return figure.Curves(long, figure.CurvesSpec{
		X: "alpha", Y: "value", Group: "direction", Panel: "panel", Seed: "seed", Scale: figure.Even,
		Title: "How often a decision flips, and what it takes", XLabel: "step size α", YLabel: "",
		Caption: "α = 0 noises and denoises alone, a negative α pushes away from the other answer: both are controls. " +
			fmt.Sprintf("Drawn images have α = %g.", x.Alpha),
		Provenance: provenance,
	})
}
