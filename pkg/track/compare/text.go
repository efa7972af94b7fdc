package compare

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// nothing is what a comparison of equal runs says.
const nothing = "nothing differs: params, metrics, tags, code, data, environment and inputs are the same"

// WriteText writes the tables for a terminal.
func (c *Comparison) WriteText(w io.Writer) error {
	for i, t := range c.Tables() {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, t.Caption)
		grid := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(grid, "  "+strings.Join(t.Table.Columns, "\t"))
		for _, row := range t.Table.Rows {
			fmt.Fprintln(grid, "  "+strings.Join(row, "\t"))
		}
		if err := grid.Flush(); err != nil {
			return err
		}
	}
	if c.Differ() {
		return nil
	}
	_, err := fmt.Fprintln(w, "\n"+nothing)
	return err
}

// Parts are what a notebook shows: the tables, the parallel coordinates of more
// runs than have a column each, and the curves of each metric that runs share.
func (c *Comparison) Parts() []any {
	var parts []any
	for _, t := range c.Tables() {
		parts = append(parts, t)
	}
	if !c.Differ() {
		parts = append(parts, nothing)
	}
	if len(c.Runs) > sideBySide {
		if drawn, err := c.Parallel(); err == nil {
			parts = append(parts, drawn)
		}
	}
	for _, name := range c.Shared() {
		drawn, err := c.Curves(CurveOptions{}, name)
		if err != nil { // of a metric without a finite value, say
			parts = append(parts, fmt.Sprintf("%s cannot be drawn: %v", name, err))
			continue
		}
		parts = append(parts, drawn)
	}
	return parts
}
