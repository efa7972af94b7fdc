package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"noisebook/pkg/jupyter"
	"noisebook/pkg/tier"
)

func newNotebooksCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "notebooks",
		Short: "Run, test and pair the notebooks without a browser",
	}
	command.AddCommand(newNotebooksRunCommand(), newNotebooksTestCommand(), newNotebooksSyncCommand(), newNotebooksCheckCommand())
	return command
}

func newNotebooksRunCommand() *cobra.Command {
	options := jupyter.RunOptions{Tier: tier.Quick}
	command := &cobra.Command{
		Use:   "run NOTEBOOK...",
		Short: "Execute notebooks on the kernel of this checkout",
		Long: "Executes notebooks cell by cell and prints the time of each. Executed copies go to build/notebooks\n" +
			"unless --out or --in-place says otherwise; they are written also when a cell fails.",
		Example: "  noisebook notebooks run notebooks/joint/alpha-sweep.ipynb\n" +
			"  noisebook notebooks run --tier cpu --in-place notebooks/joint/*.ipynb",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, notebooks []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			options.Stdout, options.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return repository.Run(cmd.Context(), notebooks, options)
		},
	}
	flags := command.Flags()
	flags.Var(&options.Tier, "tier", "size of the experiments: smoke, quick, cpu or paper")
	flags.BoolVar(&options.InPlace, "in-place", false, "write the outputs into the notebooks themselves")
	flags.StringVar(&options.Out, "out", "", "write executed copies into this `folder`")
	flags.BoolVar(&options.HTML, "html", false, "also write a standalone HTML page beside each executed notebook")
	flags.BoolVar(&options.Quiet, "quiet", false, "print failures and one line a notebook only")
	flags.DurationVar(&options.Timeout, "timeout", time.Hour, "longest `time` of a cell")
	command.MarkFlagsMutuallyExclusive("in-place", "out")
	return command
}

func newNotebooksTestCommand() *cobra.Command {
	at := tier.Smoke
	var store string
	command := &cobra.Command{
		Use:   "test",
		Short: "Execute every notebook in a fresh run store and count failures",
		Long: "Executes every notebook, each stage anew: in a run store that is thrown away. With --store they share that store\n" +
			"with what ran in it before, such as noisebook verify, so that nothing is computed twice.",
		Example: "  noisebook notebooks test\n" +
			"  NOISEBOOK_STORE=/tmp/smoke noisebook verify joint --tier smoke && noisebook notebooks test --store /tmp/smoke",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			failed := 0
			outcomes, err := repository.Test(cmd.Context(), at, store, func(outcome jupyter.Outcome) {
				word := "ok  "
				if outcome.Err != nil {
					word = "FAIL"
					failed++
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %6.1f s  %s\n", word, outcome.Duration.Seconds(), outcome.Notebook)
			})
			fmt.Fprintf(cmd.OutOrStdout(), "notebooks: %d passed, %d failed\n", len(outcomes)-failed, failed)
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d of %d notebooks failed at tier %s; their outputs are in %s", failed, len(outcomes), at, repository.BuildFolder())
			}
			return err
		},
	}
	command.Flags().Var(&at, "tier", "size of the experiments: smoke, quick, cpu or paper")
	command.Flags().StringVar(&store, "store", "", "share the run store in this `folder`")
	return command
}

func newNotebooksSyncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sync [NOTEBOOK...]",
		Short: "Bring notebooks and their text files in _src together; the newer wins",
		RunE: func(cmd *cobra.Command, notebooks []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			if notebooks, err = orAll(repository, notebooks); err != nil || len(notebooks) == 0 {
				return err
			}
			if err := repository.Sync(cmd.Context(), notebooks); err != nil {
				return err
			}
			return checkPairing(notebooks)
		},
	}
}

func newNotebooksCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [NOTEBOOK...]",
		Short: "Fail when a notebook and its text file in _src differ",
		RunE: func(cmd *cobra.Command, notebooks []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			if notebooks, err = orAll(repository, notebooks); err != nil {
				return err
			}
			if err := checkPairing(notebooks); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d notebooks agree with their text files\n", len(notebooks))
			return nil
		},
	}
}

// orAll is the named notebooks, or every notebook of the repository.
func orAll(repository jupyter.Repository, named []string) ([]string, error) {
	if len(named) > 0 {
		return named, nil
	}
	return repository.Notebooks()
}

func checkPairing(notebooks []string) error {
	var problems []error
	for _, notebook := range notebooks {
		if err := jupyter.CheckPairing(notebook); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
