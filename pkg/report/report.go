// Package report writes all artifacts of a paper as one HTML page that needs no
// script, no other file and no network.
package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strings"
	"time"

	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/track"
)

//go:embed page.html
var source string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"anchor": anchor, "numbering": numbering, "value": claim.FormatValue, "mark": mark, "slug": slug, "short": track.ShortDuration,
	"hours": func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Hours()) },
	"gib":   func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<30)) },
	"image": image, "notRun": func() claim.Verdict { return claim.NotRun },
}).Parse(source))

// Write writes the page: what the paper is, a table of contents with verdicts,
// and a section for each artifact in the paper's order, those included of which
// nothing is published. It is a function of its arguments alone.
func Write(w io.Writer, paper claim.Paper, artifacts []published.Artifact) error {
	content := struct {
		claim.Paper
		Style    template.CSS
		Verdicts []meaning
		Counts   []claim.Count
		Missing  int
		Time     string
		Sections []section
	}{Paper: paper, Style: template.CSS(style), Verdicts: meanings}
	var all claim.Report
	var stages [][]published.Stage
	shared := sharedRuns(artifacts)
	for _, a := range artifacts {
		s, err := newSection(a, shared)
		if err != nil {
			return fmt.Errorf("report of %s: %w", a.ID, err)
		}
		content.Sections = append(content.Sections, s)
		if a.Report == nil {
			content.Missing++
			continue
		}
		all.Judgements = append(all.Judgements, a.Report.Judgements...)
		stages = append(stages, a.Stages)
	}
	content.Counts = all.Counts()
	if took := published.Computing(stages...); took > 0 {
		content.Time = track.ShortDuration(took)
	}
	return page.Execute(w, content)
}

// meaning says what a verdict means to a reader.
type meaning struct {
	Verdict claim.Verdict
	Text    string
}

var meanings = []meaning{
	{claim.Reproduced, "the paper's number, within the tolerance, in the paper's setting"},
	{claim.Differs, "outside the tolerance, in the paper's setting"},
	{claim.TrendHolds, "what the paper says of a curve's or a table's shape is true of ours"},
	{claim.TrendFails, "it is not"},
	{claim.Undecided, "our table cannot tell: it has too few points, or the difference is within its error"},
	{claim.NotComparable, "a number measured in another setting than the paper's: the reason names what differs"},
	{claim.NotRun, "tier smoke shows that the code runs, and claims nothing"},
}

// mark is a verdict's sign, which tells verdicts apart without colour.
func mark(v claim.Verdict) string {
	switch v {
	case claim.Reproduced, claim.TrendHolds:
		return "✓"
	case claim.Differs, claim.TrendFails:
		return "✗"
	case claim.Undecided:
		return "?"
	case claim.NotComparable:
		return "≠"
	}
	return "–"
}

// slug is a verdict as a class of the style sheet.
func slug(v claim.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") }

// anchor is an artifact's place on the page: its name.
func anchor(id string) string {
	_, name, _ := strings.Cut(id, "/")
	return name
}

var numbered = regexp.MustCompile(`\b(fig|tab)(\d)`)

// numbering is the paper's numbering in words: fig2a is Figure 2a.
func numbering(numbers string) string {
	return numbered.ReplaceAllStringFunc(numbers, func(short string) string {
		return map[string]string{"fig": "Figure ", "tab": "Table "}[short[:3]] + short[3:]
	})
}

// image is a drawing as an address that holds it. As an image a drawing runs no
// script, loads nothing, and keeps its ids to itself.
func image(f published.Figure) template.URL {
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(f.SVG))
}
