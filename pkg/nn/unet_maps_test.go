package nn

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// What is said of the maps is what a pass puts out.
func TestFeatureMapsAreThoseOfAPass(t *testing.T) {
	for name, c := range map[string]UNetConfig{
		"three levels":      {ImageSize: 16, Channels: 1, Width: 8, Multipliers: []int{1, 2, 3}, Blocks: 2, AttentionAt: []int{2}, Heads: 2, NormGroups: 4, Patch: 1},
		"folded, a block":   {ImageSize: 28, Channels: 3, Width: 8, Multipliers: []int{2, 1}, Blocks: 1, Heads: 1, NormGroups: 4, Patch: 2},
		"nothing is halved": {ImageSize: 4, Channels: 1, Width: 4, Multipliers: []int{1}, Blocks: 1, Heads: 1, NormGroups: 2, Patch: 1},
	} {
		t.Run(name, func(t *testing.T) {
			layout := &Layout{}
			u, err := NewUNet(layout, c)
			if err != nil {
				t.Fatal(err)
			}
			var encoder, decoder []FeatureMap
			mapOf := func(name string, output *Node) FeatureMap {
				d := output.Shape().Dimensions // [B, side, side, channels]
				return FeatureMap{name, d[1], d[3]}
			}
			evaluate(t, func(in []*Node) []*Node {
				p := Evaluate(NewWeights(layout, in[0]), nil)
				p.Observe = func(block string, output *Node) {
					if strings.HasPrefix(block, "decoder.") {
						decoder = append(decoder, mapOf(block, output))
					}
				}
				f := u.Encode(p, in[1], ConvertDType(ReduceMean(in[1], 1, 2, 3), dtypes.Int32))
				encoder = nil
				for i, m := range f.Maps() {
					encoder = append(encoder, mapOf(u.FeatureMaps()[i].Name, m))
				}
				return []*Node{u.Decode(p, f)}
			}, lively(layout, 1), tensor(make([]float32, c.ImageSize*c.ImageSize*c.Channels), 1, c.ImageSize, c.ImageSize, c.Channels))
			if got := u.FeatureMaps(); !slices.Equal(got, encoder) {
				t.Errorf("the encoder is said to put out %v, it puts out %v", got, encoder)
			}
			if got := u.DecoderMaps(); !slices.Equal(got, decoder) {
				t.Errorf("the decoder is said to put out %v, it puts out %v", got, decoder)
			}
		})
	}
}
