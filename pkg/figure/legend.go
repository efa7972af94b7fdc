package figure

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	legendSample = vg.Length(24) // length of a sample line
	legendGap    = vg.Length(16) // between entries
	legendRow    = vg.Length(labelSize * 1.45)
)

// legend is a row of entries above the plots, so that it never covers data. It
// wraps where the figure ends.
type legend struct {
	entries []legendEntry
	rows    int
}

type legendEntry struct {
	label  string
	sample func(c draw.Canvas, left, middle vg.Length) // nil for a heading
	left   vg.Length
	row    int
}

// newLegend lays out the heading, one entry a group, and one that explains the bands.
func newLegend(spec CurvesSpec, data curveData, width vg.Length) legend {
	var entries []legendEntry
	if spec.Group != "" {
		if spec.GroupLabel != "" {
			entries = append(entries, legendEntry{label: spec.GroupLabel})
		}
		for index, group := range data.groups {
			entries = append(entries, legendEntry{label: group, sample: func(c draw.Canvas, left, middle vg.Length) {
				c.StrokeLine2(lineStyleOf(index), left, middle, left+legendSample, middle)
				drawMarker(c, markerOf(index), colorOf(index), vg.Point{X: left + legendSample/2, Y: middle}, markerRadius)
			}})
		}
	}
	if label := spreadLabel(spec, data); label != "" {
		entries = append(entries, legendEntry{label: label, sample: func(c draw.Canvas, left, middle vg.Length) {
			if spec.ErrorBars {
				x := left + legendSample/2
				drawErrorBar(c, softInk, vg.Point{X: x, Y: middle - 5}, vg.Point{X: x, Y: middle + 5})
				return
			}
			c.SetColor(withAlpha(softInk, 0x33))
			c.Fill(vg.Rectangle{Min: vg.Point{X: left, Y: middle - 5}, Max: vg.Point{X: left + legendSample, Y: middle + 5}}.Path())
		}})
	}
	return layLegend(entries, width)
}

// layLegend places entries in rows of a width.
func layLegend(entries []legendEntry, width vg.Length) legend {
	l := legend{entries: entries}
	var left vg.Length
	for i := range l.entries {
		entry := &l.entries[i]
		if left > 0 && left+entry.width() > width {
			left = 0
			l.rows++
		}
		entry.left, entry.row = left, l.rows
		left += entry.width() + legendGap
	}
	if len(l.entries) > 0 {
		l.rows++
	}
	return l
}

func (e legendEntry) width() vg.Length {
	width := textStyle(tickSize, ink).Width(e.label)
	if e.sample != nil {
		width += legendSample + 5
	}
	return width
}

func (l legend) height() vg.Length { return vg.Length(l.rows) * legendRow }

// block is the legend as a part of a page.
func (l legend) block() block {
	return block{l.height(), func(c vg.Canvas, top vg.Length) { l.draw(c, outerMargin, top) }}
}

// draw writes the legend downward from its top-left corner.
func (l legend) draw(canvas vg.Canvas, left, top vg.Length) {
	c := draw.Canvas{Canvas: canvas}
	for _, entry := range l.entries {
		x, middle := left+entry.left, top-(vg.Length(entry.row)+0.5)*legendRow
		style := textStyle(tickSize, ink)
		if entry.sample == nil {
			style.Color = softInk
		} else {
			entry.sample(c, x, middle)
			x += legendSample + 5
		}
		c.FillText(style, vg.Point{X: x, Y: centred(style, middle)}, entry.label)
	}
}
