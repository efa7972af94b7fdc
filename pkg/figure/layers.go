package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// drawBands fills the marked ranges of X.
func drawBands(c draw.Canvas, f frame, bands []Band, axis horizontal) {
	for _, band := range bands {
		from := max(axis.position(band.From), f.x.low)
		to := min(axis.position(band.To), f.x.high)
		if from >= to {
			continue
		}
		left, right := f.between(from, to)
		c.SetColor(bandFill)
		c.Fill(vg.Rectangle{Min: vg.Point{X: left, Y: f.data.Min.Y}, Max: vg.Point{X: right, Y: f.data.Max.Y}}.Path())
	}
}

// drawLevel draws a line from the left to the right end of the data area.
func drawLevel(c draw.Canvas, f frame, style draw.LineStyle, value float64) {
	if value >= f.y.low && value <= f.y.high {
		y := f.placeY(value)
		c.StrokeLine2(style, f.data.Min.X, y, f.data.Max.X, y)
	}
}

func drawGrid(c draw.Canvas, f frame) {
	for _, mark := range f.y.ticks {
		drawLevel(c, f, draw.LineStyle{Color: gridInk, Width: 0.7}, mark.at)
	}
}

func drawReferences(c draw.Canvas, f frame, lines []Line) {
	for _, line := range lines {
		drawLevel(c, f, draw.LineStyle{Color: softInk, Width: 1, Dashes: []vg.Length{4, 3}}, line.Value)
	}
}

// drawSpread draws a curve's spread as a band, or as bars.
func drawSpread(c draw.Canvas, f frame, line curve, bars bool) {
	clamp := func(y float64) vg.Length { return f.placeY(math.Max(f.y.low, math.Min(f.y.high, y))) }
	tint := colorOf(line.index)
	for _, run := range line.runs(func(at point) bool { return !math.IsNaN(at.y) && !math.IsNaN(at.spread) }) {
		var upper, lower []vg.Point
		for _, at := range run {
			upper = append(upper, vg.Point{X: f.placeX(at.x), Y: clamp(at.y + at.spread)})
			lower = append(lower, vg.Point{X: f.placeX(at.x), Y: clamp(at.y - at.spread)})
		}
		if bars || len(run) == 1 {
			for i := range run {
				drawErrorBar(c, tint, lower[i], upper[i])
			}
			continue
		}
		outline := upper
		for i := len(lower) - 1; i >= 0; i-- {
			outline = append(outline, lower[i])
		}
		c.FillPolygon(withAlpha(tint, 0x33), outline)
	}
}

// drawErrorBar draws a vertical or horizontal bar with whiskers at both ends.
func drawErrorBar(c draw.Canvas, tint color.Color, from, to vg.Point) {
	whisker := vg.Point{X: 3}
	if from.X != to.X {
		whisker = vg.Point{Y: 3}
	}
	style := draw.LineStyle{Color: tint, Width: 1.1}
	c.StrokeLines(style, []vg.Point{from, to})
	for _, end := range []vg.Point{from, to} {
		c.StrokeLines(style, []vg.Point{end.Sub(whisker), end.Add(whisker)})
	}
}

// markersAtMost is the count of points up to which each has a marker; longer
// curves show about a third as many.
const markersAtMost = 36

// drawCurve draws a curve's line and markers.
func drawCurve(c draw.Canvas, f frame, line curve) {
	inside := draw.Canvas{Canvas: c.Canvas, Rectangle: f.data}
	every := 1
	if n := len(line.points); n > markersAtMost {
		every = n / (markersAtMost / 3)
	}
	for _, run := range line.runs(func(at point) bool { return !math.IsNaN(at.y) }) {
		points := make([]vg.Point, len(run))
		for i, at := range run {
			points[i] = vg.Point{X: f.placeX(at.x), Y: f.placeY(at.y)}
		}
		c.StrokeLines(lineStyleOf(line.index), inside.ClipLinesXY(points)...)
		for i := 0; i < len(points); i += every {
			if inside.Contains(points[i]) {
				drawMarker(c, markerOf(line.index), colorOf(line.index), points[i], markerRadius)
			}
		}
	}
}

func lineStyleOf(index int) draw.LineStyle {
	return draw.LineStyle{Color: colorOf(index), Width: 1.8, Dashes: dashOf(index)}
}

// runs are the longest stretches of points that satisfy a condition.
func (c curve) runs(keep func(point) bool) [][]point {
	var runs [][]point
	open := false
	for _, at := range c.points {
		if !keep(at) {
			open = false
			continue
		}
		if !open {
			runs = append(runs, nil)
			open = true
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], at)
	}
	return runs
}
