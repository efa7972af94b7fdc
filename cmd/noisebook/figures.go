package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/published"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
)

func newFiguresCommand() *cobra.Command {
	options := runOptions{tier: tier.CPU}
	command := &cobra.Command{
		Use:   "figures [PAPER]",
		Short: "Run every artifact, or all of a paper, and publish tables, verdicts and plots",
		Long: "Runs the artifacts one after the other, from the store where it can: stopped and started again it goes on\n" +
			"where it was. One that fails does not stop the others; all failures are named at the end. What each shows\n" +
			"goes to build/results and build/plots when it is done, and to results and plots after the last one.",
		Example: "  noisebook figures\n" +
			"  noisebook figures joint --tier cpu",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen := artifacts()
			if len(args) > 0 {
				var err error
				if chosen, err = selectArtifacts(args[0]); err != nil {
					return err
				}
			}
			// Published after the last run: if the command were cut off, the one that
			// goes on with the rest would record runs of a changed checkout.
			var outcomes []experiments.Outcome
			failed := runEach(cmd, chosen, options, func(outcome experiments.Outcome, _ time.Duration) error {
				outcomes = append(outcomes, outcome)
				return show(cmd, outcome, false)
			})
			if cmd.Context().Err() != nil {
				return failed
			}
			if err := publishAll(cmd, outcomes); err != nil {
				return err
			}
			return failed
		},
	}
	command.Flags().Var(&options.tier, "tier", "size of the experiments: smoke, quick, cpu or paper")
	command.Flags().StringArrayVar(&options.recompute, "recompute", nil, "compute this `stage` anew, such as joint/sample; repeatable")
	return command
}

// runEach runs artifacts one after the other, past those that fail, and calls done
// after each that ran. The error names all that failed.
func runEach(cmd *cobra.Command, chosen []experiments.Artifact, options runOptions, done func(experiments.Outcome, time.Duration) error) error {
	var problems []string
	for i, artifact := range chosen {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d: %s\n", i+1, len(chosen), artifact.ID)
		begin := time.Now()
		outcome, err := runArtifact(cmd, artifact, options)
		if err == nil {
			err = done(outcome, time.Since(begin))
		}
		if cmd.Context().Err() != nil {
			return err
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", artifact.ID, err))
			fmt.Fprintf(cmd.ErrOrStderr(), "failed: %s\n", problems[len(problems)-1])
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d of %d artifacts failed: %s", len(problems), len(chosen), strings.Join(problems, "; "))
	}
	return nil
}

func publishAll(cmd *cobra.Command, outcomes []experiments.Outcome) error {
	root, err := setup.Root()
	if err != nil {
		return err
	}
	for _, outcome := range outcomes {
		if _, err := outcome.Publish(published.In(root)); err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "published %d artifacts in results and plots\n", len(outcomes))
	return tellReadme(cmd, root)
}

// tellReadme brings the README's table up to what is published now.
func tellReadme(cmd *cobra.Command, root string) error {
	changed, err := updateReadme(root)
	if err == nil && changed {
		fmt.Fprintln(cmd.ErrOrStderr(), "wrote README.md")
	}
	return err
}
