package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
	"noisebook/pkg/track/query"
)

// tableLimit is how many runs a table for people lists unless they ask for more.
const tableLimit = 50

// runsOptions are the flags of 'noisebook runs'.
type runsOptions struct {
	filter, sort, columns string
	kinds, states         []string
	stage                 string
	limit                 int
	asJSON, asCSV         bool
}

func newRunsCommand() *cobra.Command {
	var o runsOptions
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs of the store, the newest first; filter and sort them",
		Long: `List runs, jobs, sweeps and stages, the newest first.

Filters, sort keys and columns are expressions over a run:

  id kind name stage paper parent version key     what it is; paper is the joint of joint/train
  state error attempts dropped commit             how it stands
  started ended age duration                      compare with "7d", "36h", "2026-03-01"
  tags.NAME  params.PATH                          params.train.lr
  metrics.NAME.last .min .max .best .first        a value; metrics.NAME alone is the last
  metrics.NAME.count .best_step .at(STEP)         best is the smallest unless the name says that
                                                  more is better (accuracy, precision, psnr, …)

Names with slashes or dots need brackets: metrics["val/loss"].min. A comparison with
what a run lacks is false; params.lr == nil asks for runs without it.`,
		Example: `  noisebook runs
  noisebook runs --kind job,sweep --state failed,crashed
  noisebook runs --stage joint/train --limit 5
  noisebook runs --filter 'paper == "joint" && metrics.loss.min < 20' --sort metrics.loss.min
  noisebook runs --filter 'age < "7d" && tags.note' --columns 'id, tags.note, params.train.lr, metrics.loss.best' --csv
  noisebook runs --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.query(cmd.Flags().Changed("limit"))
			if err != nil {
				return err
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			x := openIndex(cmd.Context(), cmd.ErrOrStderr(), store)
			defer x.Close()
			return o.list(cmd.Context(), cmd.OutOrStdout(), x, q)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.filter, "filter", "", "list the runs for which this `EXPRESSION` holds")
	flags.StringVar(&o.sort, "sort", "", "sort by these `EXPRESSIONS`, with commas between; -EXPRESSION from high to low")
	flags.StringVar(&o.columns, "columns", "", "`EXPRESSIONS` to show, with commas between")
	flags.StringSliceVar(&o.kinds, "kind", nil, "list these kinds only: "+joinText(allKinds))
	flags.StringSliceVar(&o.states, "state", nil, "list the runs in these states only: "+joinText(allStates))
	flags.StringVar(&o.stage, "stage", "", "list the runs of this stage only")
	flags.IntVar(&o.limit, "limit", 0, fmt.Sprintf("list at most this many runs, 0 all (default %d, all with --json and --csv)", tableLimit))
	flags.BoolVar(&o.asJSON, "json", false, "write JSON: all fields and metrics of the runs, or the columns")
	flags.BoolVar(&o.asCSV, "csv", false, "write CSV: the columns; times as in RFC 3339, durations in seconds")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	cmd.AddCommand(newRunsRmCommand(), newRunsRestoreCommand(), newRunsGCCommand())
	return cmd
}

var (
	allKinds  = []track.Kind{track.KindJob, track.KindRun, track.KindSweep, track.KindStage}
	allStates = []track.State{track.Running, track.Finished, track.Failed, track.Interrupted, track.Crashed, track.Pending, track.Unreadable}
)

// query checks the flags before a store is opened.
func (o runsOptions) query(limited bool) (q query.Query, err error) {
	q = query.Query{Filter: o.filter, Stage: o.stage, Limit: o.limit}
	if !limited && !o.asJSON && !o.asCSV {
		q.Limit = tableLimit
	}
	if q.Limit < 0 {
		return q, fmt.Errorf("--limit %d: want 0 for all runs, or more", o.limit)
	}
	if q.Kinds, err = chosen("--kind", o.kinds, allKinds); err != nil {
		return q, err
	}
	if q.States, err = chosen("--state", o.states, allStates); err != nil {
		return q, err
	}
	if q.Columns, err = query.Split(o.columns); err != nil {
		return q, fmt.Errorf("--columns: %w", err)
	}
	if q.Sort, err = query.Split(o.sort); err != nil {
		return q, fmt.Errorf("--sort: %w", err)
	}
	if o.asCSV && len(q.Columns) == 0 {
		return q, errors.New("--csv needs --columns, such as --columns 'id, state, metrics.loss.min'")
	}
	return q, query.Check(q)
}

func chosen[T ~string](flag string, texts []string, all []T) ([]T, error) {
	var values []T
	for _, text := range texts {
		if !slices.Contains(all, T(text)) {
			return nil, fmt.Errorf("%s %s: it is one of %s", flag, text, joinText(all))
		}
		values = append(values, T(text))
	}
	return values, nil
}

func joinText[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

// openIndex opens the index of the store's runs, which the caller closes.
func openIndex(ctx context.Context, warnings io.Writer, store *track.Store) *index.Index {
	return index.Open(ctx, store, func(text string) { fmt.Fprintln(warnings, "warning: "+text) })
}

func (o runsOptions) list(ctx context.Context, w io.Writer, x *index.Index, q query.Query) error {
	result, err := query.Run(ctx, x, q)
	if err != nil {
		return err
	}
	switch {
	case o.asCSV:
		return writeColumnsCSV(w, result)
	case o.asJSON && len(q.Columns) > 0:
		return writeColumnsJSON(w, result)
	}
	entries := make([]*index.Entry, len(result.Rows))
	for i, row := range result.Rows {
		entries[i] = row.Entry
	}
	if len(q.Columns) == 0 {
		if err := x.LoadMetrics(ctx, entries); err != nil {
			return err
		}
	}
	if o.asJSON {
		return writeRunsJSON(w, x.Store(), entries)
	}
	switch {
	case len(result.Rows) == 0 && (o.filter != "" || o.stage != "" || len(o.kinds)+len(o.states) > 0):
		_, err = fmt.Fprintln(w, "no run fits")
		return err
	case len(result.Rows) == 0:
		_, err = fmt.Fprintln(w, "no runs yet")
		return err
	case len(q.Columns) > 0:
		err = printColumns(w, result)
	default:
		err = printRuns(w, entries)
	}
	if more := result.Total - len(result.Rows); err == nil && more > 0 {
		_, err = fmt.Fprintf(w, "and %d more: --limit 0 lists all\n", more)
	}
	return err
}
