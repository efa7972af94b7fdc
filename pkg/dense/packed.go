package dense

import "gonum.org/v1/gonum/mat"

// Packed is a small matrix [columns, depth] that is ready for products with
// many rows, such as the centres of clusters. Its products are always native.
type Packed struct{ p *panels }

// Pack prepares m [columns, depth].
func Pack(m *mat.Dense) Packed { return Packed{pack(view(m).transposed(), nil)} }

// MulRows sets dst [len(rows), columns], row after row, to the products of some
// rows of x with all rows of the packed matrix. It computes on the core of the
// caller: it is for parts of a larger product that run in parallel. x must be
// as deep as the packed matrix, and dst long enough.
func (m Packed) MulRows(dst []float64, x *mat.Dense, rows []int) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	columns := m.p.columns
	clear(dst[:len(rows)*columns])
	for top := 0; top < len(rows); top += rowBlock {
		some := rows[top:min(top+rowBlock, len(rows))]
		for k := 0; k < m.p.depth; k += depthBlock {
			height := min(depthBlock, m.p.depth-k)
			for at, i := range some {
				s.packRow(at, x.RawRowView(i)[k:k+height])
			}
			for column := 0; column < columns; column += tileColumns {
				panel := m.p.panel(k, column)
				for at := 0; at < len(some); at += tileRows {
					s.tile(height, s.rows[at*height:], 1, tileRows, panel, dst[(top+at)*columns+column:], columns, len(some)-at, columns-column)
				}
			}
		}
	}
}

// packRow copies part of a row to where the kernel reads the row number at of a
// block.
func (s *scratch) packRow(at int, row []float64) {
	to := s.rows[at/tileRows*tileRows*len(row)+at%tileRows:]
	for k, v := range row {
		to[k*tileRows] = v
	}
}
