package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
	"noisebook/pkg/track/query"
	"noisebook/pkg/track/tables"
)

func newExportTableCommand() *cobra.Command {
	var q query.Query
	var columns, sort, output string
	command := &cobra.Command{
		Use:   "table -o FILE",
		Short: "Write a query's runs as a table: a row a run, CSV or Parquet",
		Long: `Write the runs that a filter keeps as a table, a row a run. Filter, sort keys and
columns are expressions, as in 'noisebook runs'. Without --columns the table has
what identifies a run, all its params and the last value of each of its metrics.

Durations are seconds; what a run lacks is empty.`,
		Example: `  noisebook export table -o runs.csv
  noisebook export table --filter 'state == "finished" && metrics.loss.min < 0.5' \
    --columns 'id, params.train.lr, metrics.loss.min' --sort metrics.loss.min -o runs.parquet`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			if err := tables.Check(output); err != nil {
				return err
			}
			if q.Columns, err = query.Split(columns); err != nil {
				return fmt.Errorf("--columns: %w", err)
			}
			if q.Sort, err = query.Split(sort); err != nil {
				return fmt.Errorf("--sort: %w", err)
			}
			result, x, err := runQuery(command.Context(), command.ErrOrStderr(), q)
			if err != nil {
				return err
			}
			defer x.Close()
			if len(result.Columns) == 0 {
				if err := wholeRuns(command.Context(), x, &result); err != nil {
					return err
				}
			}
			if err := tables.Write(output, resultColumns(result), resultRows(result)); err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: %s, %s\n", output, countText(len(result.Rows), "run"), countText(len(result.Columns), "column"))
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&q.Filter, "filter", "", "keep the runs for which this `EXPRESSION` holds")
	flags.StringVar(&columns, "columns", "", "`EXPRESSIONS` to write, with commas between")
	flags.StringVar(&sort, "sort", "", "sort by these `EXPRESSIONS`; -EXPRESSION from high to low")
	flags.IntVar(&q.Limit, "limit", 0, "write at most this many runs; 0 writes all")
	flags.StringVarP(&output, "output", "o", "", "`FILE` to write, "+tables.Formats)
	return command
}

func newExportMetricsCommand() *cobra.Command {
	var filter, output string
	var names []string
	command := &cobra.Command{
		Use:   "metrics [RUN…] -o FILE",
		Short: "Write the curves of runs as a table: a row a point, CSV or Parquet",
		Long: `Write every point of the named runs, or of all that a filter keeps, as a table with
the columns run, metric, step, time and value. Steps that a resumed run repeated
have their last value.`,
		Example: `  noisebook export metrics 4k2m 9x0c -o curves.csv
  noisebook export metrics --filter 'paper == "joint"' --metric loss,val/loss -o curves.parquet`,
		RunE: func(command *cobra.Command, args []string) error {
			if err := tables.Check(output); err != nil {
				return err
			}
			if len(args) == 0 && filter == "" {
				return fmt.Errorf("name the runs, or choose them with --filter ('true' is all)")
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			runs, err := chosenRuns(command.Context(), command.ErrOrStderr(), store, args, filter)
			if err != nil {
				return err
			}
			points := 0
			counted := func(yield func([]any, error) bool) {
				for row, err := range tables.Metrics(runs, names...) {
					points++
					if !yield(row, err) {
						return
					}
				}
			}
			if err := tables.Write(output, tables.MetricColumns, counted); err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s: %s of %s\n", output, countText(points, "point"), countText(len(runs), "run"))
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&filter, "filter", "", "take the runs for which this `EXPRESSION` holds")
	flags.StringSliceVar(&names, "metric", nil, "write only these metrics")
	flags.StringVarP(&output, "output", "o", "", "`FILE` to write, "+tables.Formats)
	return command
}

// runQuery answers a query from the store's index, which the caller closes.
func runQuery(ctx context.Context, warnings io.Writer, q query.Query) (query.Result, *index.Index, error) {
	if err := query.Check(q); err != nil { // before a store is made
		return query.Result{}, nil, err
	}
	store, err := track.Open("")
	if err != nil {
		return query.Result{}, nil, err
	}
	x := openIndex(ctx, warnings, store)
	result, err := query.Run(ctx, x, q)
	if err != nil {
		x.Close()
		return query.Result{}, nil, err
	}
	return result, x, nil
}

// chosenRuns reads the named runs, or without names all, as far as a filter keeps
// them.
func chosenRuns(ctx context.Context, warnings io.Writer, store *track.Store, names []string, filter string) ([]track.Run, error) {
	var named []string
	for _, name := range names {
		run, err := store.Run(name)
		if err != nil {
			return nil, err
		}
		named = append(named, run.ID)
	}
	if filter == "" {
		return readRuns(store, named)
	}
	result, x, err := runQuery(ctx, warnings, query.Query{Filter: filter})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	var kept []string
	for _, row := range result.Rows {
		if len(names) == 0 || slices.Contains(named, row.ID) {
			kept = append(kept, row.ID)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("no run fits the filter %s", filter)
	}
	return readRuns(store, kept)
}

func readRuns(store *track.Store, ids []string) ([]track.Run, error) {
	runs := make([]track.Run, len(ids))
	for i, id := range ids {
		var err error
		if runs[i], err = store.Run(id); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// wholeRuns gives a result the columns of a table without a choice of them.
func wholeRuns(ctx context.Context, x *index.Index, result *query.Result) error {
	entries := make([]*index.Entry, len(result.Rows))
	params, metrics := map[string]bool{}, map[string]bool{}
	for i, row := range result.Rows {
		entries[i] = row.Entry
		for name := range row.Params() {
			params[name] = true
		}
	}
	if err := x.LoadMetrics(ctx, entries); err != nil {
		return err
	}
	for _, entry := range entries {
		for name := range entry.Metrics {
			metrics[name] = true
		}
	}
	paramNames, metricNames := slices.Sorted(maps.Keys(params)), slices.Sorted(maps.Keys(metrics))
	result.Columns = []string{"id", "kind", "name", "stage", "parent", "state", "started", "duration", "commit"}
	for _, name := range paramNames {
		result.Columns = append(result.Columns, "params."+name)
	}
	for _, name := range metricNames {
		result.Columns = append(result.Columns, "metrics."+name)
	}
	now := time.Now()
	for i, entry := range entries {
		values := []any{entry.ID, string(entry.Kind), filled(entry.Name), filled(entry.Stage), filled(entry.Parent), string(entry.State), entry.Started, entry.Duration(now), filled(entry.Commit)}
		for _, name := range paramNames {
			values = append(values, entry.Params()[name])
		}
		for _, name := range metricNames {
			if summary, ok := entry.Metrics[name]; ok {
				values = append(values, summary.Last.Value)
			} else {
				values = append(values, nil)
			}
		}
		result.Rows[i].Values = values
	}
	return nil
}

// filled is a text, or nothing where it is empty.
func filled(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func resultColumns(result query.Result) []tables.Column {
	columns := make([]tables.Column, len(result.Columns))
	for i, name := range result.Columns {
		cells := func(yield func(any) bool) {
			for _, row := range result.Rows {
				if !yield(row.Values[i]) {
					return
				}
			}
		}
		columns[i] = tables.Column{Name: name, Type: tables.TypeOf(cells)}
	}
	return columns
}

func resultRows(result query.Result) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, row := range result.Rows {
			if !yield(row.Values, nil) {
				return
			}
		}
	}
}
