// Package tables writes runs and their metrics as tables for other programs: CSV
// and Parquet. A file appears whole or not at all.
package tables

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"noisebook/pkg/atomicfile"
)

// Type is what a column holds. Any cell may be nil: empty in CSV, null in Parquet.
type Type int

// The types of columns.
const (
	Text    Type = iota // of anything else its JSON
	Integer             // int or int64
	Real                // also integers, and durations in seconds; NaN and the infinities stay
	Truth               // bool
	Instant             // time.Time, written in UTC
)

// Column is a column of a table.
type Column struct {
	Name string
	Type Type
}

// Formats are the files that [Write] writes, for help texts.
const Formats = ".csv or .parquet"

// Check says whether [Write] knows the file's format.
func Check(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".parquet":
		return nil
	}
	return fmt.Errorf("%s: want a file that ends in %s", path, Formats)
}

// Write puts rows, each a cell for each column, into a file whose name says the
// format. It keeps few rows in memory. An error among the rows, like one of the
// disk, leaves the file as it was.
func Write(path string, columns []Column, rows iter.Seq2[[]any, error]) error {
	if err := Check(path); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[c.Name] {
			return fmt.Errorf("%s: two columns are named %q", path, c.Name)
		}
		seen[c.Name] = true
	}
	write := writeCSV
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		write = writeParquet
	}
	err := atomicfile.Write(path, func(w io.Writer) error { return write(w, columns, rows) })
	if err != nil {
		return fmt.Errorf("%s is not written: %w", path, err)
	}
	return nil
}

func writeCSV(w io.Writer, columns []Column, rows iter.Seq2[[]any, error]) error {
	table := csv.NewWriter(bufio.NewWriterSize(w, 1<<18))
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.Name
	}
	if err := table.Write(record); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		for i, c := range columns {
			record[i] = c.text(row[i])
		}
		if err := table.Write(record); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// text is a cell of a CSV file.
func (c Column) text(cell any) string {
	if cell == nil {
		return ""
	}
	switch c.Type {
	case Integer:
		return strconv.FormatInt(integer(cell), 10)
	case Real:
		return strconv.FormatFloat(real64(cell), 'g', -1, 64)
	case Truth:
		return strconv.FormatBool(cell.(bool))
	case Instant:
		return cell.(time.Time).UTC().Format(time.RFC3339Nano)
	}
	return plain(cell)
}

func integer(cell any) int64 {
	if v, ok := cell.(int); ok {
		return int64(v)
	}
	return cell.(int64)
}

func real64(cell any) float64 {
	switch v := cell.(type) {
	case float64:
		return v
	case time.Duration:
		return v.Seconds()
	}
	return float64(integer(cell))
}

func plain(cell any) string {
	switch v := cell.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration, float64:
		return strconv.FormatFloat(real64(cell), 'g', -1, 64)
	}
	if data, err := json.Marshal(cell); err == nil {
		return string(data)
	}
	return fmt.Sprint(cell)
}

// TypeOf is the narrowest type that all cells of a column have.
func TypeOf(cells iter.Seq[any]) Type {
	var found Type
	first := true
	for cell := range cells {
		if cell == nil {
			continue
		}
		own := Text
		switch cell.(type) {
		case int, int64:
			own = Integer
		case float64, time.Duration:
			own = Real
		case bool:
			own = Truth
		case time.Time:
			own = Instant
		}
		switch numbers := own == Integer || own == Real; {
		case first:
			found, first = own, false
		case found == own:
		case numbers && (found == Integer || found == Real):
			found = Real
		default:
			return Text
		}
	}
	return found
}
