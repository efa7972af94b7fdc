package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
)

// trackerBench is a piece of the work that bench/trackers.sh gives to every tracker.
type trackerBench struct {
	Runs, Points int
	Store        string
}

// trackerTimes is what one piece took.
type trackerTimes struct {
	Tracker string  `json:"tracker"`
	Version string  `json:"version"`
	Action  string  `json:"action"`
	Runs    int     `json:"runs,omitempty"`
	Points  int     `json:"points,omitempty"`       // of each run
	Calls   float64 `json:"call_seconds,omitempty"` // in calls that log a point
	Seconds float64 `json:"seconds"`
	Again   float64 `json:"again_seconds,omitempty"` // to list or read a second time
	Count   int     `json:"count,omitempty"`         // of what was listed or read
}

func newBenchTrackerCommand() *cobra.Command {
	var b trackerBench
	var asJSON bool
	command := &cobra.Command{
		Use:   "tracker [log] [index] [list] [read]",
		Short: "Time the tracker: log points until they are durable, index and list runs, read a curve",
		Long: `Time the tracker. By default all of it, in this process; bench/trackers.sh does
each in one of its own, beside MLflow and trackio.

  log    --runs runs with a config of two values and --points points of one metric,
         a call a point, each run ended and so durable before the next
  index  bring the index up to date with the runs
  list   all runs with their params and last values, from the index
  read   the curve of the first run

What is listed and read is listed and read again, and both times are told.`,
		Example: `  noisebook bench tracker --runs 100 --points 1000
  noisebook bench tracker log --store /tmp/store --json && noisebook bench tracker list --store /tmp/store`,
		ValidArgs: []string{"log", "index", "list", "read"},
		Args:      cobra.OnlyValidArgs,
		RunE: func(command *cobra.Command, actions []string) error {
			if b.Runs < 1 || b.Points < 1 {
				return fmt.Errorf("--runs and --points must be at least 1")
			}
			if len(actions) == 0 {
				actions = command.ValidArgs
			}
			if b.Store == "" {
				folder, err := os.MkdirTemp("", "noisebook-bench-*")
				if err != nil {
					return err
				}
				defer os.RemoveAll(folder)
				b.Store = folder
			}
			for _, action := range actions {
				times, err := b.time(command.Context(), action)
				if err != nil {
					return fmt.Errorf("bench: %w", err)
				}
				if asJSON {
					err = json.NewEncoder(command.OutOrStdout()).Encode(times)
				} else {
					err = times.print(command.OutOrStdout())
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.IntVar(&b.Runs, "runs", 100, "runs to log")
	flags.IntVar(&b.Points, "points", 1000, "points of each run")
	flags.StringVar(&b.Store, "store", "", "store to use (a new one that is removed at the end)")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func (b trackerBench) time(ctx context.Context, action string) (times trackerTimes, err error) {
	store, err := track.Open(b.Store)
	if err != nil {
		return times, err
	}
	times = trackerTimes{Tracker: "noisebook", Version: "noisebook", Action: action}
	var work func() (int, error)
	switch action {
	case "log":
		start := time.Now()
		times.Runs, times.Points = b.Runs, b.Points
		times.Calls, err = b.log(ctx, store)
		times.Seconds = time.Since(start).Seconds()
		return times, err
	case "index", "list":
		x := index.Open(ctx, store, func(text string) { fmt.Fprintln(os.Stderr, "warning: "+text) })
		defer x.Close()
		if action == "index" {
			start := time.Now()
			entries, err := x.Entries(ctx)
			times.Count, times.Seconds = len(entries), time.Since(start).Seconds()
			return times, err
		}
		work = func() (int, error) { return listRuns(ctx, x) }
	case "read":
		runs, err := store.Runs()
		if err != nil || len(runs) == 0 {
			return times, errors.Join(err, errors.New("the store holds no runs"))
		}
		work = func() (int, error) {
			curve, err := runs[len(runs)-1].Curve(benchMetric)
			return len(curve), err
		}
	}
	for _, seconds := range []*float64{&times.Seconds, &times.Again} {
		start := time.Now()
		if times.Count, err = work(); err != nil {
			return times, err
		}
		*seconds = time.Since(start).Seconds()
	}
	return times, nil
}

// listRuns reads what a list of all runs shows.
func listRuns(ctx context.Context, x *index.Index) (int, error) {
	entries, err := x.Entries(ctx)
	if err != nil {
		return 0, err
	}
	if err := x.LoadMetrics(ctx, entries); err != nil {
		return 0, err
	}
	complete := 0
	for _, entry := range entries {
		if len(entry.Params()) > 0 && len(entry.Metrics) > 0 {
			complete++
		}
	}
	return complete, nil
}

const benchMetric = "loss"

// log returns the seconds in calls that log a point.
func (b trackerBench) log(ctx context.Context, store *track.Store) (calls float64, err error) {
	type config struct {
		LR   float64 `json:"lr"`
		Seed int     `json:"seed"`
	}
	for number := range b.Runs {
		run, err := store.Start(ctx, track.StartOptions{Name: fmt.Sprint(number), Config: config{float64(number), number}})
		if err != nil {
			return 0, err
		}
		start := time.Now()
		for step := range b.Points {
			run.LogValue(benchMetric, step, 1/float64(step+1))
		}
		calls += time.Since(start).Seconds()
		if err := run.End(nil); err != nil {
			return 0, err
		}
	}
	return calls, nil
}

func (t trackerTimes) print(w io.Writer) error {
	switch t.Action {
	case "index":
		_, err := fmt.Fprintf(w, "index: %d runs in %.2f ms\n", t.Count, t.Seconds*1e3)
		return err
	case "list", "read":
		_, err := fmt.Fprintf(w, "%s: %d in %.2f ms, again in %.2f ms\n", t.Action, t.Count, t.Seconds*1e3, t.Again*1e3)
		return err
	}
	n := float64(t.Runs * t.Points)
	_, err := fmt.Fprintf(w, "log: %d × %d points until durable in %.2f s: %.2f µs a point, %.2f µs a call, %.2f ms a run\n",
		t.Runs, t.Points, t.Seconds, t.Seconds/n*1e6, t.Calls/n*1e6, t.Seconds/float64(t.Runs)*1e3)
	return err
}
