package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	var within time.Duration
	command := &cobra.Command{
		Use:   "verify ARTIFACT|PAPER",
		Short: "Run an artifact, or all of a paper, and judge the claims; print the verdicts alone",
		Long: "Runs an artifact and prints its verdicts. A paper's name runs all of its artifacts, past those that fail, with\n" +
			"a line for each; the command fails when one does not run to its end. A verdict that speaks against the paper is\n" +
			"a finding, not a failure.\n\n" +
			"Tier smoke claims nothing: it shows that all the code runs, in minutes, from data to figure. With --publish that\n" +
			"is kept in results/PAPER/NAME.smoke.json, which noisebook list and noisebook report show. With --within the\n" +
			"command also fails when all ran but took longer; nothing is cut off.",
		Example: "  noisebook verify joint/alpha-sweep --tier quick\n" +
			"  XLA_FLAGS=--xla_backend_optimization_level=0 noisebook verify joint --tier smoke --within 8m",
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
			case within < 0:
				return fmt.Errorf("--within is %s: it must not be negative", within)
			}
			begin := time.Now()
			var took []timing
			if _, notPaper := claim.FindPaper(args[0]); notPaper != nil {
				err = verifyOne(cmd, chosen[0], options, publish)
			} else {
				took, err = verifyAll(cmd, args[0], chosen, options, publish)
			}
			if err != nil {
				return err
			}
			return inTime(args[0], within, time.Since(begin), took)
		},
	}
	options.flags(command)
	command.Flags().BoolVar(&publish, "publish", false, "keep in results that it ran at tier smoke, and how long that took")
	command.Flags().DurationVar(&within, "within", 0, "fail when it took longer than this `time`, such as 8m; 0 for no limit")
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

func verifyAll(cmd *cobra.Command, paper string, chosen []experiments.Artifact, options runOptions, publish bool) ([]timing, error) {
	options.quiet = true
	begin := time.Now()
	var outcomes []experiments.Outcome
	var timings []timing
	failed := runEach(cmd, chosen, options, func(outcome experiments.Outcome, took time.Duration) error {
		outcomes, timings = append(outcomes, outcome), append(timings, timing{outcome.ID, took})
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "ok  %6.1f s  %s: %s (claims: %d, rows: %d, figures: %d)\n",
			took.Seconds(), outcome.ID, outcome.Report.Summary(), len(outcome.Report.Judgements), outcome.Table.Len(), len(outcome.Figures))
		return err
	})
	if cmd.Context().Err() != nil {
		return nil, failed
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s at tier %s: %d of %d artifacts ran, in %s\n",
		paper, options.tier, len(outcomes), len(chosen), track.ShortDuration(time.Since(begin)))
	if publish {
		if err := publishTrials(cmd, outcomes); err != nil {
			return nil, err
		}
	}
	return timings, failed
}

// timing is how long an artifact took, what the store had included.
type timing struct {
	id   string
	took time.Duration
}

// inTime is the error of a run that took longer than it may; a limit of 0 is none.
func inTime(what string, limit, took time.Duration, parts []timing) error {
	if limit == 0 || took <= limit {
		return nil
	}
	slowest := slices.SortedStableFunc(slices.Values(parts), func(a, b timing) int { return cmp.Compare(b.took, a.took) })
	var names []string
	for _, t := range slowest[:min(3, len(slowest))] {
		names = append(names, fmt.Sprintf("%s (%s)", t.id, track.ShortDuration(t.took)))
	}
	text := fmt.Sprintf("%s took %s, longer than --within %s", what, track.ShortDuration(took), limit)
	if len(names) > 0 {
		text += "; slowest: " + strings.Join(names, ", ")
	}
	return errors.New(text)
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
