#include "textflag.h"

// func stripTransAssembly(rows int, strip, v, z *float64)
TEXT ·stripTransAssembly(SB), NOSPLIT, $0-32
	MOVQ    rows+0(FP), CX
	MOVQ    strip+8(FP), SI
	MOVQ    v+16(FP), BX
	MOVQ    z+24(FP), DI
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	VMOVUPD 128(DI), Y4
	VMOVUPD 160(DI), Y5

trans:
	PREFETCHT0   4096(SI)
	PREFETCHT0   4160(SI)
	PREFETCHT0   4224(SI)
	VBROADCASTSD (BX), Y6
	VFMADD231PD  (SI), Y6, Y0
	VFMADD231PD  32(SI), Y6, Y1
	VFMADD231PD  64(SI), Y6, Y2
	VFMADD231PD  96(SI), Y6, Y3
	VFMADD231PD  128(SI), Y6, Y4
	VFMADD231PD  160(SI), Y6, Y5
	ADDQ         $192, SI
	ADDQ         $8, BX
	DECQ         CX
	JNZ          trans
	VMOVUPD      Y0, (DI)
	VMOVUPD      Y1, 32(DI)
	VMOVUPD      Y2, 64(DI)
	VMOVUPD      Y3, 96(DI)
	VMOVUPD      Y4, 128(DI)
	VMOVUPD      Y5, 160(DI)
	VZEROUPPER
	RET

// func stripMulAssembly(rows int, strip, w, s *float64)
TEXT ·stripMulAssembly(SB), NOSPLIT, $0-32
	MOVQ    rows+0(FP), CX
	MOVQ    strip+8(FP), SI
	MOVQ    w+16(FP), BX
	MOVQ    s+24(FP), DI
	VMOVUPD (BX), Y0
	VMOVUPD 32(BX), Y1
	VMOVUPD 64(BX), Y2
	VMOVUPD 96(BX), Y3
	VMOVUPD 128(BX), Y4
	VMOVUPD 160(BX), Y5

mul:
	VMULPD       (SI), Y0, Y6
	VMULPD       32(SI), Y1, Y7
	VFMADD231PD  64(SI), Y2, Y6
	VFMADD231PD  96(SI), Y3, Y7
	VFMADD231PD  128(SI), Y4, Y6
	VFMADD231PD  160(SI), Y5, Y7
	VADDPD       Y6, Y7, Y6
	VEXTRACTF128 $1, Y6, X7
	VADDPD       X6, X7, X6
	VUNPCKHPD    X6, X6, X7
	VADDSD       X6, X7, X6
	VADDSD       (DI), X6, X6
	VMOVSD       X6, (DI)
	ADDQ         $192, SI
	ADDQ         $8, DI
	DECQ         CX
	JNZ          mul
	VZEROUPPER
	RET
