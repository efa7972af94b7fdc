// Command noisebook trains, samples, judges and tracks the experiments of this notebook kit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRootCommand()
	if err := root.ExecuteContext(ctx); err != nil {
		debug, _ := root.PersistentFlags().GetBool(debugFlag)
		printError(os.Stderr, err, debug)
		os.Exit(1)
	}
}

const debugFlag = "debug"

// printError writes an error as one line and, to debug, what lies behind it.
func printError(w io.Writer, err error, debug bool) {
	fmt.Fprintln(w, "error: "+strings.Join(strings.Fields(err.Error()), " "))
	if !debug {
		return
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		err = cause
	}
	fmt.Fprintf(w, "%T: %+v\n", err, err) // GoMLX's errors carry a stack
}

// quietEngine keeps the PJRT loader's warnings to itself: its errors say the same.
func quietEngine() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "noisebook",
		Short:         "A research notebook kit for diffusion representation learning",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if debug, _ := cmd.Flags().GetBool(debugFlag); !debug {
				quietEngine()
			}
		},
	}
	root.PersistentFlags().Bool(debugFlag, false, "show what lies behind an error, with the stack if there is one")
	root.AddCommand(
		newSetupCommand(), newDoctorCommand(), newDemoCommand(), newLabCommand(), newKernelCommand(),
		newListCommand(), newRunCommand(), newVerifyCommand(), newFiguresCommand(), newReportCommand(), newNotebooksCommand(),
		newRunsCommand(), newShowCommand(), newCompareCommand(), newDuCommand(), newCacheCommand(), newExportCommand(), newImportCommand(),
		newStartCommand(), newFollowCommand(), newStopCommand(), newExecCommand(), newSweepCommand(), newRerunCommand(),
		newDataCommand(), newFeaturesCommand(), newMetricCommand(), newProbeCommand(), newWeightsCommand(),
		newParityCommand(newParityProcessCommand(), newParityJointCommand(), newParityMetricCommand()),
		newBenchCommand(),
	)
	return root
}
