package main

import (
	"github.com/spf13/cobra"

	"noisebook/pkg/parity/metricparity"
)

func newParityMetricCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metric DIR",
		Short: "Compare the evaluators with a folder of golden values (expected.json and .npy files)",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			report, err := metricparity.Run(args[0])
			if err != nil {
				return err
			}
			if err := report.Print(command.OutOrStdout()); err != nil {
				return err
			}
			return report.Err()
		},
	}
}
