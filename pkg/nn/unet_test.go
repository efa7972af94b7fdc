package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine/enginetest"
)

// The widths of the paper's classifier (appendix B): 21C at 28×28, 29C at
// 32×32 and 41C at 64×64, three residual blocks a level.
func TestFeatureWidthIsThePapers(t *testing.T) {
	for _, test := range []struct {
		size, width int
		multipliers []int
		want        int
	}{
		{28, 64, []int{1, 2, 2}, 1344},
		{32, 128, []int{1, 2, 2, 2}, 3712},
		{64, 128, []int{1, 2, 3, 4}, 5248},
	} {
		var l Layout
		u, err := NewUNet(&l, UNetConfig{
			ImageSize: test.size, Channels: 3, Width: test.width, Multipliers: test.multipliers, Blocks: 3,
			AttentionAt: []int{2, 4}, Heads: 4, NormGroups: 32, Patch: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := u.FeatureWidth(); got != test.want {
			t.Errorf("%d×%d, C = %d: %d features, want %d", test.size, test.size, test.width, got, test.want)
		}
	}
}

// forward builds ε̂ and all feature maps of a network.
func forward(l *Layout, u *UNet) func(in []*graph.Node) []*graph.Node {
	return func(in []*graph.Node) []*graph.Node {
		p := Evaluate(NewWeights(l, in[0]), nil)
		f := u.Encode(p, in[1], in[2])
		return append([]*graph.Node{u.Decode(p, f)}, f.Maps()...)
	}
}

func TestShapes(t *testing.T) {
	for _, test := range []struct {
		name   string
		config UNetConfig
		want   string // ε̂, the middle, then the skips
	}{
		{"two levels", smallUNet(8, 1),
			"[2 8 8 1] [2 4 4 8] [2 8 8 4] [2 8 8 4] [2 4 4 4] [2 4 4 8]"},
		{"patches", smallUNet(8, 2),
			"[2 8 8 1] [2 2 2 8] [2 4 4 4] [2 4 4 4] [2 2 2 4] [2 2 2 8]"},
		{"colour, three levels, two blocks", UNetConfig{
			ImageSize: 4, Channels: 3, Width: 4, Multipliers: []int{1, 1, 2}, Blocks: 2, AttentionAt: []int{4}, Heads: 1, NormGroups: 4, Patch: 1},
			"[2 4 4 3] [2 1 1 8] [2 4 4 4] [2 4 4 4] [2 4 4 4] [2 2 2 4] [2 2 2 4] [2 2 2 4] [2 1 1 4] [2 1 1 8] [2 1 1 8]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := enginetest.Go(t)
			var l Layout
			u, err := NewUNet(&l, test.config)
			if err != nil {
				t.Fatal(err)
			}
			program, err := e.NewProgram("shapes", func(_ *graph.Graph, in []*graph.Node) []*graph.Node { return forward(&l, u)(in) })
			if err != nil {
				t.Fatal(err)
			}
			weights := l.Initialize(1)
			size, channels := test.config.ImageSize, test.config.Channels
			outputs, err := program.Call(tensor(weights, len(weights)), tensor(normal(1, 2*size*size*channels, 1), 2, size, size, channels), []int32{0, 9})
			if err != nil {
				t.Fatal(err)
			}
			var shapes []string
			width := 0
			for i, output := range outputs {
				d := output.Shape().Dimensions
				shapes = append(shapes, fmt.Sprint(d))
				if i > 0 {
					width += d[3]
				}
			}
			if got := strings.Join(shapes, " "); got != test.want {
				t.Errorf("shapes are\n%s, want\n%s", got, test.want)
			}
			if width != u.FeatureWidth() {
				t.Errorf("the maps have %d channels, FeatureWidth is %d", width, u.FeatureWidth())
			}
		})
	}
}

func TestFreshUNetPredictsZero(t *testing.T) {
	var l Layout
	u, err := NewUNet(&l, smallUNet(8, 1))
	if err != nil {
		t.Fatal(err)
	}
	weights := l.Initialize(1)
	out := evaluate(t, forward(&l, u), tensor(weights, len(weights)), tensor(normal(1, 64, 1), 1, 8, 8, 1), []int32{3})
	wantClose(t, "ε̂", out[0], make([]float32, 64), 0)
}

// Examples of a batch do not see one another, and ε̂ depends on image and time.
func TestUNetExamplesAreIndependent(t *testing.T) {
	var l Layout
	u, err := NewUNet(&l, smallUNet(4, 1))
	if err != nil {
		t.Fatal(err)
	}
	weights := lively(&l, 1)
	x := normal(2, 2*16, 1)
	run := func(x []float32, times ...int32) []float32 {
		return evaluate(t, forward(&l, u), tensor(weights, len(weights)), tensor(x, len(times), 4, 4, 1), times)[0]
	}
	both := run(x, 3, 400)
	wantClose(t, "the first alone", run(x[:16], 3), both[:16], 1e-5)
	wantClose(t, "the second alone", run(x[16:], 400), both[16:], 1e-5)
	if slices.Equal(run(x[:16], 4), both[:16]) {
		t.Error("the time has no influence")
	}
}

func TestFoldAndUnfoldAreInverse(t *testing.T) {
	x := normal(1, 2*4*6*3, 1)
	for _, patch := range []int{1, 2} {
		out := evaluate(t, func(in []*graph.Node) []*graph.Node {
			folded := fold(in[0], patch)
			return []*graph.Node{folded, unfold(folded, patch)}
		}, tensor(x, 2, 4, 6, 3))
		wantClose(t, "unfold(fold(x))", out[1], x, 0)
	}
	// A 2×2 patch becomes the channels of one pixel, row by row.
	folded := evaluate(t, func(in []*graph.Node) []*graph.Node { return []*graph.Node{fold(in[0], 2)} },
		tensor([]float32{1, 2, 5, 6, 3, 4, 7, 8}, 1, 2, 4, 1))[0]
	wantClose(t, "fold", folded, []float32{1, 2, 3, 4, 5, 6, 7, 8}, 0)
}

func TestUNetConfigErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *UNetConfig)
		want   string
	}{
		{"no width", func(c *UNetConfig) { c.Width = 0 }, "width"},
		{"odd width", func(c *UNetConfig) { c.Width, c.NormGroups, c.Heads = 3, 1, 1 }, "even"},
		{"no levels", func(c *UNetConfig) { c.Multipliers = nil }, "multipliers"},
		{"size that does not halve", func(c *UNetConfig) { c.ImageSize = 7 }, "image_size"},
		{"size that does not fold", func(c *UNetConfig) { c.ImageSize, c.Patch = 6, 2 }, "image_size"},
		{"patch of 3", func(c *UNetConfig) { c.Patch = 3 }, "patch"},
		{"dropout of everything", func(c *UNetConfig) { c.Dropout = 1 }, "dropout"},
		{"groups that do not divide", func(c *UNetConfig) { c.NormGroups = 3 }, "norm_groups"},
		{"heads that do not divide", func(c *UNetConfig) { c.Heads = 3 }, "heads"},
		{"multiplier of 0", func(c *UNetConfig) { c.Multipliers = []int{1, 0} }, "multiplier"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := smallUNet(8, 1)
			test.change(&c)
			_, err := NewUNet(&Layout{}, c)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %s", err, test.want)
			}
		})
	}
}

func TestWrongImageNamesTheLayer(t *testing.T) {
	e := enginetest.Go(t)
	var l Layout
	u, err := NewUNet(&l, smallUNet(8, 1))
	if err != nil {
		t.Fatal(err)
	}
	program, err := e.NewProgram("forward", func(_ *graph.Graph, in []*graph.Node) []*graph.Node { return forward(&l, u)(in) })
	if err != nil {
		t.Fatal(err)
	}
	weights := l.Initialize(1)
	_, err = program.Call(tensor(weights, len(weights)), tensor(make([]float32, 3*64), 1, 8, 8, 3), []int32{3})
	if err == nil || !strings.Contains(err.Error(), "layer encoder.0.conv") || strings.Contains(err.Error(), "\n") {
		t.Errorf("three channels into a network of one: %v; want one line that names encoder.0.conv", err)
	}
}

// The pure-Go backend and XLA give the same features and ε̂.
func TestBackendsAgree(t *testing.T) {
	xla := enginetest.XLA(t)
	var l Layout
	u, err := NewUNet(&l, smallUNet(8, 1))
	if err != nil {
		t.Fatal(err)
	}
	weights := lively(&l, 1)
	args := func() []any {
		return []any{tensor(weights, len(weights)), tensor(normal(2, 2*64, 1), 2, 8, 8, 1), []int32{3, 400}}
	}
	want := evaluate(t, forward(&l, u), args()...)
	for i, got := range compile(t, xla, forward(&l, u))(args()...) {
		scale := 0.0
		for _, v := range want[i] {
			scale = max(scale, math.Abs(float64(v)))
		}
		wantClose(t, fmt.Sprintf("output %d", i), got, want[i], 1e-4*scale)
	}
}
