package jupyter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// cell is one cell of a notebook, without outputs.
type cell struct {
	kind   string // "code", "markdown" or "raw"
	source string
}

// PairedText is the text file that a notebook is reviewed by: _src/NAME.go beside it.
func PairedText(notebook string) string {
	name := strings.TrimSuffix(filepath.Base(notebook), ".ipynb") + ".go"
	return filepath.Join(filepath.Dir(notebook), "_src", name)
}

// CheckPairing compares the cells of a notebook with those of its paired text. It
// fails with the first cell that differs, or when either file cannot be read.
func CheckPairing(notebook string) error {
	const mend = "run 'noisebook notebooks sync'"
	inNotebook, err := readNotebook(notebook)
	if err != nil {
		return err
	}
	text := PairedText(notebook)
	content, err := os.ReadFile(text)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s has no paired text %s: %s", notebook, text, mend)
	}
	if err != nil {
		return fmt.Errorf("jupyter: paired text: %w", err)
	}
	inText := parsePercent(string(content))
	for i := range max(len(inNotebook), len(inText)) {
		switch {
		case i >= len(inText):
			return fmt.Errorf("%s: cell %d is missing in %s: %s", notebook, i+1, text, mend)
		case i >= len(inNotebook):
			return fmt.Errorf("%s: cell %d of %s is missing: %s", notebook, i+1, text, mend)
		case inNotebook[i].kind != inText[i].kind:
			return fmt.Errorf("%s: cell %d is %s, but %s in %s: %s", notebook, i+1, inNotebook[i].kind, inText[i].kind, text, mend)
		}
		if line, differ := firstDifference(normalise(inNotebook[i]), normalise(inText[i])); differ {
			return fmt.Errorf("%s: cell %d differs from %s at %q: %s", notebook, i+1, text, line, mend)
		}
	}
	return nil
}

// readNotebook reads the cells of a notebook of format 4.
func readNotebook(path string) ([]cell, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("jupyter: notebook: %w", err)
	}
	cells, err := parseNotebook(content)
	if err != nil {
		return nil, fmt.Errorf("jupyter: notebook %s: %w", path, err)
	}
	return cells, nil
}

func parseNotebook(content []byte) ([]cell, error) {
	var file struct {
		Format int `json:"nbformat"`
		Cells  []struct {
			Type   string    `json:"cell_type"`
			Source multiline `json:"source"`
		} `json:"cells"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, err
	}
	if file.Format != 4 {
		return nil, fmt.Errorf("notebook format %d, want 4: open and save it in JupyterLab", file.Format)
	}
	cells := make([]cell, len(file.Cells))
	for i, c := range file.Cells {
		cells[i] = cell{kind: c.Type, source: string(c.Source)}
	}
	return cells, nil
}

// multiline is text that JSON holds as one string or as a list of lines.
type multiline string

func (m *multiline) UnmarshalJSON(content []byte) error {
	var lines []string
	if err := json.Unmarshal(content, &lines); err == nil {
		*m = multiline(strings.Join(lines, ""))
		return nil
	}
	var whole string
	if err := json.Unmarshal(content, &whole); err != nil {
		return errors.New("a source that is neither text nor lines of text")
	}
	*m = multiline(whole)
	return nil
}

// marker begins a cell in jupytext's percent format for Go.
const marker = "// %%"

// parsePercent splits a text in percent format into cells. What stands before
// the first marker is the header.
func parsePercent(content string) []cell {
	var cells []cell
	for line := range strings.SplitSeq(strings.ReplaceAll(content, "\r\n", "\n"), "\n") {
		if rest, ok := strings.CutPrefix(line, marker); ok && (rest == "" || rest[0] == ' ') {
			kind := "code"
			switch {
			case strings.Contains(rest, "[markdown]"):
				kind = "markdown"
			case strings.Contains(rest, "[raw]"):
				kind = "raw"
			}
			cells = append(cells, cell{kind: kind})
			continue
		}
		if len(cells) == 0 {
			continue
		}
		last := &cells[len(cells)-1]
		if last.kind != "code" { // prose is commented out
			line = strings.TrimPrefix(strings.TrimPrefix(line, "//"), " ")
		}
		last.source += line + "\n"
	}
	return cells
}

// normalise undoes what the percent format does to a cell: GoNB's magics are
// commented out, and blank lines around a cell carry no meaning.
func normalise(c cell) string {
	lines := strings.Split(c.source, "\n")
	for i, line := range lines {
		if c.kind == "code" {
			lines[i] = uncommentMagic(line)
		}
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

func uncommentMagic(line string) string {
	for _, prefix := range []string{"//gonb:", "// ", "//"} {
		if rest, ok := strings.CutPrefix(line, prefix); ok && rest != "" && (rest[0] == '%' || rest[0] == '!') {
			return rest
		}
	}
	return line
}

// firstDifference returns the first line of a that b does not have at its place,
// or of b where a ends.
func firstDifference(a, b string) (line string, differ bool) {
	if a == b {
		return "", false
	}
	left, right := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i, line := range left {
		if i >= len(right) || line != right[i] {
			return line, true
		}
	}
	return right[len(left)], true
}
