package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	panelsPerRow = 3
	panelGap     = vg.Length(14)
	markerRadius = vg.Length(3.4)
)

// sheet is the layout of a figure of curves, from top to bottom: title, legend,
// rows of panels, caption.
type sheet struct {
	spec    CurvesSpec
	data    curveData
	caption string

	width, plots vg.Length // outer width, and height of all rows of panels
	columns      int
	rows         int
	legend       legend
	lineMargin   vg.Length // room for the labels of reference lines, right of each panel
	strip        vg.Length // room for headings above each panel
}

func newSheet(spec CurvesSpec, data curveData) *sheet {
	s := &sheet{spec: spec, data: data, caption: captionText(spec.Caption, spec.Provenance)}
	s.columns = min(len(data.panels), panelsPerRow)
	s.rows = (len(data.panels) + s.columns - 1) / s.columns

	note := textStyle(annotationSize, softInk)
	for _, line := range spec.Lines {
		if line.Label != "" {
			s.lineMargin = max(s.lineMargin, note.Width(line.Label)+6)
		}
	}
	width, height := spec.Width, spec.Height
	if width == 0 {
		width = math.Max(6.4, (3.4+float64(s.lineMargin/vg.Inch))*float64(s.columns))
	}
	if height == 0 {
		height = 3.2 * float64(s.rows)
	}
	s.width, s.plots = vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch

	s.legend = newLegend(spec, data, s.width-2*outerMargin)
	if spec.Panel != "" {
		s.strip += labelSize * lineSpacing
	}
	if slices.ContainsFunc(spec.Bands, func(b Band) bool { return b.Label != "" }) {
		s.strip += annotationSize * lineSpacing
	}
	return s
}

func (s *sheet) render() (*Figure, error) {
	frames, err := s.layPanels()
	if err != nil {
		return nil, err
	}
	return renderPage(s.width, s.spec.Title, s.caption, s.legend.block(), block{s.plots, func(c vg.Canvas, top vg.Length) {
		for i, f := range frames {
			f.moveTo(vg.Point{X: outerMargin, Y: top - s.plots})
			s.drawPanel(draw.Canvas{Canvas: c}, s.data.panels[i], f)
		}
	}})
}

// layPanels places the panels, all with axes of the same extent so that their
// data areas align. Places are seen from the lower left corner of all panels.
func (s *sheet) layPanels() ([]frame, error) {
	columns, rows := vg.Length(s.columns), vg.Length(s.rows)
	outer := vg.Point{
		X: (s.width - 2*outerMargin - (columns-1)*panelGap) / columns,
		Y: (s.plots - (rows-1)*panelGap) / rows,
	}
	var around margins
	frames := make([]frame, len(s.data.panels))
	for i, p := range s.data.panels {
		frames[i] = s.newFrame(p, outer.X)
		around = around.join(frames[i].margins(outer.X))
	}
	around.right += s.lineMargin
	around.top += s.strip
	size := vg.Point{X: outer.X - around.left - around.right, Y: outer.Y - around.bottom - around.top}
	if size.X < smallest || size.Y < smallest {
		return nil, fmt.Errorf("%.3g × %.3g inches leave no room for %d × %d panels beside their labels: set a larger Width and Height",
			s.width/vg.Inch, s.plots/vg.Inch, s.rows, s.columns)
	}
	for i := range frames {
		column, row := vg.Length(i%s.columns), vg.Length(i/s.columns)
		corner := vg.Point{
			X: column*(outer.X+panelGap) + around.left,
			Y: (rows-1-row)*(outer.Y+panelGap) + around.bottom,
		}
		frames[i].data = vg.Rectangle{Min: corner, Max: corner.Add(size)}
	}
	return frames, nil
}

// smallest is the least side of a readable data area.
const smallest = vg.Length(60)

// newFrame chooses the axes of a panel of some outer width.
func (s *sheet) newFrame(p panel, width vg.Length) frame {
	const verticalAxis = vg.Length(50) // its width, about
	var f frame
	f.x.name, f.y.name = s.spec.XLabel, s.spec.YLabel
	f.x.low, f.x.high = p.axis.limits()
	f.x.reversed = s.spec.ReverseX
	f.x.ticks, f.slanted = p.axis.ticks(width-verticalAxis-s.lineMargin, textStyle(tickSize, ink))
	f.y.low, f.y.high = s.verticalLimits(p)
	f.y.ticks = roundTicks(f.y.low, f.y.high, 5)
	if f.y.log = s.spec.LogY; f.y.log {
		f.y.ticks = logTicks(f.y.low, f.y.high)
	}
	return f
}

// drawPanel draws a panel's layers, back to front.
func (s *sheet) drawPanel(c draw.Canvas, p panel, f frame) {
	drawBands(c, f, s.spec.Bands, p.axis)
	drawGrid(c, f)
	drawReferences(c, f, s.linesOf(p))
	for _, line := range p.curves {
		drawSpread(c, f, line, s.spec.ErrorBars)
	}
	f.draw(c)
	for _, line := range p.curves {
		drawCurve(c, f, line)
	}
	s.annotate(c, p, f)
}

// linesOf are the reference lines of a panel.
func (s *sheet) linesOf(p panel) []Line {
	var lines []Line
	for _, line := range s.spec.Lines {
		if line.Panel == "" || line.Panel == p.name {
			lines = append(lines, line)
		}
	}
	return lines
}

// verticalLimits fit the points, their spread and the reference lines, with 6 % to
// spare of the difference or, on a logarithmic axis, of the ratio.
func (s *sheet) verticalLimits(p panel) (low, high float64) {
	if s.spec.YRange != [2]float64{} {
		return s.spec.YRange[0], s.spec.YRange[1]
	}
	low, high = math.Inf(1), math.Inf(-1)
	include := func(y float64) {
		if !math.IsNaN(y) && (y > 0 || !s.spec.LogY) {
			low, high = math.Min(low, y), math.Max(high, y)
		}
	}
	for _, c := range p.curves {
		for _, at := range c.points {
			include(at.y)
			include(at.y - at.spread)
			include(at.y + at.spread)
		}
	}
	for _, line := range s.linesOf(p) {
		include(line.Value)
	}
	switch {
	case low > high && s.spec.LogY: // a panel whose every value is NaN keeps an empty frame
		return 1, 10
	case low > high:
		return 0, 1
	case s.spec.LogY:
		factor := math.Max(math.Pow(high/low, 0.06), 1.02)
		return low / factor, high * factor
	}
	return padded(low, high)
}

// padded leaves 6 % of a range to spare on either side, and something where it has no length.
func padded(low, high float64) (float64, float64) {
	padding := 0.06 * (high - low)
	if padding < 1e-9*math.Abs(high) || padding == 0 {
		padding = math.Max(0.05*math.Abs(high), 1e-3)
	}
	return low - padding, high + padding
}

// annotate writes a panel's heading and the labels of bands above the data
// area, and the labels of reference lines right of it: never over data.
func (s *sheet) annotate(c draw.Canvas, p panel, f frame) {
	base := f.data.Max.Y + 3
	if slices.ContainsFunc(s.spec.Bands, func(b Band) bool { return b.Label != "" }) {
		s.labelBands(c, p, f, base)
		base += annotationSize * lineSpacing
	}
	if s.spec.Panel != "" {
		c.FillText(boldStyle(labelSize, ink), vg.Point{X: f.data.Min.X, Y: base}, p.name)
	}

	lines := slices.DeleteFunc(s.linesOf(p), func(l Line) bool {
		return l.Label == "" || l.Value < f.y.low || l.Value > f.y.high
	})
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(a.Value, b.Value) })
	note := textStyle(annotationSize, softInk)
	lowest := f.data.Min.Y
	for _, line := range lines {
		y := max(f.placeY(line.Value), lowest)
		c.FillText(note, vg.Point{X: f.data.Max.X + 4, Y: centred(note, y)}, line.Label)
		lowest = y + annotationSize*lineSpacing
	}
}

// labelBands centres each label over its band, as far as the panel's width allows.
func (s *sheet) labelBands(c draw.Canvas, p panel, f frame, base vg.Length) {
	note := textStyle(annotationSize, softInk)
	for _, band := range s.spec.Bands {
		from := max(p.axis.position(band.From), f.x.low)
		to := min(p.axis.position(band.To), f.x.high)
		if from >= to {
			continue
		}
		width := note.Width(band.Label)
		left := (f.placeX(from)+f.placeX(to))/2 - width/2
		left = max(f.data.Min.X, min(left, f.data.Max.X-width))
		c.FillText(note, vg.Point{X: left, Y: base}, band.Label)
	}
}

// spreadLabel says what the bands of a figure stand for.
func spreadLabel(spec CurvesSpec, data curveData) string {
	if spec.Error != "" {
		return "± " + spec.Error
	}
	return data.seeds.label()
}
