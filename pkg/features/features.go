// Package features turns images into feature vectors, and compares sets of
// them: what a published FID or precision must name beside its value.
package features

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
	"noisebook/pkg/train"
)

// batch is the number of images a program sees at once; the last batch is padded.
const batch = 250

// Forward builds the graph of an extractor in evaluation mode: images
// [B, H, W, C] in [−1, 1] to one or more outputs [B, D].
type Forward func(p *nn.Pass, images *graph.Node) []*graph.Node

// Extract runs an extractor over a split's images and returns a matrix
// [images, D] an output.
func Extract(ctx context.Context, e *engine.Engine, net train.Network, weights train.Weights, forward Forward, images data.Split) ([]*mat.Dense, error) {
	if images.Len() == 0 {
		return nil, fmt.Errorf("features: no images")
	}
	program, err := e.NewProgram("features", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return forward(nn.Evaluate(nn.NewWeights(net.Layout, in[0]), nn.NewWeights(net.Statistics, in[1])), in[2])
	})
	if err != nil {
		return nil, err
	}
	defer program.Finalize()
	values := tensors.FromFlatDataAndDimensions(weights.Values, len(weights.Values))
	statistics := tensors.FromFlatDataAndDimensions(weights.Statistics, len(weights.Statistics))
	defer values.FinalizeAll()
	defer statistics.FinalizeAll()

	var all []*mat.Dense
	size := images.ImageSize()
	pixels := make([]float32, batch*size)
	for from := 0; from < images.Len(); from += batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(batch, images.Len()-from)
		clear(pixels)
		data.Normalize(pixels[:n*size], images.Images[from*size:(from+n)*size])
		x := tensors.FromFlatDataAndDimensions(pixels, batch, images.Height, images.Width, images.Channels)
		outputs, err := program.Call(values, statistics, x)
		x.FinalizeAll()
		if err != nil {
			return nil, err
		}
		for i, output := range outputs {
			flat, err := tensors.CopyFlatData[float32](output)
			output.FinalizeAll()
			if err != nil {
				return nil, fmt.Errorf("features: %w", err)
			}
			width := len(flat) / batch
			if from == 0 {
				all = append(all, mat.NewDense(images.Len(), width, nil))
			}
			for r := range n {
				row := all[i].RawRowView(from + r)
				for c := range row {
					row[c] = float64(flat[r*width+c])
				}
			}
		}
	}
	return all, nil
}
