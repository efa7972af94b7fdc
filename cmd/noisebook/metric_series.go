package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"noisebook/pkg/metric"
)

// seriesEvaluators are of plain series of numbers.
var seriesEvaluators = []evaluator{
	{
		name: "spearman", inputs: []string{"A", "B"}, best: "±1",
		definition: "rank correlation of two paired series, ties sharing the mean of their ranks",
		reference:  "SciPy", call: "metric.Spearman",
		example: "table.csv#alpha table.csv#precision", build: buildSpearman,
	},
	{
		name: "mean-sd", inputs: []string{"VALUES"}, best: "–",
		definition: "mean and sample standard deviation (divisor n-1) of a series, such as one value a seed",
		reference:  "NumPy with ddof=1", call: "metric.MeanSD",
		example: "runs.csv#accuracy", build: buildMeanSD,
	},
}

func buildSpearman(*pflag.FlagSet) evaluate {
	return func(in *metricInputs) (metricOutcome, error) {
		a, err := in.vector(0)
		if err != nil {
			return metricOutcome{}, err
		}
		b, err := in.vector(1)
		if err != nil {
			return metricOutcome{}, err
		}
		again := func(a, b []float64) ([]keyedScore, error) {
			rho, err := metric.Spearman(a, b)
			return []keyedScore{{"spearman", metric.Score{Name: "Spearman", Value: rho, N: map[string]int{"pairs": len(a)}}}}, err
		}
		scores, err := again(a, b)
		return metricOutcome{
			scores: scores,
			intervals: resampled(1, []int{len(a)}, func(picks [][]int) ([]keyedScore, error) {
				return again(pickValues(a, picks[0]), pickValues(b, picks[0]))
			}),
		}, err
	}
}

func buildMeanSD(*pflag.FlagSet) evaluate {
	return func(in *metricInputs) (metricOutcome, error) {
		values, err := in.vector(0)
		if err != nil {
			return metricOutcome{}, err
		}
		mean, sd, err := metric.MeanSD(values)
		score := metric.Score{
			Name: "mean", Value: mean, N: map[string]int{"values": len(values)},
			Spread: &metric.Spread{SD: sd, Of: len(values), Over: "values"},
		}
		return metricOutcome{scores: []keyedScore{{"mean", score}}, intervals: resampledMeans("", values)}, err
	}
}

func newOverSeedsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "over-seeds RESULT.json RESULT.json …",
		Short: "Mean ± standard deviation of one metric over seeds, from what --json printed for each",
		Example: `  noisebook metric fid seed0.npy real.npy --json > 0.json
  noisebook metric fid seed1.npy real.npy --json > 1.json
  noisebook metric over-seeds 0.json 1.json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			report, err := overSeeds(args)
			if err != nil {
				return err
			}
			return printReport(command, report)
		},
	}
}

// overSeeds combines printed reports of one metric, score by score.
func overSeeds(paths []string) (metricReport, error) {
	var reports []metricReport
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return metricReport{}, err
		}
		var r metricReport
		if err := json.Unmarshal(content, &r); err != nil || len(r.Scores) == 0 {
			return metricReport{}, fmt.Errorf("metric over-seeds: %s is not what `noisebook metric NAME … --json` prints", path)
		}
		reports = append(reports, r)
	}
	var over []keyedScore
	for _, key := range slices.Sorted(maps.Keys(reports[0].Scores)) {
		var scores []metric.Score
		for i, r := range reports {
			score, ok := r.Scores[key]
			if !ok || r.Metric != reports[0].Metric {
				return metricReport{}, fmt.Errorf("metric over-seeds: %s holds %s, %s %s; want the same scores", paths[0], reports[0].Metric, paths[i], r.Metric)
			}
			scores = append(scores, score)
		}
		mean, err := metric.OverSeeds(scores)
		if err != nil {
			return metricReport{}, err
		}
		over = append(over, keyedScore{key, mean})
	}
	return newMetricReport(reports[0].Metric, over), nil
}
