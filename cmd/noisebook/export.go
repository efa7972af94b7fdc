package main

import "github.com/spf13/cobra"

func newExportCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "export",
		Short: "Send runs to MLflow, write them to tables",
	}
	command.AddCommand(newExportMLflowCommand())
	return command
}
