package dense

// A tile is the part of a product that the kernel keeps in registers.
const (
	tileRows    = 4
	tileColumns = 12
)

// tile adds the product of tileRows rows of a and tileColumns columns of b to
// c. Element (i, k) of a is at a[i*rowStride+k*depthStride], (k, j) of b at
// b[k*tileColumns+j], (i, j) of c at c[i*cStride+j]; depth is at least 1.
func tile(depth int, a []float64, rowStride, depthStride int, b []float64, c []float64, cStride int) {
	// The kernel in assembly checks no bounds: reach for the last elements first.
	_ = a[(tileRows-1)*rowStride+(depth-1)*depthStride]
	_ = b[depth*tileColumns-1]
	_ = c[(tileRows-1)*cStride+tileColumns-1]
	if haveAssembly {
		tileAssembly(depth, &a[0], rowStride, depthStride, &b[0], &c[0], cStride)
		return
	}
	tileGo(depth, a, rowStride, depthStride, b, c, cStride)
}

// tileGo is the kernel in portable Go, two rows and four columns at a time:
// the sums that fit into the registers a compiler has.
func tileGo(depth int, a []float64, rowStride, depthStride int, b []float64, c []float64, cStride int) {
	for i := 0; i < tileRows; i += 2 {
		for j := 0; j < tileColumns; j += 4 {
			var c00, c01, c02, c03, c10, c11, c12, c13 float64
			at := i * rowStride
			for k := range depth {
				a0, a1 := a[at], a[at+rowStride]
				at += depthStride
				row := b[k*tileColumns+j:][:4]
				c00 += a0 * row[0]
				c10 += a1 * row[0]
				c01 += a0 * row[1]
				c11 += a1 * row[1]
				c02 += a0 * row[2]
				c12 += a1 * row[2]
				c03 += a0 * row[3]
				c13 += a1 * row[3]
			}
			upper, lower := c[i*cStride+j:][:4], c[(i+1)*cStride+j:][:4]
			upper[0] += c00
			upper[1] += c01
			upper[2] += c02
			upper[3] += c03
			lower[0] += c10
			lower[1] += c11
			lower[2] += c12
			lower[3] += c13
		}
	}
}
