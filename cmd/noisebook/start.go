package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/launch"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

func newStartCommand() *cobra.Command {
	options := runOptions{tier: tier.Quick}
	var asJSON, follow bool
	command := &cobra.Command{
		Use:   "start ID",
		Short: "Run an artifact in the background: it survives this terminal, its kernel and its browser",
		Long: "Starts a job in a process of its own and returns. The same job that is at work already is not started\n" +
			"twice: the command then names its run. One that was stopped, or whose machine went down, goes on from its\n" +
			"last checkpoint. What the job prints is kept in its run's folder.",
		Example: "  noisebook start joint/alpha-sweep --tier cpu\n" +
			"  noisebook start joint/alpha-sweep --tier quick --set model.train.steps=800 --follow",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			artifact, err := findArtifact(args[0])
			if err != nil {
				return err
			}
			job, err := options.job(artifact)
			if err != nil {
				return err
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			self, err := program()
			if err != nil {
				return err
			}
			started, err := launch.Start(cmd.Context(), store, self, job)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(started)
			}
			what := "started"
			switch {
			case started.Attached:
				what = "is running already"
			case started.Resumed:
				what = "resumed"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s as run %s\n", job.Name, what, started.Run)
			if follow {
				return followRun(cmd, store, started.Run)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "  noisebook follow %s\n  noisebook stop %s\n", started.Run, started.Run)
			return nil
		},
	}
	options.flags(command)
	command.Flags().BoolVar(&asJSON, "json", false, "print the run's id and whether it was attached to or resumed, as JSON")
	command.Flags().BoolVar(&follow, "follow", false, "follow the job; Ctrl-C stops only the following")
	command.MarkFlagsMutuallyExclusive("json", "follow")
	return command
}

func newFollowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "follow RUN",
		Short: "Show a job's progress until it ends, then its outcome; Ctrl-C stops only the following",
		Long: "Follows a job or sweep from any terminal while it runs, or shows the stages and the outcome of one that has\n" +
			"ended. The exit code is that of the job: 0 when it finished or the following was stopped, else 1.",
		Example: "  noisebook follow 4k2m9x0c7d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, run, err := openRun(args[0])
			if err != nil {
				return err
			}
			return followRun(cmd, store, run.ID)
		},
	}
}

// followRun shows a run until it ends and turns how it ended into an error.
func followRun(cmd *cobra.Command, store *track.Store, id string) error {
	run, err := launch.Follow(cmd.Context(), store, id, newStagePrinter(cmd.ErrOrStderr()))
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(cmd.ErrOrStderr(), "stopped following; run %s goes on\n", id)
		return nil
	}
	if err != nil {
		return err
	}
	if run.Kind == track.KindSweep { // its table is there when members failed, too
		err := printStoredSweep(cmd.OutOrStdout(), store, run)
		return errors.Join(launch.Outcome(store, run), err)
	}
	if err := launch.Outcome(store, run); err != nil {
		return err
	}
	return printOutcome(cmd.OutOrStdout(), store, run)
}

// printOutcome prints the verdicts that a job kept.
func printOutcome(w io.Writer, store *track.Store, run track.Run) error {
	var report claim.Report
	switch found, err := launch.ReadArtifact(store, run, experiments.ReportArtifact, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&report)
	}); {
	case err != nil:
		return err
	case !found:
		fmt.Fprintf(w, "%s (run %s) finished\n", run.Title(), run.ID)
		return nil
	}
	if err := report.Print(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s (run %s) finished in %s\n", run.Title(), run.ID, track.ShortDuration(run.Duration()))
	return nil
}

func newStopCommand() *cobra.Command {
	timeout := time.Minute
	command := &cobra.Command{
		Use:   "stop RUN...",
		Short: "End runs with a checkpoint; noisebook start or exec resumes them from there",
		Long: "Asks the process that works on a run to end, and waits until it has left a checkpoint. A process that takes\n" +
			"longer than the timeout is killed, which is an error; its run goes on from the checkpoint before.",
		Example: "  noisebook stop 4k2m9x0c7d\n  noisebook stop 4k2m9x0c7d --timeout 5m",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			var problems []string
			for _, arg := range args {
				if err := stopRun(cmd, store, arg, timeout); err != nil {
					problems = append(problems, err.Error())
				}
			}
			if len(problems) > 0 {
				return errors.New(strings.Join(problems, "; "))
			}
			return nil
		},
	}
	command.Flags().DurationVar(&timeout, "timeout", timeout, "kill a process that takes longer to end")
	return command
}

func stopRun(cmd *cobra.Command, store *track.Store, arg string, timeout time.Duration) error {
	before, err := store.Run(arg)
	if err != nil {
		return err
	}
	if before.State != track.Running {
		fmt.Fprintf(cmd.OutOrStdout(), "%s (run %s) is not running: it is %s\n", before.Title(), before.ID, before.State)
		return nil
	}
	after, err := launch.Stop(cmd.Context(), store, before.ID, timeout)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s (run %s) stopped: it is %s\n", after.Title(), after.ID, after.State)
	return nil
}
