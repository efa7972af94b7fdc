package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/claim"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
)

// papers list what can be run; a new paper adds its list here.
var papers = []func() []experiments.Artifact{joint.Artifacts}

func artifacts() []experiments.Artifact {
	var all []experiments.Artifact
	for _, list := range papers {
		all = append(all, list()...)
	}
	return all
}

func findArtifact(id string) (experiments.Artifact, error) {
	all := artifacts()
	if i := slices.IndexFunc(all, func(a experiments.Artifact) bool { return a.ID == id }); i >= 0 {
		return all[i], nil
	}
	known, err := claim.FindArtifact(id)
	if err != nil {
		return experiments.Artifact{}, err
	}
	return experiments.Artifact{}, fmt.Errorf("%s (%s) is not built yet; `noisebook list` shows which are", known.ID, known.Numbers)
}

// listed is an artifact as `noisebook list` shows it.
type listed struct {
	claim.Artifact
	Tiers   []tier.Tier       `json:"tiers"`
	Verdict string            `json:"verdict"`
	Judged  string            `json:"judged_at_tier,omitempty"`
	Claims  []claim.Judgement `json:"claims,omitempty"`
}

// listArtifacts joins the papers' artifacts with what can be run and the published verdicts.
func listArtifacts(results string) ([]listed, error) {
	var all []listed
	for _, a := range claim.Artifacts() {
		row := listed{Artifact: a, Verdict: "not built yet", Tiers: []tier.Tier{}}
		if built, err := findArtifact(a.ID); err == nil {
			row.Tiers, row.Verdict = built.Tiers, "not run"
			report, err := claim.ReadReport(results, a.ID)
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return nil, err
			default:
				row.Verdict, row.Judged, row.Claims = report.Summary(), report.Tier, report.Judgements
			}
		}
		all = append(all, row)
	}
	return all, nil
}

func newListCommand() *cobra.Command {
	var asJSON, asMarkdown, readme bool
	command := &cobra.Command{
		Use:   "list",
		Short: "Every figure and table of the four papers, and the last published verdict",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := setup.Root()
			if err != nil {
				return err
			}
			if readme {
				changed, err := updateReadme(root)
				if err == nil && changed {
					fmt.Fprintln(cmd.OutOrStdout(), "wrote README.md")
				}
				return err
			}
			all, err := listArtifacts(filepath.Join(root, "results"))
			if err != nil {
				return err
			}
			if asJSON {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(all)
			}
			if asMarkdown {
				_, err := fmt.Fprint(cmd.OutOrStdout(), markdownTable(all))
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ARTIFACT\tNUMBERS\tTIERS\tVERDICT\tTITLE")
			for _, a := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.Numbers, tierNames(a.Tiers), a.verdictAtTier(), a.Title)
			}
			return w.Flush()
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON, with every claim")
	command.Flags().BoolVar(&asMarkdown, "markdown", false, "print the table of the README")
	command.Flags().BoolVar(&readme, "update-readme", false, "write that table into the README")
	command.MarkFlagsMutuallyExclusive("json", "markdown", "update-readme")
	return command
}

func (a listed) verdictAtTier() string {
	if a.Judged == "" {
		return a.Verdict
	}
	return a.Verdict + " (" + a.Judged + ")"
}

func tierNames(tiers []tier.Tier) string {
	if len(tiers) == 0 {
		return "–"
	}
	names := make([]string, len(tiers))
	for i, t := range tiers {
		names[i] = t.String()
	}
	return strings.Join(names, " ")
}

// markdownTable is the README's table.
func markdownTable(all []listed) string {
	var out strings.Builder
	out.WriteString("| artifact | numbers | what it shows | verdict (tier) |\n|---|---|---|---|\n")
	for _, a := range all {
		name := "`" + a.ID + "`"
		if len(a.Tiers) > 0 {
			name = fmt.Sprintf("[`%s`](notebooks/%s.ipynb)", a.ID, a.ID)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", name, strings.ReplaceAll(a.Numbers, "|", "/"), strings.ReplaceAll(a.Title, "|", "/"), a.verdictAtTier())
	}
	return out.String()
}
