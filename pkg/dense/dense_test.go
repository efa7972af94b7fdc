package dense

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func normal(rows, columns int, seed uint64) *mat.Dense {
	random := rand.New(rand.NewPCG(seed, 1))
	m := mat.NewDense(rows, columns, nil)
	for i := range rows {
		for j := range columns {
			m.Set(i, j, random.NormFloat64())
		}
	}
	return m
}

func wantClose(t *testing.T, what string, got, want mat.Matrix, tolerance float64) {
	t.Helper()
	rows, columns := want.Dims()
	if r, c := got.Dims(); r != rows || c != columns {
		t.Fatalf("%s is [%d, %d], want [%d, %d]", what, r, c, rows, columns)
	}
	for i := range rows {
		for j := range columns {
			if g, w := got.At(i, j), want.At(i, j); !(math.Abs(g-w) <= tolerance) {
				t.Fatalf("%s: (%d, %d) is %.17g, want %.17g", what, i, j, g, w)
			}
		}
	}
}

// withEachKernel runs a test with the kernel in assembly, where there is one,
// and with the portable one.
func withEachKernel(t *testing.T, test func(t *testing.T)) {
	before := haveAssembly
	t.Cleanup(func() { haveAssembly = before })
	if before {
		t.Run("assembly", test)
	}
	haveAssembly = false
	t.Run("portable", test)
}

func TestProductsAgreeWithGonum(t *testing.T) {
	withEachKernel(t, func(t *testing.T) {
		// Sizes at, below and above those of tiles and blocks.
		for _, size := range [][3]int{{1, 1, 1}, {4, 3, 12}, {5, 257, 13}, {97, 40, 25}, {130, 600, 37}, {1500, 20, 3}, {2100, 33, 5}, {20, 5, 800}} {
			rows, columns, n := size[0], size[1], size[2]
			x, w, r := normal(rows, columns, 1), normal(columns, n, 2), normal(rows, n, 3)
			loaded, err := Native.Load(x)
			if err != nil {
				t.Fatal(err)
			}
			var want mat.Dense
			want.Mul(x, w)
			got := mat.NewDense(rows, n, nil)
			if err := loaded.Mul(got, w); err != nil {
				t.Fatal(err)
			}
			wantClose(t, fmt.Sprint("x·w of ", size), got, &want, 1e-11)

			want.Reset()
			want.Mul(x.T(), r)
			got = mat.NewDense(columns, n, nil)
			got.Set(0, 0, math.NaN()) // what dst held must not matter
			if err := loaded.MulTrans(got, r); err != nil {
				t.Fatal(err)
			}
			wantClose(t, fmt.Sprint("xᵀ·r of ", size), got, &want, 1e-10)

			shift := normal(1, columns, 4).RawRowView(0)
			centred := mat.DenseCopyOf(x)
			centred.Apply(func(_, j int, v float64) float64 { return v - shift[j] }, centred)
			want.Reset()
			want.Mul(centred.T(), centred)
			gram, err := loaded.Gram(shift)
			if err != nil {
				t.Fatal(err)
			}
			wantClose(t, fmt.Sprint("Gram matrix of ", size), gram, &want, 1e-10)
		}
	})
}

// A view into a larger matrix has rows that are further apart than they are long.
func TestProductsOfViews(t *testing.T) {
	whole := normal(60, 50, 1)
	x := whole.Slice(7, 47, 3, 30).(*mat.Dense)
	w := normal(60, 40, 2).Slice(5, 32, 1, 15).(*mat.Dense)
	into := mat.NewDense(50, 50, nil)
	dst := into.Slice(2, 42, 4, 18).(*mat.Dense)
	if err := Mul(dst, x, w); err != nil {
		t.Fatal(err)
	}
	var want mat.Dense
	want.Mul(x, w)
	wantClose(t, "product of views", dst, &want, 1e-12)
	if into.At(1, 4) != 0 || into.At(2, 3) != 0 || into.At(2, 18) != 0 || into.At(42, 4) != 0 {
		t.Error("the product was written outside its view")
	}
}

func TestProductsRefuseDimensionsThatDoNotFit(t *testing.T) {
	loaded, err := Load(normal(4, 3, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Mul(mat.NewDense(4, 2, nil), mat.NewDense(4, 2, nil)); err == nil {
		t.Error("x·w with w of 4 rows was accepted")
	}
	if err := loaded.MulTrans(mat.NewDense(3, 2, nil), mat.NewDense(3, 2, nil)); err == nil {
		t.Error("xᵀ·r with r of 3 rows was accepted")
	}
	if _, err := loaded.Gram(make([]float64, 4)); err == nil {
		t.Error("a shift of 4 values was accepted")
	}
	if _, err := Nearest(normal(3, 2, 1), normal(3, 4, 1), 1); err == nil {
		t.Error("distances of rows of 2 and 4 values were accepted")
	}
	if _, err := NearestOthers(normal(3, 2, 1), 3); err == nil {
		t.Error("3 nearest others of 3 rows were accepted")
	}
}

// plain is the squared distance as the sum of squared differences.
func plain(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return sum
}

// plainNearest sorts all rows of b by their distance from row i of a.
func plainNearest(a, b *mat.Dense, i, k int, others bool) (index []int, squared []float64) {
	rows, _ := b.Dims()
	distances := make([]float64, rows)
	for j := range rows {
		distances[j] = plain(a.RawRowView(i), b.RawRowView(j))
		if !others || i != j {
			index = append(index, j)
		}
	}
	slices.SortStableFunc(index, func(x, y int) int { return cmp.Compare(distances[x], distances[y]) })
	for _, j := range index[:k] {
		squared = append(squared, distances[j])
	}
	return index[:k], squared
}

// sets are matrices on which a distance by scalar products alone goes wrong.
func sets() map[string]*mat.Dense {
	far := normal(200, 7, 5)
	line := normal(300, 1, 8)
	far.Apply(func(_, _ int, v float64) float64 { return v + 1e7 }, far)
	few := mat.NewDense(200, 7, nil) // many ties and duplicates
	random := rand.New(rand.NewPCG(3, 3))
	few.Apply(func(_, _ int, _ float64) float64 { return float64(random.IntN(2)) }, few)
	outlier := normal(200, 7, 6)
	outlier.Set(17, 2, 1e9)
	overflowing := normal(50, 7, 7)
	overflowing.Set(3, 1, 1e200)
	return map[string]*mat.Dense{"normal": normal(1700, 7, 4), "far from 0": far, "ties": few, "outlier": outlier, "overflow": overflowing, "line": line}
}

func TestNearestIsExact(t *testing.T) {
	withEachKernel(t, func(t *testing.T) {
		for name, x := range sets() {
			rows, columns := x.Dims()
			others, err := NearestOthers(x, 5)
			if err != nil {
				t.Fatal(err)
			}
			between, err := Nearest(x.Slice(0, rows/2, 0, columns).(*mat.Dense), x, 3)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < rows; i += 1 + rows/200 {
				index, squared := plainNearest(x, x, i, 5, true)
				if !slices.Equal(others.Index[i], index) || !slices.Equal(others.Squared[i], squared) {
					t.Fatalf("%s: nearest others of row %d are %v at %v, want %v at %v", name, i, others.Index[i], others.Squared[i], index, squared)
				}
				if i >= rows/2 {
					continue
				}
				index, squared = plainNearest(x, x, i, 3, false)
				if !slices.Equal(between.Index[i], index) || !slices.Equal(between.Squared[i], squared) {
					t.Fatalf("%s: nearest of row %d are %v at %v, want %v at %v", name, i, between.Index[i], between.Squared[i], index, squared)
				}
			}
		}
	})
}

func TestCountInsideIsExact(t *testing.T) {
	for name, x := range sets() {
		rows, columns := x.Dims()
		a, b := x.Slice(0, rows*2/3, 0, columns).(*mat.Dense), x.Slice(rows/3, rows, 0, columns).(*mat.Dense)
		radii := func(m *mat.Dense) []float64 {
			n, err := NearestOthers(m, 4)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]float64, len(n.Squared))
			for i, squared := range n.Squared {
				out[i] = squared[3]
			}
			return out
		}
		radiiA, radiiB := radii(a), radii(b)
		for _, closed := range []bool{false, true} {
			got, err := CountInside(a, b, radiiA, radiiB, closed)
			if err != nil {
				t.Fatal(err)
			}
			want := Balls{make([]int, len(radiiA)), make([]int, len(radiiB)), make([]int, len(radiiA)), make([]int, len(radiiB))}
			for i, radiusA := range radiiA {
				for j, radiusB := range radiiB {
					d := plain(a.RawRowView(i), b.RawRowView(j))
					if d < radiusA || closed && d == radiusA {
						want.InA[i]++
						want.AroundB[j]++
					}
					if d < radiusB || closed && d == radiusB {
						want.InB[j]++
						want.AroundA[i]++
					}
				}
			}
			for _, counts := range [][2][]int{{got.InA, want.InA}, {got.InB, want.InB}, {got.AroundA, want.AroundA}, {got.AroundB, want.AroundB}} {
				if !slices.Equal(counts[0], counts[1]) {
					t.Errorf("%s, closed %v: counts %v, want %v", name, closed, counts[0], counts[1])
				}
			}
		}
	}
}

func TestDistancesKeepTheirDigits(t *testing.T) {
	for name, x := range sets() {
		rows, _ := x.Dims()
		squared := mat.NewDense(rows, rows, nil)
		if err := SquaredDistances(squared, x, x); err != nil {
			t.Fatal(err)
		}
		cluster := make([]int, rows)
		for i := range cluster {
			cluster[i] = i % 3
		}
		sums, err := ClusterDistances(x, cluster, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			want := make([]float64, 3)
			for j := range rows {
				d := plain(x.RawRowView(i), x.RawRowView(j))
				if got := squared.At(i, j); !(math.Abs(got-d) <= 1e-8*d || got == d) {
					t.Fatalf("%s: squared distance of rows %d and %d is %.17g, want %.17g", name, i, j, got, d)
				}
				want[cluster[j]] += math.Sqrt(d)
			}
			for k, w := range want {
				if got := sums.At(i, k); !(math.Abs(got-w) <= 1e-9*w || got == w) {
					t.Fatalf("%s: distances of row %d to cluster %d add to %.17g, want %.17g", name, i, k, got, w)
				}
			}
		}
	}
}

func TestUse(t *testing.T) {
	restore := Use(renamed{Native})
	if got := InUse().Name(); got != "renamed" {
		t.Errorf("in use: %s", got)
	}
	restore()
	if InUse() != Native {
		t.Errorf("restored: %s", InUse().Name())
	}
}

type renamed struct{ Backend }

func (renamed) Name() string { return "renamed" }
