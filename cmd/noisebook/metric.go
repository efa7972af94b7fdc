package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/metric"
	"noisebook/pkg/npy"
)

func newMetricCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "metric",
		Short: "Evaluate features in .npy files: FID, precision and recall",
	}
	command.PersistentFlags().Bool("json", false, "print one JSON object instead of text")
	command.AddCommand(newMetricFIDCommand(), newMetricPRDCommand(), newMetricListCommand())
	return command
}

func newMetricFIDCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "fid GENERATED.npy REFERENCE.npy",
		Short: "Fréchet distance of two feature sets [samples, features]",
		Args:  cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			e, generated, reference, err := readEvaluation("fid", args)
			if err != nil {
				return err
			}
			distance, err := metric.FID(reference, generated)
			if err != nil {
				return err
			}
			e.Values = map[string]float64{"fid": distance.Value}
			e.Settings = map[string]any{"covariance": "divisor n-1, float64"}
			if e.Dimension >= min(e.Generated.Samples, e.Reference.Samples) {
				e.Note = "no more samples than features: the covariances are singular and the distance is biased upwards"
			}
			return e.print(command)
		},
	}
}

func newMetricPRDCommand() *cobra.Command {
	options := metric.PRDOptions{}.WithDefaults()
	command := &cobra.Command{
		Use:   "prd GENERATED.npy REFERENCE.npy",
		Short: "Precision (F_1/8) and recall (F_8) of distributions, of equally many samples",
		Args:  cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			e, generated, reference, err := readEvaluation("prd", args)
			if err != nil {
				return err
			}
			if options.Clusters < 1 || options.Runs < 1 || options.Angles < 3 {
				return fmt.Errorf("metric prd: --clusters %d --runs %d --angles %d: want at least 1, 1 and 3", options.Clusters, options.Runs, options.Angles)
			}
			curve, err := metric.PRD(reference, generated, options)
			if err != nil {
				return err
			}
			precision, recall := curve.Summary()
			e.Values = map[string]float64{"precision": precision.Value, "recall": recall.Value}
			e.Settings = map[string]any{
				"clusters": options.Clusters, "runs": options.Runs, "angles": options.Angles, "seed": options.Seed,
				"precision": "max F_1/8", "recall": "max F_8",
			}
			return e.print(command)
		},
	}
	flags := command.Flags()
	flags.IntVar(&options.Clusters, "clusters", options.Clusters, "k-means clusters of the union of both sets")
	flags.IntVar(&options.Runs, "runs", options.Runs, "k-means runs whose curves are averaged")
	flags.IntVar(&options.Angles, "angles", options.Angles, "points of the curve")
	flags.Uint64Var(&options.Seed, "seed", options.Seed, "seed of the k-means starts")
	return command
}

func newMetricListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the evaluators",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			asJSON, err := command.Flags().GetBool("json")
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), listedMetrics)
			}
			tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(tw, "metric\tbest\tcall\twhat")
			for _, m := range listedMetrics {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", m.Name, m.Best, m.Call, m.What)
			}
			return tw.Flush()
		},
	}
}

// listedMetric tells a reader which evaluators there are and how to call them.
type listedMetric struct {
	Name string `json:"name"`
	Best string `json:"best"`
	Call string `json:"call"`
	What string `json:"what"`
}

var listedMetrics = []listedMetric{
	{"FID", "0", "noisebook metric fid, metric.FID", "Fréchet distance of two feature sets, also of fewer samples than features"},
	{"PRD", "1, 1", "noisebook metric prd, metric.PRD", "precision and recall of distributions through k-means on the union"},
	{"KID", "0", "metric.KID, metric.MMD", "kernel distance of two feature sets, unbiased"},
	{"precision, recall, density, coverage", "1", "metric.Neighbourhood", "two feature sets by nearest-neighbour balls"},
	{"Inception Score", "classes", "metric.InceptionScore", "certain and diverse class probabilities"},
	{"AUC", "1", "metric.ROCAUC, metric.Multilabel", "area under the ROC curve, with ties, weights and undefined classes"},
	{"average precision", "1", "metric.AveragePrecision", "step sum of precision over recall"},
	{"accuracy", "1", "metric.Accuracy, metric.TopK", "share of right predictions, or of labels among the k highest scores"},
	{"F1", "1", "metric.NewConfusion", "precision, recall and F1 by class; macro, weighted"},
	{"silhouette", "1", "metric.Silhouette", "how well labels separate samples, by Euclidean distance"},
	{"k-means", "", "metric.KMeans, metric.Inertia", "clusters from k-means++ or given centres"},
	{"PCA", "", "metric.PCA", "principal components and the variance they explain"},
	{"Spearman", "±1", "metric.Spearman", "rank correlation with ties"},
	{"mean ± sd", "", "metric.MeanSD", "over seeds or runs"},
}

// evaluation is what a comparison of two feature files prints.
type evaluation struct {
	Metric    string             `json:"metric"`
	Values    map[string]float64 `json:"values"`
	Generated featureFile        `json:"generated"`
	Reference featureFile        `json:"reference"`
	Dimension int                `json:"dimension"`
	Settings  map[string]any     `json:"settings"`
	Note      string             `json:"note,omitempty"`
}

type featureFile struct {
	Path    string `json:"path"`
	Samples int    `json:"samples"`
}

func readEvaluation(name string, paths []string) (e evaluation, generated, reference *mat.Dense, err error) {
	if generated, err = readFeatures(paths[0]); err != nil {
		return e, nil, nil, err
	}
	if reference, err = readFeatures(paths[1]); err != nil {
		return e, nil, nil, err
	}
	e.Metric = name
	e.Generated = featureFile{Path: paths[0], Samples: generated.RawMatrix().Rows}
	e.Reference = featureFile{Path: paths[1], Samples: reference.RawMatrix().Rows}
	e.Dimension = generated.RawMatrix().Cols
	return e, generated, reference, nil
}

func readFeatures(path string) (*mat.Dense, error) {
	array, err := npy.Open(path)
	if err != nil {
		return nil, err
	}
	features, err := array.Dense()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return features, nil
}

func (e evaluation) print(command *cobra.Command) error {
	asJSON, err := command.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(command.OutOrStdout(), e)
	}
	tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(e.Values)) {
		fmt.Fprintf(tw, "%s\t%.6g\n", name, e.Values[name])
	}
	fmt.Fprintf(tw, "n\t%d generated (%s), %d reference (%s)\n", e.Generated.Samples, e.Generated.Path, e.Reference.Samples, e.Reference.Path)
	fmt.Fprintf(tw, "dimension\t%d\n", e.Dimension)
	fmt.Fprintf(tw, "settings\t%s\n", settingsText(e.Settings))
	if e.Note != "" {
		fmt.Fprintf(tw, "note\t%s\n", e.Note)
	}
	return tw.Flush()
}

// settingsText lists settings by name, for one line.
func settingsText(settings map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		parts = append(parts, fmt.Sprintf("%s %v", name, settings[name]))
	}
	return strings.Join(parts, ", ")
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
