package figure

import (
	"bytes"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/table"
)

func settings() table.Table {
	return table.Table{
		Columns: []string{"model.train.learning_rate", "optimizer", "fid"},
		Rows: [][]string{
			{"0.0001", "adam", "31.5"}, {"0.001", "adam", "22.25"}, {"0.01", "sgd", ""}, {"0.001", "sgd", "40"},
		},
	}
}

func parallelSpec() ParallelSpec {
	return ParallelSpec{
		Axes:  []ParallelAxis{{Column: "model.train.learning_rate", Log: true}, {Column: "optimizer"}, {Column: "fid", Label: "FID"}},
		Color: "fid", Title: "Settings", Caption: "Lower is better.", Provenance: map[string]string{"run": "r1"},
	}
}

func TestParallelHoldsEveryLabel(t *testing.T) {
	drawn, err := Parallel(settings(), parallelSpec())
	if err != nil {
		t.Fatal(err)
	}
	got := svgText(t, drawn.SVG)
	for _, want := range []string{"optimizer", "FID", "adam", "sgd", "0.0001", "0.001", "0.01", "22.25", "31.5", "40", "Settings", "fid", "Lower is better.", "run r1"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if _, err := png.Decode(bytes.NewReader(drawn.PNG)); err != nil {
		t.Error(err)
	}
	again, err := Parallel(settings(), parallelSpec())
	if err != nil || !bytes.Equal(again.PNG, drawn.PNG) || !bytes.Equal(again.SVG, drawn.SVG) {
		t.Errorf("drawn twice the figure differs: %v", err)
	}
}

func TestParallelPlaces(t *testing.T) {
	data, err := readParallel(settings(), parallelSpec())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float64{{0, 0.5, 1, 0.5}, {1, 1, 0, 0}, {9.25 / 17.75, 0, math.NaN(), 1}} {
		for row, place := range data.axes[i].places {
			if math.Abs(place-want[row]) > 1e-12 || math.IsNaN(place) != math.IsNaN(want[row]) {
				t.Errorf("axis %d, row %d lies at %g, want %g", i, row, place, want[row])
			}
		}
	}
}

func TestParallelRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ParallelSpec)
		want   string
	}{
		"one axis":       {func(s *ParallelSpec) { s.Axes = s.Axes[:1] }, "at least two"},
		"unknown column": {func(s *ParallelSpec) { s.Axes[1].Column = "x" }, `no column "x"`},
		"log of words":   {func(s *ParallelSpec) { s.Axes[1].Log = true }, "holds words"},
		"color of words": {func(s *ParallelSpec) { s.Color = "optimizer" }, "not numeric"},
	} {
		spec := parallelSpec()
		c.change(&spec)
		if _, err := Parallel(settings(), spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parallel(table.New("a", "b"), ParallelSpec{Axes: []ParallelAxis{{Column: "a"}, {Column: "b"}}}); err == nil {
		t.Error("no rows are drawn")
	}
}

func TestLogarithmicY(t *testing.T) {
	loss := table.New("step", "loss", "panel")
	for i, y := range []float64{10, 1, 0, 0.1, 0.001} {
		if err := loss.Append(i, y, "train"); err != nil {
			t.Fatal(err)
		}
	}
	if err := loss.Append(4000, 3, "late"); err != nil {
		t.Fatal(err)
	}
	spec := CurvesSpec{X: "step", Y: "loss", Panel: "panel", LogY: true, FreeX: true}
	data, err := readCurves(loss, spec)
	if err != nil {
		t.Fatal(err)
	}
	train := data.panels[0]
	if points := train.curves[0].points; len(points) != 5 || !math.IsNaN(points[2].y) {
		t.Errorf("zero leaves no gap: %v", points)
	}
	if _, high := train.axis.limits(); high > 5 {
		t.Errorf("the axis of steps 0 to 4 ends at %g", high)
	}
	s := newSheet(spec, data)
	f := s.newFrame(train, 300)
	if at := float64(f.y.share(0.1)); math.Abs(at-(float64(f.y.share(0.001))+float64(f.y.share(10)))/2) > 1e-9 {
		t.Errorf("0.1 is not halfway between 0.001 and 10: %g", at)
	}
	if _, err := Curves(loss, spec); err != nil {
		t.Error(err)
	}
	spec.YRange = [2]float64{0, 1}
	if _, err := Curves(loss, spec); err == nil {
		t.Error("a logarithmic axis begins at zero")
	}
}

func TestLogTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0.0009, 110, "0.001 0.01 0.1 1 10 100"},
		{0.17, 1.1, "0.2 0.5 1"},
		{0.95, 1.04, "0.96 0.98 1.00 1.02 1.04"},
	} {
		var labels []string
		for _, mark := range logTicks(c.low, c.high) {
			labels = append(labels, mark.label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}
