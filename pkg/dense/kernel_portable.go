//go:build !amd64

package dense

var haveAssembly = false

func tileAssembly(depth int, a *float64, rowStride, depthStride int, b *float64, c *float64, cStride int) {
	panic("dense: no kernel in assembly for this processor")
}

func stripTransAssembly(rows int, strip, v, z *float64) {
	panic("dense: no kernel in assembly for this processor")
}

func stripMulAssembly(rows int, strip, w, s *float64) {
	panic("dense: no kernel in assembly for this processor")
}
