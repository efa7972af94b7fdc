package arrayfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// valueLimit bounds what is read of a column: 2 GiB. A few bytes of run lengths
// can claim any number of equal values.
const valueLimit = 1 << 28

// readParquet reads columns of numbers, and of lists of numbers of one length,
// side by side.
func readParquet(path string, parts []string) (*Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	array, err := decodeParquet(file, info.Size(), parts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return array, nil
}

func decodeParquet(r io.ReaderAt, size int64, parts []string) (array *Array, err error) {
	// The library trusts a file's inner structure in places.
	defer func() {
		if cause := recover(); cause != nil {
			array, err = nil, fmt.Errorf("parquet: the file is corrupt: %v", cause)
		}
	}()
	file, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("parquet: %w", err)
	}
	columns := file.Root().Columns()
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name()
	}
	chosen, err := choose(names, len(columns), parts)
	if err != nil {
		return nil, err
	}
	var read []parquetColumn
	array = &Array{Shape: []int{-1, 0}}
	for _, i := range chosen {
		leaf, err := numericLeaf(columns[i])
		if err != nil {
			return nil, fmt.Errorf("column %s %w%s", names[i], err, textAdvice(parts))
		}
		column, err := readColumn(file, leaf)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", names[i], err)
		}
		if array.Shape[0] >= 0 && column.rows != array.Shape[0] {
			return nil, fmt.Errorf("column %s has %d rows, those before it have %d; the file is corrupt", names[i], column.rows, array.Shape[0])
		}
		array.Shape[0] = column.rows
		array.Shape[1] += column.width
		read = append(read, column)
		array.Columns = append(array.Columns, column.names(names[i])...)
	}
	if array.Shape[0] < 0 {
		return nil, errors.New("parquet: the file has no columns")
	}
	for row := range array.Shape[0] {
		for _, column := range read {
			array.Values = append(array.Values, column.values[row*column.width:(row+1)*column.width]...)
		}
	}
	return array, nil
}

// parquetColumn is a matrix [rows, width].
type parquetColumn struct {
	values      []float64
	rows, width int
}

// names of the columns: that in the file, with the place in a list of several.
func (c parquetColumn) names(name string) []string {
	if c.width == 1 {
		return []string{name}
	}
	names := make([]string, c.width)
	for i := range names {
		names[i] = fmt.Sprintf("%s[%d]", name, i)
	}
	return names
}

// numericLeaf is where the numbers of a column lie: the column itself, or the
// elements of a list.
func numericLeaf(column *parquet.Column) (*parquet.Column, error) {
	for !column.Leaf() {
		children := column.Columns()
		if len(children) != 1 {
			return nil, fmt.Errorf("has %d fields, want numbers or lists of numbers", len(children))
		}
		column = children[0]
	}
	if column.MaxRepetitionLevel() > 1 {
		return nil, errors.New("holds lists of lists, want numbers or lists of numbers")
	}
	switch column.Type().Kind() {
	case parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double:
		if logical := column.Type().LogicalType(); logical == nil || integerType(column) != nil {
			return column, nil
		}
	}
	return nil, fmt.Errorf("holds %v, want integers, floats or truth values", column.Type())
}

func readColumn(file *parquet.File, leaf *parquet.Column) (column parquetColumn, err error) {
	length := 0 // of the current row's list
	endRow := func() error {
		if column.rows == 1 {
			column.width = length
		}
		if length != column.width {
			return fmt.Errorf("row %d has %d values, those before it have %d", column.rows-1, length, column.width)
		}
		return nil
	}
	for _, group := range file.RowGroups() {
		chunks := group.ColumnChunks()
		if int(leaf.Index()) >= len(chunks) {
			return column, errors.New("parquet: a row group lacks it; the file is corrupt")
		}
		err := readValues(chunks[leaf.Index()], func(v parquet.Value) error {
			if v.RepetitionLevel() == 0 {
				if column.rows > 0 {
					if err := endRow(); err != nil {
						return err
					}
				}
				column.rows++
				length = 0
			}
			if v.IsNull() {
				return fmt.Errorf("row %d has no value", column.rows-1)
			}
			if column.rows == 0 {
				return errors.New("parquet: a list goes on before the first row; the file is corrupt")
			}
			if len(column.values) == valueLimit {
				return fmt.Errorf("holds more than the %d numbers that are read at once", valueLimit)
			}
			column.values = append(column.values, toFloat64(v, leaf))
			length++
			return nil
		})
		if err != nil {
			return column, err
		}
	}
	if column.rows == 0 {
		return column, errors.New("has no rows")
	}
	return column, endRow()
}

// readValues visits the values of a chunk in order.
func readValues(chunk parquet.ColumnChunk, visit func(parquet.Value) error) (err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	buffer := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("parquet: %w", err)
		}
		values := page.Values()
		for done := false; !done; {
			n, err := values.ReadValues(buffer)
			if done = errors.Is(err, io.EOF); err != nil && !done {
				return fmt.Errorf("parquet: %w", err)
			}
			if n == 0 && !done {
				return errors.New("parquet: a page ends early; the file is corrupt")
			}
			for _, v := range buffer[:n] {
				if err := visit(v); err != nil {
					return err
				}
			}
		}
		parquet.Release(page)
	}
}

func toFloat64(v parquet.Value, leaf *parquet.Column) float64 {
	integer := integerType(leaf)
	unsigned := integer != nil && !integer.IsSigned
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return 1
		}
		return 0
	case parquet.Int32:
		if unsigned {
			return float64(v.Uint32())
		}
		return float64(v.Int32())
	case parquet.Int64:
		if unsigned {
			return float64(v.Uint64())
		}
		return float64(v.Int64())
	case parquet.Float:
		return float64(v.Float())
	default:
		return v.Double()
	}
}

// integerType says how wide a column's integers are and whether they have a
// sign; it is nil where the file does not say, and for other types.
func integerType(column *parquet.Column) *format.IntType {
	if logical := column.Type().LogicalType(); logical != nil {
		integer, _ := logical.Value.(*format.IntType)
		return integer
	}
	return nil
}
