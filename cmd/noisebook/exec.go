package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"noisebook/pkg/launch"
	"noisebook/pkg/track"
)

func newExecCommand() *cobra.Command {
	var lock int
	command := &cobra.Command{
		Use:   "exec RUN",
		Short: "Start or resume a job or sweep from its run alone, as schedulers do",
		Long: "Starts a run that waits, or resumes one that was interrupted, crashed or failed, in this process.\n" +
			"All it needs lies in the run's folder: it is what `noisebook start` and `sweep` call, and what a\n" +
			"cluster's scheduler can call on a machine that sees the store.",
		Example: "  noisebook exec 4k2m9x0c7d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, inside := executionOf(cmd.Context()); inside {
				return fmt.Errorf("run %s would start itself", args[0])
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			release := func() error { return nil }
			if lock > 0 {
				release = func() error { return launch.Release(lock) }
			}
			return executeRun(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), store, args[0], release)
		},
	}
	command.Flags().IntVar(&lock, launch.LockFlag, 0, "")
	_ = command.Flags().MarkHidden(launch.LockFlag) // the flag is there
	return command
}

// executeRun opens the run and gives it to the command that its arguments name.
// started is called when others can see that the run is at work.
func executeRun(ctx context.Context, out, messages io.Writer, store *track.Store, id string, started func() error) error {
	run, err := store.Run(id)
	if err != nil {
		return err
	}
	switch {
	case run.Launch == nil || len(run.Launch.Args) == 0:
		return fmt.Errorf("run %s is a %s without a command to start it: only jobs and sweeps can be executed", run.ID, run.Kind)
	case run.State == track.Finished:
		return fmt.Errorf("run %s has finished: noisebook rerun %s runs it again", run.ID, run.ID)
	}
	recording, err := store.Resume(ctx, run.ID)
	if err != nil {
		return err
	}
	if err := started(); err != nil {
		return recording.End(err)
	}
	inner := newRootCommand()
	inner.SetArgs(run.Launch.Args)
	inner.SetOut(out)
	inner.SetErr(messages)
	err = inner.ExecuteContext(withExecution(ctx, execution{store: store, run: run, Recording: recording}))
	if endErr := recording.End(err); err == nil {
		err = endErr
	}
	return err
}
