package figure

import (
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	xfont "golang.org/x/image/font"
)

// Colours that differ for readers with any common colour vision deficiency,
// also in grey: Okabe and Ito's palette (Color Universal Design, 2008) without
// its yellow, which is too light for lines on white.
var palette = []color.NRGBA{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermillion
	{0x00, 0x9E, 0x73, 0xFF}, // bluish green
	{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	{0x22, 0x22, 0x22, 0xFF}, // black
}

var (
	ink      = color.NRGBA{0x22, 0x22, 0x22, 0xFF} // text and axes
	softInk  = color.NRGBA{0x66, 0x66, 0x66, 0xFF} // captions and annotations
	gridInk  = color.NRGBA{0xE4, 0xE4, 0xE4, 0xFF}
	bandFill = color.NRGBA{0xF1, 0xEC, 0xDD, 0xFF}
)

const (
	outerMargin = vg.Length(10)
	// pngDensity is the raster's dots per inch: twice the 96 of a CSS pixel, so
	// that a dense screen and a printed page show sharp text.
	pngDensity = 192

	titleSize      = 14
	labelSize      = 12
	tickSize       = 11
	annotationSize = 9.5
	captionSize    = 8.5
	lineSpacing    = 1.3 // line height of wrapped text, in font sizes
)

// textHandler draws plain text: no markup is read from labels that hold data.
var textHandler = text.Plain{Fonts: font.NewCache(liberation.Collection())}

// textStyle is upright sans-serif text of a size in points, anchored at its
// left end on the baseline.
func textStyle(size float64, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)},
		XAlign:  draw.XLeft,
		YAlign:  draw.YBottom,
		Handler: textHandler,
	}
}

// centred is the baseline of text that looks centred at a height: half a capital
// letter below it.
func centred(style text.Style, middle vg.Length) vg.Length {
	return middle - 0.36*style.Font.Size
}

func boldStyle(size float64, c color.Color) text.Style {
	style := textStyle(size, c)
	style.Font.Weight = xfont.WeightBold
	return style
}

// wrap breaks a text into lines no wider than width; its own line breaks stay.
// A single word that is wider has a line of its own.
func wrap(style text.Style, s string, width vg.Length) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(s, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			longer := strings.TrimSpace(line + " " + word)
			if line != "" && style.Width(longer) > width {
				lines = append(lines, line)
				longer = word
			}
			line = longer
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// linesHeight is the height that drawLines needs.
func linesHeight(style text.Style, lines []string) vg.Length {
	return vg.Length(len(lines)) * style.Font.Size * lineSpacing
}

// drawLines writes lines downward from the top-left corner.
func drawLines(c vg.Canvas, style text.Style, lines []string, left, top vg.Length) {
	style.YAlign = draw.YTop
	for i, line := range lines {
		fillText(c, style, vg.Point{X: left, Y: top - vg.Length(i)*style.Font.Size*lineSpacing}, line)
	}
}

// fillText draws text on any canvas.
func fillText(c vg.Canvas, style text.Style, at vg.Point, s string) {
	canvas := draw.Canvas{Canvas: c}
	canvas.FillText(style, at, s)
}

// marker is the shape of a series' points, so that lines differ without colour.
type marker int

const markerCount = 6

func markerOf(series int) marker { return marker(series % markerCount) }

func colorOf(series int) color.NRGBA { return palette[series%len(palette)] }

// dashOf sets the second and later rounds of the palette apart.
func dashOf(series int) []vg.Length {
	switch series / len(palette) % 3 {
	case 1:
		return []vg.Length{6, 3}
	case 2:
		return []vg.Length{1.5, 2.5}
	default:
		return nil
	}
}

// drawMarker fills the shape around a point, with a white rim that keeps
// points apart where lines cross.
func drawMarker(c vg.Canvas, m marker, fill color.Color, at vg.Point, radius vg.Length) {
	outline := markerOutline(m, at, radius)
	c.SetColor(fill)
	c.Fill(outline)
	c.SetLineDash(nil, 0)
	c.SetLineWidth(0.8)
	c.SetColor(color.White)
	c.Stroke(outline)
}

func markerOutline(m marker, at vg.Point, radius vg.Length) vg.Path {
	var path vg.Path
	switch m {
	case 1: // square
		path = polygon(at, radius*1.2, 4, math.Pi/4)
	case 2: // triangle
		path = polygon(at, radius*1.3, 3, math.Pi/2)
	case 3: // diamond
		path = polygon(at, radius*1.3, 4, math.Pi/2)
	case 4: // triangle pointing down
		path = polygon(at, radius*1.3, 3, -math.Pi/2)
	case 5: // pentagon
		path = polygon(at, radius*1.2, 5, math.Pi/2)
	default:
		path.Move(vg.Point{X: at.X + radius, Y: at.Y})
		path.Arc(at, radius, 0, 2*math.Pi)
		path.Close()
	}
	return path
}

// polygon is a regular polygon whose first corner lies at an angle in radians.
func polygon(centre vg.Point, radius vg.Length, corners int, first float64) vg.Path {
	var path vg.Path
	for i := range corners {
		sin, cos := math.Sincos(first + 2*math.Pi*float64(i)/float64(corners))
		corner := vg.Point{X: centre.X + radius*vg.Length(cos), Y: centre.Y + radius*vg.Length(sin)}
		if i == 0 {
			path.Move(corner)
		} else {
			path.Line(corner)
		}
	}
	path.Close()
	return path
}

func withAlpha(c color.NRGBA, alpha uint8) color.NRGBA {
	c.A = alpha
	return c
}
