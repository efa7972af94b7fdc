package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bandsLayer fills the marked ranges of X.
type bandsLayer struct {
	bands []Band
	axis  horizontal
}

func (l bandsLayer) Plot(c draw.Canvas, p *plot.Plot) {
	trX, _ := p.Transforms(&c)
	for _, band := range l.bands {
		from := max(l.axis.position(band.From), p.X.Min)
		to := min(l.axis.position(band.To), p.X.Max)
		if from >= to {
			continue
		}
		c.SetColor(bandFill)
		c.Fill(vg.Rectangle{Min: vg.Point{X: trX(from), Y: c.Min.Y}, Max: vg.Point{X: trX(to), Y: c.Max.Y}}.Path())
	}
}

// gridLayer draws a horizontal line at each tick of Y.
type gridLayer struct{}

func (gridLayer) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	for _, tick := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if tick.Value >= p.Y.Min && tick.Value <= p.Y.Max {
			y := trY(tick.Value)
			c.StrokeLine2(draw.LineStyle{Color: gridInk, Width: 0.7}, c.Min.X, y, c.Max.X, y)
		}
	}
}

// linesLayer draws the marked values of Y.
type linesLayer struct{ lines []Line }

func (l linesLayer) Plot(c draw.Canvas, p *plot.Plot) {
	_, trY := p.Transforms(&c)
	style := draw.LineStyle{Color: softInk, Width: 1, Dashes: []vg.Length{4, 3}}
	for _, line := range l.lines {
		if line.Value >= p.Y.Min && line.Value <= p.Y.Max {
			y := trY(line.Value)
			c.StrokeLine2(style, c.Min.X, y, c.Max.X, y)
		}
	}
}

// spreadLayer draws a curve's spread as a band, or as bars.
type spreadLayer struct {
	curve curve
	bars  bool
}

func (l spreadLayer) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	clamp := func(y float64) vg.Length { return trY(math.Max(p.Y.Min, math.Min(p.Y.Max, y))) }
	tint := colorOf(l.curve.index)
	for _, run := range l.curve.runs(func(at point) bool { return !math.IsNaN(at.y) && !math.IsNaN(at.spread) }) {
		var upper, lower []vg.Point
		for _, at := range run {
			upper = append(upper, vg.Point{X: trX(at.x), Y: clamp(at.y + at.spread)})
			lower = append(lower, vg.Point{X: trX(at.x), Y: clamp(at.y - at.spread)})
		}
		if l.bars || len(run) == 1 {
			for i := range run {
				drawErrorBar(c, tint, upper[i].X, lower[i].Y, upper[i].Y)
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

// drawErrorBar draws a vertical bar with whiskers at both ends.
func drawErrorBar(c draw.Canvas, tint color.Color, x, low, high vg.Length) {
	const whisker = vg.Length(3)
	style := draw.LineStyle{Color: tint, Width: 1.1}
	c.StrokeLine2(style, x, low, x, high)
	c.StrokeLine2(style, x-whisker, low, x+whisker, low)
	c.StrokeLine2(style, x-whisker, high, x+whisker, high)
}

// curveLayer draws a curve's line and markers.
type curveLayer struct{ curve curve }

// markersAtMost is the count of points up to which each has a marker; longer
// curves show about a third as many.
const markersAtMost = 36

func (l curveLayer) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	every := 1
	if n := len(l.curve.points); n > markersAtMost {
		every = n / (markersAtMost / 3)
	}
	for _, run := range l.curve.runs(func(at point) bool { return !math.IsNaN(at.y) }) {
		points := make([]vg.Point, len(run))
		for i, at := range run {
			points[i] = vg.Point{X: trX(at.x), Y: trY(at.y)}
		}
		c.StrokeLines(lineStyleOf(l.curve.index), c.ClipLinesXY(points)...)
		for i := 0; i < len(points); i += every {
			if c.Contains(points[i]) {
				drawMarker(c, markerOf(l.curve.index), colorOf(l.curve.index), points[i], markerRadius)
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
