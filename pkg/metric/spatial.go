package metric

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// SpatialChannels is how many of the first channels of Inception's mixed 6/conv
// feature map (17×17×768) sFID keeps: 17·17·7 = 2023 features.
const SpatialChannels = 7

// SFID is FID on spatial features (Nash et al. 2021): an intermediate feature
// map, flattened by SpatialFeatures, instead of pooled features. It sees where
// things are, and its values are not comparable with those of FID.
func SFID(real, generated *mat.Dense) (Score, error) {
	score, err := FID(real, generated)
	score.Name = "sFID"
	return score, err
}

// SpatialFeatures flattens feature maps [samples, height, width, channels], in
// row-major order, to features [samples, height·width·keep] of the first keep
// channels, with channels fastest. This is the order of guided-diffusion's
// evaluator; maps of PyTorch come as [samples, channels, height, width] and
// must be transposed first. Order does not change sFID, the kept channels do.
func SpatialFeatures(maps []float64, height, width, channels, keep int) (*mat.Dense, error) {
	size := height * width * channels
	if height < 1 || width < 1 || channels < 1 || keep < 1 || keep > channels {
		return nil, fmt.Errorf("metric: spatial features of %d of %d channels on %dx%d maps; want positive sizes and at most all channels", keep, channels, height, width)
	}
	if len(maps) == 0 || len(maps)%size != 0 {
		return nil, fmt.Errorf("metric: %d values are no whole number of feature maps [%d, %d, %d]", len(maps), height, width, channels)
	}
	features := mat.NewDense(len(maps)/size, height*width*keep, nil)
	for i := range len(maps) / size {
		row := features.RawRowView(i)
		for position := range height * width {
			from := i*size + position*channels
			copy(row[position*keep:(position+1)*keep], maps[from:from+keep])
		}
	}
	return features, nil
}
