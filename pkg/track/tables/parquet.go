package tables

import (
	"io"
	"iter"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// rowsPerGroup bounds what a writer keeps in memory.
const rowsPerGroup = 1 << 17

// orderedGroup is a group whose fields stay in the order of the columns; the
// library's own sorts them by name.
type orderedGroup struct {
	parquet.Group
	order []string
}

func (g orderedGroup) Fields() []parquet.Field {
	fields := g.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int {
		return slices.Index(g.order, a.Name()) - slices.Index(g.order, b.Name())
	})
	return fields
}

func (c Column) node() parquet.Node {
	switch c.Type {
	case Integer:
		return parquet.Optional(parquet.Int(64))
	case Real:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	case Truth:
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	case Instant:
		return parquet.Optional(parquet.Timestamp(parquet.Nanosecond))
	}
	// Names of runs and metrics repeat for thousands of rows.
	return parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
}

// value is a cell of a Parquet file.
func (c Column) value(cell any) parquet.Value {
	if cell == nil {
		return parquet.NullValue()
	}
	switch c.Type {
	case Integer:
		return parquet.Int64Value(integer(cell))
	case Real:
		return parquet.DoubleValue(real64(cell))
	case Truth:
		return parquet.BooleanValue(cell.(bool))
	case Instant:
		return parquet.Int64Value(cell.(time.Time).UnixNano())
	}
	return parquet.ByteArrayValue([]byte(plain(cell)))
}

func writeParquet(w io.Writer, columns []Column, rows iter.Seq2[[]any, error]) error {
	group := orderedGroup{Group: parquet.Group{}}
	for _, c := range columns {
		group.Group[c.Name] = c.node()
		group.order = append(group.order, c.Name)
	}
	table := parquet.NewWriter(w, parquet.NewSchema("noisebook", group), parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(rowsPerGroup))
	row := make(parquet.Row, len(columns))
	for cells, err := range rows {
		if err != nil {
			return err
		}
		for i, c := range columns {
			defined := 1
			if cells[i] == nil {
				defined = 0
			}
			row[i] = c.value(cells[i]).Level(0, defined, i)
		}
		if _, err := table.WriteRows([]parquet.Row{row}); err != nil {
			return err
		}
	}
	return table.Close()
}
