package jupyter

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// A text as jupytext writes it, with every kind of cell and GoNB's magics.
const pairedText = `// -*- coding: utf-8 -*-
// ---
// jupyter:
//   kernelspec:
//     display_name: Noisebook (Go)
// ---

// %% [markdown]
// # Title
//
// - a point

// %% tags=["parameters"]
const alpha = 3

// %%
import (
	"fmt"
)
//gonb:%%
fmt.Println("é")


fmt.Println(alpha)

// %%
// !ls
// %env A b

// %% [raw]
// raw text
`

var pairedCells = []cell{
	{"markdown", "# Title\n\n- a point"},
	{"code", "const alpha = 3"},
	{"code", "import (\n\t\"fmt\"\n)\n%%\nfmt.Println(\"é\")\n\n\nfmt.Println(alpha)"},
	{"code", "!ls\n%env A b"},
	{"raw", "raw text"},
}

func notebookJSON(t testing.TB, cells []cell) string {
	t.Helper()
	type jsonCell struct {
		Type    string   `json:"cell_type"`
		Source  []string `json:"source"`
		Outputs []string `json:"outputs"`
	}
	file := map[string]any{"nbformat": 4, "nbformat_minor": 5}
	var list []jsonCell
	for _, c := range cells {
		list = append(list, jsonCell{Type: c.kind, Source: strings.SplitAfter(c.source, "\n")})
	}
	file["cells"] = list
	content, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestCheckPairing(t *testing.T) {
	notebook := filepath.Join(t.TempDir(), "lesson.ipynb")
	if got, want := PairedText(notebook), filepath.Join(filepath.Dir(notebook), "_src", "lesson.go"); got != want {
		t.Fatalf("paired with %s, want %s", got, want)
	}
	changed := func(i int, c cell) []cell {
		cells := append([]cell(nil), pairedCells...)
		cells[i] = c
		return cells
	}
	for name, c := range map[string]struct {
		cells []cell
		text  string
		want  string // in the error; empty for agreement
	}{
		"agree":          {pairedCells, pairedText, ""},
		"windows lines":  {pairedCells, strings.ReplaceAll(pairedText, "\n", "\r\n"), ""},
		"blank at end":   {changed(1, cell{"code", "const alpha = 3\n"}), pairedText, ""},
		"changed code":   {changed(1, cell{"code", "const alpha = 4"}), pairedText, `cell 2 differs from`},
		"changed magic":  {changed(3, cell{"code", "!ls\n%env A c"}), pairedText, `cell 4 differs`},
		"changed prose":  {changed(0, cell{"markdown", "# Title\n\n- another"}), pairedText, `"- another"`},
		"lines removed":  {changed(2, cell{"code", "import (\n\t\"fmt\"\n)\n%%\nfmt.Println(\"é\")"}), pairedText, `cell 3 differs`},
		"another kind":   {changed(4, cell{"markdown", "raw text"}), pairedText, "cell 5 is markdown, but raw"},
		"more cells":     {append(append([]cell(nil), pairedCells...), cell{"code", "x"}), pairedText, "cell 6 is missing in"},
		"fewer cells":    {pairedCells[:4], pairedText, "cell 5 of"},
		"indented right": {changed(2, cell{"code", strings.ReplaceAll(pairedCells[2].source, "\t", "  ")}), pairedText, "cell 3 differs"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, notebook, notebookJSON(t, c.cells), 0o644)
			write(t, PairedText(notebook), c.text, 0o644)
			err := CheckPairing(notebook)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "noisebook notebooks sync")):
				t.Errorf("error %v, want one with %q and what to do", err, c.want)
			}
		})
	}
}

func TestCheckPairingOfBadFiles(t *testing.T) {
	folder := t.TempDir()
	notebook := filepath.Join(folder, "a.ipynb")
	for content, want := range map[string]string{
		"{":                                      "unexpected end",
		`{"nbformat": 3}`:                        "notebook format 3",
		`{"nbformat":4,"cells":[]}`:              "no paired text",
		`{"nbformat":4,"cells":[{"source": 3}]}`: "neither text nor lines",
	} {
		write(t, notebook, content, 0o644)
		if err := CheckPairing(notebook); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if err := CheckPairing(filepath.Join(folder, "none.ipynb")); err == nil {
		t.Error("a missing notebook agrees with its text")
	}
}

func FuzzParseNotebook(f *testing.F) {
	f.Add([]byte(notebookJSON(f, pairedCells)))
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":["a",1]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		cells, err := parseNotebook(content)
		if err != nil && cells != nil {
			t.Error("cells beside an error")
		}
	})
}

// Whatever the text, no line of a cell is lost or made up.
func FuzzParsePercent(f *testing.F) {
	f.Add(pairedText)
	f.Add("// %%")
	f.Add("//gonb:%%\n// %% \n\n// %%x")
	f.Fuzz(func(t *testing.T, content string) {
		lines := strings.Count(strings.ReplaceAll(content, "\r\n", "\n"), "\n") + 1
		for _, c := range parsePercent(content) {
			lines -= 1 + strings.Count(c.source, "\n")
		}
		if lines < 0 {
			t.Errorf("more lines in the cells than in the text: %d", -lines)
		}
	})
}
