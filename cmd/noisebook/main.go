// Command noisebook trains, samples, judges and tracks the experiments of this notebook kit.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error: "+strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "noisebook",
		Short:         "A research notebook kit for diffusion representation learning",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newSetupCommand(), newDoctorCommand(), newDemoCommand(), newLabCommand(), newKernelCommand(),
		newListCommand(), newRunCommand(), newVerifyCommand(), newFiguresCommand(), newNotebooksCommand(),
		newRunsCommand(), newShowCommand(),
		newDataCommand(), newMetricCommand(), newWeightsCommand(),
		newParityCommand(newParityProcessCommand(), newParityJointCommand(), newParityMetricCommand()),
		newBenchCommand(),
	)
	return root
}
