// Package table holds tidy tables: one observation a row, one variable a column.
//
// Stages return tables, figures draw them and claims judge them, so a plot can
// be restyled and a verdict repeated without a model.
package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Table is a header and its rows, every cell as text so that what is written
// to CSV is exactly what was measured.
type Table struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Captioned is a table with a caption above it.
type Captioned struct {
	Table   Table
	Caption string
}

// New returns an empty table with the given columns.
func New(columns ...string) Table { return Table{Columns: columns} }

// Append adds a row. Numbers are written in the shortest form that reads back
// to the same value; the count of cells must equal the count of columns.
func (t *Table) Append(cells ...any) error {
	if len(cells) != len(t.Columns) {
		return fmt.Errorf("table: row has %d cells, want %d (%s)", len(cells), len(t.Columns), strings.Join(t.Columns, ", "))
	}
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = format(cell)
	}
	t.Rows = append(t.Rows, row)
	return nil
}

func format(cell any) string {
	switch v := cell.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	default:
		return fmt.Sprint(v)
	}
}

// Len is the number of rows.
func (t Table) Len() int { return len(t.Rows) }

// Strings returns a column as text.
func (t Table) Strings(column string) ([]string, error) {
	i := slices.Index(t.Columns, column)
	if i < 0 {
		return nil, fmt.Errorf("table: no column %q (have %s)", column, strings.Join(t.Columns, ", "))
	}
	out := make([]string, len(t.Rows))
	for r, row := range t.Rows {
		out[r] = row[i]
	}
	return out, nil
}

// Floats returns a column as numbers; a cell that is not one is an error that names its row.
func (t Table) Floats(column string) ([]float64, error) {
	cells, err := t.Strings(column)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(cells))
	for r, cell := range cells {
		if out[r], err = strconv.ParseFloat(cell, 64); err != nil {
			return nil, fmt.Errorf("table: column %q, row %d: %q is not a number", column, r+1, cell)
		}
	}
	return out, nil
}

// Where keeps the rows whose cell in column equals value, as Append would write it.
func (t Table) Where(column string, value any) (Table, error) {
	cells, err := t.Strings(column)
	if err != nil {
		return Table{}, err
	}
	out, want := Table{Columns: t.Columns}, format(value)
	for r, cell := range cells {
		if cell == want {
			out.Rows = append(out.Rows, t.Rows[r])
		}
	}
	return out, nil
}

// Distinct returns a column's values in order of first appearance.
func (t Table) Distinct(column string) ([]string, error) {
	cells, err := t.Strings(column)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, cell := range cells {
		if !slices.Contains(out, cell) {
			out = append(out, cell)
		}
	}
	return out, nil
}

// WriteCSV writes the header and all rows.
func (t Table) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.Columns); err != nil {
		return err
	}
	return c.WriteAll(t.Rows)
}

// ReadCSV reads a table with a header line; rows of another width are an error.
func ReadCSV(r io.Reader) (Table, error) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return Table{}, fmt.Errorf("table: %w", err)
	}
	if len(records) == 0 {
		return Table{}, fmt.Errorf("table: no header line")
	}
	return Table{Columns: records[0], Rows: records[1:]}, nil
}

// Melt turns columns of measures into rows: what is not melted is repeated, a
// column "metric" holds the measure's name and a column "value" its value.
func (t Table) Melt(measures ...string) (Table, error) {
	out := Table{}
	for _, column := range t.Columns {
		if !slices.Contains(measures, column) {
			out.Columns = append(out.Columns, column)
		}
	}
	kept := len(out.Columns)
	out.Columns = append(out.Columns, "metric", "value")
	for _, measure := range measures {
		m := slices.Index(t.Columns, measure)
		if m < 0 {
			return Table{}, fmt.Errorf("table: no column %q (have %s)", measure, strings.Join(t.Columns, ", "))
		}
		for _, row := range t.Rows {
			melted := make([]string, 0, kept+2)
			for i, cell := range row {
				if !slices.Contains(measures, t.Columns[i]) {
					melted = append(melted, cell)
				}
			}
			out.Rows = append(out.Rows, append(melted, measure, row[m]))
		}
	}
	return out, nil
}
