package features

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
	"noisebook/pkg/train"
)

// Forward builds the graph of an extractor in evaluation mode: images
// [B, H, W, C] in [−1, 1] to one or more outputs [B, D].
type Forward func(p *nn.Pass, images *graph.Node) []*graph.Node

// splitBatch is the number of a data set's images that a program sees at once, if there are as many.
const splitBatch = 250

// Extract runs an extractor over a split's images and returns a matrix
// [images, D] an output.
func Extract(ctx context.Context, e *engine.Engine, net train.Network, weights train.Weights, forward Forward, images data.Split) ([]*mat.Dense, error) {
	x, err := newExtractor(e, "features", net, weights, min(splitBatch, images.Len()), func(p *nn.Pass, images *graph.Node, _ []*graph.Node) []*graph.Node {
		return forward(p, images)
	})
	if err != nil {
		return nil, err
	}
	defer x.close()
	var all []*mat.Dense
	err = x.run(ctx, 0, images.Len(), [3]int{images.Height, images.Width, images.Channels}, func(i int, values []float32) error {
		data.Normalize(values, images.Pixels(i))
		return nil
	}, gather(&all, images.Len()))
	return all, err
}

// extractor is a program from a batch of images to rows of features.
type extractor struct {
	program *engine.Program
	weights [2]*tensors.Tensor // values, running statistics
	batch   int                // images of a call; the last one is padded
}

// newExtractor prepares a program; extra are inputs that run hands on.
func newExtractor(e *engine.Engine, name string, net train.Network, weights train.Weights, batch int,
	forward func(p *nn.Pass, images *graph.Node, extra []*graph.Node) []*graph.Node) (*extractor, error) {
	program, err := e.NewProgram(name, func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return forward(nn.Evaluate(nn.NewWeights(net.Layout, in[0]), nn.NewWeights(net.Statistics, in[1])), in[2], in[3:])
	})
	if err != nil {
		return nil, err
	}
	return &extractor{program: program, batch: batch, weights: [2]*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(weights.Values, len(weights.Values)),
		tensors.FromFlatDataAndDimensions(weights.Statistics, len(weights.Statistics)),
	}}, nil
}

func (x *extractor) close() {
	x.program.Finalize()
	for _, w := range x.weights {
		w.FinalizeAll()
	}
}

// run hands the features of images from … count−1, a matrix [images, D] an
// output, batch by batch to sink. Fill writes image i of the given height, width
// and channels as the network takes it; images are filled side by side, and
// those of the next batch while the engine is at work.
func (x *extractor) run(ctx context.Context, from, count int, shape [3]int, fill func(i int, values []float32) error,
	sink func(first int, outputs []*mat.Dense) error, extra ...*tensors.Tensor) error {
	if count == 0 {
		return fmt.Errorf("features: no images")
	}
	size := shape[0] * shape[1] * shape[2]
	filled := func(first int) <-chan filledBatch {
		out := make(chan filledBatch, 1)
		go func() {
			b := filledBatch{values: make([]float32, x.batch*size)}
			b.err = inParallel(min(x.batch, count-first), func(i int) error { return fill(first+i, b.values[i*size:(i+1)*size]) })
			out <- b
		}()
		return out
	}
	next := filled(from)
	for ; from < count; from += x.batch {
		b := <-next
		if b.err != nil {
			return b.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if from+x.batch < count {
			next = filled(from + x.batch)
		}
		outputs, err := x.call(b.values, shape, min(x.batch, count-from), extra)
		if err != nil {
			return err
		}
		if err := sink(from, outputs); err != nil {
			return err
		}
	}
	return nil
}

// call computes one batch and keeps the first n rows of each output.
func (x *extractor) call(values []float32, shape [3]int, n int, extra []*tensors.Tensor) ([]*mat.Dense, error) {
	images := tensors.FromFlatDataAndDimensions(values, x.batch, shape[0], shape[1], shape[2])
	defer images.FinalizeAll()
	arguments := []any{x.weights[0], x.weights[1], images}
	for _, t := range extra {
		arguments = append(arguments, t)
	}
	outputs, err := x.program.Call(arguments...)
	if err != nil {
		return nil, err
	}
	var rows []*mat.Dense
	for _, output := range outputs {
		flat, err := tensors.CopyFlatData[float32](output)
		output.FinalizeAll()
		if err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
		width := len(flat) / x.batch
		wide := make([]float64, n*width)
		for i := range wide {
			wide[i] = float64(flat[i])
		}
		rows = append(rows, mat.NewDense(n, width, wide))
	}
	return rows, nil
}

// gather is a sink that joins batches to one matrix [count, D] an output.
func gather(all *[]*mat.Dense, count int) func(first int, outputs []*mat.Dense) error {
	return func(first int, outputs []*mat.Dense) error {
		for i, rows := range outputs {
			n, width := rows.Dims()
			if len(*all) == i {
				*all = append(*all, mat.NewDense(count, width, nil))
			}
			(*all)[i].Slice(first, first+n, 0, width).(*mat.Dense).Copy(rows)
		}
		return nil
	}
}

type filledBatch struct {
	values []float32
	err    error
}

// inParallel calls do for 0 … n−1 on all processors and returns one of the errors.
func inParallel(n int, do func(i int) error) error {
	var group sync.WaitGroup
	workers := min(n, runtime.GOMAXPROCS(0))
	errs := make([]error, workers)
	for w := range workers {
		group.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = do(i)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
