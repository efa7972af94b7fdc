package main

import "github.com/spf13/cobra"

// newParityCommand is the parent of the comparisons with references; each
// child runs one kind of fixture folder.
func newParityCommand(children ...*cobra.Command) *cobra.Command {
	command := &cobra.Command{
		Use:   "parity",
		Short: "Compare this build with reference values, case by case",
		Long: `Compare this build with reference values, case by case.

Each subcommand takes a folder of fixtures, prints every case's error beside its
tolerance, lists what it does not know, and fails when a case is outside.`,
	}
	command.AddCommand(children...)
	return command
}
