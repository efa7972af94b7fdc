package figure

import (
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	scaleBar    = vg.Length(110) // length of the colour scale
	scaleHeight = vg.Length(9)
)

// parallelSheet is the layout of parallel coordinates, from top to bottom: title,
// colour scale, names, axes, caption.
type parallelSheet struct {
	spec    ParallelSpec
	data    parallelData
	caption string

	width, axes  vg.Length // outer width, and height of the axes
	left         vg.Length // where the first axis stands
	step         vg.Length // between axes
	names        [][]string
	namesHeight  vg.Length
	legendHeight vg.Length
}

func newParallelSheet(spec ParallelSpec, data parallelData) *parallelSheet {
	s := &parallelSheet{spec: spec, data: data, caption: captionText(spec.Caption, spec.Provenance)}
	width, height := spec.Width, spec.Height
	if width == 0 {
		width = math.Max(6.4, 1.5*float64(len(data.axes)))
	}
	if height == 0 {
		height = 3.2
	}
	s.width, s.axes = vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch
	if data.colors != nil {
		s.legendHeight = legendRow
	}

	name, label := boldStyle(tickSize, ink), textStyle(tickSize, ink)
	widest := func(a parallelAxis) vg.Length {
		var w vg.Length
		for _, mark := range a.ticks {
			w = max(w, label.Width(mark.label))
		}
		return w + tickLength + tickGap
	}
	// Half a name, at the ends, may reach as far as the next axis allows.
	count := vg.Length(len(data.axes))
	room := (s.width - 2*outerMargin) / count * 0.92
	for _, a := range data.axes {
		lines := breakName(name, a.name, room)
		s.names = append(s.names, lines)
		s.namesHeight = max(s.namesHeight, linesHeight(name, lines))
	}
	half := func(lines []string) vg.Length {
		var w vg.Length
		for _, line := range lines {
			w = max(w, name.Width(line)/2)
		}
		return w
	}
	last := len(data.axes) - 1
	s.left = outerMargin + max(widest(data.axes[0]), half(s.names[0]))
	right := outerMargin + max(half(s.names[last]), 4)
	s.step = (s.width - s.left - right) / vg.Length(last)
	return s
}

// breakName breaks a name at its spaces, dots, slashes and underscores.
func breakName(style text.Style, name string, width vg.Length) []string {
	var lines []string
	line := ""
	for part := range strings.SplitAfterSeq(strings.NewReplacer(".", ".\x00", "/", "/\x00", "_", "_\x00", " ", " \x00").Replace(name), "\x00") {
		part = strings.TrimSuffix(part, "\x00")
		if line != "" && style.Width(line+strings.TrimSpace(part)) > width {
			lines = append(lines, strings.TrimSpace(line))
			line = ""
		}
		line += part
	}
	return append(lines, strings.TrimSpace(line))
}

func (s *parallelSheet) render() (*Figure, error) {
	const aboveAxes = vg.Length(6)
	scale := block{s.legendHeight, func(c vg.Canvas, top vg.Length) {
		s.drawScale(draw.Canvas{Canvas: c}, top-s.legendHeight/2)
	}}
	axes := block{s.namesHeight + aboveAxes + s.axes, func(c vg.Canvas, top vg.Length) {
		canvas := draw.Canvas{Canvas: c}
		s.drawNames(canvas, top)
		s.drawRows(canvas, top-s.namesHeight-aboveAxes-s.axes+8, s.axes-16)
	}}
	return renderPage(s.width, s.spec.Title, s.caption, scale, axes)
}

// drawScale draws the colours with the values at their ends.
func (s *parallelSheet) drawScale(c draw.Canvas, middle vg.Length) {
	style := textStyle(tickSize, ink)
	name := s.spec.ColorLabel
	if name == "" {
		name = s.spec.Color
	}
	x := outerMargin
	write := func(text string, ink color.Color) {
		style.Color = ink
		c.FillText(style, vg.Point{X: x, Y: centred(style, middle)}, text)
		x += style.Width(text) + 6
	}
	write(name, softInk)
	write(significant(s.data.ends[0]), ink)
	const parts = 55
	for i := range parts {
		from := x + scaleBar*vg.Length(i)/parts
		c.SetColor(Sequential((float64(i) + 0.5) / parts))
		// Each to the end, under the next, so that no seam shows between parts.
		c.Fill(vg.Rectangle{Min: vg.Point{X: from, Y: middle - scaleHeight/2}, Max: vg.Point{X: x + scaleBar, Y: middle + scaleHeight/2}}.Path())
	}
	x += scaleBar + 6
	write(significant(s.data.ends[1]), ink)
}

func (s *parallelSheet) drawNames(c draw.Canvas, top vg.Length) {
	style := boldStyle(tickSize, ink)
	style.XAlign, style.YAlign = draw.XCenter, draw.YTop
	for i, lines := range s.names {
		from := top - s.namesHeight + linesHeight(style, lines) // the last line next to its axis
		for k, line := range lines {
			c.FillText(style, vg.Point{X: s.axisX(i), Y: from - vg.Length(k)*style.Font.Size*lineSpacing}, line)
		}
	}
}

func (s *parallelSheet) axisX(i int) vg.Length { return s.left + vg.Length(i)*s.step }

// drawRows draws the lines, then the axes with their labels above them.
func (s *parallelSheet) drawRows(c draw.Canvas, bottom, height vg.Length) {
	opacity := uint8(math.Max(90, 230-float64(s.data.rows)))
	for row := range s.data.rows {
		tint := palette[0]
		if s.data.colors != nil {
			tint = Sequential(s.data.colors[row])
		}
		style := draw.LineStyle{Color: withAlpha(tint, opacity), Width: 1.7}
		var line []vg.Point
		flush := func() {
			switch len(line) {
			case 0:
			case 1: // a value between two that are missing
				drawMarker(c, 0, tint, line[0], 2.5)
			default:
				c.StrokeLines(style, line)
			}
			line = nil
		}
		for i, a := range s.data.axes {
			if math.IsNaN(a.places[row]) {
				flush()
				continue
			}
			line = append(line, vg.Point{X: s.axisX(i), Y: bottom + vg.Length(a.places[row])*height})
		}
		flush()
	}
	for i, a := range s.data.axes {
		s.drawAxis(c, a, s.axisX(i), bottom, height)
	}
}

func (s *parallelSheet) drawAxis(c draw.Canvas, a parallelAxis, x, bottom, height vg.Length) {
	line := draw.LineStyle{Color: softInk, Width: 1}
	c.StrokeLine2(line, x, bottom, x, bottom+height)
	label := textStyle(tickSize, ink)
	label.XAlign = draw.XRight
	free := bottom - height
	for _, mark := range a.ticks {
		y := bottom + vg.Length(mark.at)*height
		c.StrokeLine2(line, x-tickLength, y, x, y)
		if y-free < tickSize { // it would touch the label below
			continue
		}
		free = y
		at := vg.Point{X: x - tickLength - tickGap, Y: centred(label, y)}
		// A backing keeps labels readable over lines.
		width := label.Width(mark.label)
		c.SetColor(withAlpha(color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}, 0xE0))
		c.Fill(vg.Rectangle{Min: vg.Point{X: at.X - width - 1.5, Y: y - tickSize*0.55}, Max: vg.Point{X: at.X + 1.5, Y: y + tickSize*0.55}}.Path())
		c.FillText(label, at, mark.label)
	}
}
