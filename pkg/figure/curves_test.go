package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/table"
)

// sweep is a table of two metrics over α with three seeds.
func sweep(t testing.TB) table.Table {
	t.Helper()
	out := table.New("alpha", "metric", "seed", "value")
	for i, alpha := range []float64{0, 10, 50, 100, 250, 1000} {
		for seed := range 3 {
			wobble := 0.01 * float64(seed)
			for metric, value := range map[string]float64{"precision": 0.5 + 0.08*float64(i), "recall": 0.9 - 0.1*float64(i)} {
				if err := out.Append(alpha, metric, seed, value+wobble); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	slices.SortFunc(out.Rows, func(a, b []string) int { return strings.Compare(a[1], b[1]) }) // maps have no order
	return out
}

func sweepSpec() CurvesSpec {
	return CurvesSpec{
		X: "alpha", Y: "value", Group: "metric", Seed: "seed", Scale: SymmetricLog,
		Title: "Precision & recall", XLabel: "step size α", YLabel: "score",
		Bands:      []Band{{From: 100, To: 250, Label: "both high"}},
		Lines:      []Line{{Value: 0.7, Label: "paper <0.7>"}},
		Caption:    "Conditional samples.",
		Provenance: map[string]string{"tier": "quick", "run": "r1", "zeta": "last", "n": "1,000"},
	}
}

func TestCurvesHoldEveryLabel(t *testing.T) {
	figure, err := Curves(sweep(t), sweepSpec())
	if err != nil {
		t.Fatal(err)
	}
	got := svgText(t, figure.SVG)
	for _, want := range []string{
		"precision", "recall", "± 1 sd over 3 seeds", "Precision & recall", "step size α", "score",
		"both high", "paper <0.7>", "0", "10", "50", "100", "250", "1000",
		"Conditional samples.", "run r1 · tier quick · n 1,000 · zeta last",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("the SVG lacks the text %q; it has %q", want, got)
		}
	}
	if want := "Conditional samples.\nrun r1 · tier quick · n 1,000 · zeta last"; figure.Caption != want {
		t.Errorf("caption %q, want %q", figure.Caption, want)
	}
}

func TestFigureMetadataAndSize(t *testing.T) {
	figure, err := Curves(sweep(t), sweepSpec())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(figure.PNG))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := picture.Bounds().Size(), image.Pt(2*figure.Width, 2*figure.Height); got != want {
		t.Errorf("PNG of %v pixels, want twice the CSS size %v", got, want)
	}
	if figure.Width != 615 { // 6.4 inches of 96 pixels, rounded up
		t.Errorf("width %d, want 615", figure.Width)
	}
	if !bytes.Contains(figure.PNG, []byte("iTXtDescription\x00\x00\x00\x00\x00"+figure.Caption)) {
		t.Error("the PNG has no text chunk with the caption")
	}
	for _, element := range []string{"<title>Precision &amp; recall</title>", "<desc>", "<metadata>"} {
		if !bytes.Contains(figure.SVG, []byte(element)) {
			t.Errorf("the SVG lacks %s", element)
		}
	}
}

// A viewer without the layout's font must not draw a text beyond the page.
func TestTextsOfAnSVGEndWithinThePage(t *testing.T) {
	spec := sweepSpec()
	spec.Caption = strings.Repeat("Conditional samples of the joint model, classes in turn & <once>. ", 8)
	figure, err := Curves(sweep(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		ViewBox string `xml:"viewBox,attr"`
		Groups  []struct {
			Texts []struct {
				X       float64 `xml:"x,attr"`
				Length  float64 `xml:"textLength,attr"`
				Content string  `xml:",chardata"`
			} `xml:"text"`
		} `xml:"g"`
	}
	if err := xml.Unmarshal(figure.SVG, &document); err != nil {
		t.Fatal(err)
	}
	var width float64
	if _, err := fmt.Sscanf(document.ViewBox, "0 0 %g", &width); err != nil {
		t.Fatal(err)
	}
	small := textStyle(captionSize, softInk)
	captions := 0
	for _, group := range document.Groups {
		for _, text := range group.Texts {
			if text.Length <= 0 || text.X+text.Length > width-outerMargin.Points()+0.1 {
				t.Errorf("%q begins at %g and is %g long on a page of %g", text.Content, text.X, text.Length, width)
			}
			if strings.Contains(text.Content, "Conditional samples of the joint model") {
				captions++
				if want := small.Width(text.Content).Points(); math.Abs(text.Length-want) > 0.1 {
					t.Errorf("a line of the caption is %g long, want %g", text.Length, want)
				}
			}
		}
	}
	if captions < 2 {
		t.Errorf("the caption has %d lines, want several", captions)
	}
}

func TestCurvesAreDeterministic(t *testing.T) {
	var first *Figure
	for range 3 {
		figure, err := Curves(sweep(t), sweepSpec())
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = figure
		}
		if !bytes.Equal(figure.SVG, first.SVG) || !bytes.Equal(figure.PNG, first.PNG) {
			t.Fatal("the same table and specification gave different bytes")
		}
	}
}

// Nothing but the background may touch the rim: a clipped label would.
func TestNothingIsClipped(t *testing.T) {
	wide := table.New("method with a long name", "panel", "score")
	for i, name := range []string{"first of the methods", "second of the methods", "third", "fourth and last"} {
		for _, p := range []string{"CIFAR-10", "CIFAR-100"} {
			if err := wide.Append(name, p, 1e5*float64(i+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	specs := map[string]struct {
		table table.Table
		spec  CurvesSpec
	}{
		"sweep": {sweep(t), sweepSpec()},
		"words": {wide, CurvesSpec{X: "method with a long name", Y: "score", Panel: "panel", Scale: Even,
			Lines: []Line{{Value: 150000, Label: "a reported value with a long label"}}}},
	}
	for name, c := range specs {
		t.Run(name, func(t *testing.T) {
			figure, err := Curves(c.table, c.spec)
			if err != nil {
				t.Fatal(err)
			}
			requireWhiteRim(t, figure.PNG)
		})
	}
}

func requireWhiteRim(t *testing.T, data []byte) {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := picture.Bounds()
	white := func(x, y int) bool {
		r, g, bl, _ := picture.At(x, y).RGBA()
		return r == 0xFFFF && g == 0xFFFF && bl == 0xFFFF
	}
	for x := b.Min.X; x < b.Max.X; x++ {
		if !white(x, b.Min.Y) || !white(x, b.Max.Y-1) {
			t.Fatalf("ink at the upper or lower rim, column %d", x)
		}
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		if !white(b.Min.X, y) || !white(b.Max.X-1, y) {
			t.Fatalf("ink at the left or right rim, row %d", y)
		}
	}
}

func TestReadCurvesAggregatesSeeds(t *testing.T) {
	data, err := readCurves(sweep(t), sweepSpec())
	if err != nil {
		t.Fatal(err)
	}
	if data.seeds != (seedRange{3, 3}) {
		t.Errorf("seeds %v, want three at every point", data.seeds)
	}
	precision := data.panels[0].curves[0]
	if n := len(precision.points); n != 6 {
		t.Fatalf("%d points, want 6", n)
	}
	for i, at := range precision.points {
		if want := 0.51 + 0.08*float64(i); math.Abs(at.y-want) > 1e-12 {
			t.Errorf("point %d: mean %g, want %g", i, at.y, want)
		}
		if math.Abs(at.spread-0.01) > 1e-12 { // sample deviation of 0, 0.01, 0.02
			t.Errorf("point %d: spread %g, want 0.01", i, at.spread)
		}
	}
}

func TestCurvesGapsAndSingleSeeds(t *testing.T) {
	tidy := table.New("t", "seed", "y")
	for _, row := range [][]any{{1, 0, 1.0}, {2, 0, math.NaN()}, {3, 0, 2.0}, {3, 1, 4.0}} {
		if err := tidy.Append(row...); err != nil {
			t.Fatal(err)
		}
	}
	spec := CurvesSpec{X: "t", Y: "y", Seed: "seed"}
	data, err := readCurves(tidy, spec)
	if err != nil {
		t.Fatal(err)
	}
	c := data.panels[0].curves[0]
	drawn := c.runs(func(at point) bool { return !math.IsNaN(at.y) })
	if len(drawn) != 2 {
		t.Errorf("a NaN left %d stretches, want 2", len(drawn))
	}
	if !math.IsNaN(c.points[0].spread) || math.IsNaN(c.points[2].spread) {
		t.Errorf("spreads %g and %g: one seed has none, two have one", c.points[0].spread, c.points[2].spread)
	}
	if got := spreadLabel(spec, data); got != "± 1 sd over 1–2 seeds" {
		t.Errorf("legend says %q", got)
	}
	if _, err := Curves(tidy, spec); err != nil {
		t.Error(err)
	}
}

func TestCurvesErrors(t *testing.T) {
	build := func(rows ...[]any) table.Table {
		out := table.New("x", "y", "sd")
		for _, row := range rows {
			if err := out.Append(row...); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	fine := build([]any{1, 2.0, 0.1}, []any{2, 3.0, 0.1})
	for name, c := range map[string]struct {
		table table.Table
		spec  CurvesSpec
		want  string
	}{
		"no columns named":  {fine, CurvesSpec{}, "X and Y must name columns"},
		"unknown column":    {fine, CurvesSpec{X: "z", Y: "y"}, `no column "z"`},
		"empty":             {build(), CurvesSpec{X: "x", Y: "y"}, "no rows"},
		"words on a line":   {build([]any{"a", 1.0, 0}), CurvesSpec{X: "x", Y: "y"}, "use the scale Even"},
		"text in y":         {build([]any{1, "high", 0}), CurvesSpec{X: "x", Y: "y"}, `"high" is not a number`},
		"infinite":          {build([]any{1, math.Inf(1), 0}), CurvesSpec{X: "x", Y: "y"}, "infinite"},
		"all NaN":           {build([]any{1, math.NaN(), 0}), CurvesSpec{X: "x", Y: "y"}, "NaN"},
		"zero on log":       {build([]any{0, 1.0, 0}), CurvesSpec{X: "x", Y: "y", Scale: Log}, "SymmetricLog"},
		"two at one place":  {build([]any{1, 1.0, 0}, []any{1, 2.0, 0}), CurvesSpec{X: "x", Y: "y"}, "Seed"},
		"seed and error":    {fine, CurvesSpec{X: "x", Y: "y", Seed: "x", Error: "sd"}, "not both"},
		"negative error":    {build([]any{1, 1.0, -1}), CurvesSpec{X: "x", Y: "y", Error: "sd"}, "half-width"},
		"backward band":     {fine, CurvesSpec{X: "x", Y: "y", Bands: []Band{{From: 2, To: 1}}}, "not a range"},
		"line at infinity":  {fine, CurvesSpec{X: "x", Y: "y", Lines: []Line{{Value: math.Inf(1)}}}, "finite"},
		"band over words":   {build([]any{"a", 1.0, 0}), CurvesSpec{X: "x", Y: "y", Scale: Even, Bands: []Band{{From: 1, To: 2}}}, "numeric X"},
		"empty range":       {fine, CurvesSpec{X: "x", Y: "y", YRange: [2]float64{1, 1}}, "empty"},
		"unknown scale":     {fine, CurvesSpec{X: "x", Y: "y", Scale: 9}, "unknown scale"},
		"too small":         {fine, CurvesSpec{X: "x", Y: "y", Width: 1}, "larger Width"},
		"too low":           {fine, CurvesSpec{X: "x", Y: "y", Height: 1}, "larger Width"},
		"unknown seed name": {fine, CurvesSpec{X: "x", Y: "y", Seed: "s"}, `no column "s"`},
	} {
		t.Run(name, func(t *testing.T) {
			figure, err := Curves(c.table, c.spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("figure %v, error %v; want an error with %q", figure != nil, err, c.want)
			}
		})
	}
}

func TestEveryScaleDraws(t *testing.T) {
	for _, scale := range []Scale{Linear, SymmetricLog, Even} {
		for name, xs := range map[string][]float64{
			"one value": {5}, "only zero": {0}, "negative": {-1000, -10, 0, 10, 1000}, "tiny": {1e-9, 2e-9},
		} {
			tidy := table.New("x", "y")
			for _, x := range xs {
				if err := tidy.Append(x, 1.0); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Curves(tidy, CurvesSpec{X: "x", Y: "y", Scale: scale}); err != nil {
				t.Errorf("scale %d, %s: %v", scale, name, err)
			}
		}
	}
}

func TestSave(t *testing.T) {
	figure, err := Curves(sweep(t), sweepSpec())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "plots", "joint")
	paths, err := figure.Save(dir, "alpha-sweep")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{figure.SVG, figure.PNG} {
		if got, err := os.ReadFile(paths[i]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: not what was drawn (%v)", paths[i], err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%d files in the folder, want the two figures (%v)", len(left), err)
	}
	if _, err := figure.Save(dir, "../escape"); err == nil {
		t.Error("a name with a folder was accepted")
	}
	file := filepath.Join(dir, "alpha-sweep.svg")
	if _, err := figure.Save(file, "x"); err == nil {
		t.Error("a file served as a folder")
	}
}

// svgText is the text content of every <text>, <title>, <desc> element, by line.
func svgText(t *testing.T, svg []byte) []string {
	t.Helper()
	var out []string
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("the SVG is not well-formed: %v", err)
		}
		if text, ok := token.(xml.CharData); ok {
			for line := range strings.SplitSeq(string(text), "\n") {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
}
