package main

import (
	"os"

	"github.com/spf13/cobra"
)

func newLabCommand() *cobra.Command {
	var noBrowser bool
	command := &cobra.Command{
		Use:     "lab [-- JUPYTERLAB OPTION...]",
		Short:   "Open JupyterLab on the notebooks",
		Example: "  noisebook lab\n  noisebook lab --no-browser -- --port 8899",
		RunE: func(cmd *cobra.Command, arguments []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			browser := !noBrowser && os.Getenv("CI") == ""
			return repository.Lab(cmd.Context(), browser, arguments...)
		},
	}
	command.Flags().BoolVar(&noBrowser, "no-browser", false, "print the address only (as in CI)")
	return command
}
