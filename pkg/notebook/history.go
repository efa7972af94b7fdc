package notebook

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// history keeps a value's course over the steps of a stage in bounded memory:
// each time it is full it merges neighbours, so that the curve is a running mean.
type history struct {
	name   string
	points []sample
	weight int // observations in a full point; 0 counts as 1
}

type sample struct {
	step, value float64 // means
	count       int
}

// historySize is about the width of the curve in pixels, halved.
const historySize = 240

func (h *history) add(step int, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	h.weight = max(h.weight, 1)
	if n := len(h.points); n > 0 && h.points[n-1].count < h.weight {
		h.points[n-1] = merge(h.points[n-1], sample{float64(step), value, 1})
		return
	}
	if len(h.points) == historySize {
		for i := range historySize / 2 {
			h.points[i] = merge(h.points[2*i], h.points[2*i+1])
		}
		h.points = h.points[:historySize/2]
		h.weight *= 2
	}
	h.points = append(h.points, sample{float64(step), value, 1})
}

func merge(a, b sample) sample {
	count := a.count + b.count
	mean := func(x, y float64) float64 { return (x*float64(a.count) + y*float64(b.count)) / float64(count) }
	return sample{mean(a.step, b.step), mean(a.value, b.value), count}
}

// svg draws the curve, on a logarithmic axis when the values fall by more than
// a factor of 20. Fewer than two points are no curve.
func (h *history) svg() string {
	if len(h.points) < 2 {
		return ""
	}
	const width, height, left, bottom, top = 460, 130, 62, 20, 10
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range h.points {
		low, high = math.Min(low, p.value), math.Max(high, p.value)
	}
	position := func(v float64) float64 { return v }
	if low > 0 && high > 20*low {
		position = math.Log
	}
	span := position(high) - position(low)
	if span == 0 {
		span = 1
	}
	first, last := h.points[0].step, h.points[len(h.points)-1].step
	var line strings.Builder
	for _, p := range h.points {
		x := left + (width-left-8)*(p.step-first)/math.Max(last-first, 1e-9)
		y := top + (height-top-bottom)*(1-(position(p.value)-position(low))/span)
		fmt.Fprintf(&line, "%.1f,%.1f ", x, y)
	}
	text := func(x, y float64, anchor, s string) string {
		return fmt.Sprintf(`<text x="%g" y="%g" text-anchor="%s" font-family="Arial,sans-serif" font-size="11" fill="#555">%s</text>`,
			x, y, anchor, html.EscapeString(s))
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d"><rect width="100%%" height="100%%" fill="#fff"/>`, width, height) +
		fmt.Sprintf(`<path d="M%d %dV%dH%d" fill="none" stroke="#888"/>`, left, top, height-bottom, width-8) +
		fmt.Sprintf(`<polyline points="%s" fill="none" stroke="#0072B2" stroke-width="1.6"/>`, strings.TrimSpace(line.String())) +
		text(left-5, top+8, "end", fmt.Sprintf("%.3g", high)) +
		text(left-5, height-bottom, "end", fmt.Sprintf("%.3g", low)) +
		text(left, height-5, "start", fmt.Sprintf("step %.0f", first)) +
		text(width-8, height-5, "end", fmt.Sprintf("%.0f", last)) +
		text((left+width)/2, height-5, "middle", h.name) +
		"</svg>"
}
