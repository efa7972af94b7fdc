package data

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// ContactSheet draws a row for each class, or for each attribute, with its name and perClass of the images that have it, chosen
// by seed. Each pixel of an image is drawn as scale×scale pixels.
func ContactSheet(split Split, names []string, perClass, scale int, seed uint64) image.Image {
	const (
		margin    = 4
		textWidth = 7 // of a letter of basicfont.Face7x13
		textRise  = 4 // from the middle of the row to the baseline
	)
	labelWidth := 0
	for _, name := range names {
		labelWidth = max(labelWidth, textWidth*len([]rune(name))+2*margin)
	}
	width, height := split.Width*scale+margin, split.Height*scale+margin
	sheet := image.NewRGBA(image.Rect(0, 0, labelWidth+perClass*width+margin, len(names)*height+margin))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	members := byClass(split.Labels)
	if split.Attributes != nil {
		members = byAttribute(split)
	}
	for c, name := range names {
		top := margin + c*height
		text := font.Drawer{Dst: sheet, Src: image.NewUniform(color.Black), Face: basicfont.Face7x13,
			Dot: fixed.P(margin, top+split.Height*scale/2+textRise)}
		text.DrawString(name)
		if c >= len(members) {
			continue
		}
		shuffle(members[c], seed, sheetStream, uint64(c))
		for k, index := range members[c][:min(perClass, len(members[c]))] {
			drawScaled(sheet, image.Pt(labelWidth+k*width, top), split.Image(index), scale)
		}
	}
	return sheet
}

// byAttribute lists the positions of the images that have each attribute.
func byAttribute(split Split) [][]int {
	members := make([][]int, split.AttributeCount)
	for i, present := range split.Attributes {
		if present == 1 {
			members[i%split.AttributeCount] = append(members[i%split.AttributeCount], i/split.AttributeCount)
		}
	}
	return members
}

func drawScaled(sheet *image.RGBA, at image.Point, picture image.Image, scale int) {
	bounds := picture.Bounds()
	for y := range bounds.Dy() * scale {
		for x := range bounds.Dx() * scale {
			sheet.Set(at.X+x, at.Y+y, picture.At(bounds.Min.X+x/scale, bounds.Min.Y+y/scale))
		}
	}
}
