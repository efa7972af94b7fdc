package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"noisebook/pkg/atomicfile"
)

// The table of artifacts in the README lies between these comments.
const (
	readmeBegin = "<!-- artifacts: begin; written by `noisebook list --update-readme` -->\n"
	readmeEnd   = "<!-- artifacts: end -->"
)

// withArtifacts puts the table of artifacts into a README's text.
func withArtifacts(readme, table string) (string, error) {
	before, rest, begins := strings.Cut(readme, readmeBegin)
	_, after, ends := strings.Cut(rest, readmeEnd)
	if !begins || !ends {
		return "", fmt.Errorf("README.md has no place for the table of artifacts: it lies between %q and %q", strings.TrimSpace(readmeBegin), readmeEnd)
	}
	return before + readmeBegin + "\n" + table + "\n" + readmeEnd + after, nil
}

// updateReadme brings the README's table up to the published verdicts and says
// whether that changed anything.
func updateReadme(root string) (changed bool, err error) {
	path := filepath.Join(root, "README.md")
	old, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	all, err := listArtifacts(root)
	if err != nil {
		return false, err
	}
	text, err := withArtifacts(string(old), markdownTable(all))
	if err != nil || text == string(old) {
		return false, err
	}
	return true, atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
