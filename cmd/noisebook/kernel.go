package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"noisebook/pkg/jupyter"
	"noisebook/pkg/setup"
)

func newKernelCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "kernel",
		Short: "Install the Jupyter kernel where VS Code and other Jupyters find it",
		Long: "The kernel \"Noisebook (Go)\" runs cells of Go that may import every package of this checkout.\n" +
			"'noisebook lab' and 'noisebook notebooks' find it by themselves; other programs need it installed,\n" +
			"or JUPYTER_PATH=$(noisebook kernel path) in their environment.",
	}
	command.AddCommand(newKernelInstallCommand(), newKernelUninstallCommand(), newKernelPathCommand())
	return command
}

// dataFolder adds the flags that say where Jupyter looks, and returns the choice.
func dataFolder(command *cobra.Command) func() (string, error) {
	user := command.Flags().Bool("user", false, "the user's Jupyter data folder (default)")
	prefix := command.Flags().String("prefix", "", "the Python environment or system prefix in this `folder`")
	return func() (string, error) {
		switch {
		case *user && *prefix != "":
			return "", errors.New("choose one of --user and --prefix")
		case *prefix != "":
			return jupyter.PrefixDataFolder(*prefix), nil
		}
		return jupyter.UserDataFolder()
	}
}

func newKernelInstallCommand() *cobra.Command {
	command := &cobra.Command{Use: "install", Short: "Write the kernel's specification", Args: cobra.NoArgs}
	folder := dataFolder(command)
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		repository, err := repository()
		if err != nil {
			return err
		}
		data, err := folder()
		if err != nil {
			return err
		}
		path, err := repository.InstallKernel(data)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "installed %s\nIt starts the kernel of %s; run this again if you move the checkout.\n", path, repository.Root)
		return nil
	}
	return command
}

func newKernelUninstallCommand() *cobra.Command {
	command := &cobra.Command{Use: "uninstall", Short: "Remove the kernel's specification", Args: cobra.NoArgs}
	folder := dataFolder(command)
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		repository, err := repository()
		if err != nil {
			return err
		}
		data, err := folder()
		if err != nil {
			return err
		}
		path, err := repository.UninstallKernel(data)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "removed", path)
		return nil
	}
	return command
}

func newKernelPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print the folder to put on JUPYTER_PATH",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), repository.JupyterPath())
			return nil
		},
	}
}

func repository() (jupyter.Repository, error) {
	root, err := setup.Root()
	return jupyter.Repository{Root: root}, err
}
