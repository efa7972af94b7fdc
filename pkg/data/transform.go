package data

import "noisebook/pkg/picture"

// Resized copies the part with images of height×width, made as Pillow's bilinear resize makes them. It is how the joint
// diffusion paper brings USPS and MNIST to one size.
func (s Split) Resized(height, width int) Split {
	resized := s
	resized.Height, resized.Width = height, width
	resized.Images = make([]uint8, 0, s.Len()*resized.ImageSize())
	for i := range s.Len() {
		p := picture.Picture{Pixels: s.Pixels(i), Height: s.Height, Width: s.Width, Channels: s.Channels}
		resized.Images = append(resized.Images, p.Resize(height, width, picture.Bilinear).Pixels...)
	}
	return resized
}

// Colour copies the part with three channels: grey ones are repeated.
func (s Split) Colour() Split {
	if s.Channels != 1 {
		return s
	}
	colour := s
	colour.Channels = 3
	colour.Images = make([]uint8, 0, 3*len(s.Images))
	for _, v := range s.Images {
		colour.Images = append(colour.Images, v, v, v)
	}
	return colour
}
