package main

import (
	"github.com/spf13/cobra"

	"noisebook/pkg/engine"
	"noisebook/pkg/parity/jointparity"
)

func newParityJointCommand() *cobra.Command {
	var spec string
	command := &cobra.Command{
		Use:   "joint DIR",
		Short: "Compare the joint network with values of the authors' PyTorch code (weights.safetensors, cases.safetensors, config.json)",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			e, err := engine.Open(command.Context(), spec)
			if err != nil {
				return err
			}
			defer e.Close()
			report, err := jointparity.Run(command.Context(), e, args[0])
			if err != nil {
				return err
			}
			if err := report.Print(command.OutOrStdout()); err != nil {
				return err
			}
			return report.Err()
		},
	}
	command.Flags().StringVar(&spec, "engine", "", "auto, xla, xla:PATH or go (default $NOISEBOOK_ENGINE, then auto)")
	return command
}
