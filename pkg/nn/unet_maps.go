package nn

import "fmt"

// FeatureMap describes one feature map of a UNet: [B, Side, Side, Channels].
type FeatureMap struct {
	Name     string // of the block that puts it out, as in a layout: "encoder.0" is the input convolution
	Side     int    // pixels a side
	Channels int
}

// FeatureMaps describes [Features.Maps], in its order: the middle block's, then
// each skip's from the input on.
func (e *Encoder) FeatureMaps() []FeatureMap {
	side := e.config.ImageSize / e.config.Patch
	skips := []FeatureMap{{"encoder.0", side, e.channels[0]}}
	for i, block := range e.blocks {
		if block.downsample != nil {
			side /= 2
		}
		skips = append(skips, FeatureMap{fmt.Sprintf("encoder.%d", i+1), side, e.channels[i+1]})
	}
	middle := FeatureMap{"middle", side, e.channels[len(e.channels)-1]}
	return append([]FeatureMap{middle}, skips...)
}

// DecoderMaps describes what each decoder block puts out, from the deepest: an
// upsampling belongs to the block before it.
func (u *UNet) DecoderMaps() []FeatureMap {
	c := u.config
	side := c.ImageSize / c.Patch >> (len(c.Multipliers) - 1)
	var maps []FeatureMap
	for i, block := range u.decoder {
		if block.upsample != nil {
			side *= 2
		}
		level := len(c.Multipliers) - 1 - i/(c.Blocks+1)
		maps = append(maps, FeatureMap{fmt.Sprintf("decoder.%d", i), side, c.Multipliers[level] * c.Width})
	}
	return maps
}
