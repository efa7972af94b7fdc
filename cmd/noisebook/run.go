package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/engine"
	"noisebook/pkg/jupyter"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
)

// runOptions are what run, verify and figures share.
type runOptions struct {
	tier      tier.Tier
	overrides []string
	recompute []string
	devices   int
}

func (o *runOptions) flags(command *cobra.Command) {
	command.Flags().Var(&o.tier, "tier", "size of the experiment: smoke, quick, cpu or paper")
	command.Flags().StringArrayVar(&o.overrides, "set", nil, "change a `key=value` of the config, such as model.train.steps=500; repeatable")
	command.Flags().StringArrayVar(&o.recompute, "recompute", nil, "compute this `stage` anew, such as joint/sample, or all; repeatable")
	command.Flags().IntVar(&o.devices, "devices", 1, "share each training batch between the first `N` devices of the engine")
}

func newRunCommand() *cobra.Command {
	options := runOptions{tier: tier.Quick}
	var publish, dry, keys, asJSON bool
	var measure int
	command := &cobra.Command{
		Use:   "run ID",
		Short: "Run an artifact: train, sample, measure, draw and judge, from the store where it can",
		Long: "Runs an artifact of a paper at a tier. Every stage is tracked: asked again it answers from the store,\n" +
			"interrupted (Ctrl-C) or killed it goes on from its last checkpoint. The table, the verdicts and the figures\n" +
			"go to build/results and build/plots, with --publish to results and plots, which are committed.",
		Example: "  noisebook run joint/alpha-sweep --tier quick\n" +
			"  noisebook run joint/alpha-sweep --tier quick --set alphas=0,100,500 --set model.train.steps=800\n" +
			"  noisebook run joint/alpha-sweep --tier paper --dry-run\n" +
			"  noisebook run joint/alpha-sweep --devices 2\n" +
			"  noisebook run joint/alpha-sweep --keys",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			artifact, err := findArtifact(args[0])
			if err != nil {
				return err
			}
			switch {
			case keys:
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
				for _, k := range artifact.Keys(options.tier) {
					fmt.Fprintf(w, "%s\t%s\t%s\n", k.Path, k.Value, k.Type)
				}
				return w.Flush()
			case dry:
				plans, err := dryRun(cmd.Context(), artifact, options, measure)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(plans)
				}
				for _, plan := range plans {
					fmt.Fprintln(cmd.OutOrStdout(), plan)
				}
				return nil
			}
			if publish && len(options.overrides) > 0 {
				return fmt.Errorf("--publish is for a tier as it is; leave out --set")
			}
			outcome, err := runArtifact(cmd, artifact, options)
			if err != nil {
				return err
			}
			if e, ok := executionOf(cmd.Context()); ok && e.run.Parent != "" {
				return outcome.Report.Print(cmd.OutOrStdout()) // a sweep's members would overwrite each other's files
			}
			return show(cmd, outcome, publish)
		},
	}
	options.flags(command)
	flags := command.Flags()
	flags.BoolVar(&publish, "publish", false, "write to results and plots, which are committed")
	flags.BoolVar(&dry, "dry-run", false, "build the graphs without data or training, and say what the run would take")
	flags.IntVar(&measure, "measure", 2, "with --dry-run: time one training step of this `batch`; 0 builds the graph alone")
	flags.BoolVar(&keys, "keys", false, "list what --set can change, with the tier's values")
	flags.BoolVar(&asJSON, "json", false, "with --dry-run: print JSON")
	return command
}

func newVerifyCommand() *cobra.Command {
	options := runOptions{tier: tier.Quick}
	command := &cobra.Command{
		Use:     "verify ID",
		Short:   "Run an artifact and judge its claims; print the verdicts alone",
		Example: "  noisebook verify joint/alpha-sweep --tier quick",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			artifact, err := findArtifact(args[0])
			if err != nil {
				return err
			}
			outcome, err := runArtifact(cmd, artifact, options)
			if err != nil {
				return err
			}
			return outcome.Report.Print(cmd.OutOrStdout())
		},
	}
	options.flags(command)
	return command
}

func newFiguresCommand() *cobra.Command {
	options := runOptions{tier: tier.CPU}
	command := &cobra.Command{
		Use:   "figures",
		Short: "Run every artifact and publish tables, verdicts and plots, from the store where it can",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Files are written after the last run: a run that follows would be
			// recorded as made by a changed checkout.
			var outcomes []experiments.Outcome
			for _, artifact := range artifacts() {
				outcome, err := runArtifact(cmd, artifact, options)
				if err != nil {
					return err
				}
				outcomes = append(outcomes, outcome)
			}
			for _, outcome := range outcomes {
				if err := show(cmd, outcome, true); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().Var(&options.tier, "tier", "size of the experiments: smoke, quick, cpu or paper")
	command.Flags().StringArrayVar(&options.recompute, "recompute", nil, "compute this `stage` anew, such as joint/sample; repeatable")
	return command
}

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

func dryRun(ctx context.Context, artifact experiments.Artifact, options runOptions, measure int) ([]experiments.Plan, error) {
	e, err := engine.Open(ctx, "")
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return artifact.DryRun(ctx, e, options.tier, measure, options.overrides...)
}

// show writes an outcome's files and prints its verdicts and where to look.
func show(cmd *cobra.Command, outcome experiments.Outcome, publish bool) error {
	root, err := setup.Root()
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "build")
	if publish {
		folder = root
	}
	paths, err := outcome.Publish(filepath.Join(folder, "results"), filepath.Join(folder, "plots"))
	if err != nil {
		return err
	}
	if publish {
		changed, err := updateReadme(root)
		if err != nil {
			return err
		}
		if changed {
			paths = append(paths, filepath.Join(root, "README.md"))
		}
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out)
	if err := outcome.Report.Print(out); err != nil {
		return err
	}
	working, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, path := range paths {
		if relative, err := filepath.Rel(working, path); err == nil {
			path = relative
		}
		fmt.Fprintln(out, "wrote", path)
	}
	return nil
}
