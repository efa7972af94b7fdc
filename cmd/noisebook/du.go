package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/track"
	"noisebook/pkg/track/housekeeping"
)

func newDuCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "du",
		Short: "Say what the run store's space is spent on",
		Long: "Say what the run store's space is spent on: for each stage, and each kind of other runs, its journals, and its\n" +
			"artifacts, which the store keeps once however many runs name them.",
		Example: "  noisebook du\n  noisebook du --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := track.Open("")
			if err != nil {
				return err
			}
			usage, err := housekeeping.Measure(store)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), usage)
			}
			return printUsage(cmd.OutOrStdout(), usage)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write all sizes in bytes as JSON")
	return cmd
}

func printUsage(w io.Writer, usage housekeeping.Usage) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "runs\tjournals\trecords\town artifacts\tshared artifacts\t  what")
	for _, g := range usage.Groups {
		what := cmp.Or(g.Stage, string(g.Kind), "unreadable")
		fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t  %s\n", g.Runs, sizeText(g.Journals), sizeText(g.Records), sizeText(g.Artifacts.Bytes), sizeText(g.Shared.Bytes), what)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	tw = tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw)
	for _, row := range []struct {
		what   string
		amount housekeeping.Amount
		note   string
	}{
		{"shared artifacts", usage.Shared, "counted once here"},
		{"checkpoints", usage.Scratch, "of stages that were begun"},
		{"trash", usage.Trash, "noisebook runs gc empties it"},
		{"unused artifacts", usage.Unused, "noisebook runs gc removes them"},
	} {
		if row.amount.Count > 0 {
			fmt.Fprintf(tw, "%s\t%d\t%s\t%s\n", row.what, row.amount.Count, sizeText(row.amount.Bytes), row.note)
		}
	}
	fmt.Fprintf(tw, "index, notes and locks\t\t%s\n", sizeText(usage.Other))
	fmt.Fprintf(tw, "total\t\t%s\n", sizeText(usage.Total))
	return tw.Flush()
}
