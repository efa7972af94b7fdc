package figure

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	tickLength = vg.Length(4)
	tickGap    = vg.Length(3) // between a tick and its label
	nameGap    = vg.Length(3) // between tick labels and the name of x
	sideGap    = vg.Length(8) // between tick labels and the name of y
)

// axis is one side of a frame, in plot coordinates.
type axis struct {
	low, high float64
	ticks     []tick
	name      string
	log       bool // spaced by ratio
	reversed  bool // from the highest to the lowest
}

// share is how far along the axis a value lies, from 0 to 1.
func (a axis) share(value float64) vg.Length {
	share := vg.Length((value - a.low) / (a.high - a.low))
	if a.log {
		share = vg.Length(math.Log(value/a.low) / math.Log(a.high/a.low))
	}
	if a.reversed {
		return 1 - share
	}
	return share
}

// frame is a data area with its axes on the left and below.
type frame struct {
	x, y    axis
	slanted bool         // the labels of x are
	data    vg.Rectangle // where the data lies on the page
}

func (f frame) placeX(value float64) vg.Length {
	return f.data.Min.X + f.x.share(value)*f.data.Size().X
}

// between is where a range of x begins and ends on the page, from left to right.
func (f frame) between(from, to float64) (left, right vg.Length) {
	a, b := f.placeX(from), f.placeX(to)
	return min(a, b), max(a, b)
}

func (f frame) placeY(value float64) vg.Length {
	return f.data.Min.Y + f.y.share(value)*f.data.Size().Y
}

// moveTo shifts the frame by a distance.
func (f *frame) moveTo(by vg.Point) { f.data = f.data.Add(by) }

// margins are what labels need around a data area.
type margins struct{ left, right, bottom, top vg.Length }

func (m margins) join(o margins) margins {
	return margins{max(m.left, o.left), max(m.right, o.right), max(m.bottom, o.bottom), max(m.top, o.top)}
}

// margins measures the labels of a frame that is about so wide.
func (f frame) margins(width vg.Length) margins {
	label, name := textStyle(tickSize, ink), textStyle(labelSize, ink)
	var m margins
	var widest vg.Length
	for _, mark := range f.y.ticks {
		widest = max(widest, label.Width(mark.label))
	}
	m.left = widest + tickGap + tickLength
	if f.y.name != "" {
		m.left += sideGap + name.Height(f.y.name)
	}
	m.top = tickSize / 2

	var tallest vg.Length
	for _, mark := range f.x.ticks {
		before, after, height := f.labelExtent(mark.label)
		at := f.x.share(mark.at) * (width - m.left)
		m.left = max(m.left, before-at)
		m.right = max(m.right, after-(width-m.left-at))
		tallest = max(tallest, height)
	}
	m.bottom = tickLength + tickGap + tallest
	if f.x.name != "" {
		m.bottom += nameGap + name.Height(f.x.name)
	}
	return m
}

// labelExtent is how far a label of x reaches left and right of its tick, and down.
func (f frame) labelExtent(s string) (before, after, height vg.Length) {
	style := textStyle(tickSize, ink)
	width, line := style.Width(s), style.Height(s)
	if !f.slanted {
		return width / 2, width / 2, line
	}
	sin, cos := math.Sincos(slant)
	return width*vg.Length(cos) + line*vg.Length(sin), line, width*vg.Length(sin) + line*vg.Length(cos)
}

// draw draws both axes, their ticks, labels and names.
func (f frame) draw(c draw.Canvas) {
	line := draw.LineStyle{Color: softInk, Width: 0.8}
	left, bottom := f.data.Min.X, f.data.Min.Y
	c.StrokeLine2(line, left, bottom, f.data.Max.X, bottom)
	c.StrokeLine2(line, left, bottom, left, f.data.Max.Y)

	label := textStyle(tickSize, ink)
	label.XAlign = draw.XRight
	var widest vg.Length
	for _, mark := range f.y.ticks {
		y := f.placeY(mark.at)
		c.StrokeLine2(line, left-tickLength, y, left, y)
		c.FillText(label, vg.Point{X: left - tickLength - tickGap, Y: centred(label, y)}, mark.label)
		widest = max(widest, label.Width(mark.label))
	}
	name := textStyle(labelSize, ink)
	name.XAlign, name.YAlign, name.Rotation = draw.XCenter, draw.YBottom, math.Pi/2
	middle := (f.data.Min.Y + f.data.Max.Y) / 2
	c.FillText(name, vg.Point{X: left - tickLength - tickGap - widest - sideGap, Y: middle}, f.y.name)

	label.XAlign, label.YAlign = draw.XCenter, draw.YTop
	if f.slanted {
		label.XAlign, label.Rotation = draw.XRight, slant
	}
	var tallest vg.Length
	for _, mark := range f.x.ticks {
		x := f.placeX(mark.at)
		c.StrokeLine2(line, x, bottom-tickLength, x, bottom)
		c.FillText(label, vg.Point{X: x, Y: bottom - tickLength - tickGap}, mark.label)
		_, _, height := f.labelExtent(mark.label)
		tallest = max(tallest, height)
	}
	name.XAlign, name.YAlign, name.Rotation = draw.XCenter, draw.YTop, 0
	middle = (f.data.Min.X + f.data.Max.X) / 2
	c.FillText(name, vg.Point{X: middle, Y: bottom - tickLength - tickGap - tallest - nameGap}, f.x.name)
}
