package notebook

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"noisebook/pkg/claim"
	"noisebook/pkg/table"
)

// maximumRows is how many rows of a table are shown; the first and last halves.
const maximumRows = 24

// Only inline styles survive in a notebook that its reader does not trust.
const (
	cellStyle   = "padding:2px 10px;text-align:left"
	numberStyle = "padding:2px 10px;text-align:right"
	noteStyle   = "color:#666666;font-size:85%"
)

// longCell is from how many characters on a cell is text that needs room.
const longCell = 40

func tableHTML(t Captioned) string {
	var out strings.Builder
	t, same := withoutConstants(t)
	out.WriteString("<table>")
	if t.Caption != "" || same != "" {
		fmt.Fprintf(&out, `<caption style="text-align:left">%s`, html.EscapeString(t.Caption))
		if same != "" {
			fmt.Fprintf(&out, `<div style="%s">%s</div>`, noteStyle, html.EscapeString(same))
		}
		out.WriteString("</caption>")
	}
	styles := columnStyles(t)
	out.WriteString("<thead><tr>")
	for i, name := range t.Table.Columns {
		fmt.Fprintf(&out, `<th style="%s">%s</th>`, styles[i], html.EscapeString(name))
	}
	out.WriteString("</tr></thead><tbody>")
	rows, hidden := shownRows(t.Table.Rows)
	for i, row := range rows {
		if hidden > 0 && i == maximumRows/2 {
			fmt.Fprintf(&out, `<tr><td colspan="%d" style="%s">… %d more rows …</td></tr>`, len(t.Table.Columns), cellStyle, hidden)
		}
		out.WriteString("<tr>")
		for column, cell := range row {
			fmt.Fprintf(&out, `<td style="%s">%s</td>`, styles[column], html.EscapeString(shorten(cell)))
		}
		out.WriteString("</tr>")
	}
	out.WriteString("</tbody></table>")
	return out.String()
}

func tableText(t Captioned) string {
	var out strings.Builder
	t, same := withoutConstants(t)
	for _, line := range []string{t.Caption, same} {
		if line != "" {
			fmt.Fprintln(&out, line)
		}
	}
	rows, hidden := shownRows(t.Table.Rows)
	grid := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	writeTabbed(grid, t.Table.Columns)
	for i, row := range rows {
		if hidden > 0 && i == maximumRows/2 {
			fmt.Fprintf(grid, "… %d more rows …\n", hidden)
		}
		short := make([]string, len(row))
		for column, cell := range row {
			short[column] = shorten(cell)
		}
		writeTabbed(grid, short)
	}
	grid.Flush() // into a strings.Builder, which cannot fail
	return strings.TrimRight(out.String(), "\n")
}

// withoutConstants takes the columns out of a table that have one value in all of
// several rows, and says them once: "in every row: dataset CIFAR-10, seed 1".
func withoutConstants(t Captioned) (Captioned, string) {
	const several = 4
	if t.Table.Len() < several {
		return t, ""
	}
	var kept []int
	var same []string
	for column, name := range t.Table.Columns {
		first := t.Table.Rows[0][column]
		if slices.ContainsFunc(t.Table.Rows, func(row []string) bool { return row[column] != first }) {
			kept = append(kept, column)
		} else if first != "" {
			same = append(same, name+" "+shorten(first))
		}
	}
	if len(kept) == len(t.Table.Columns) || len(kept) == 0 {
		return t, ""
	}
	pick := func(row []string) []string {
		picked := make([]string, len(kept))
		for i, column := range kept {
			picked[i] = row[column]
		}
		return picked
	}
	varying := table.New(pick(t.Table.Columns)...)
	for _, row := range t.Table.Rows {
		varying.Rows = append(varying.Rows, pick(row))
	}
	t.Table = varying
	if len(same) == 0 { // all of them empty
		return t, ""
	}
	return t, "in every row: " + strings.Join(same, ", ")
}

// columnStyles set numbers right, and give long text room between them.
func columnStyles(t Captioned) []string {
	styles := make([]string, len(t.Table.Columns))
	for column, numeric := range numericColumns(t) {
		switch {
		case numeric:
			styles[column] = numberStyle
		case slices.ContainsFunc(t.Table.Rows, func(row []string) bool { return len(row[column]) >= longCell }):
			styles[column] = cellStyle + ";min-width:20em"
		default:
			styles[column] = cellStyle
		}
	}
	return styles
}

// writeTabbed writes a row for a tabwriter; a cell's own tabs and line breaks
// would tear the grid.
func writeTabbed(grid *tabwriter.Writer, cells []string) {
	clean := make([]string, len(cells))
	for i, cell := range cells {
		clean[i] = strings.Join(strings.Fields(cell), " ")
	}
	fmt.Fprintln(grid, strings.Join(clean, "\t"))
}

func shownRows(rows [][]string) (shown [][]string, hidden int) {
	if len(rows) <= maximumRows {
		return rows, 0
	}
	return slices.Concat(rows[:maximumRows/2], rows[len(rows)-maximumRows/2:]), len(rows) - maximumRows
}

func numericColumns(t Captioned) []bool {
	numeric := make([]bool, len(t.Table.Columns))
	for column := range numeric {
		numeric[column] = len(t.Table.Rows) > 0 && !slices.ContainsFunc(t.Table.Rows, func(row []string) bool {
			_, err := strconv.ParseFloat(row[column], 64)
			return err != nil && row[column] != ""
		})
	}
	return numeric
}

// shorten rounds a cell that holds a long fraction to five significant digits;
// the table itself keeps every digit.
func shorten(cell string) string {
	if len(cell) <= 7 || !strings.ContainsAny(cell, ".eE") {
		return cell
	}
	value, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		return cell
	}
	return number(value)
}

// number writes a value with five significant digits.
func number(value float64) string {
	if math.IsNaN(value) {
		return "–"
	}
	return strconv.FormatFloat(value, 'g', 5, 64)
}

// verdictLook gives each verdict a colour and a mark, so that it also reads in grey.
var verdictLook = map[claim.Verdict]struct{ mark, colour string }{
	claim.Reproduced:    {"✔", "#007a58"},
	claim.TrendHolds:    {"▲", "#007a58"},
	claim.Differs:       {"✘", "#b84a00"},
	claim.TrendFails:    {"▼", "#b84a00"},
	claim.Undecided:     {"?", "#555555"},
	claim.NotComparable: {"≠", "#555555"},
	claim.NotRun:        {"○", "#555555"},
}

func mark(v claim.Verdict) string {
	if look, known := verdictLook[v]; known {
		return look.mark + " " + string(v)
	}
	return string(v)
}

// heading is a report's first line: what was judged, at which tier, on which data.
func heading(r claim.Report) string {
	parts := []string{r.Artifact}
	if r.Title != "" {
		parts = append(parts, r.Title)
	}
	if r.Tier != "" {
		parts = append(parts, "tier "+r.Tier)
	}
	if r.Dataset != "" {
		parts = append(parts, r.Dataset)
	}
	return strings.Join(parts, " · ")
}

// reportColumns are the headings of a report; the numbers stand right.
var reportColumns = []string{"verdict", "claim", "measured", "reported", "distance", "why"}

func reportCells(j claim.Judgement) []string {
	return []string{mark(j.Verdict), j.Claim, optional(j.Value), optional(j.Reported), j.Distance, j.Why()}
}

func reportHTML(r claim.Report) string {
	var out strings.Builder
	fmt.Fprintf(&out, `<table><caption style="text-align:left"><b>%s</b><br>%s</caption><thead><tr>`,
		html.EscapeString(heading(r)), html.EscapeString(r.Summary()))
	for _, title := range reportColumns {
		fmt.Fprintf(&out, `<th style="%s">%s</th>`, cellStyle, title)
	}
	out.WriteString("</tr></thead><tbody>")
	for i, j := range r.Judgements {
		verdict := fmt.Sprintf("%s;white-space:nowrap;font-weight:bold;color:%s", cellStyle, verdictLook[j.Verdict].colour)
		styles := []string{verdict, cellStyle, numberStyle, numberStyle, numberStyle}
		cells := reportCells(j)
		out.WriteString("<tr>")
		for column, style := range styles {
			fmt.Fprintf(&out, `<td style="%s">%s</td>`, style, html.EscapeString(cells[column]))
		}
		if why := cells[len(styles)]; i == 0 || r.Judgements[i-1].Why() != why {
			fmt.Fprintf(&out, `<td rowspan="%d" style="%s;vertical-align:top;%s">%s</td>`,
				rowsFrom(r.Judgements[i:], why), cellStyle, noteStyle, html.EscapeString(why))
		}
		out.WriteString("</tr>")
	}
	out.WriteString("</tbody></table>")
	if line := provenance(r); line != "" {
		fmt.Fprintf(&out, `<div style="%s">%s</div>`, noteStyle, html.EscapeString(line))
	}
	return out.String()
}

// rowsFrom is how many judgements in succession have the same reason, from the first.
func rowsFrom(judgements []claim.Judgement, why string) int {
	other := slices.IndexFunc(judgements, func(j claim.Judgement) bool { return j.Why() != why })
	if other < 0 {
		return len(judgements)
	}
	return other
}

func reportText(r claim.Report) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n%s\n", heading(r), r.Summary())
	grid := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	writeTabbed(grid, reportColumns)
	for _, j := range r.Judgements {
		writeTabbed(grid, reportCells(j))
	}
	grid.Flush() // into a strings.Builder, which cannot fail
	out.WriteString(provenance(r))
	return strings.TrimRight(out.String(), "\n")
}

func optional(value *float64) string {
	if value == nil {
		return ""
	}
	return number(*value)
}

// provenance is the line below a report: its setting and where it comes from.
func provenance(r claim.Report) string {
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+" "+value)
		}
	}
	if r.Samples > 0 {
		add("n", strconv.Itoa(r.Samples))
	}
	add("features", r.Features)
	add("model", r.Model)
	for _, key := range slices.Sorted(maps.Keys(r.Provenance)) {
		add(key, r.Provenance[key])
	}
	return strings.Join(parts, " · ")
}
