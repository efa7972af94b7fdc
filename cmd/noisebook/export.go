package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/archive"
)

func newExportCommand() *cobra.Command {
	var output string
	var options archive.ExportOptions
	cmd := &cobra.Command{
		Use:   "export RUN... [-o FILE]",
		Short: "Write runs as one archive that another store imports, send them to MLflow, write them to tables",
		Long: "Write runs with their artifacts as one archive (tar, Zstandard) that 'noisebook import' brings into another store.\n" +
			"With a run goes what it depends on: the runs that made its inputs, the stages that it used and the members of a\n" +
			"sweep.",
		Example: "  noisebook export 4k2m -o run.tar.zst\n  noisebook export 4k2m --alone\n  noisebook export mlflow --url http://127.0.0.1:5000\n  noisebook export table -o runs.csv",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			if output == "" {
				run, err := store.Run(args[0])
				if err != nil {
					return err
				}
				output = run.ID + ".tar.zst"
			}
			summary, err := archive.ExportFile(cmd.Context(), store, output, args, options)
			if err != nil {
				return err
			}
			for _, message := range summary.Messages {
				fmt.Fprintln(cmd.ErrOrStderr(), "note: "+message)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s (%s before compression)\n", output,
				countText(len(summary.Runs), "run"), countText(summary.Objects, "artifact")+", "+sizeText(summary.Written), sizeText(summary.Bytes))
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the archive; RUN.tar.zst when empty")
	cmd.Flags().BoolVar(&options.Alone, "alone", false, "the named runs only, without what they depend on")
	cmd.AddCommand(newExportMLflowCommand(), newExportTableCommand(), newExportMetricsCommand())
	return cmd
}

func newImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import ARCHIVE|STORE...",
		Short: "Bring in the runs of an archive or of another store's folder",
		Long: "Bring in the runs of archives that 'noisebook export' wrote, or of other stores' folders. All is verified before\n" +
			"anything is placed. A run that both sides have is united; where they contradict each other, both versions are\n" +
			"kept. Importing the same again changes nothing.",
		Example: "  noisebook import run.tar.zst\n  noisebook import /media/laptop/noisebook/.noisebook",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			for _, source := range args {
				report, err := archive.Import(cmd.Context(), store, source)
				if err != nil {
					return err
				}
				for _, message := range report.Messages {
					fmt.Fprintln(cmd.ErrOrStderr(), "note: "+message)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s new, %d united, %d known; %s (%s)\n", source,
					countText(len(report.Added), "run"), len(report.United), report.Same, countText(report.Objects, "new artifact"), sizeText(report.Bytes))
			}
			return nil
		},
	}
}

// countText is "1 run" or "3 runs".
func countText(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
