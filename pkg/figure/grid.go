package figure

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// GridSpec says how to lay out images. Its zero value is a square grid without labels.
type GridSpec struct {
	// Columns is the count of images in a row; 0 makes the grid about square.
	Columns int
	// RowLabels and ColumnLabels stand left of and above the images: none, or one
	// for each row and column. RowTitle and ColumnTitle name what varies.
	RowLabels, ColumnLabels []string
	RowTitle, ColumnTitle   string
	// Blocks head equal numbers of rows, each above its own: none is one block without a heading.
	Blocks []string
	// Scale is how many CSS pixels an image's pixel is wide; 0 picks the largest
	// that keeps images at 64 pixels or less. Pixels stay squares: nothing is smoothed.
	Scale int
	// Title, Caption and Provenance are as in CurvesSpec.
	Title, Caption string
	Provenance     map[string]string
}

const (
	gridGap   = vg.Length(2) // CSS pixels between images
	labelGap  = vg.Length(5)
	heading   = 24   // CSS pixels above a block
	largest   = 64   // CSS pixels of an image at the default scale
	gridLimit = 4096 // images
	minimum   = vg.Length(260)
)

// Grid draws images of one size in rows, left to right and top to bottom. It
// fails when there is no image, when sizes differ, and when labels do not fit
// the rows and columns.
func Grid(images []image.Image, spec GridSpec) (*Figure, error) {
	if spec.Columns == 0 {
		spec.Columns = max(1, int(math.Ceil(math.Sqrt(float64(len(images))))))
	}
	if err := spec.validate(images); err != nil {
		return nil, fmt.Errorf("figure: grid: %w", err)
	}
	size := images[0].Bounds().Size()
	if spec.Scale == 0 {
		spec.Scale = max(1, largest/max(size.X, size.Y))
	}
	return newMosaic(images, spec).render()
}

func (s GridSpec) validate(images []image.Image) error {
	if len(images) == 0 {
		return errors.New("there are no images")
	}
	if len(images) > gridLimit {
		return fmt.Errorf("%d images are more than the %d a reader can see: draw a part", len(images), gridLimit)
	}
	if s.Columns < 0 || s.Scale < 0 {
		return fmt.Errorf("%d columns at scale %d: neither may be negative", s.Columns, s.Scale)
	}
	size := images[0].Bounds().Size()
	if size.X == 0 || size.Y == 0 {
		return errors.New("the first image is empty")
	}
	for i, picture := range images {
		if got := picture.Bounds().Size(); got != size {
			return fmt.Errorf("image %d is %d × %d pixels, the first %d × %d: resize them to one size", i+1, got.X, got.Y, size.X, size.Y)
		}
	}
	rows := (len(images) + s.Columns - 1) / s.Columns
	if n := len(s.RowLabels); n != 0 && n != rows {
		return fmt.Errorf("%d row labels for %d rows", n, rows)
	}
	if n := len(s.Blocks); n != 0 && rows%n != 0 {
		return fmt.Errorf("%d blocks for %d rows", n, rows)
	}
	if n := len(s.ColumnLabels); n != 0 && n != s.Columns {
		return fmt.Errorf("%d column labels for %d columns", n, s.Columns)
	}
	return nil
}

// mosaic is the layout of a grid; lengths are points.
type mosaic struct {
	images  []image.Image
	spec    GridSpec
	caption string
	rows    int
	heading int          // CSS pixels above each block of rows
	cell    [2]vg.Length // size of an image on the page
	left    vg.Length    // room for row labels and their title
	top     vg.Length    // room for column labels and their title
	right   vg.Length    // room for slanted labels of the last column
	slanted bool         // column labels are wider than their columns
}

// slant is the angle of labels that do not fit side by side.
const slant = math.Pi / 4

func newMosaic(images []image.Image, spec GridSpec) *mosaic {
	size := images[0].Bounds().Size()
	m := &mosaic{images: images, spec: spec, caption: captionText(spec.Caption, spec.Provenance)}
	m.rows = (len(images) + spec.Columns - 1) / spec.Columns
	m.cell = [2]vg.Length{
		vg.Length(size.X*spec.Scale) * cssPixel,
		vg.Length(size.Y*spec.Scale) * cssPixel,
	}
	if len(spec.Blocks) > 0 {
		m.heading = heading
	}
	label := textStyle(tickSize, ink)
	widest := func(labels []string) (width vg.Length) {
		for _, s := range labels {
			width = max(width, label.Width(s))
		}
		return width
	}
	if spec.RowTitle != "" {
		m.left += tickSize * lineSpacing
	}
	if len(spec.RowLabels) > 0 {
		m.left += widest(spec.RowLabels) + labelGap
	}
	if spec.ColumnTitle != "" {
		m.top += tickSize*lineSpacing + 2
	}
	if len(spec.ColumnLabels) > 0 {
		width := widest(spec.ColumnLabels)
		m.slanted = width > m.cell[0]
		m.top += tickSize + labelGap
		if m.slanted {
			m.top += width * vg.Length(math.Sin(slant))
			last := spec.ColumnLabels[len(spec.ColumnLabels)-1]
			m.right = max(0, label.Width(last)*vg.Length(math.Cos(slant))-m.cell[0]/2+tickSize/2)
		}
	}
	return m
}

// extent is the outer size of all images, with the gaps between them.
func (m *mosaic) extent() (width, height vg.Length) {
	gap := gridGap * cssPixel
	return vg.Length(m.spec.Columns)*(m.cell[0]+gap) - gap, vg.Length(m.rows)*(m.cell[1]+gap) - gap + vg.Length(m.headings(m.rows-1))*cssPixel
}

// headings is the height of the headings down to a row, in CSS pixels.
func (m *mosaic) headings(row int) int {
	if m.heading == 0 {
		return 0
	}
	return m.heading * (1 + row*len(m.spec.Blocks)/m.rows)
}

// rowTop is how far below the grid's top a row begins.
func (m *mosaic) rowTop(row int) vg.Length {
	return vg.Length(row)*(m.cell[1]+gridGap*cssPixel) + vg.Length(m.headings(row))*cssPixel
}

func (m *mosaic) render() (*Figure, error) {
	gridWidth, gridHeight := m.extent()
	// The images begin on whole CSS pixels, so that their pixels stay squares.
	left := wholePixels(outerMargin + m.left)
	width := wholePixels(max(left+gridWidth+m.right+outerMargin, minimum))
	inner := width - 2*outerMargin
	title, small := boldStyle(titleSize, ink), textStyle(captionSize, softInk)
	titleLines, captionLines := wrap(title, m.spec.Title, inner), wrap(small, m.caption, inner)

	above := outerMargin + m.top
	if len(titleLines) > 0 {
		above += linesHeight(title, titleLines) + blockGap
	}
	above = wholePixels(above)
	below := outerMargin
	if len(captionLines) > 0 {
		below += linesHeight(small, captionLines) + blockGap
	}
	height := above + gridHeight + wholePixels(below)

	return render(width, height, m.spec.Title, m.caption, false, func(c vg.Canvas) {
		c.SetColor(color.White)
		c.Fill(vg.Rectangle{Max: vg.Point{X: width + 2, Y: height + 2}}.Path())
		drawLines(c, title, titleLines, outerMargin, height-outerMargin)
		grid := vg.Rectangle{
			Min: vg.Point{X: left, Y: height - above - gridHeight},
			Max: vg.Point{X: left + gridWidth, Y: height - above},
		}
		m.drawImages(c, grid) // first, because its white covers the headings
		m.drawLabels(c, grid)
		drawLines(c, small, captionLines, outerMargin, grid.Min.Y-blockGap)
	})
}

func wholePixels(length vg.Length) vg.Length {
	return vg.Length(math.Ceil(float64(length/cssPixel)-1e-9)) * cssPixel
}

func (m *mosaic) drawLabels(c vg.Canvas, grid vg.Rectangle) {
	gap := gridGap * cssPixel
	label := textStyle(tickSize, ink)
	label.XAlign = vgdraw.XRight
	for i, s := range m.spec.RowLabels {
		middle := grid.Max.Y - m.rowTop(i) - m.cell[1]/2
		fillText(c, label, vg.Point{X: grid.Min.X - labelGap, Y: centred(label, middle)}, s)
	}
	bold := boldStyle(tickSize, ink)
	for i, s := range m.spec.Blocks {
		first := grid.Max.Y - m.rowTop(i*m.rows/len(m.spec.Blocks))
		fillText(c, bold, vg.Point{X: grid.Min.X, Y: first + labelGap}, s)
	}
	label.XAlign, label.YAlign = vgdraw.XCenter, vgdraw.YBottom
	if m.slanted {
		label.XAlign, label.Rotation = vgdraw.XLeft, slant
	}
	for i, s := range m.spec.ColumnLabels {
		middle := grid.Min.X + vg.Length(i)*(m.cell[0]+gap) + m.cell[0]/2
		fillText(c, label, vg.Point{X: middle, Y: grid.Max.Y + labelGap}, s)
	}
	title := textStyle(tickSize, softInk)
	title.XAlign = vgdraw.XCenter
	if m.spec.ColumnTitle != "" {
		title.YAlign = vgdraw.YTop
		fillText(c, title, vg.Point{X: (grid.Min.X + grid.Max.X) / 2, Y: grid.Max.Y + m.top}, m.spec.ColumnTitle)
	}
	if m.spec.RowTitle != "" {
		middle := (grid.Min.Y + grid.Max.Y) / 2
		if title.Width(m.spec.RowTitle) <= tickSize { // a symbol stays upright
			title.XAlign, title.YAlign = vgdraw.XLeft, vgdraw.YCenter
		} else {
			title.YAlign, title.Rotation = vgdraw.YTop, math.Pi/2
		}
		fillText(c, title, vg.Point{X: outerMargin, Y: middle}, m.spec.RowTitle)
	}
}

// drawImages puts the images down as one picture. On a raster it copies pixels,
// because a canvas would smooth them.
func (m *mosaic) drawImages(c vg.Canvas, grid vg.Rectangle) {
	raster, ok := c.(*vgimg.Canvas)
	if !ok {
		c.DrawImage(grid, m.compose(1))
		return
	}
	const density = pngDensity / 96
	page := raster.Image()
	picture := m.compose(density)
	corner := image.Pt(
		int(math.Round(float64(grid.Min.X/cssPixel)))*density,
		page.Bounds().Dy()-int(math.Round(float64(grid.Max.Y/cssPixel)))*density,
	)
	draw.Draw(page, picture.Bounds().Add(corner), picture, image.Point{}, draw.Src)
}

// compose enlarges each pixel to a square and lays the images out on white, at
// some dots a CSS pixel.
func (m *mosaic) compose(density int) *image.RGBA {
	scale, gap := m.spec.Scale*density, int(gridGap)*density
	size := m.images[0].Bounds().Size().Mul(scale)
	out := image.NewRGBA(image.Rect(0, 0,
		m.spec.Columns*(size.X+gap)-gap, m.rows*(size.Y+gap)-gap+m.headings(m.rows-1)*density))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	for i, picture := range m.images {
		row := i / m.spec.Columns
		corner := image.Pt(i%m.spec.Columns*(size.X+gap), row*(size.Y+gap)+m.headings(row)*density)
		enlarge(out, corner, picture, scale)
	}
	return out
}

func enlarge(out *image.RGBA, corner image.Point, picture image.Image, scale int) {
	bounds := picture.Bounds()
	for y := range bounds.Dy() {
		for x := range bounds.Dx() {
			square := image.Rect(x, y, x+1, y+1)
			square.Min, square.Max = square.Min.Mul(scale), square.Max.Mul(scale)
			draw.Draw(out, square.Add(corner), image.NewUniform(picture.At(bounds.Min.X+x, bounds.Min.Y+y)), image.Point{}, draw.Over)
		}
	}
}
