package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

func TestInitializeIsDeterministicAndIndependentOfOtherLayers(t *testing.T) {
	var alone, among Layout
	NewLinear(&alone, "wanted", 5, 3)
	NewConv2D(&among, "before", 3, 2, 4, Conv2DOptions{})
	NewLinear(&among, "wanted", 5, 3)
	NewLinear(&among, "after", 7, 7)

	values := func(l *Layout, seed uint64) []float32 {
		p, ok := l.Lookup("wanted.weight")
		if !ok {
			t.Fatal("wanted.weight is not in the layout")
		}
		return l.Initialize(seed)[p.Offset : p.Offset+p.Size()]
	}
	if !slices.Equal(values(&alone, 1), values(&alone, 1)) {
		t.Error("the same seed gives two initialisations")
	}
	if !slices.Equal(values(&alone, 1), values(&among, 1)) {
		t.Error("layers elsewhere change a layer's initialisation")
	}
	if slices.Equal(values(&alone, 1), values(&alone, 2)) {
		t.Error("two seeds give one initialisation")
	}
}

func TestInitialValues(t *testing.T) {
	var l Layout
	NewLinear(&l, "linear", 100, 50)
	NewConv2D(&l, "conv", 3, 4, 8, Conv2DOptions{})
	NewConv2D(&l, "zero", 3, 4, 8, Conv2DOptions{Zero: true})
	NewGroupNorm(&l, "norm", 2, 8)
	values := l.Initialize(3)
	// PyTorch's default: uniform in ±1/√fanIn, so of deviation 1/√(3·fanIn).
	for _, test := range []struct {
		name     string
		from, to float64 // every value lies there
		spread   float64 // standard deviation
	}{
		{"linear.weight", -0.1, 0.1, 0.1 / math.Sqrt(3)},
		{"linear.bias", -0.1, 0.1, 0.1 / math.Sqrt(3)},
		{"conv.kernel", -1.0 / 6, 1.0 / 6, 1.0 / 6 / math.Sqrt(3)},
		{"conv.bias", -1.0 / 6, 1.0 / 6, -1},
		{"zero.kernel", 0, 0, 0},
		{"zero.bias", 0, 0, 0},
		{"norm.scale", 1, 1, 0},
		{"norm.bias", 0, 0, 0},
	} {
		p, ok := l.Lookup(test.name)
		if !ok {
			t.Errorf("no parameter %s", test.name)
			continue
		}
		part := values[p.Offset : p.Offset+p.Size()]
		sum, squares := 0.0, 0.0
		for _, v := range part {
			if float64(v) < test.from-1e-7 || float64(v) > test.to+1e-7 {
				t.Errorf("%s has %g, want all in [%g, %g]", test.name, v, test.from, test.to)
				break
			}
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(part))
		spread := math.Sqrt(max(0, squares/n-sum*sum/n/n))
		if test.spread >= 0 && math.Abs(spread-test.spread) > 0.25*test.spread+1e-6 {
			t.Errorf("%s has deviation %g, want %g", test.name, spread, test.spread)
		}
	}
}

func TestLayoutPlacesEveryNumberOnce(t *testing.T) {
	var l Layout
	if _, err := NewUNet(&l, smallUNet(8, 1)); err != nil {
		t.Fatal(err)
	}
	next, names := 0, map[string]bool{}
	for _, p := range l.Parameters() {
		if p.Offset != next {
			t.Errorf("%s begins at %d, want %d", p.Name, p.Offset, next)
		}
		if names[p.Name] {
			t.Errorf("%s occurs twice", p.Name)
		}
		next, names[p.Name] = next+p.Size(), true
	}
	if next != l.Size() {
		t.Errorf("the parameters have %d numbers, the layout %d", next, l.Size())
	}
}

func TestFingerprintTellsLayoutsApart(t *testing.T) {
	layout := func(add func(l *Layout)) string {
		var l Layout
		add(&l)
		return l.Fingerprint()
	}
	base := func(l *Layout) { NewLinear(l, "a", 2, 3); NewLinear(l, "b", 3, 2) }
	if layout(base) != layout(base) {
		t.Error("one layout has two fingerprints")
	}
	for name, other := range map[string]func(l *Layout){
		"another order": func(l *Layout) { NewLinear(l, "b", 3, 2); NewLinear(l, "a", 2, 3) },
		"another name":  func(l *Layout) { NewLinear(l, "a", 2, 3); NewLinear(l, "c", 3, 2) },
		"another shape": func(l *Layout) { NewLinear(l, "a", 2, 3); NewLinear(l, "b", 2, 3) },
		"one less":      func(l *Layout) { NewLinear(l, "a", 2, 3) },
	} {
		if layout(base) == layout(other) {
			t.Errorf("%s has the same fingerprint", name)
		}
	}
}

// A parameter used twice gets the sum of both gradients; one not used, zeros.
func TestGradientOfSharedAndUnusedParameters(t *testing.T) {
	var l Layout
	shared, unused := l.Add("shared", InitOnes, 2), l.Add("unused", InitOnes, 3)
	got := evaluate(t, func(in []*graph.Node) []*graph.Node {
		w := NewWeights(&l, in[0])
		loss := graph.ReduceAllSum(graph.Add(graph.MulScalar(w.Of(shared), 2), graph.Square(w.Of(shared))))
		return []*graph.Node{w.Gradient(loss)}
	}, []float32{3, 5, 7, 7, 7})[0]
	if unused.Offset != 2 {
		t.Fatalf("unused begins at %d", unused.Offset)
	}
	wantClose(t, "gradient", got, []float32{8, 12, 0, 0, 0}, 1e-5)
}
