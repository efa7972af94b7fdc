package dense

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// bidiagonalise returns the diagonal [n] and the n-1 elements above it of an
// upper bidiagonal matrix with the singular values of a [m, n], m ≥ n. It
// reflects from the left and the right in turn (Golub and Kahan 1965) and
// gathers reflections before it applies them (LAPACK's dgebrd), so that half of
// the work is a matrix product.
//
// The other half reads the matrix at every step: Aᵀv gives the next row, and A
// times that row the correction of the columns. Both are taken strip by strip,
// while a strip is in the cache, which halves what has to come from memory
// (Howell, Demmel, Fulton, Hammarling and Marmol 2008).
func bidiagonalise(a *mat.Dense) (diagonal, above []float64) {
	r := newReduction(a)
	diagonal, above = make([]float64, r.n), make([]float64, max(r.n-1, 0))
	for i := range r.n {
		diagonal[i] = r.reflectLeft(i)
		if i+1 == r.n {
			break
		}
		above[i] = r.reflectRight(i)
		if r.gathered++; r.gathered == gather {
			r.apply(i + 1)
		}
	}
	return diagonal, above
}

const (
	stripWidth = 2 * tileColumns // columns of a strip: two thousand rows of it fit into the second level of the caches
	stripSums  = 8               // partial sums over strips, a fixed number lest rounding depend on the cores
	gather     = 32              // reflections gathered before they are applied
)

// reduction is a matrix [m, n] on the way to bidiagonal form. Its value is that
// of the strips less vx·yuᵀ, where the first gather columns of vx and yu hold v
// and y of each gathered reflection from the left, the other ones x and u of
// those from the right; columns yet to come are 0. Rows and columns that are
// done have no meaning any more.
type reduction struct {
	m, n     int
	gathered int
	strips   [][]float64 // [n/stripWidth][m][stripWidth], m and n rounded up to whole tiles and strips
	vx       []float64   // [m][2·gather]
	yu       []float64   // [n][2·gather]
	v        []float64   // [m], the latest reflection from the left, I − tau·v·vᵀ
	tau      float64
	row      []float64            // [n], the row that is to be reflected
	sums     [stripSums][]float64 // [m] each
}

func newReduction(a *mat.Dense) *reduction {
	m, n := a.Dims()
	rows := (m + tileRows - 1) / tileRows * tileRows
	strips := (n + stripWidth - 1) / stripWidth
	r := &reduction{
		m: m, n: n, strips: make([][]float64, strips),
		vx: make([]float64, rows*2*gather), yu: make([]float64, strips*stripWidth*2*gather),
		v: make([]float64, m), row: make([]float64, strips*stripWidth),
	}
	for k := range r.sums {
		r.sums[k] = make([]float64, m)
	}
	Parallel(strips, func(s int) {
		strip := make([]float64, rows*stripWidth)
		for i := range m {
			copy(strip[i*stripWidth:], a.RawRowView(i)[s*stripWidth:min((s+1)*stripWidth, n)])
		}
		r.strips[s] = strip
	})
	return r
}

func (r *reduction) vxRow(i int) []float64 { return r.vx[i*2*gather:][:2*gather] }
func (r *reduction) yuRow(j int) []float64 { return r.yu[j*2*gather:][:2*gather] }

// reflectLeft makes the column i zero below the diagonal and returns what is on it.
func (r *reduction) reflectLeft(i int) float64 {
	strip, column, yu := r.strips[i/stripWidth], i%stripWidth, r.yuRow(i)
	Chunks(i, r.m, chunk, func(from, to int) {
		for k := from; k < to; k++ {
			r.v[k] = strip[k*stripWidth+column] - floats.Dot(r.vxRow(k), yu)
		}
	})
	beta, tau, scale := reflection(r.v[i:])
	floats.Scale(scale, r.v[i:])
	r.v[i], r.tau = 1, tau
	return beta
}

// reflectRight makes the row i zero after the element right of the diagonal and
// returns that one.
func (r *reduction) reflectRight(i int) float64 {
	product := make([]float64, 2*gather) // vxᵀ·v
	for k := i; k < r.m; k++ {
		floats.AddScaled(product, r.v[k], r.vxRow(k))
	}
	vx := r.vxRow(i)
	first := (i + 1) / stripWidth
	Parallel(stripSums, func(set int) {
		sum := r.sums[set]
		clear(sum[i:])
		for s := first + set; s < len(r.strips); s += stripSums {
			strip := r.strips[s][i*stripWidth:]
			var z [stripWidth]float64
			stripTrans(strip, r.v[i:], &z)
			row := (*[stripWidth]float64)(r.row[s*stripWidth:])
			for c := range row {
				row[c] = 0
				if j := s*stripWidth + c; j > i && j < r.n {
					yu := r.yuRow(j)
					y := r.tau * (z[c] - floats.Dot(yu, product))
					row[c] = strip[c] - floats.Dot(vx, yu) - y
					yu[r.gathered] = y
				}
			}
			stripMul(strip, row, sum[i:])
		}
	})
	for k := i; k < r.m; k++ {
		r.vxRow(k)[r.gathered] = r.v[k]
	}

	row := r.row[i+1 : r.n]
	alpha := row[0]
	beta, tau, scale := reflection(row)
	floats.Scale(scale, row)
	row[0] = 1 // row is u

	clear(product) // yuᵀ·u
	for k, u := range row {
		floats.AddScaled(product, u, r.yuRow(i+1+k))
	}
	for k, u := range row {
		r.yuRow(i + 1 + k)[gather+r.gathered] = u
	}
	strip, column := r.strips[first], (i+1)%stripWidth
	Chunks(i+1, r.m, chunk, func(from, to int) {
		for k := from; k < to; k++ {
			// The strips times u, from their product with the row as it was.
			sum := strip[k*stripWidth+column] * (1 - alpha*scale)
			for set := range r.sums {
				sum += scale * r.sums[set][k]
			}
			vx := r.vxRow(k)
			vx[gather+r.gathered] = tau * (sum - floats.Dot(vx, product))
		}
	})
	return beta
}

// reflection returns what makes x a multiple beta of the first unit vector:
// I − tau·v·vᵀ, where v is scale·x after its first element, which is 1.
func reflection(x []float64) (beta, tau, scale float64) {
	norm := floats.Norm(x[1:], 2)
	if norm == 0 {
		return x[0], 0, 0
	}
	beta = -math.Copysign(math.Hypot(x[0], norm), x[0])
	return beta, (beta - x[0]) / beta, 1 / (x[0] - beta)
}

// apply takes vx·yuᵀ off the strips, from row and column next.
func (r *reduction) apply(next int) {
	factor := strided{r.yu, len(r.yu) / (2 * gather), 2 * gather, 2 * gather, 1, false}
	p := pack(factor.transposed(), nil)
	floats.Scale(-1, p.data)
	first := next / stripWidth
	Parallel(len(r.strips)-first, func(s int) {
		strip, column := r.strips[first+s], (first+s)*stripWidth
		for row := next / tileRows * tileRows; row < r.m; row += tileRows {
			for c := 0; c < stripWidth; c += tileColumns {
				tile(2*gather, r.vx[row*2*gather:], 2*gather, 1, p.panel(0, column+c), strip[row*stripWidth+c:], stripWidth)
			}
		}
	})
	clear(r.vx)
	clear(r.yu)
	r.gathered = 0
}

// stripTrans adds to z the rows of a strip, each times its element of v.
func stripTrans(strip, v []float64, z *[stripWidth]float64) {
	strip = strip[:len(v)*stripWidth]
	if haveAssembly {
		stripTransAssembly(len(v), &strip[0], &v[0], &z[0])
		return
	}
	for k, f := range v {
		for c, value := range (*[stripWidth]float64)(strip[k*stripWidth:]) {
			z[c] += f * value
		}
	}
}

// stripMul adds to sum the product of each row of a strip with w.
func stripMul(strip []float64, w *[stripWidth]float64, sum []float64) {
	strip = strip[:len(sum)*stripWidth]
	if haveAssembly {
		stripMulAssembly(len(sum), &strip[0], &w[0], &sum[0])
		return
	}
	for k := range sum {
		dot := 0.0
		for c, value := range (*[stripWidth]float64)(strip[k*stripWidth:]) {
			dot += value * w[c]
		}
		sum[k] += dot
	}
}
