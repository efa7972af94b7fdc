package joint

import (
	"context"
	"io"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/floats"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/joint"
	"noisebook/pkg/npy"
	"noisebook/pkg/process"
	"noisebook/pkg/sample"
	"noisebook/pkg/track"
)

// DecisionTraceConfig is Algorithm 1 with one step size, watched.
type DecisionTraceConfig struct {
	Network  joint.Config  `json:"network"`
	Chain    ChainConfig   `json:"chain"`
	Sampler  sample.Config `json:"sampler"`
	Alpha    float64       `json:"alpha"`     // step size; 0 watches without guidance
	PerClass int           `json:"per_class"` // images that aim at each class
	Batch    int           `json:"batch"`
	Points   int           `json:"points"` // steps that are kept, evenly spaced with both ends
	Seed     uint64        `json:"seed"`   // of the starting noise and of each step's; equal seeds start equal
}

// DecisionTrace is what the model itself makes of its samples on their way, in
// the order of the steps.
type DecisionTrace struct {
	Points []DecisionPoint `json:"points"`
	// Clean are the x̂_0 of each class's first image, uint8 [points, classes, H, W, C].
	Clean track.Artifact `json:"clean"`
}

// DecisionPoint is one step: the decision on Z_t before the features move.
type DecisionPoint struct {
	Timestep    int       `json:"timestep"`
	Probability []float64 `json:"probability"` // of the target by softmax of the head's logits, mean over the images of each class
	Share       []float64 `json:"share"`       // of each class's images that are taken for it
}

// tracer watches the samples of one trained model; it compiles the step once.
type tracer struct {
	fitted
	sampler *sample.Sampler
}

func (r *tracer) close() {
	if r.sampler != nil {
		r.sampler.Finalize()
	}
	r.fitted.close()
}

// trace answers from the store or samples.
func (r *tracer) trace(ctx context.Context, store *track.Store, c DecisionTraceConfig) (track.Result[DecisionTrace], error) {
	stage := track.Stage[DecisionTraceConfig, DecisionTrace]{Name: "joint/decision-trace", Version: 1, Run: r.run}
	return track.Do(ctx, store, stage, c, r.trained)
}

func (r *tracer) run(ctx context.Context, job *track.Job, c DecisionTraceConfig) (DecisionTrace, error) {
	job.Seed(int64(c.Seed))
	if err := r.prepare(ctx, job, c); err != nil {
		return DecisionTrace{}, err
	}
	kept, err := process.BothEnds(r.sampler.Steps(), min(c.Points, r.sampler.Steps()))
	if err != nil {
		return DecisionTrace{}, err
	}
	classes, unet := c.Network.Classes, c.Network.UNet
	size := unet.ImageSize * unet.ImageSize * unet.Channels
	labels := targets(c.PerClass*classes, classes)
	out := DecisionTrace{Points: make([]DecisionPoint, len(kept))}
	for i, step := range kept {
		out.Points[i] = DecisionPoint{r.sampler.Timestep(step), make([]float64, classes), make([]float64, classes)}
	}
	clean := make([]uint8, len(kept)*classes*size)
	for from := 0; from < len(labels); from += c.Batch {
		n := min(c.Batch, len(labels)-from)
		padded := make([]int32, c.Batch) // the last batch may be short
		copy(padded, labels[from:from+n])
		extra := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(padded, c.Batch), tensors.FromScalar(float32(c.Alpha))}
		_, err := r.sampler.Run(ctx, sample.Draw{
			Weights: r.weights[0], Statistics: r.weights[1], Extra: extra, Seed: c.Seed + uint64(from)<<32,
			Progress: func(i, of int) { job.Progress(from*of+n*i, len(labels)*of, nil) },
			Trace: func(step int, logits []float32) {
				if i, ok := slices.BinarySearch(kept, step); ok {
					out.Points[i].add(logits, labels[from:from+n], 1/float64(c.PerClass))
				}
			},
			Clean: func(step int, images []float32) {
				if i, ok := slices.BinarySearch(kept, step); ok && from < classes {
					first := min(from+n, classes) // images aim at the classes in turn
					data.Pixels(clean[(i*classes+from)*size:(i*classes+first)*size], images[:(first-from)*size])
				}
			},
		})
		for _, t := range extra {
			t.FinalizeAll()
		}
		if err != nil {
			return DecisionTrace{}, err
		}
	}
	out.Clean, err = job.Save("clean.npy", func(w io.Writer) error {
		return npy.Write(w, []int{len(kept), classes, unet.ImageSize, unet.ImageSize, unet.Channels}, clean)
	})
	return out, err
}

// add counts the decisions on images, each with a weight, for the classes aimed
// at; logits are [B, K] and B may exceed the images.
func (p DecisionPoint) add(logits []float32, targets []int32, weight float64) {
	k := len(p.Probability)
	row := make([]float64, k)
	for i, target := range targets {
		for j := range row {
			row[j] = float64(logits[i*k+j])
		}
		p.Probability[target] += weight * math.Exp(row[target]-floats.LogSumExp(row))
		if floats.MaxIdx(row) == int(target) {
			p.Share[target] += weight
		}
	}
}

// prepare loads the weights and compiles the step, once.
func (r *tracer) prepare(ctx context.Context, job *track.Job, c DecisionTraceConfig) error {
	if r.sampler != nil {
		return nil
	}
	if err := r.load(job); err != nil {
		return err
	}
	chain, err := c.Chain.Process()
	if err != nil {
		return err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return err
	}
	unet := c.Network.UNet
	r.sampler, err = sample.New(e, chain, optimized(r.model), c.Batch, unet.ImageSize, unet.ImageSize, unet.Channels, c.Sampler)
	return err
}
