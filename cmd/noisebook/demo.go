package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"noisebook/pkg/jupyter"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
)

// demoArtifact is what `make demo` reproduces.
const demoArtifact = "joint/alpha-sweep"

func newDemoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Reproduce one figure on real data at tier quick, inline in a notebook, with a verdict",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			artifact, err := findArtifact(demoArtifact)
			if err != nil {
				return err
			}
			root, err := setup.Root()
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "Joint Diffusion, fig4, on Fashion-MNIST at tier quick. A second run answers from the store.\n")
			outcome, err := runArtifact(cmd, artifact, runOptions{tier: tier.Quick})
			if err != nil {
				return err
			}
			notebook := filepath.Join(root, "notebooks", filepath.FromSlash(demoArtifact)+".ipynb")
			err = jupyter.Repository{Root: root}.Run(cmd.Context(), []string{notebook},
				jupyter.RunOptions{Tier: tier.Quick, HTML: true, Quiet: true, Stdout: out, Stderr: cmd.ErrOrStderr()})
			if err != nil {
				return err
			}
			if err := show(cmd, outcome, false); err != nil {
				return err
			}
			fmt.Fprintf(out, "\nThe executed notebook: build/notebooks/%s.html (or `make lab` and open notebooks/%s.ipynb)\n", demoArtifact, demoArtifact)
			return nil
		},
	}
}
