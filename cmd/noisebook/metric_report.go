package main

import (
	"fmt"
	"reflect"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/metric"
)

// keyedScore is a score under the name that programs find it by.
type keyedScore struct {
	key string
	metric.Score
}

// metricOutcome is what an evaluator finds.
type metricOutcome struct {
	scores    []keyedScore
	intervals func(metric.BootstrapOptions) ([]metric.Interval, error) // one a score; nil where there is none
	detail    map[string]any                                           // for --json: curves, values by class
}

// resampled are intervals by evaluating the scores anew on resamples of groups
// of the given sizes.
func resampled(scores int, sizes []int, again func(picks [][]int) ([]keyedScore, error)) func(metric.BootstrapOptions) ([]metric.Interval, error) {
	return func(options metric.BootstrapOptions) ([]metric.Interval, error) {
		intervals := make([]metric.Interval, scores)
		for i := range intervals {
			var err error
			intervals[i], err = metric.Bootstrap(sizes, func(picks [][]int) (float64, error) {
				scores, err := again(picks)
				if err != nil {
					return 0, err
				}
				return scores[i].Value, nil
			}, options)
			if err != nil {
				return nil, err
			}
		}
		return intervals, nil
	}
}

// resampledMeans are intervals of means of what each sample adds, one a score;
// fixed says what the resamples share.
func resampledMeans(fixed string, terms ...[]float64) func(metric.BootstrapOptions) ([]metric.Interval, error) {
	return func(options metric.BootstrapOptions) ([]metric.Interval, error) {
		intervals := make([]metric.Interval, len(terms))
		for i := range intervals {
			var err error
			if intervals[i], err = metric.BootstrapMean(terms[i], options); err != nil {
				return nil, err
			}
			intervals[i].Fixed = fixed
		}
		return intervals, nil
	}
}

// metricReport is what an evaluation prints.
type metricReport struct {
	Metric string                  `json:"metric"`
	Values map[string]number       `json:"values"` // of the scores, null where undefined
	Scores map[string]metric.Score `json:"scores"`
	Inputs []inputReport           `json:"inputs,omitempty"`
	Detail map[string]any          `json:"detail,omitempty"`

	order []string // of the scores, in print
}

// inputReport says what was read.
type inputReport struct {
	Source   string         `json:"source"`
	Shape    []int          `json:"shape,omitempty"`
	Checksum string         `json:"sha256,omitempty"`  // of images
	Run      string         `json:"run,omitempty"`     // that measured their features
	Network  map[string]any `json:"network,omitempty"` // that measured them, with its settings
}

func newMetricReport(name string, scores []keyedScore) metricReport {
	report := metricReport{Metric: name, Values: map[string]number{}, Scores: map[string]metric.Score{}}
	for _, s := range scores {
		report.Values[s.key], report.Scores[s.key] = number(s.Value), s.Score
		report.order = append(report.order, s.key)
	}
	return report
}

// printReport prints a line a score, then what they have in common.
func printReport(command *cobra.Command, r metricReport) error {
	asJSON, err := command.Flags().GetBool("json")
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(command.OutOrStdout(), r)
	}
	tw := tabwriter.NewWriter(command.OutOrStdout(), 0, 4, 2, ' ', 0)
	common, samples := r.shared()
	var notes []string
	for _, key := range r.order {
		s := r.Scores[key]
		fmt.Fprintf(tw, "%s\t%s\n", s.Name, valueText(s, common, samples))
		for _, note := range s.Notes {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	if samples != "" {
		fmt.Fprintf(tw, "n\t%s\n", samples)
	}
	if text := (metric.Score{Settings: common}).Choices(); text != "" {
		fmt.Fprintf(tw, "settings\t%s\n", text)
	}
	for _, input := range r.Inputs {
		fmt.Fprintf(tw, "input\t%s\n", input)
	}
	for _, note := range notes {
		fmt.Fprintf(tw, "note\t%s\n", note)
	}
	return tw.Flush()
}

// valueText is a score's value with what the others do not share.
func valueText(s metric.Score, common map[string]any, samples string) string {
	text := fmt.Sprintf("%.6g", s.Value)
	if s.Spread != nil {
		text += " " + s.Spread.String()
	}
	if s.Interval != nil {
		text += " " + s.Interval.String()
	}
	own := metric.Score{Settings: map[string]any{}}
	for name, value := range s.Settings {
		if _, shared := common[name]; !shared {
			own.Settings[name] = value
		}
	}
	if choices := own.Choices(); choices != "" {
		text += " (" + choices + ")"
	}
	if samples == "" {
		text += " (n " + s.Samples() + ")"
	}
	return text
}

// String is an input in a line.
func (i inputReport) String() string {
	text := i.Source
	if i.Shape != nil {
		text += fmt.Sprintf(" %v", i.Shape)
	}
	if choices := (metric.Score{Settings: i.Network}).Choices(); choices != "" {
		text += " (" + choices + ")"
	}
	return text
}

// shared are the settings that all scores have in common, and their n, "" where
// it differs.
func (r metricReport) shared() (settings map[string]any, samples string) {
	settings = map[string]any{}
	first := r.Scores[r.order[0]]
	samples = first.Samples()
	for name, value := range first.Settings {
		settings[name] = value
	}
	for _, key := range r.order {
		s := r.Scores[key]
		if s.Samples() != samples {
			samples = ""
		}
		for name, value := range settings {
			if !reflect.DeepEqual(s.Settings[name], value) {
				delete(settings, name)
			}
		}
	}
	return settings, samples
}
