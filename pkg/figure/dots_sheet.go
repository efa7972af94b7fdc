package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	dotLine    = vg.Length(13)  // height of a group's line in a row
	rowGap     = vg.Length(6)   // between rows
	widestRow  = vg.Length(150) // where names of rows are wrapped
	besideDot  = vg.Length(7)   // from a dot, or the end of its bar, to its number
	panelWidth = 2.1 * vg.Inch
)

// dotSheet is the layout of a chart of dots, from top to bottom: title, legend,
// rows of panels, caption.
type dotSheet struct {
	spec    DotsSpec
	data    dotData
	caption string

	width, panel vg.Length // of the page and of a panel's data area
	columns      int
	names        [][]string // of the rows, wrapped
	left         vg.Length  // room for them
	heights      []vg.Length
	headings     [][]string // of the panels, wrapped
	strip        vg.Length  // room for them and what is better
	legend       legend
}

func newDotSheet(spec DotsSpec, data dotData) *dotSheet {
	s := &dotSheet{spec: spec, data: data, caption: captionText(spec.Caption, spec.Provenance)}
	rows := (len(data.panels) + panelsPerRow - 1) / panelsPerRow
	s.columns = (len(data.panels) + rows - 1) / rows // four are two by two
	label := textStyle(tickSize, ink)
	for r, row := range data.rows {
		lines := wrap(label, row, widestRow)
		for _, line := range lines {
			s.left = max(s.left, label.Width(line)+tickGap)
		}
		s.names = append(s.names, lines)
		s.heights = append(s.heights, max(vg.Length(len(data.lines[r]))*dotLine, linesHeight(label, lines))+rowGap)
	}
	s.width = vg.Length(spec.Width) * vg.Inch
	if s.width == 0 {
		s.width = max(6.4*vg.Inch, 2*outerMargin+s.left+vg.Length(s.columns)*panelWidth)
	}
	columns := vg.Length(s.columns)
	const overhang = vg.Length(8) // of the last tick's label
	s.panel = (s.width - 2*outerMargin - s.left - overhang - (columns-1)*panelGap) / columns
	heading := boldStyle(labelSize, ink)
	for _, p := range data.panels {
		lines := wrap(heading, p.name, s.panel)
		s.headings = append(s.headings, lines)
		s.strip = max(s.strip, linesHeight(heading, lines))
	}
	if len(spec.Better) > 0 {
		s.strip += annotationSize * lineSpacing
	}
	s.legend = s.newLegend()
	return s
}

func (s *dotSheet) newLegend() legend {
	var entries []legendEntry
	if s.spec.Group != "" {
		if s.spec.GroupLabel != "" {
			entries = append(entries, legendEntry{label: s.spec.GroupLabel})
		}
		for g, group := range s.data.groups {
			entries = append(entries, legendEntry{label: group, sample: func(c draw.Canvas, left, middle vg.Length) {
				s.drawMarker(c, g, vg.Point{X: left + legendSample/2, Y: middle})
			}})
		}
	}
	if label := s.data.seeds.label(); label != "" {
		entries = append(entries, legendEntry{label: label, sample: func(c draw.Canvas, left, middle vg.Length) {
			drawErrorBar(c, softInk, vg.Point{X: left + 3, Y: middle}, vg.Point{X: left + legendSample - 3, Y: middle})
		}})
	}
	return layLegend(entries, s.width-2*outerMargin)
}

func (s *dotSheet) render() (*Figure, error) {
	frames, height, err := s.layPanels()
	if err != nil {
		return nil, err
	}
	return renderPage(s.width, s.spec.Title, s.caption, s.legend.block(), block{height, func(c vg.Canvas, top vg.Length) {
		for i, f := range frames {
			f.moveTo(vg.Point{X: outerMargin, Y: top})
			s.drawPanel(draw.Canvas{Canvas: c}, i, f)
		}
	}})
}

// layPanels places the panels as seen from the upper left corner of them all,
// and returns their height.
func (s *dotSheet) layPanels() (frames []frame, height vg.Length, err error) {
	if s.panel < smallest {
		return nil, 0, fmt.Errorf("%.3g inches leave no room for %d panels beside the rows' names: set a larger Width", s.width/vg.Inch, s.columns)
	}
	var rows, bottom vg.Length
	for _, h := range s.heights {
		rows += h
	}
	for _, p := range s.data.panels {
		f := frame{x: s.axis(p)}
		bottom = max(bottom, f.margins(s.panel).bottom)
		frames = append(frames, f)
	}
	for i := range frames {
		column, row := vg.Length(i%s.columns), vg.Length(i/s.columns)
		upper := vg.Point{X: s.left + column*(s.panel+panelGap), Y: -s.strip - row*(s.strip+rows+bottom+panelGap)}
		frames[i].data = vg.Rectangle{Min: vg.Point{X: upper.X, Y: upper.Y - rows}, Max: vg.Point{X: upper.X + s.panel, Y: upper.Y}}
		height = -frames[i].data.Min.Y + bottom
	}
	return frames, height, nil
}

// axis fits a panel's dots, their bars, and the numbers right of them.
func (s *dotSheet) axis(p dotPanel) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, d := range p.dots() {
		low, high = min(low, d.mean-d.bar()), max(high, d.mean+d.bar())
	}
	if low > high { // every value is NaN: an empty frame
		low, high = 0, 1
	}
	low, high = padded(low, high)
	end, number, decimals := high, numberStyle(), p.decimals()
	for _, d := range p.dots() {
		free := s.panel - besideDot - number.Width(formatNumber(d.mean, decimals))
		end = max(end, low+(d.mean+d.bar()-low)*float64(s.panel/free))
	}
	// The numbers' room is no part of the measure: ticks end with the values.
	ticks := dropTouching(roundTicks(low, high, 4), s.panel/vg.Length(end-low), textStyle(tickSize, ink))
	return axis{low: low, high: end, ticks: ticks, name: s.spec.XLabel}
}

// drawPanel draws a panel's layers, back to front; the first beside others has the rows' names.
func (s *dotSheet) drawPanel(c draw.Canvas, i int, f frame) {
	p := s.data.panels[i]
	for _, mark := range f.x.ticks {
		x := f.placeX(mark.at)
		c.StrokeLine2(draw.LineStyle{Color: gridInk, Width: 0.7}, x, f.data.Min.Y, x, f.data.Max.Y)
	}
	top := f.data.Max.Y
	for r, height := range s.heights {
		if r > 0 {
			c.StrokeLine2(draw.LineStyle{Color: gridInk, Width: 0.7}, f.data.Min.X, top, f.data.Max.X, top)
		}
		if i%s.columns == 0 {
			s.drawName(c, s.names[r], f.data.Min.X, top-height/2)
		}
		s.drawRow(c, f, p, r, top-height/2)
		top -= height
	}
	f.draw(c)
	base := f.data.Max.Y + 3
	if len(s.spec.Better) > 0 {
		c.FillText(textStyle(annotationSize, softInk), vg.Point{X: f.data.Min.X, Y: base}, s.spec.Better[p.name].String())
		base += annotationSize * lineSpacing
	}
	heading := boldStyle(labelSize, ink)
	drawLines(c, heading, s.headings[i], f.data.Min.X, base+linesHeight(heading, s.headings[i]))
}

// drawName writes the lines of a row's name left of the axis.
func (s *dotSheet) drawName(c draw.Canvas, lines []string, right, middle vg.Length) {
	style := textStyle(tickSize, ink)
	style.XAlign = draw.XRight
	first := middle + vg.Length(len(lines)-1)/2*tickSize*lineSpacing
	for i, line := range lines {
		c.FillText(style, vg.Point{X: right - tickGap, Y: centred(style, first-vg.Length(i)*tickSize*lineSpacing)}, line)
	}
}

// drawRow draws a row's dots, each group's on its line, which is the same in every panel.
func (s *dotSheet) drawRow(c draw.Canvas, f frame, p dotPanel, row int, middle vg.Length) {
	first := middle + vg.Length(len(s.data.lines[row])-1)/2*dotLine
	number, decimals := numberStyle(), p.decimals()
	for _, d := range p.rows[row] {
		at := vg.Point{X: f.placeX(d.mean), Y: first - vg.Length(slices.Index(s.data.lines[row], d.group))*dotLine}
		end := f.placeX(d.mean + d.bar())
		if d.bar() > 0 {
			drawErrorBar(c, colorOf(d.group), vg.Point{X: f.placeX(d.mean - d.bar()), Y: at.Y}, vg.Point{X: end, Y: at.Y})
		}
		s.drawMarker(c, d.group, at)
		c.FillText(number, vg.Point{X: end + besideDot, Y: centred(number, at.Y)}, formatNumber(d.mean, decimals))
	}
}

// drawMarker draws a group's marker, hollow if the group is.
func (s *dotSheet) drawMarker(c vg.Canvas, group int, at vg.Point) {
	if !slices.Contains(s.spec.Hollow, s.data.groups[group]) {
		drawMarker(c, markerOf(group), colorOf(group), at, markerRadius)
		return
	}
	outline := markerOutline(markerOf(group), at, markerRadius)
	c.SetColor(color.White)
	c.Fill(outline)
	c.SetLineDash(nil, 0)
	c.SetLineWidth(1.4)
	c.SetColor(colorOf(group))
	c.Stroke(outline)
}

// numberStyle is of the numbers beside the dots.
func numberStyle() text.Style { return textStyle(annotationSize, ink) }
