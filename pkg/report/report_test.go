package report

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
)

const drawing = `<?xml version="1.0"?><svg width="72pt" height="36pt" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">` +
	`<title>Curves</title><desc>Precision "rises"</desc><g id="same"><image xlink:href="data:image/png;base64,AAAA"/></g></svg>`

// madeUp is all of the paper's artifacts as if they had been published, with text
// that would break a careless page.
func madeUp(t *testing.T) []published.Artifact {
	t.Helper()
	paper := joint(t)
	value, theirs := 94.123456, 95.3
	var all []published.Artifact
	for _, a := range paper.Artifacts() {
		r, err := claim.NewReport(a.ID, tier.CPU, claim.Setting{Dataset: "fashion-mnist", Samples: 1000, Features: "LeNet"})
		if err != nil {
			t.Fatal(err)
		}
		r.Judgements = []claim.Judgement{
			{Claim: "<b>holds</b> of " + a.ID + "!", Kind: claim.KindShape, Verdict: claim.TrendHolds, Detail: "detail & more"},
			{Claim: "number of " + a.ID + "!", Kind: claim.KindNumber, Verdict: claim.NotComparable, Value: &value, Reported: &theirs, Reason: "reason of " + a.ID + "!"},
			{Claim: "another", Kind: claim.KindNumber, Verdict: claim.NotComparable, Reported: &theirs, Reason: "reason of " + a.ID + "!"},
		}
		r.Provenance = map[string]string{"run": "run of " + a.ID + "!", "commit": "abc1234", "test_accuracy": "0.8"}
		measured := table.New("alpha", "note", "empty")
		for i := range 40 {
			if err := measured.Append(float64(i)/3, "</td><script>alert(1)</script>", ""); err != nil {
				t.Fatal(err)
			}
		}
		drawn, err := published.ParseFigure(a.ID, []byte(drawing))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, published.Artifact{
			Artifact: a, Report: &r, Table: measured, Figures: []published.Figure{drawn, drawn},
			Stages: []published.Stage{{Name: "joint/train", Run: "shared", Commit: "abc1234", Seed: "1", Seconds: 60}, {Name: "joint/sample", Run: a.ID, Commit: "old", Seed: "3", Seconds: 1}},
			DryRun: &published.DryRun{Artifact: a.ID, Machine: "a processor", Commit: "c", Plans: []published.Plan{{Model: "joint on cifar-10", Parameters: 59_465_871}}},
		})
	}
	return all
}

func joint(t *testing.T) claim.Paper {
	t.Helper()
	paper, err := claim.FindPaper("joint")
	if err != nil {
		t.Fatal(err)
	}
	return paper
}

func write(t *testing.T, paper claim.Paper, artifacts []published.Artifact) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, paper, artifacts); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// visit walks a page, which is well-formed XML too, and the drawings in it.
func visit(t *testing.T, document string, element func(xml.StartElement)) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(document))
	decoder.Entity = xml.HTMLEntity
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			element(start)
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

const svgAddress = "data:image/svg+xml;base64,"

// checkPage holds a page to what every page promises: it loads nothing, runs
// nothing, each id is there once, each link of its contents leads somewhere, and
// each picture has a text.
func checkPage(t *testing.T, document string) (pictures int) {
	t.Helper()
	ids, links := map[string]int{}, []string{}
	visit(t, document, func(e xml.StartElement) {
		switch e.Name.Local {
		case "script", "link", "iframe", "object", "embed", "base", "form", "details", "video", "audio":
			t.Errorf("the page has an element %s", e.Name.Local)
		case "img":
			pictures++
			svg, isSVG := strings.CutPrefix(attribute(e, "src"), svgAddress)
			drawn, err := base64.StdEncoding.DecodeString(svg)
			if !isSVG || err != nil {
				t.Fatalf("a picture comes from %.40q", attribute(e, "src"))
			}
			if _, err := published.ParseFigure("", drawn); err != nil {
				t.Error(err)
			}
			if len(strings.TrimSpace(attribute(e, "alt"))) < 10 || attribute(e, "width") == "" || attribute(e, "height") == "" {
				t.Errorf("a picture has alt %q, width %q, height %q", attribute(e, "alt"), attribute(e, "width"), attribute(e, "height"))
			}
		}
		for _, a := range e.Attr {
			name := a.Name.Local
			switch {
			case name == "id":
				ids[a.Value]++
			case name == "href":
				links = append(links, a.Value)
			case strings.HasPrefix(name, "on") || name == "srcset" || name == "action" || name == "style":
				t.Errorf("%s has an attribute %s", e.Name.Local, name)
			case name == "src" && e.Name.Local != "img":
				t.Errorf("%s has a source %q", e.Name.Local, a.Value)
			}
		}
	})
	for id, n := range ids {
		if n != 1 {
			t.Errorf("id %s is there %d times", id, n)
		}
	}
	for _, link := range links {
		if place, inside := strings.CutPrefix(link, "#"); !inside || ids[place] == 0 {
			t.Errorf("a link leads to %q", link)
		}
	}
	outside := regexp.MustCompile(`(?i)https?:|//[a-z]|@import|url\(`)
	if found := outside.FindString(regexp.MustCompile(`src="[^"]*"`).ReplaceAllString(document, "")); found != "" {
		t.Errorf("the page has %q", found)
	}
	return pictures
}

func TestPageOfAllArtifacts(t *testing.T) {
	artifacts := madeUp(t)
	document := write(t, joint(t), artifacts)
	if pictures := checkPage(t, document); pictures != 2*len(artifacts) {
		t.Errorf("%d pictures, want %d", pictures, 2*len(artifacts))
	}
	for _, a := range artifacts {
		for _, want := range []string{"&lt;b&gt;holds&lt;/b&gt; of " + a.ID + "!", "number of " + a.ID + "!", "reason of " + a.ID + "!", "run of " + a.ID + "!", `<section id="` + anchor(a.ID) + `" class="run">`} {
			if strings.Count(document, want) != 1 {
				t.Errorf("%q is there %d times", want, strings.Count(document, want))
			}
		}
	}
	for _, want := range []string{
		"15 trends hold", "30 not comparable", "94.12", "95.3", "joint/train 1; joint/sample 3", "old",
		"1m1s over 2 stages, of which 1m0s in 1 that other artifacts share", "All together took 1m15s", `class="wide long"`, "59465871", "detail &amp; more",
		`alt="Curves. Precision &#34;rises&#34;"`, "Figure 2a", "Table 6",
	} {
		if !strings.Contains(document, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(document, ">empty<") || strings.Contains(document, "Not run yet") {
		t.Error("the page shows an empty column or an artifact as not run")
	}
	if again := write(t, joint(t), artifacts); again != document {
		t.Error("the page differs when it is written again")
	}
}

// What is published now makes a page; artifacts of which nothing is say so.
func TestPageOfWhatIsPublished(t *testing.T) {
	folder := published.In(filepath.Join("..", ".."))
	for _, paper := range claim.Papers() {
		var artifacts []published.Artifact
		missing := 0
		for _, a := range paper.Artifacts() {
			have, err := folder.Read(a)
			if err != nil {
				t.Fatal(err)
			}
			if have.Report == nil {
				missing++
			}
			artifacts = append(artifacts, have)
		}
		document := write(t, paper, artifacts)
		pictures := checkPage(t, document)
		if strings.Count(document, "Not run yet") != missing || strings.Count(document, "<section ") != len(artifacts) {
			t.Errorf("%s: %d sections, %d of them not run, want %d and %d", paper.ID,
				strings.Count(document, "<section "), strings.Count(document, "Not run yet"), len(artifacts), missing)
		}
		if pictures < len(artifacts)-missing {
			t.Errorf("%s: %d pictures of %d artifacts", paper.ID, pictures, len(artifacts)-missing)
		}
	}
}

func TestArtifactThatIsNotRun(t *testing.T) {
	paper := joint(t)
	a := published.Artifact{Artifact: paper.Artifacts()[2]} // tab1
	document := write(t, paper, []published.Artifact{a})
	for _, want := range []string{"Not run yet", "What the paper reports", "HybViT", "96.4", "1 of them not run"} {
		if !strings.Contains(document, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	r, err := claim.NewReport(a.ID, tier.Smoke, claim.Setting{})
	if err != nil {
		t.Fatal(err)
	}
	r.Provenance = map[string]string{"commit": "abc1234"}
	a.Trial = &published.Trial{Report: r, Rows: 12, Figures: 1, Seconds: 3}
	if document := write(t, paper, []published.Artifact{a}); !strings.Contains(document, "it ran from end to end: 12 rows and 1 figures in 3s, at commit abc1234") {
		t.Error("the page does not say that it ran at tier smoke")
	}
}

func TestNumbering(t *testing.T) {
	for numbers, want := range map[string]string{"fig2a": "Figure 2a", "tab6": "Table 6", "tab1 tab8": "Table 1 Table 8", "v1 fig3; v2 tab4": "v1 Figure 3; v2 Table 4", "ablation": "ablation"} {
		if got := numbering(numbers); got != want {
			t.Errorf("numbering(%q) = %q, want %q", numbers, got, want)
		}
	}
}

// A table that holds the paper's rows shows them as such, and is not repeated.
func TestPaperRowsInTheTable(t *testing.T) {
	paper := joint(t)
	a := madeUp(t)[2]
	long := strings.Repeat("a long reason ", 10)
	a.Table = table.New(published.SourceColumn, "metric", "value", "note")
	for _, row := range [][]any{{published.SourcePaper, "accuracy_pct", 96.4, ""}, {"here", "fid", 3.14159, long}, {"here", "fid", 2.5, long}} {
		if err := a.Table.Append(row...); err != nil {
			t.Fatal(err)
		}
	}
	document := write(t, paper, []published.Artifact{a})
	if strings.Count(document, `<tr class="paper">`) != 1 || strings.Contains(document, "What the paper reports") {
		t.Error("the paper's rows are not told from ours, or are there twice")
	}
	if strings.Count(document, long) != 1 || !strings.Contains(document, ">accuracy, %<") || !strings.Contains(document, ">3.142<") {
		t.Error("a note is repeated, or a metric or number is not written for reading")
	}
}

// On paper nothing is cut off or hidden, and a figure stays on one page.
func TestPrintStyle(t *testing.T) {
	_, printed, found := strings.Cut(style, "@media print")
	if !found {
		t.Fatal("there is no style for print")
	}
	for _, want := range []string{"break-inside: avoid", "max-height: none", "overflow: visible", "table-header-group"} {
		if !strings.Contains(printed, want) {
			t.Errorf("the style for print lacks %q", want)
		}
	}
	if !strings.Contains(style, "@media screen and (prefers-color-scheme: dark)") {
		t.Error("dark colours would be printed")
	}
}
