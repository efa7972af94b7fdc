package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"noisebook/pkg/claim"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
)

func rootOutput(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String()
}

func TestListArtifacts(t *testing.T) {
	root := t.TempDir()
	results := filepath.Join(root, "results")
	report, err := claim.NewReport(demoArtifact, tier.CPU, claim.Setting{Dataset: "fashion-mnist"})
	if err != nil {
		t.Fatal(err)
	}
	report.Judgements = []claim.Judgement{{Claim: "precision rises", Kind: claim.KindShape, Verdict: claim.TrendHolds}}
	if err := claim.WriteReport(results, report); err != nil {
		t.Fatal(err)
	}
	all, err := listArtifacts(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(claim.Artifacts()) {
		t.Errorf("%d artifacts, the papers have %d", len(all), len(claim.Artifacts()))
	}
	byID := map[string]listed{}
	for _, a := range all {
		byID[a.ID] = a
	}
	for id, want := range map[string]string{
		demoArtifact:     "1 trend holds (cpu)",
		"joint/samples":  "not run",
		"drl/silhouette": "not built yet",
	} {
		if got := byID[id].verdictAtTier(); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if err := os.WriteFile(claim.ReportPath(results, demoArtifact), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := listArtifacts(root); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%v, want the damaged report", err)
	}
}

// What can be run is among the papers' artifacts, once each.
func TestBuiltArtifactsAreKnown(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range artifacts() {
		if _, err := claim.FindArtifact(a.ID); err != nil || seen[a.ID] {
			t.Errorf("%s: %v, seen before: %v", a.ID, err, seen[a.ID])
		}
		seen[a.ID] = true
	}
	if !seen[demoArtifact] {
		t.Errorf("%s, which the demo runs, is not built", demoArtifact)
	}
}

func TestListCommand(t *testing.T) {
	var all []listed
	if err := json.Unmarshal([]byte(rootOutput(t, "list", "--json")), &all); err != nil || len(all) != len(claim.Artifacts()) {
		t.Errorf("%d artifacts in JSON, %v", len(all), err)
	}
	plain := rootOutput(t, "list")
	if strings.Count(plain, "\n") != len(all)+1 {
		t.Errorf("%d lines, want a heading and %d artifacts", strings.Count(plain, "\n"), len(all))
	}
	for _, want := range []string{"joint/alpha-sweep", "fig4", "smoke quick cpu paper", "not built yet"} {
		if !strings.Contains(plain, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	if rows := strings.Count(rootOutput(t, "list", "--markdown"), "\n"); rows != len(all)+2 {
		t.Errorf("%d lines of Markdown, want %d", rows, len(all)+2)
	}
}

func readme(t *testing.T) (root, text string) {
	t.Helper()
	root, err := setup.Root()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return root, string(content)
}

func TestReadmeIsCurrent(t *testing.T) {
	root, text := readme(t)
	all, err := listArtifacts(root)
	if err != nil {
		t.Fatal(err)
	}
	want, err := withArtifacts(text, markdownTable(all))
	if err != nil {
		t.Fatal(err)
	}
	if want != text {
		t.Error("the table of artifacts in README.md is old: run `noisebook list --update-readme`")
	}
}

// Every file that the README or a document below docs links to is there.
func TestLinks(t *testing.T) {
	root, _ := readme(t)
	documents := []string{filepath.Join(root, "README.md")}
	for _, folder := range []string{"decisions", "guides"} {
		found, err := filepath.Glob(filepath.Join(root, "docs", folder, "*.md"))
		if err != nil || len(found) == 0 {
			t.Fatalf("docs/%s: %d documents, %v", folder, len(found), err)
		}
		documents = append(documents, found...)
	}
	link := regexp.MustCompile(`\]\(([^)#]+)\)`)
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), filepath.FromSlash(match[1]))); err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(document), match[1], err)
			}
		}
	}
}

func TestUpdateReadme(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "README.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + readmeBegin + "old" + readmeEnd + "\nafter\n")
	if changed, err := updateReadme(root); err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n", "| `drl/silhouette` | v1 fig12; v2 fig12 |", "\nafter\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Error("the old table is still there")
	}
	if changed, err := updateReadme(root); err != nil || changed {
		t.Errorf("a current README: changed %v, %v", changed, err)
	}
	write("no place")
	if _, err := updateReadme(root); err == nil || !strings.Contains(err.Error(), "artifacts: begin") {
		t.Errorf("%v, want what is missing", err)
	}
}
