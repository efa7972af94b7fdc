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

// Progress hears how many pictures of all are done; nil hears nothing.
type Progress func(done, total int)

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
	return x.run(ctx, images.Len(), [3]int{images.Height, images.Width, images.Channels}, func(i int, values []float32) error {
		data.Normalize(values, images.Pixels(i))
		return nil
	}, nil)
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

// run returns a matrix [count, D] an output. Fill writes image i of the given
// height, width and channels as the network takes it; images are filled side by
// side, and those of the next batch while the engine is at work.
func (x *extractor) run(ctx context.Context, count int, shape [3]int, fill func(i int, values []float32) error, progress Progress, extra ...*tensors.Tensor) ([]*mat.Dense, error) {
	if count == 0 {
		return nil, fmt.Errorf("features: no images")
	}
	size := shape[0] * shape[1] * shape[2]
	filled := func(from int) <-chan filledBatch {
		out := make(chan filledBatch, 1)
		go func() {
			b := filledBatch{values: make([]float32, x.batch*size)}
			b.err = inParallel(min(x.batch, count-from), func(i int) error { return fill(from+i, b.values[i*size:(i+1)*size]) })
			out <- b
		}()
		return out
	}
	var all []*mat.Dense
	next := filled(0)
	for from := 0; from < count; from += x.batch {
		b := <-next
		if b.err != nil {
			return nil, b.err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if from+x.batch < count {
			next = filled(from + x.batch)
		}
		images := tensors.FromFlatDataAndDimensions(b.values, x.batch, shape[0], shape[1], shape[2])
		arguments := []any{x.weights[0], x.weights[1], images}
		for _, t := range extra {
			arguments = append(arguments, t)
		}
		outputs, err := x.program.Call(arguments...)
		images.FinalizeAll()
		if err != nil {
			return nil, err
		}
		n := min(x.batch, count-from)
		for i, output := range outputs {
			flat, err := tensors.CopyFlatData[float32](output)
			output.FinalizeAll()
			if err != nil {
				return nil, fmt.Errorf("features: %w", err)
			}
			width := len(flat) / x.batch
			if from == 0 {
				all = append(all, mat.NewDense(count, width, nil))
			}
			for r := range n {
				row := all[i].RawRowView(from + r)
				for c := range row {
					row[c] = float64(flat[r*width+c])
				}
			}
		}
		progress.report(from+n, count)
	}
	return all, nil
}

func (p Progress) report(done, total int) {
	if p != nil {
		p(done, total)
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
