package dense

import "gonum.org/v1/gonum/mat"

// How a product is cut to fit the caches: a panel of depthBlock×tileColumns
// stays in the first level, a block of rowBlock×depthBlock in the second, one
// of depthBlock×columnBlock in the third.
const (
	depthBlock  = 256
	rowBlock    = 24 * tileRows
	columnBlock = 64 * tileColumns
)

// strided is a view of a matrix: element (i, j) is at data[i*rowStride+j*columnStride].
type strided struct {
	data                    []float64
	rows, columns           int
	rowStride, columnStride int
	turned                  bool // columns, not rows, are those of the matrix in memory
}

func view(m *mat.Dense) strided {
	raw := m.RawMatrix()
	return strided{raw.Data, raw.Rows, raw.Cols, raw.Stride, 1, false}
}

func (s strided) transposed() strided {
	return strided{s.data, s.columns, s.rows, s.columnStride, s.rowStride, !s.turned}
}

func (s strided) rowRange(from, to int) strided {
	s.data, s.rows = s.data[from*s.rowStride:], to-from
	return s
}

// panels holds a matrix [depth, columns] in the order in which the kernel reads
// it: for every depthBlock rows, for every tileColumns columns, row by row.
// What the last tile holds beyond columns has no meaning.
type panels struct {
	depth, columns int
	padded         int // columns, rounded up to whole tiles
	data           []float64
}

func padded(columns int) int { return (columns + tileColumns - 1) / tileColumns * tileColumns }

// panel is the part from row of the panel from column; row is a multiple of
// depthBlock, column of tileColumns.
func (p *panels) panel(row, column int) []float64 {
	height := min(depthBlock, p.depth-row)
	return p.data[row*p.padded+column*height:][:height*tileColumns]
}

// pack returns m as panels. shift is as long as a row in memory, so a column of
// a transposed view, and taken from each; nil is 0.
func pack(m strided, shift []float64) *panels {
	p := &panels{m.rows, m.columns, padded(m.columns), make([]float64, m.rows*padded(m.columns))}
	p.fill(m, shift)
	return p
}

// fill sets the panels to m less shift, as pack does.
func (p *panels) fill(m strided, shift []float64) {
	if !m.turned {
		const rows = 16 // a task
		Parallel((m.rows+rows-1)/rows, func(task int) {
			for i := task * rows; i < min((task+1)*rows, m.rows); i++ {
				p.fillRow(i, m.data[i*m.rowStride:][:m.columns], shift)
			}
		})
		return
	}
	Parallel(p.padded/tileColumns, func(task int) {
		column := task * tileColumns
		for row := 0; row < m.rows; row += depthBlock {
			fillPanel(p.panel(row, column), m, row, column, shift)
		}
	})
}

// fillRow copies one row to its place in every panel.
func (p *panels) fillRow(i int, row, shift []float64) {
	block := i / depthBlock * depthBlock
	height := min(depthBlock, p.depth-block)
	at := block*p.padded + (i-block)*tileColumns
	for column := 0; column < len(row); column += tileColumns {
		from := row[column:min(column+tileColumns, len(row))]
		to := p.data[at:][:len(from)]
		at += height * tileColumns
		switch {
		case shift != nil:
			for j, s := range shift[column:][:len(from)] {
				to[j] = from[j] - s
			}
		case len(from) == tileColumns:
			*(*[tileColumns]float64)(to) = [tileColumns]float64(from)
		default:
			copy(to, from)
		}
	}
}

// fillPanel copies one panel of a transposed view, column by column.
func fillPanel(panel []float64, m strided, row, column int, shift []float64) {
	height := len(panel) / tileColumns
	for j := range min(tileColumns, m.columns-column) {
		from := m.data[row*m.rowStride+(column+j)*m.columnStride:]
		at := 0
		if shift == nil {
			for k := range height {
				panel[k*tileColumns+j] = from[at]
				at += m.rowStride
			}
			continue
		}
		for k, s := range shift[row:][:height] {
			panel[k*tileColumns+j] = from[at] - s
			at += m.rowStride
		}
	}
}
