package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/experiments/joint"
	"noisebook/pkg/claim"
	"noisebook/pkg/published"
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

// selectArtifacts returns the artifact with an id or, for a paper's name, all of the
// paper that can be run.
func selectArtifacts(name string) ([]experiments.Artifact, error) {
	paper, err := claim.FindPaper(name)
	if err != nil {
		artifact, err := findArtifact(name)
		return []experiments.Artifact{artifact}, err
	}
	chosen := slices.DeleteFunc(artifacts(), func(a experiments.Artifact) bool { return !strings.HasPrefix(a.ID, paper.ID+"/") })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no artifact of %s is built yet; `noisebook list` shows which are", paper.ID)
	}
	return chosen, nil
}

// listed is an artifact as `noisebook list` shows it: the published verdicts, most
// often of tier cpu, and what else it ran at.
type listed struct {
	claim.Artifact
	Tiers   []tier.Tier       `json:"tiers"`
	Verdict string            `json:"verdict"`
	Judged  string            `json:"judged_at_tier,omitempty"`
	Claims  []claim.Judgement `json:"claims,omitempty"`
	Smoke   *published.Trial  `json:"smoke,omitempty"`   // that it ran at tier smoke
	DryRun  *published.DryRun `json:"dry_run,omitempty"` // of its models at tier paper
}

// listArtifacts joins the papers' artifacts with what can be run and what is
// published of them.
func listArtifacts(root string) ([]listed, error) {
	var all []listed
	for _, a := range claim.Artifacts() {
		row := listed{Artifact: a, Verdict: "not built yet", Tiers: []tier.Tier{}}
		if built, err := findArtifact(a.ID); err == nil {
			row.Tiers, row.Verdict = built.Tiers, "not run"
			have, err := published.In(root).Read(a)
			if err != nil {
				return nil, err
			}
			if r := have.Report; r != nil {
				row.Verdict, row.Judged, row.Claims = r.Summary(), r.Tier, r.Judgements
			}
			row.Smoke, row.DryRun = have.Trial, have.DryRun
		}
		all = append(all, row)
	}
	return all, nil
}

// ran names the tiers that the artifact is known to have run at.
func (a listed) ran() string {
	var tiers []string
	if a.Smoke != nil {
		tiers = append(tiers, a.Smoke.Tier)
	}
	if a.Judged != "" {
		tiers = append(tiers, a.Judged)
	}
	if a.DryRun != nil {
		tiers = append(tiers, "paper (dry)")
	}
	return strings.Join(tiers, ", ")
}

func newListCommand() *cobra.Command {
	var asJSON, asMarkdown, readme bool
	command := &cobra.Command{
		Use:   "list",
		Short: "Every figure and table of the four papers, and the last published verdict",
		Long: "Lists every artifact with the verdicts that results holds and the tiers that it ran at. With --json each has its\n" +
			"claims, its run at tier smoke and the dry runs of its models at tier paper: parameters, steps, a step's time and\n" +
			"memory.",
		Example: "  noisebook list\n" +
			"  noisebook list --json",
		Args: cobra.NoArgs,
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
			all, err := listArtifacts(root)
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
			fmt.Fprintln(w, "ARTIFACT\tNUMBERS\tTIERS\tRAN AT\tVERDICT\tTITLE")
			for _, a := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.Numbers, tierNames(a.Tiers), cmp.Or(a.ran(), "–"), a.verdictAtTier(), a.Title)
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
	out.WriteString("| artifact | numbers | what it shows | ran at | verdict (tier) |\n|---|---|---|---|---|\n")
	for _, a := range all {
		name := "`" + a.ID + "`"
		if len(a.Tiers) > 0 {
			name = fmt.Sprintf("[`%s`](notebooks/%s.ipynb)", a.ID, a.ID)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", name, strings.ReplaceAll(a.Numbers, "|", "/"), strings.ReplaceAll(a.Title, "|", "/"), a.ran(), a.verdictAtTier())
	}
	return out.String()
}
