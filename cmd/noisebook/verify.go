package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

func newVerifyCommand() *cobra.Command {
	options := runOptions{tier: tier.Quick}
	var publish bool
	command := &cobra.Command{
		Use:   "verify ARTIFACT|PAPER",
		Short: "Run an artifact, or all of a paper, and judge the claims; print the verdicts alone",
		Long: "Runs an artifact and prints its verdicts. A paper's name runs all of its artifacts, past those that fail, with\n" +
			"a line for each; the command fails when one does not run to its end. A verdict that speaks against the paper is\n" +
			"a finding, not a failure.\n\n" +
			"Tier smoke claims nothing: it shows that all the code runs, in minutes, from data to figure. With --publish that\n" +
			"is kept in results/PAPER/NAME.smoke.json, which noisebook list and noisebook report show.",
		Example: "  noisebook verify joint/alpha-sweep --tier quick\n" +
			"  XLA_FLAGS=--xla_backend_optimization_level=0 noisebook verify joint --tier smoke",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := selectArtifacts(args[0])
			switch {
			case err != nil:
				return err
			case publish && options.tier != tier.Smoke:
				return errors.New("verify --publish is for --tier smoke; run --publish and figures publish the other tiers with their tables")
			case publish && len(options.overrides) > 0:
				return errors.New("--publish is for a tier as it is; leave out --set")
			}
			if _, err := claim.FindPaper(args[0]); err != nil {
				return verifyOne(cmd, chosen[0], options, publish)
			}
			return verifyAll(cmd, args[0], chosen, options, publish)
		},
	}
	options.flags(command)
	command.Flags().BoolVar(&publish, "publish", false, "keep in results that it ran at tier smoke, and how long that took")
	return command
}

func verifyOne(cmd *cobra.Command, artifact experiments.Artifact, options runOptions, publish bool) error {
	outcome, err := runArtifact(cmd, artifact, options)
	if err != nil {
		return err
	}
	if publish {
		if err := publishTrials(cmd, []experiments.Outcome{outcome}); err != nil {
			return err
		}
	}
	return outcome.Report.Print(cmd.OutOrStdout())
}

func verifyAll(cmd *cobra.Command, paper string, chosen []experiments.Artifact, options runOptions, publish bool) error {
	options.quiet = true
	begin := time.Now()
	var outcomes []experiments.Outcome
	failed := runEach(cmd, chosen, options, func(outcome experiments.Outcome, took time.Duration) error {
		outcomes = append(outcomes, outcome)
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "ok  %6.1f s  %s: %s (claims: %d, rows: %d, figures: %d)\n",
			took.Seconds(), outcome.ID, outcome.Report.Summary(), len(outcome.Report.Judgements), outcome.Table.Len(), len(outcome.Figures))
		return err
	})
	if cmd.Context().Err() != nil {
		return failed
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s at tier %s: %d of %d artifacts ran, in %s\n",
		paper, options.tier, len(outcomes), len(chosen), track.ShortDuration(time.Since(begin)))
	if publish {
		if err := publishTrials(cmd, outcomes); err != nil {
			return err
		}
	}
	return failed
}

func publishTrials(cmd *cobra.Command, outcomes []experiments.Outcome) error {
	root, err := setup.Root()
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		trial := published.Trial{Report: o.Report, Rows: o.Table.Len(), Figures: len(o.Figures), Seconds: published.Computing(o.Stages).Seconds()}
		if err := published.In(root).WriteTrial(trial); err != nil {
			return err
		}
	}
	return tellReadme(cmd, root)
}
