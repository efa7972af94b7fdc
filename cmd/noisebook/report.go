package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/report"
	"noisebook/pkg/setup"
)

func newReportCommand() *cobra.Command {
	var out string
	var folder published.Folder
	command := &cobra.Command{
		Use:   "report PAPER",
		Short: "Write all artifacts of a paper as one HTML page: figures, tables, verdicts, provenance",
		Long: "Writes one page from what is published: for each artifact of the paper its figures, its claims with verdicts,\n" +
			"the table beside the paper's numbers, the run, commit and seeds that made it, the time it took, and what its\n" +
			"models would take at the paper's size. Artifacts that are not run yet have a section that says so.\n\n" +
			"The page is one file without scripts or addresses: it opens offline, prints whole, and can be sent as it is.\n" +
			"docs/guides/reading-a-report.md says how to read it.",
		Example: "  noisebook report joint\n" +
			"  noisebook report joint --out joint.html\n" +
			"  noisebook report joint --results build/results --plots build/plots    # what run wrote without --publish",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paper, err := claim.FindPaper(args[0])
			if err != nil {
				return err
			}
			root, err := setup.Root()
			if err != nil {
				return err
			}
			standard := published.In(root)
			folder.Results, folder.Plots = cmp.Or(folder.Results, standard.Results), cmp.Or(folder.Plots, standard.Plots)
			if err := writeReport(cmp.Or(out, filepath.Join(root, "build", "report-"+paper.ID+".html")), paper, folder); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "wrote", cmp.Or(out, filepath.Join("build", "report-"+paper.ID+".html")))
			return err
		},
	}
	command.Flags().StringVar(&out, "out", "", "write this `file`; build/report-PAPER.html without it")
	command.Flags().StringVar(&folder.Results, "results", "", "read tables and verdicts from this `folder`; results without it")
	command.Flags().StringVar(&folder.Plots, "plots", "", "read figures from this `folder`; plots without it")
	return command
}

func writeReport(path string, paper claim.Paper, folder published.Folder) error {
	for _, read := range []string{folder.Results, folder.Plots} {
		if info, err := os.Stat(read); err != nil || !info.IsDir() {
			return fmt.Errorf("%s is no folder: --results and --plots name what run, figures and verify wrote", read)
		}
	}
	var artifacts []published.Artifact
	for _, a := range paper.Artifacts() {
		have, err := folder.Read(a)
		if err != nil {
			return err
		}
		artifacts = append(artifacts, have)
	}
	var page bytes.Buffer
	if err := report.Write(&page, paper, artifacts); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, page.Bytes())
}
