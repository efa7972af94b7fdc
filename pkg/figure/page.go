package figure

import (
	"image/color"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// blockGap lies between title, legend, plots and caption.
const blockGap = vg.Length(8)

// block is a part of a page, drawn downward from its upper edge. One without
// height is left out.
type block struct {
	height vg.Length
	draw   func(c vg.Canvas, top vg.Length)
}

// textBlock is text that is wrapped to the page's width.
func textBlock(style text.Style, s string, width vg.Length) block {
	lines := wrap(style, s, width-2*outerMargin)
	return block{linesHeight(style, lines), func(c vg.Canvas, top vg.Length) {
		drawLines(c, style, lines, outerMargin, top)
	}}
}

// renderPage draws blocks below each other, with the title above them and the
// caption below.
func renderPage(width vg.Length, title, caption string, body ...block) (*Figure, error) {
	blocks := append([]block{textBlock(boldStyle(titleSize, ink), title, width)}, body...)
	blocks = append(blocks, textBlock(textStyle(captionSize, softInk), caption, width))
	height := 2*outerMargin - blockGap
	for _, b := range blocks {
		if b.height > 0 {
			height += b.height + blockGap
		}
	}
	return render(width, height, title, caption, true, func(c vg.Canvas) {
		c.SetColor(color.White)
		c.Fill(vg.Rectangle{Max: vg.Point{X: width + 2, Y: height + 2}}.Path())
		top := height - outerMargin
		for _, b := range blocks {
			if b.height > 0 {
				b.draw(c, top)
				top -= b.height + blockGap
			}
		}
	})
}
