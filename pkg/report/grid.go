package report

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"noisebook/pkg/claim"
	"noisebook/pkg/published"
	"noisebook/pkg/table"
)

// grid is a table as the page shows it.
type grid struct {
	Label    string // what it holds, for those who do not see it
	Columns  []column
	Rows     []row
	Notes    []string // texts too long for a cell, which has a note's number instead
	Long     bool     // scrolls on a screen
	HasPaper bool     // some rows are the paper's
}

type column struct {
	Name   string
	Number bool // its cells are numbers
}

type row struct {
	Cells []cell
	Paper bool // it is the paper's
}

type cell struct {
	Text   string
	Number bool
}

const (
	longTable = 24 // rows that a screen shows without scrolling the table
	longText  = 48 // characters that a cell shows
)

func newGrid(t table.Table, label string) grid {
	t = withoutEmptyColumns(t)
	g := grid{Label: label, Long: t.Len() > longTable}
	noted := make([]bool, len(t.Columns))
	for c, name := range t.Columns {
		g.Columns = append(g.Columns, column{Name: heading(name), Number: isNumeric(t, c)})
		noted[c] = slices.ContainsFunc(t.Rows, func(cells []string) bool { return utf8.RuneCountInString(cells[c]) > longText })
	}
	metric := slices.Index(t.Columns, "metric")
	source := slices.Index(t.Columns, published.SourceColumn)
	for _, cells := range t.Rows {
		r := row{Paper: source >= 0 && cells[source] == published.SourcePaper}
		for c, text := range cells {
			number := g.Columns[c].Number
			switch {
			case number:
				text = rounded(text)
			case c == metric:
				text = heading(text)
			case noted[c] && text != "":
				text = strconv.Itoa(note(&g.Notes, text))
			}
			r.Cells = append(r.Cells, cell{Text: text, Number: number})
		}
		g.HasPaper = g.HasPaper || r.Paper
		g.Rows = append(g.Rows, r)
	}
	return g
}

// note returns the number, from 1, of a text among the notes, which it joins if it
// is new.
func note(notes *[]string, text string) int {
	if i := slices.Index(*notes, text); i >= 0 {
		return i + 1
	}
	*notes = append(*notes, text)
	return len(*notes)
}

// withoutEmptyColumns leaves out columns in which no row has anything.
func withoutEmptyColumns(t table.Table) table.Table {
	var out table.Table
	out.Rows = make([][]string, len(t.Rows))
	for c, name := range t.Columns {
		if !slices.ContainsFunc(t.Rows, func(row []string) bool { return row[c] != "" }) {
			continue
		}
		out.Columns = append(out.Columns, name)
		for r, row := range t.Rows {
			out.Rows[r] = append(out.Rows[r], row[c])
		}
	}
	return out
}

// isNumeric says whether a column holds numbers and empty cells alone.
func isNumeric(t table.Table, c int) bool {
	some := false
	for _, cells := range t.Rows {
		if cells[c] == "" {
			continue
		}
		if _, err := strconv.ParseFloat(cells[c], 64); err != nil {
			return false
		}
		some = true
	}
	return some
}

// rounded shortens a number to four digits, as verdicts have them; whole numbers
// stay as they are.
func rounded(text string) string {
	if _, err := strconv.Atoi(text); err == nil || text == "" {
		return text
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return claim.FormatValue(&value)
}

// heading is a column's name in words: accuracy_pct is "accuracy, %".
func heading(name string) string {
	if base, percent := strings.CutSuffix(name, "_pct"); percent {
		name = base + ", %"
	}
	if name == "fid" {
		return "FID"
	}
	return strings.ReplaceAll(name, "_", " ")
}
