package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"noisebook/pkg/arrayfile"
	"noisebook/pkg/dense"
	"noisebook/pkg/engine"
	"noisebook/pkg/metric"
)

func newMetricCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "metric",
		Short: "Evaluate anybody's features, scores and labels: FID, KID, precision and recall, AUC, calibration, …",
		Long: `Evaluate anybody's features, scores and labels.

An input is a file that ends in ` + arrayfile.Extensions + `. A part of a
file is named behind a #: an array of an archive (run.npz#features) or columns of
a table (table.csv#score,age). Comparisons of sets take images too: a folder of
pictures, an array of uint8 or a data set's part (mnist/test), and then ask for a
feature network. Every value is printed with its n and settings.`,
		Example: `  noisebook metric list
  noisebook metric fid generated.npy real.npy
  noisebook metric fid samples/ statistics.npz --features inception
  noisebook metric auc predictions.csv#score predictions.csv#label --bootstrap 1000 --interval bca
  noisebook metric kid generated.parquet real.parquet --subset-size 500 --json`,
	}
	command.PersistentFlags().Bool("json", false, "print one JSON object instead of text")
	for _, e := range evaluators() {
		command.AddCommand(newEvaluatorCommand(e))
	}
	command.AddCommand(newMetricListCommand(), newOverSeedsCommand())
	return command
}

// evaluator is a metric that the command line can compute.
type evaluator struct {
	name       string
	inputs     []string // names of the arguments
	definition string   // in a line
	best       string   // the value of a perfect input
	reference  string   // the implementation it is held against
	call       string   // in Go
	example    string   // arguments and flags
	heavy      bool     // it multiplies large matrices
	build      func(flags *pflag.FlagSet) evaluate
}

// evaluate computes the scores of the inputs, once the flags are parsed.
type evaluate func(in *metricInputs) (metricOutcome, error)

func evaluators() []evaluator {
	return slices.Concat(setEvaluators, labelEvaluators, changeEvaluators, seriesEvaluators)
}

func newEvaluatorCommand(e evaluator) *cobra.Command {
	var in metricInputs
	var options bootstrapFlags
	var engineSpec string
	command := &cobra.Command{
		Use:     e.name + " " + strings.Join(e.inputs, " ") + " [flags]",
		Short:   e.definition,
		Long:    fmt.Sprintf("%s.\n\nBest value: %s. Held against: %s. In Go: %s.", e.definition, e.best, e.reference, e.call),
		Example: "  noisebook metric " + e.name + " " + e.example,
		Args:    cobra.ExactArgs(len(e.inputs)),
	}
	run := e.build(command.Flags())
	if slices.Contains(e.inputs, generatedInput) {
		in.choice.addFlags(command.Flags(), "features")
	}
	if e.heavy {
		command.Flags().StringVar(&engineSpec, "engine", "", "auto, xla, xla:PATH or go: what computes large products (default Go)")
	}
	options.addFlags(command.Flags())
	command.RunE = func(command *cobra.Command, args []string) error {
		in.command, in.sources, in.seed = command, args, options.seed
		release, err := multiplyOn(command.Context(), engineSpec)
		if err != nil {
			return err
		}
		defer release()
		result, err := run(&in)
		if err != nil {
			return err
		}
		if err := options.apply(e.name, &result); err != nil {
			return err
		}
		report := newMetricReport(e.name, result.scores)
		report.Inputs, report.Detail = in.read, result.detail
		return printReport(command, report)
	}
	return command
}

// multiplyOn computes large products on an engine until release is called; with
// no engine named they stay in Go.
func multiplyOn(ctx context.Context, engineSpec string) (release func(), err error) {
	if engineSpec == "" {
		return func() {}, nil
	}
	e, err := engine.Open(ctx, engineSpec)
	if err != nil {
		return nil, err
	}
	products, err := e.Products()
	if err != nil {
		e.Close()
		return nil, err
	}
	restore := dense.Use(products)
	return func() { restore(); e.Close() }, nil
}

// bootstrapFlags ask for confidence intervals.
type bootstrapFlags struct {
	resamples int
	level     float64
	method    string
	seed      uint64
}

func (f *bootstrapFlags) addFlags(flags *pflag.FlagSet) {
	flags.IntVar(&f.resamples, "bootstrap", 0, "resamples of a confidence interval; 0: none")
	flags.Float64Var(&f.level, "level", 0.95, "share of the interval, between 0 and 1")
	flags.StringVar(&f.method, "interval", string(metric.Percentile), fmt.Sprintf("%s, %s or %s", metric.Percentile, metric.Basic, metric.BCa))
	flags.Uint64Var(&f.seed, "seed", 0, "of all random draws")
}

// apply adds the intervals that are asked for.
func (f *bootstrapFlags) apply(name string, result *metricOutcome) error {
	if f.resamples == 0 {
		return nil
	}
	if result.intervals == nil {
		return fmt.Errorf("metric %s: no bootstrap interval without the samples themselves; leave --bootstrap away", name)
	}
	if f.resamples < 2 || !(f.level > 0 && f.level < 1) {
		return fmt.Errorf("metric %s: --bootstrap %d --level %v: want 2 resamples or more and a level between 0 and 1", name, f.resamples, f.level)
	}
	intervals, err := result.intervals(metric.BootstrapOptions{
		Resamples: f.resamples, Level: f.level, Method: metric.IntervalMethod(f.method), Seed: f.seed,
	})
	if err != nil {
		return err
	}
	for i, interval := range intervals {
		result.scores[i].Score = result.scores[i].With(interval)
	}
	return nil
}

func newMetricListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the metrics: inputs, definition, reference",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			asJSON, err := command.Flags().GetBool("json")
			if err != nil {
				return err
			}
			var all []listedMetric
			for _, e := range evaluators() {
				all = append(all, listedMetric{e.name, strings.Join(e.inputs, " "), e.definition, e.best, e.reference, e.call})
			}
			if asJSON {
				return writeJSON(command.OutOrStdout(), all)
			}
			tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(tw, "metric\tinputs\tbest\tdefinition\treference")
			for _, m := range all {
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Inputs, m.Best, m.Definition, m.Reference)
			}
			return tw.Flush()
		},
	}
}

// listedMetric tells a reader which metrics there are and how to call them.
type listedMetric struct {
	Name       string `json:"name"`
	Inputs     string `json:"inputs"`
	Definition string `json:"definition"`
	Best       string `json:"best"`
	Reference  string `json:"reference"`
	Call       string `json:"call"`
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
