package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
)

// runOptions are what run, verify and figures share.
type runOptions struct {
	tier      tier.Tier
	overrides []string
	recompute []string
	devices   int
	quiet     bool // no line for each stage
}

func (o *runOptions) flags(command *cobra.Command) {
	command.Flags().Var(&o.tier, "tier", "size of the experiment: smoke, quick, cpu or paper")
	command.Flags().StringArrayVar(&o.overrides, "set", nil, "change a `key=value` of the config, such as model.train.steps=500; repeatable")
	command.Flags().StringArrayVar(&o.recompute, "recompute", nil, "compute this `stage` anew, such as joint/sample, or all; repeatable")
	command.Flags().IntVar(&o.devices, "devices", 1, "share each training batch between the first `N` devices of the engine")
}

// messages is where progress is told.
func (o runOptions) messages(cmd *cobra.Command) io.Writer {
	if o.quiet {
		return io.Discard
	}
	return cmd.ErrOrStderr()
}

func newRunCommand() *cobra.Command {
	options := runOptions{tier: tier.Quick}
	var publish, keys bool
	var dry dryRun
	command := &cobra.Command{
		Use:   "run ARTIFACT",
		Short: "Run an artifact: train, sample, measure, draw and judge, from the store where it can",
		Long: "Runs an artifact of a paper at a tier. Every stage is tracked: asked again it answers from the store,\n" +
			"interrupted (Ctrl-C) or killed it goes on from its last checkpoint. The table, the verdicts and the figures\n" +
			"go to build/results and build/plots, with --publish to results and plots, which are committed.\n\n" +
			"With --dry-run nothing is trained and no data is read: each model's training step is built and one step of a\n" +
			"small batch is timed on noise, in a process of its own, whose peak memory is the model's. A paper's name stands\n" +
			"for all of its artifacts; a model that several of them share is measured once. With --publish what was found at\n" +
			"tier paper is kept in results/PAPER/NAME.paper.json, which noisebook list and noisebook report show.",
		Example: "  noisebook run joint/alpha-sweep --tier quick\n" +
			"  noisebook run joint/alpha-sweep --tier quick --set alphas=0,100,500 --set model.train.steps=800\n" +
			"  noisebook run joint/alpha-sweep --tier paper --dry-run\n" +
			"  noisebook run joint --tier paper --dry-run --publish\n" +
			"  noisebook run joint/alpha-sweep --devices 2\n" +
			"  noisebook run joint/alpha-sweep --keys",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if publish && len(options.overrides) > 0 {
				return fmt.Errorf("--publish is for a tier as it is; leave out --set")
			}
			if dry.ask {
				dry.publish = publish
				return dry.run(cmd, args[0], options)
			}
			if _, err := claim.FindPaper(args[0]); err == nil {
				return fmt.Errorf("%s is a paper: noisebook figures %s runs all of its artifacts", args[0], args[0])
			}
			artifact, err := findArtifact(args[0])
			if err != nil {
				return err
			}
			if keys {
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
				for _, k := range artifact.Keys(options.tier) {
					fmt.Fprintf(w, "%s\t%s\t%s\n", k.Path, k.Value, k.Type)
				}
				return w.Flush()
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
	flags.BoolVar(&dry.ask, "dry-run", false, "build the graphs without data or training, and say what the run would take")
	flags.IntVar(&dry.measure, "measure", 2, "with --dry-run: time one training step of this `batch`; 0 builds the graph alone")
	flags.StringVar(&dry.model, "model", "", "with --dry-run: of the artifact's models this one alone, by its `name`")
	flags.BoolVar(&keys, "keys", false, "list what --set can change, with the tier's values")
	flags.BoolVar(&dry.asJSON, "json", false, "with --dry-run: print JSON")
	return command
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
	paths, err := outcome.Publish(published.In(folder))
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
