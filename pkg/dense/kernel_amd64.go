package dense

import "golang.org/x/sys/cpu"

// haveAssembly says that tileAssembly runs on this processor.
var haveAssembly = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// tileAssembly is tile with vectors of four and fused multiply-adds.
//
//go:noescape
func tileAssembly(depth int, a *float64, rowStride, depthStride int, b *float64, c *float64, cStride int)

// stripTransAssembly is stripTrans, for at least one row.
//
//go:noescape
func stripTransAssembly(rows int, strip, v, z *float64)

// stripMulAssembly is stripMul, for at least one row.
//
//go:noescape
func stripMulAssembly(rows int, strip, w, s *float64)
