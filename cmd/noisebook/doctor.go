package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/setup"
)

func newDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is there, what is missing, and the command that mends it",
		Long:  "Looks at each part of the installation, without changing anything and without the network. Fails if a part is missing.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := setup.Root()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "PART\tSTATE\tFOUND\tMEND IT WITH")
			missing := 0
			for _, part := range setup.Parts(root) {
				status := part.Check(cmd.Context())
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				advice := ""
				if status.State != setup.Ready {
					advice = part.Advice
				}
				if status.State == setup.Missing {
					missing++
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", part.Name, status.State, status.Detail, advice)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			if missing > 0 {
				return fmt.Errorf("missing parts: %d; the table's last column mends each, and make setup all that can be downloaded", missing)
			}
			return nil
		},
	}
}
