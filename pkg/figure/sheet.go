package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	panelsPerRow = 3
	panelGap     = vg.Length(14)
	markerRadius = vg.Length(3.4)
	blockGap     = vg.Length(8) // between title, legend, plots and caption
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
	inner := s.width - 2*outerMargin
	title, small := boldStyle(titleSize, ink), textStyle(captionSize, softInk)
	titleLines := wrap(title, s.spec.Title, inner)
	captionLines := wrap(small, s.caption, inner)
	blocks := []vg.Length{linesHeight(title, titleLines), s.legend.height(), s.plots, linesHeight(small, captionLines)}

	height := 2*outerMargin - blockGap
	for _, block := range blocks {
		if block > 0 {
			height += block + blockGap
		}
	}
	panels, err := s.layPanels()
	if err != nil {
		return nil, err
	}
	return render(s.width, height, s.spec.Title, s.caption, true, func(c vg.Canvas) {
		top := height - outerMargin
		next := func(block vg.Length) (from vg.Length) {
			from = top
			if block > 0 {
				top -= block + blockGap
			}
			return from
		}
		c.SetColor(color.White)
		c.Fill(vg.Rectangle{Max: vg.Point{X: s.width + 2, Y: height + 2}}.Path())
		drawLines(c, title, titleLines, outerMargin, next(blocks[0]))
		s.legend.draw(c, outerMargin, next(blocks[1]))
		lower := next(blocks[2]) - s.plots
		for i, laid := range panels {
			area := draw.Canvas{Canvas: c, Rectangle: laid.area.Add(vg.Point{X: outerMargin, Y: lower})}
			laid.plot.Draw(area)
			s.annotate(s.data.panels[i], laid.plot, laid.plot.DataCanvas(area))
		}
		drawLines(c, small, captionLines, outerMargin, next(blocks[3]))
	})
}

// laidPanel is a plot and its place, seen from the lower left corner of all.
type laidPanel struct {
	plot *plot.Plot
	area vg.Rectangle
}

// smallest is the least side of a readable data area.
const smallest = vg.Length(60)

// layPanels makes the plots and aligns their data areas.
func (s *sheet) layPanels() ([]laidPanel, error) {
	all := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: s.width - 2*outerMargin, Y: s.plots}}}
	tiles := draw.Tiles{
		Rows: s.rows, Cols: s.columns,
		PadTop: s.strip, PadRight: s.lineMargin,
		PadX: panelGap + s.lineMargin, PadY: panelGap + s.strip,
	}
	const verticalAxis = vg.Length(50) // its width, about
	width := tiles.At(all, 0, 0).Size().X - verticalAxis
	if width < smallest {
		return nil, s.tooSmall()
	}
	plots := make([][]*plot.Plot, s.rows)
	for i, p := range s.data.panels {
		plots[i/s.columns] = append(plots[i/s.columns], s.newPlot(p, width))
	}
	for len(plots[s.rows-1]) < s.columns {
		plots[s.rows-1] = append(plots[s.rows-1], nil)
	}
	canvases := plot.Align(plots, tiles, all)
	laid := make([]laidPanel, len(s.data.panels))
	for i := range laid {
		p, canvas := plots[i/s.columns][i%s.columns], canvases[i/s.columns][i%s.columns]
		if size := p.DataCanvas(canvas).Size(); size.X < smallest || size.Y < smallest {
			return nil, s.tooSmall()
		}
		laid[i] = laidPanel{p, canvas.Rectangle}
	}
	return laid, nil
}

func (s *sheet) tooSmall() error {
	return fmt.Errorf("%.3g × %.3g inches leave no room for %d × %d panels beside their labels: set a larger Width and Height",
		s.width/vg.Inch, s.plots/vg.Inch, s.rows, s.columns)
}

// newPlot is one panel's axes and layers, back to front.
func (s *sheet) newPlot(p panel, width vg.Length) *plot.Plot {
	drawing := plot.New()
	drawing.BackgroundColor = nil
	drawing.TextHandler = textHandler
	styleAxis(&drawing.X, s.spec.XLabel)
	styleAxis(&drawing.Y, s.spec.YLabel)

	x := s.data.axis
	drawing.X.Min, drawing.X.Max = x.limits()
	marks, slanted := x.ticks(width, drawing.X.Tick.Label)
	drawing.X.Tick.Marker = plot.ConstantTicks(marks)
	if slanted {
		label := &drawing.X.Tick.Label
		label.Rotation, label.XAlign, label.YAlign = slant, draw.XRight, draw.YTop
	}
	drawing.Y.Min, drawing.Y.Max = s.verticalLimits(p)
	drawing.Y.Tick.Marker = plot.ConstantTicks(roundTicks(drawing.Y.Min, drawing.Y.Max, 5))

	drawing.Add(bandsLayer{s.spec.Bands, x}, gridLayer{}, linesLayer{s.linesOf(p)})
	for _, c := range p.curves {
		drawing.Add(spreadLayer{c, s.spec.ErrorBars})
	}
	for _, c := range p.curves {
		drawing.Add(curveLayer{c})
	}
	return drawing
}

func styleAxis(axis *plot.Axis, label string) {
	axis.Label.Text = label
	axis.Label.Padding = 4
	axis.Padding = 0
	axis.LineStyle = draw.LineStyle{Color: softInk, Width: 0.8}
	axis.Tick.LineStyle = axis.LineStyle
	axis.Tick.Length = 4
	setFont := func(style *draw.TextStyle, size float64) {
		plain := textStyle(size, ink)
		style.Font, style.Handler, style.Color = plain.Font, plain.Handler, plain.Color
	}
	setFont(&axis.Label.TextStyle, labelSize)
	setFont(&axis.Tick.Label, tickSize)
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

// verticalLimits fit the points, their spread and the reference lines, with 6 % to spare.
func (s *sheet) verticalLimits(p panel) (low, high float64) {
	if s.spec.YRange != [2]float64{} {
		return s.spec.YRange[0], s.spec.YRange[1]
	}
	low, high = math.Inf(1), math.Inf(-1)
	include := func(y float64) {
		if !math.IsNaN(y) {
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
	if low > high { // a panel whose every value is NaN keeps an empty frame
		return 0, 1
	}
	padding := 0.06 * (high - low)
	if padding < 1e-9*math.Abs(high) || padding == 0 {
		padding = math.Max(0.05*math.Abs(high), 1e-3)
	}
	return low - padding, high + padding
}

// annotate writes a panel's heading and the labels of bands above the data
// area, and the labels of reference lines right of it: never over data.
func (s *sheet) annotate(p panel, drawing *plot.Plot, data draw.Canvas) {
	trX, trY := drawing.Transforms(&data)
	note := textStyle(annotationSize, softInk)
	base := data.Max.Y + 3
	if slices.ContainsFunc(s.spec.Bands, func(b Band) bool { return b.Label != "" }) {
		s.labelBands(drawing, data, trX, base)
		base += annotationSize * lineSpacing
	}
	if s.spec.Panel != "" {
		data.FillText(boldStyle(labelSize, ink), vg.Point{X: data.Min.X, Y: base}, p.name)
	}

	lines := slices.DeleteFunc(slices.Clone(s.linesOf(p)), func(l Line) bool {
		return l.Label == "" || l.Value < drawing.Y.Min || l.Value > drawing.Y.Max
	})
	slices.SortStableFunc(lines, func(a, b Line) int {
		switch {
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		}
		return 0
	})
	note.YAlign = draw.YCenter
	lowest := data.Min.Y
	for _, line := range lines {
		y := max(trY(line.Value), lowest)
		data.FillText(note, vg.Point{X: data.Max.X + 4, Y: y}, line.Label)
		lowest = y + annotationSize*lineSpacing
	}
}

// labelBands centres each label over its band, as far as the panel's width allows.
func (s *sheet) labelBands(drawing *plot.Plot, data draw.Canvas, trX func(float64) vg.Length, base vg.Length) {
	note := textStyle(annotationSize, softInk)
	for _, band := range s.spec.Bands {
		from := max(s.data.axis.position(band.From), drawing.X.Min)
		to := min(s.data.axis.position(band.To), drawing.X.Max)
		if from >= to {
			continue
		}
		width := note.Width(band.Label)
		left := (trX(from)+trX(to))/2 - width/2
		left = max(data.Min.X, min(left, data.Max.X-width))
		data.FillText(note, vg.Point{X: left, Y: base}, band.Label)
	}
}

// seedsLabel says what the bands of a figure stand for.
func seedsLabel(spec CurvesSpec, data curveData) string {
	switch {
	case spec.Error != "":
		return "± " + spec.Error
	case data.seeds[1] < 2:
		return ""
	case data.seeds[0] == data.seeds[1]:
		return fmt.Sprintf("± 1 sd over %d seeds", data.seeds[1])
	default:
		return fmt.Sprintf("± 1 sd over %d–%d seeds", data.seeds[0], data.seeds[1])
	}
}
