package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/housekeeping"
)

func newRunsRmCommand() *cobra.Command {
	var members bool
	cmd := &cobra.Command{
		Use:   "rm RUN...",
		Short: "Move runs to the trash",
		Long: "Move runs, given by their ids or beginnings of them, to the trash. A stage that one of them answered is\n" +
			"computed anew. 'noisebook runs restore' brings them back, 'noisebook runs gc' removes them for good.",
		Example: "  noisebook runs rm 4k2m\n  noisebook runs rm 4k2m 9x0c --members",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			runs, left, err := runsToRemove(store, args, members)
			if err != nil {
				return err
			}
			for _, run := range runs {
				if err := store.Trash(cmd.Context(), run.ID); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "run %s (%s) is in the trash\n", run.ID, run.Title())
			}
			if left > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%d members of them stay; --members takes them too\n", left)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&members, "members", false, "also the jobs and runs that were started as parts of the named ones; stages stay")
	return cmd
}

// runsToRemove finds the named runs and, when asked, their members, and counts
// the members that stay. A running one is an error before any is moved.
func runsToRemove(store *track.Store, prefixes []string, members bool) (runs []track.Run, left int, err error) {
	seen := map[string]bool{}
	for _, prefix := range prefixes {
		run, err := store.Run(prefix)
		if err != nil {
			return nil, 0, err
		}
		if !seen[run.ID] {
			seen[run.ID] = true
			runs = append(runs, run)
		}
	}
	for i := 0; i < len(runs); i++ { // grows by members
		if runs[i].Kind == track.KindStage {
			continue
		}
		children, err := store.Children(runs[i].ID)
		if err != nil {
			return nil, 0, err
		}
		for _, child := range children {
			switch {
			case child.Kind == track.KindStage || seen[child.ID]:
			case members:
				seen[child.ID] = true
				runs = append(runs, child)
			default:
				left++
			}
		}
	}
	for _, run := range runs {
		if run.State == track.Running {
			return nil, 0, fmt.Errorf("run %s is running: stop it first (noisebook stop %s)", run.ID, run.ID)
		}
	}
	return runs, left, nil
}

func newRunsRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "restore [RUN...]",
		Short:   "Bring runs back from the trash, or list what is there",
		Example: "  noisebook runs restore        # lists the trash\n  noisebook runs restore 4k2m",
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return printTrash(cmd.OutOrStdout(), store)
			}
			var runs []track.TrashedRun
			for _, prefix := range args {
				run, err := store.TrashedRun(prefix)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
			for _, run := range runs {
				if err := store.Restore(cmd.Context(), run.ID); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "run %s (%s) is back\n", run.ID, run.Title())
			}
			return nil
		},
	}
}

func printTrash(w io.Writer, store *track.Store) error {
	runs, err := store.Trashed()
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "the trash is empty")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "run\twhat\tstate\tin the trash since")
	for _, run := range runs {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", run.ID, run.Title(), run.State, run.Trashed.Local().Format("2006-01-02 15:04"))
	}
	return tw.Flush()
}

func newRunsGCCommand() *cobra.Command {
	var options housekeeping.Options
	var olderThan age
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Empty the trash and remove what no run needs",
		Long: "Empty the trash and remove artifacts that no run names, checkpoints of stages that are finished, and temporary\n" +
			"files of processes that were killed. What a run still names, what a running run works with and what is\n" +
			"younger than an hour stays. Other processes may go on writing to the store.",
		Example: "  noisebook runs gc --dry-run\n  noisebook runs gc --older-than 30d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			options.OlderThan = time.Duration(olderThan)
			freed, err := housekeeping.Collect(cmd.Context(), store, options)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), freed)
			}
			return printFreed(cmd.OutOrStdout(), freed, options.DryRun)
		},
	}
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only say what would be removed")
	cmd.Flags().Var(&olderThan, "older-than", "keep runs that came into the trash more recently than this, such as 30d or 12h")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write the counts as JSON")
	return cmd
}

func printFreed(w io.Writer, freed housekeeping.Freed, dryRun bool) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		what   string
		amount housekeeping.Amount
	}{
		{"runs in the trash", freed.Runs}, {"artifacts that no run names", freed.Objects},
		{"checkpoints of finished stages", freed.Scratch}, {"temporary files left behind", freed.Orphans},
	} {
		fmt.Fprintf(tw, "%d\t%s\t  %s\n", row.amount.Count, sizeText(row.amount.Bytes), row.what)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, message := range freed.Kept {
		fmt.Fprintln(w, message)
	}
	verb := "freed"
	if dryRun {
		verb = "would free"
	}
	_, err := fmt.Fprintln(w, verb, sizeText(freed.Bytes()))
	return err
}

func sizeText(bytes int64) string { return humanize.Bytes(uint64(max(0, bytes))) }

// age is a flag that holds a time span, in days too.
type age time.Duration

// String is the span as Set reads it.
func (a *age) String() string { return time.Duration(*a).String() }

// Type names the value in the help text.
func (a *age) Type() string { return "age" }

// Set reads "30d", "1.5d" or what Go's durations allow.
func (a *age) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		number, err := strconv.ParseFloat(days, 64)
		if err != nil || !(number >= 0 && number <= 36500) {
			return errors.New("want a number of days such as 30d")
		}
		*a = age(number * float64(24*time.Hour))
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("want a time span such as 30d or 12h")
	}
	*a = age(d)
	return nil
}
