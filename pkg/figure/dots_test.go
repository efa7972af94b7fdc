package figure

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/table"
)

// comparison is a table of three methods on two datasets, as a paper reports it
// and, of the last two, as it was measured with three seeds.
func comparison(t testing.TB) table.Table {
	t.Helper()
	out := table.New("method", "panel", "source", "seed", "value")
	add := func(cells ...any) {
		if err := out.Append(cells...); err != nil {
			t.Fatal(err)
		}
	}
	for p, panel := range []string{"CIFAR-10: accuracy, %", "CIFAR-10: FID"} {
		base := []float64{90, 6}[p]
		add("Quoted elsewhere", panel, "the paper", "", base+2.5)
		for m, method := range []string{"Classifier", "Joint (conditional sampling)"} {
			add(method, panel, "the paper", "", base+float64(m))
			for seed := range 3 {
				add(method, panel, "here", seed, base-float64(m)+0.5*float64(seed))
			}
		}
	}
	return out
}

func comparisonSpec() DotsSpec {
	return DotsSpec{
		Row: "method", Value: "value", Group: "source", Panel: "panel", Seed: "seed", Hollow: []string{"the paper"},
		Better: map[string]Better{"CIFAR-10: accuracy, %": Higher, "CIFAR-10: FID": Lower},
		Title:  "Two measures & three methods", XLabel: "measured", Caption: "Quoted values beside ours.",
		Provenance: map[string]string{"run": "r1", "tier": "quick"},
	}
}

func TestDotsHoldEveryLabel(t *testing.T) {
	drawn, err := Dots(comparison(t), comparisonSpec())
	if err != nil {
		t.Fatal(err)
	}
	got := svgText(t, drawn.SVG)
	for _, want := range []string{
		"Quoted elsewhere", "Classifier", "the paper", "here", "± 1 sd over 3 seeds", "higher is better", "lower is better",
		"CIFAR-10: FID", "measured", "Two measures & three methods", "Quoted values beside ours.", "run r1 · tier quick",
		"92.5", "90.0", "90.5", "91.0", "89.5", // accuracies
		"8.50", "6.00", "6.50", "7.00", "5.50", // distances
	} {
		if !slices.Contains(got, want) {
			t.Errorf("the SVG lacks the text %q; it has %q", want, got)
		}
	}
	if want := "Quoted values beside ours.\nrun r1 · tier quick"; drawn.Caption != want {
		t.Errorf("caption %q, want %q", drawn.Caption, want)
	}
	again, err := Dots(comparison(t), comparisonSpec())
	if err != nil || !bytes.Equal(again.SVG, drawn.SVG) || !bytes.Equal(again.PNG, drawn.PNG) {
		t.Errorf("the same table gave different bytes (%v)", err)
	}
}

func TestReadDots(t *testing.T) {
	data, err := readDots(comparison(t), comparisonSpec())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Quoted elsewhere", "Classifier", "Joint (conditional sampling)"}; !slices.Equal(data.rows, want) {
		t.Errorf("rows %q, want %q", data.rows, want)
	}
	if data.seeds != (seedRange{3, 3}) {
		t.Errorf("seeds %v: only what is repeated has a bar", data.seeds)
	}
	if want := [][]int{{0}, {0, 1}, {0, 1}}; fmt.Sprint(data.lines) != fmt.Sprint(want) {
		t.Errorf("lines %v, want %v", data.lines, want)
	}
	quoted, here := data.panels[1].rows[2][0], data.panels[1].rows[2][1]
	if quoted.mean != 7 || !math.IsNaN(quoted.spread) || quoted.bar() != 0 {
		t.Errorf("%+v, want 7 without a bar", quoted)
	}
	if here.mean != 5.5 || math.Abs(here.spread-0.5) > 1e-12 { // of 5, 5.5, 6
		t.Errorf("%+v, want 5.5 ± 0.5", here)
	}
}

// A number stands right of its bar and ends inside the panel, whatever the values.
func TestNumbersEndInsideThePanel(t *testing.T) {
	for name, values := range map[string][]float64{
		"one value": {5}, "zero": {0, 0}, "wide bars": {-1000, 1000, -1000, 1000}, "tiny": {1e-9, 3e-9}, "near": {99.98, 99.99},
	} {
		tidy := table.New("method", "seed", "value")
		for i, value := range values {
			if err := tidy.Append(fmt.Sprint("m", i/2), i, value); err != nil {
				t.Fatal(err)
			}
		}
		spec := DotsSpec{Row: "method", Value: "value", Seed: "seed"}
		data, err := readDots(tidy, spec)
		if err != nil {
			t.Fatal(err)
		}
		s := newDotSheet(spec, data)
		frames, _, err := s.layPanels()
		if err != nil {
			t.Fatal(err)
		}
		p, f := data.panels[0], frames[0]
		for _, d := range p.dots() {
			end := f.placeX(d.mean+d.bar()) + besideDot + numberStyle().Width(formatNumber(d.mean, p.decimals()))
			if start := f.placeX(d.mean - d.bar()); start < f.data.Min.X || end > f.data.Max.X+1e-6 {
				t.Errorf("%s: a dot's bar and number reach from %v to %v, the panel from %v to %v", name, start, end, f.data.Min.X, f.data.Max.X)
			}
		}
	}
}

func TestNumbersBesideDots(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   string
	}{
		{[]float64{95.3, 100}, "95.3 100.0"},
		{[]float64{7.9, 120.25}, "7.9 120.2"},
		{[]float64{-34.1, 0.6, 0}, "−34.1 0.6 0.0"},
		{[]float64{0.9731, 0.5}, "0.973 0.500"},
		{[]float64{1856, 3712}, "1856 3712"},
		{[]float64{0, 0}, "0 0"},
	} {
		p := dotPanel{rows: make([][]dot, 1)}
		for _, value := range test.values {
			p.rows[0] = append(p.rows[0], dot{mean: value, spread: math.NaN()})
		}
		var got []string
		for _, value := range test.values {
			got = append(got, formatNumber(value, p.decimals()))
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%v is written %q, want %q", test.values, text, test.want)
		}
	}
}

func TestNoDotIsClipped(t *testing.T) {
	wide := table.New("method", "panel", "value")
	for i := range 5 {
		for p := range 4 {
			if err := wide.Append(fmt.Sprintf("method %d with a name that needs a second line", i), fmt.Sprintf("a dataset with a long name, and its measure %d", p), 1e5*float64(i+p)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		table table.Table
		spec  DotsSpec
	}{
		"comparison": {comparison(t), comparisonSpec()},
		"long names": {wide, DotsSpec{Row: "method", Value: "value", Panel: "panel"}},
	} {
		drawn, err := Dots(c.table, c.spec)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { requireWhiteRim(t, drawn.PNG) })
	}
}

func TestDotsErrors(t *testing.T) {
	build := func(rows ...[]any) table.Table {
		out := table.New("method", "source", "value")
		for _, row := range rows {
			if err := out.Append(row...); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	fine := build([]any{"a", "here", 1.0}, []any{"b", "here", math.NaN()})
	for name, c := range map[string]struct {
		table table.Table
		spec  DotsSpec
		want  string
	}{
		"no columns named": {fine, DotsSpec{}, "Row and Value must name columns"},
		"unknown column":   {fine, DotsSpec{Row: "m", Value: "value"}, `no column "m"`},
		"unknown seed":     {fine, DotsSpec{Row: "method", Value: "value", Seed: "s"}, `no column "s"`},
		"empty":            {build(), DotsSpec{Row: "method", Value: "value"}, "no rows"},
		"text":             {build([]any{"a", "here", "high"}), DotsSpec{Row: "method", Value: "value"}, `"high" is not a number`},
		"infinite":         {build([]any{"a", "here", math.Inf(1)}), DotsSpec{Row: "method", Value: "value"}, "infinite"},
		"all NaN":          {build([]any{"a", "here", math.NaN()}), DotsSpec{Row: "method", Value: "value"}, "NaN"},
		"two in one place": {build([]any{"a", "here", 1}, []any{"a", "paper", 2}), DotsSpec{Row: "method", Value: "value"}, "a second value of a"},
		"unknown group":    {fine, DotsSpec{Row: "method", Value: "value", Group: "source", Hollow: []string{"paper"}}, `Hollow has "paper"`},
		"unknown panel":    {fine, DotsSpec{Row: "method", Value: "value", Better: map[string]Better{"FID": Lower}}, `Better has "FID"`},
		"negative":         {fine, DotsSpec{Row: "method", Value: "value", Width: -1}, "negative"},
		"too small":        {fine, DotsSpec{Row: "method", Value: "value", Width: 1}, "larger Width"},
	} {
		t.Run(name, func(t *testing.T) {
			drawn, err := Dots(c.table, c.spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("figure %v, error %v; want an error with %q", drawn != nil, err, c.want)
			}
		})
	}
}
