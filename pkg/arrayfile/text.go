package arrayfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// readText reads a table of numbers with or without a row of column names: the
// first row is one if any of its cells is no number.
func readText(path string, separator rune, parts []string) (*Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	array, err := decodeText(file, separator, parts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return array, nil
}

func decodeText(r io.Reader, separator rune, parts []string) (*Array, error) {
	reader := csv.NewReader(r)
	reader.Comma, reader.TrimLeadingSpace, reader.ReuseRecord = separator, true, true
	first, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the table is empty")
	}
	if err != nil {
		return nil, err
	}
	first = slices.Clone(first)
	first[0] = strings.TrimPrefix(first[0], "\ufeff") // a byte order mark, as spreadsheets write
	array := &Array{}
	if slices.ContainsFunc(first, func(cell string) bool { _, err := number(cell); return err != nil }) {
		array.Columns = make([]string, len(first))
		for i, name := range first {
			array.Columns[i] = strings.TrimSpace(name)
		}
	}
	chosen, err := choose(array.Columns, len(first), parts)
	if err != nil {
		return nil, err
	}
	rows := 0
	take := func(record []string) error {
		for _, column := range chosen {
			value, err := number(record[column])
			if err != nil {
				line, _ := reader.FieldPos(column)
				return fmt.Errorf("line %d, column %s: %q is no number%s", line, columnName(array.Columns, column), record[column], textAdvice(parts))
			}
			array.Values = append(array.Values, value)
		}
		rows++
		return nil
	}
	if array.Columns == nil {
		if err := take(first); err != nil {
			return nil, err
		}
	}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := take(record); err != nil {
			return nil, err
		}
	}
	array.Shape = []int{rows, len(chosen)}
	if array.Columns != nil {
		names := make([]string, len(chosen))
		for i, column := range chosen {
			names[i] = array.Columns[column]
		}
		array.Columns = names
	}
	return array, nil
}

// number reads a cell. Underscores and hexadecimal notation, which Go's own
// literals have, are no numbers in a table.
func number(cell string) (float64, error) {
	cell = strings.TrimSpace(cell)
	if strings.ContainsAny(cell, "_xXpP") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(cell, 64)
}

// choose returns the column numbers of parts: names, or numbers from 0 where no
// column has that name.
func choose(names []string, columns int, parts []string) ([]int, error) {
	if len(parts) == 0 {
		all := make([]int, columns)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	var chosen []int
	for _, part := range parts {
		column := slices.Index(names, part)
		if column < 0 {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= columns {
				return nil, fmt.Errorf("no column %q; there are %s", part, columnList(names, columns))
			}
			column = n
		}
		if slices.Contains(chosen, column) {
			return nil, fmt.Errorf("column %s is chosen twice", columnName(names, column))
		}
		chosen = append(chosen, column)
	}
	return chosen, nil
}

// columnList names up to eight columns.
func columnList(names []string, columns int) string {
	if names == nil {
		return fmt.Sprintf("0 to %d, without names", columns-1)
	}
	if len(names) > 8 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:8], ", "), len(names)-8)
	}
	return strings.Join(names, ", ")
}

func columnName(names []string, column int) string {
	if names == nil {
		return strconv.Itoa(column)
	}
	return names[column]
}

func textAdvice(parts []string) string {
	if len(parts) > 0 {
		return ""
	}
	return "; choose the columns to read with #NAME,NAME"
}
