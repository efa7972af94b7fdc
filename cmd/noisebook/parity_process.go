package main

import (
	"github.com/spf13/cobra"

	"noisebook/pkg/parity/processparity"
)

func newParityProcessCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "process DIR",
		Short: "Compare the diffusion processes with the golden values of DIR/process.json",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := processparity.Run(args[0])
			if err != nil {
				return err
			}
			if err := report.Print(cmd.OutOrStdout()); err != nil {
				return err
			}
			return report.Err()
		},
	}
}
