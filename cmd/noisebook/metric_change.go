package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/spf13/pflag"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/metric"
)

// changeEvaluators judge edits of images, such as counterfactuals.
var changeEvaluators = []evaluator{
	{
		name: "class-change", inputs: []string{"BEFORE", "AFTER"}, best: "large, 0",
		definition: "what an edit did to a judge's scores [images, classes]: mean change of the target class, mean |change| of the others",
		reference:  "definition of Mediffusion, tables 4 to 7", call: "metric.ClassChanges",
		example: "before.csv after.csv --class 3", build: buildClassChange,
	},
	{
		name: "pixel-change", inputs: []string{"BEFORE", "AFTER", "BOXES"}, best: "large inside, 0 outside",
		definition: "mean |change| of pixels inside and outside expert boxes (a table: image, x, y, width, height)",
		reference:  "definition of Mediffusion, figures 4 and 8", call: "metric.PixelChanges",
		example: "before.npy after.npy boxes.csv --scale 255", build: buildPixelChange,
	},
}

func buildClassChange(flags *pflag.FlagSet) evaluate {
	target := flags.Int("class", 0, "the class that the edit means to change, from 0")
	return func(in *metricInputs) (metricOutcome, error) {
		before, err := in.matrix(0)
		if err != nil {
			return metricOutcome{}, err
		}
		after, err := in.matrix(1)
		if err != nil {
			return metricOutcome{}, err
		}
		change, err := metric.ClassChanges(before, after, *target)
		if err != nil {
			return metricOutcome{}, err
		}
		scores := func(change metric.ClassChange) []keyedScore {
			return []keyedScore{{"target_before", change.Before}, {"target_change", change.Target}, {"other_change", change.Others}}
		}
		return metricOutcome{
			scores: scores(change), detail: map[string]any{"absolute_change_by_class": change.Class},
			intervals: resampled(3, []int{len(change.Sample)}, func(picks [][]int) ([]keyedScore, error) {
				change, err := metric.ClassChanges(metric.Rows(before, picks[0]), metric.Rows(after, picks[0]), *target)
				return scores(change), err
			}),
		}, nil
	}
}

func buildPixelChange(flags *pflag.FlagSet) evaluate {
	scale := flags.Float64("scale", 1, "what to divide pixels by: 255 for bytes")
	return func(in *metricInputs) (metricOutcome, error) {
		if !(*scale > 0) {
			return metricOutcome{}, fmt.Errorf("metric pixel-change: --scale %v, want a number above 0", *scale)
		}
		before, err := in.images(0, *scale)
		if err != nil {
			return metricOutcome{}, err
		}
		after, err := in.images(1, *scale)
		if err != nil {
			return metricOutcome{}, err
		}
		array, err := in.open(in.sources[2])
		if err != nil {
			return metricOutcome{}, err
		}
		boxes, err := boxesOf(array, before.Count())
		if err != nil {
			return metricOutcome{}, err
		}
		change, err := metric.PixelChanges(before, after, boxes)
		if err != nil {
			return metricOutcome{}, err
		}
		return metricOutcome{
			scores:    []keyedScore{{"inside", change.Inside}, {"outside", change.Outside}},
			detail:    map[string]any{"inside": change.InsideImage, "outside": change.OutsideImage},
			intervals: resampledMeans("", change.InsideImage, change.OutsideImage),
		}, nil
	}
}

// images reads pixels [images, height, width] or [images, height, width, channels].
func (in *metricInputs) images(argument int, scale float64) (metric.Images, error) {
	array, err := in.open(in.sources[argument])
	if err != nil {
		return metric.Images{}, err
	}
	shape := array.Shape
	if len(shape) == 3 {
		shape = append(slices.Clone(shape), 1)
	}
	if len(shape) != 4 {
		return metric.Images{}, fmt.Errorf("%s has shape %v, want [images, height, width] or [images, height, width, channels]", array.Source, array.Shape)
	}
	for i := range array.Values {
		array.Values[i] /= scale
	}
	return metric.Images{Height: shape[1], Width: shape[2], Channels: shape[3], Values: array.Values}, nil
}

// boxesOf reads a table of image number, x, y, width and height, a row a box.
func boxesOf(array *arrayfile.Array, images int) ([][]metric.Box, error) {
	table, err := array.Matrix()
	if err != nil {
		return nil, err
	}
	rows, columns := table.Dims()
	if columns != 5 {
		return nil, fmt.Errorf("%s has %d columns, want image, x, y, width and height", array.Source, columns)
	}
	boxes := make([][]metric.Box, images)
	for i := range rows {
		row := table.RawRowView(i)
		if row[0] != math.Trunc(row[0]) || row[0] < 0 || row[0] >= float64(images) {
			return nil, fmt.Errorf("%s: row %d is of image %v, want 0 to %d", array.Source, i, row[0], images-1)
		}
		image := int(row[0])
		boxes[image] = append(boxes[image], metric.Box{X: row[1], Y: row[2], Width: row[3], Height: row[4]})
	}
	return boxes, nil
}
