// Package page writes a comparison as one HTML file that needs no other file and
// no network.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"noisebook/pkg/chart"
	"noisebook/pkg/track/compare"
)

//go:embed page.html
var source string

var page = template.Must(template.New("page").Parse(source))

// Write writes the page: tables, the chart of the settings where those differ, and
// the curves of the named metrics or, without names, of those that runs share.
func Write(w io.Writer, c *compare.Comparison, o compare.CurveOptions, metrics ...string) error {
	var content struct {
		Title    string
		Subtitle string
		Tables   any
		Same     bool
		Library  template.HTML
		Chart    template.HTML
		Curves   []template.HTML
		Notes    []string
	}
	content.Title = fmt.Sprintf("%d runs of %s", len(c.Runs), titles(c))
	content.Subtitle = "Differences are to the first run."
	content.Tables, content.Same = c.Tables(), !c.Differ()
	if _, _, err := c.ParallelTable(); err == nil { // settings and metrics differ
		drawn, err := chart.Sweep(c)
		if err != nil {
			return err
		}
		content.Library, content.Chart = template.HTML(chart.Script()), template.HTML(drawn.HTML())
	}
	if len(metrics) == 0 {
		metrics = c.Shared()
	}
	for _, name := range metrics {
		drawn, err := c.Curves(o, name)
		if err != nil {
			content.Notes = append(content.Notes, fmt.Sprintf("%s is not drawn: %v", name, err))
			continue
		}
		content.Curves = append(content.Curves, template.HTML(chart.Image(drawn)))
	}
	return page.Execute(w, content)
}

// titles are the distinct titles of the runs.
func titles(c *compare.Comparison) string {
	var names []string
	seen := map[string]bool{}
	for _, r := range c.Runs {
		if !seen[r.Title] {
			seen[r.Title] = true
			names = append(names, r.Title)
		}
	}
	return strings.Join(names, ", ")
}
