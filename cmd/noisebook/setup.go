package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/setup"
)

func newSetupCommand() *cobra.Command {
	var only []string
	command := &cobra.Command{
		Use:   "setup",
		Short: "Get all that is missing: Python packages, kernel tools, the PJRT plugin, Fashion-MNIST",
		Long: "Gets all that is missing, in order, and does nothing where nothing is. Downloads go to $NOISEBOOK_CACHE (default: the\n" +
			"user's cache folder), .venv and .tools; nothing else is written outside the repository.",
		Args:    cobra.NoArgs,
		Example: "  noisebook setup\n  noisebook setup --only plugin,data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := setup.Root()
			if err != nil {
				return err
			}
			progress := newProgressPrinter(cmd.ErrOrStderr())
			start := time.Now()
			err = setup.Run(cmd.Context(), setup.Parts(root), only, progress.Report, func(part setup.Part, status setup.Status, mended bool) {
				took := ""
				if mended {
					took = fmt.Sprintf(" (set up in %.1f s)", time.Since(start).Seconds())
				}
				progress.Clear()
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s %s: %s%s\n", status.State, part.Name, status.Detail, took)
				start = time.Now()
			})
			progress.Clear()
			return err
		},
	}
	command.Flags().StringSliceVar(&only, "only", nil, "only these `parts`: "+strings.Join(setup.Groups(), ", "))
	return command
}
