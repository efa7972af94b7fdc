package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// section is an artifact on the page.
type section struct {
	published.Artifact
	Counts       []claim.Count
	ShapeClaims  []claim.Judgement
	NumberClaims []numberClaim
	Reasons      []string // of number claims, which share many
	Measured     *grid    // the table
	Reported     *grid    // the paper's numbers, where the table does not hold them
	Provenance   []fact
}

// numberClaim is a claim with the number of the note that says why, 0 for none.
type numberClaim struct {
	claim.Judgement
	Note int
}

// fact is a line of the provenance.
type fact struct{ Name, Value string }

// newSection prepares what the page shows of an artifact. shared are the runs that
// several artifacts rest on.
func newSection(a published.Artifact, shared map[string]bool) (section, error) {
	s := section{Artifact: a}
	if a.Report != nil {
		s.Counts = a.Report.Counts()
		for _, j := range a.Report.Judgements {
			if j.Kind == claim.KindShape {
				s.ShapeClaims = append(s.ShapeClaims, j)
				continue
			}
			n := numberClaim{Judgement: j}
			if reason := j.Why(); reason != "" {
				n.Note = note(&s.Reasons, reason)
			}
			s.NumberClaims = append(s.NumberClaims, n)
		}
		s.Provenance = provenance(a, shared)
	}
	if len(a.Table.Columns) > 0 {
		g := newGrid(a.Table, "Table of "+a.ID)
		s.Measured = &g
	}
	if s.Measured != nil && s.Measured.HasPaper {
		return s, nil
	}
	reported, err := reportedTable(a.Artifact)
	if err == nil && reported.Len() > 0 {
		g := newGrid(reported, "What the paper reports of "+numbering(a.Numbers))
		s.Reported = &g
	}
	return s, err
}

// sharedRuns are the runs that more than one artifact rests on.
func sharedRuns(artifacts []published.Artifact) map[string]bool {
	users := map[string]int{}
	for _, a := range artifacts {
		for _, stage := range a.Stages {
			users[stage.Run]++
		}
	}
	maps.DeleteFunc(users, func(_ string, n int) bool { return n < 2 })
	shared := map[string]bool{}
	for run := range users {
		shared[run] = true
	}
	return shared
}

// provenance says which run, code, data and seeds made an artifact, and in what time.
func provenance(a published.Artifact, shared map[string]bool) []fact {
	r := a.Report
	var facts []fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, value})
		}
	}
	add("tier", r.Tier)
	add("run", r.Provenance["run"])
	add("commit", r.Provenance["commit"])
	add("computed", r.Provenance["computed"])
	add("dataset", r.Dataset)
	if r.Samples > 0 {
		add("samples", strconv.Itoa(r.Samples))
	}
	add("feature network", r.Features)
	add("model", r.Model)
	for _, key := range slices.Sorted(maps.Keys(r.Provenance)) {
		if !slices.Contains([]string{"run", "commit", "computed"}, key) {
			add(strings.ReplaceAll(key, "_", " "), r.Provenance[key])
		}
	}
	add("seeds", seeds(a.Stages))
	if commits := otherCommits(a); len(commits) > 0 {
		add("commits of its stages", strings.Join(commits, ", "))
	}
	add("time", took(a.Stages, shared))
	return facts
}

// seeds lists the seeds of each stage: "joint/train 1; joint/sample 0, 1, 2".
func seeds(stages []published.Stage) string {
	var names []string
	of := map[string][]string{}
	for _, s := range stages {
		if s.Seed == "" || slices.Contains(of[s.Name], s.Seed) {
			continue
		}
		if of[s.Name] == nil {
			names = append(names, s.Name)
		}
		of[s.Name] = append(of[s.Name], s.Seed)
	}
	for i, name := range names {
		names[i] = name + " " + strings.Join(of[name], ", ")
	}
	return strings.Join(names, "; ")
}

// otherCommits are those of stages that the report's own commit does not tell.
func otherCommits(a published.Artifact) []string {
	var commits []string
	for _, s := range a.Stages {
		if s.Commit != a.Report.Provenance["commit"] && !slices.Contains(commits, s.Commit) {
			commits = append(commits, s.Commit)
		}
	}
	return commits
}

func took(stages []published.Stage, shared map[string]bool) string {
	if len(stages) == 0 {
		return "not recorded"
	}
	text := fmt.Sprintf("%s over %d stages", track.ShortDuration(published.Computing(stages)), len(stages))
	common := slices.DeleteFunc(slices.Clone(stages), func(s published.Stage) bool { return !shared[s.Run] })
	if len(common) > 0 {
		text += fmt.Sprintf(", of which %s in %d that other artifacts share", track.ShortDuration(published.Computing(common)), len(common))
	}
	return text
}

// reportedTable are the paper's numbers of an artifact: a row a dataset, method and
// condition, a column a metric.
func reportedTable(a claim.Artifact) (table.Table, error) {
	type row struct{ dataset, method, condition string }
	var rows []row
	var metrics []string
	cells := map[row]map[string]string{}
	var values []claim.ReportedValue
	for _, name := range strings.Fields(a.Numbers) {
		values = append(values, claim.ReportedValues(a.Paper, name)...)
	}
	for _, v := range values {
		if strings.HasPrefix(v.Metric, "setting_") { // of the protocol, no result
			continue
		}
		at := row{v.Dataset, v.Method, v.Condition}
		if cells[at] == nil {
			rows, cells[at] = append(rows, at), map[string]string{}
		}
		if !slices.Contains(metrics, v.Metric) {
			metrics = append(metrics, v.Metric)
		}
		text := claim.FormatValue(&v.Value)
		if v.Deviation != nil {
			text += " ± " + claim.FormatValue(v.Deviation)
		}
		cells[at][v.Metric] = text
	}
	t := table.New(append([]string{"dataset", "method", "condition"}, metrics...)...)
	for _, at := range rows {
		line := []any{at.dataset, at.method, at.condition}
		for _, metric := range metrics {
			line = append(line, cells[at][metric])
		}
		if err := t.Append(line...); err != nil {
			return t, err
		}
	}
	return t, nil
}
