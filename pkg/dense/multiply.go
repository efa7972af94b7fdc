package dense

import "sync"

// multiply sets the rows of c, each cStride after the one before, to (a−shift)·b
// for a nil shift or one of a.columns.
func multiply(c []float64, cStride int, a strided, shift []float64, b *panels) {
	multiplyAbove(c, cStride, a, shift, b, -a.rows)
}

// multiplyAbove is multiply that may leave out elements (i, j) with j < i+diagonal.
func multiplyAbove(c []float64, cStride int, a strided, shift []float64, b *panels, diagonal int) {
	rowBlocks := (a.rows + rowBlock - 1) / rowBlock
	columnBlocks := (b.columns + columnBlock - 1) / columnBlock
	Parallel(rowBlocks*columnBlocks, func(task int) {
		top, left := task%rowBlocks*rowBlock, task/rowBlocks*columnBlock
		right := min(left+columnBlock, b.columns)
		left = max(left, (top+diagonal)/tileColumns*tileColumns)
		if left < right {
			multiplyBlock(c, cStride, a, shift, b, top, min(top+rowBlock, a.rows), left, right)
		}
	})
}

// multiplyBlock is multiply for some rows and columns of c.
func multiplyBlock(c []float64, cStride int, a strided, shift []float64, b *panels, top, bottom, left, right int) {
	for i := top; i < bottom; i++ {
		clear(c[i*cStride+left : i*cStride+right])
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	// Few columns do not pay for a copy of the rows.
	inPlace := shift == nil && right-left <= 3*tileColumns && (bottom-top)%tileRows == 0
	for k := 0; k < b.depth; k += depthBlock {
		height := min(depthBlock, b.depth-k)
		if !inPlace {
			s.packRows(a, shift, top, bottom, k, height)
		}
		for column := left; column < right; column += tileColumns {
			panel := b.panel(k, column)
			for row := top; row < bottom; row += tileRows {
				rows, rowStride, depthStride := s.rows[(row-top)*height:], 1, tileRows
				if inPlace {
					rows, rowStride, depthStride = a.data[row*a.rowStride+k*a.columnStride:], a.rowStride, a.columnStride
				}
				s.tile(height, rows, rowStride, depthStride, panel, c[row*cStride+column:], cStride, bottom-row, right-column)
			}
		}
	}
}

// addGram adds to the upper triangle of c [columns, columns] that of xᵀx, for
// the x of at most depthBlock rows in p.
func addGram(c []float64, p *panels) {
	n := p.columns
	Parallel((n+rowBlock-1)/rowBlock, func(task int) {
		s := scratches.Get().(*scratch)
		defer scratches.Put(s)
		top := task * rowBlock
		for column := top; column < n; column += tileColumns {
			panel := p.panel(0, column)
			for row := top; row < min(top+rowBlock, column+tileColumns, n); row += tileRows {
				// Columns of xᵀ's rows are tileColumns apart in their own panel.
				rows := p.panel(0, row/tileColumns*tileColumns)[row%tileColumns:]
				s.tile(p.depth, rows, 1, tileColumns, panel, c[row*n+column:], n, n-row, n-column)
			}
		}
	})
}

// scratch is what a goroutine needs to compute a block of a product.
type scratch struct {
	rows   [rowBlock * depthBlock]float64
	corner [tileRows * tileColumns]float64
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// packRows copies height columns from column k of some rows of a, less shift,
// in the order in which the kernel reads them: for every tileRows rows, column
// by column.
func (s *scratch) packRows(a strided, shift []float64, top, bottom, k, height int) {
	if a.rowStride == 1 && shift == nil {
		for at := range height {
			column := a.data[(k+at)*a.columnStride:]
			for row := top; row < bottom; row += tileRows {
				copy(s.rows[(row-top)*height+at*tileRows:][:min(tileRows, bottom-row)], column[row:])
			}
		}
		return
	}
	for row := top; row < bottom; row++ {
		to := s.rows[(row-top)/tileRows*tileRows*height+(row-top)%tileRows:]
		from := a.data[row*a.rowStride+k*a.columnStride:]
		if shift == nil {
			for at := range height {
				to[at*tileRows] = from[at*a.columnStride]
			}
			continue
		}
		for at, v := range shift[k:][:height] {
			to[at*tileRows] = from[at*a.columnStride] - v
		}
	}
}

// tile adds a tile to c, or the corner of it that lies in c's last rows and columns.
func (s *scratch) tile(depth int, a []float64, rowStride, depthStride int, b []float64, c []float64, cStride, rows, columns int) {
	if rows >= tileRows && columns >= tileColumns {
		tile(depth, a, rowStride, depthStride, b, c, cStride)
		return
	}
	clear(s.corner[:])
	tile(depth, a, rowStride, depthStride, b, s.corner[:], tileColumns)
	rows, columns = min(rows, tileRows), min(columns, tileColumns)
	for i := range rows {
		to := c[i*cStride:][:columns]
		for j, v := range s.corner[i*tileColumns:][:columns] {
			to[j] += v
		}
	}
}
