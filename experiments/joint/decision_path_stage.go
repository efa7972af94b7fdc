package joint

import (
	"context"
	"io"
	"math"
	"slices"

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

// decisions watches samples on their way, or answers from the store.
func (g *generator) decisions(ctx context.Context, store *track.Store, c DecisionTraceConfig) (track.Result[DecisionTrace], error) {
	stage := track.Stage[DecisionTraceConfig, DecisionTrace]{Name: "joint/decision-trace", Version: 1, Run: g.watch}
	return track.Do(ctx, store, stage, c, g.trained)
}

func (g *generator) watch(ctx context.Context, job *track.Job, c DecisionTraceConfig) (DecisionTrace, error) {
	job.Seed(int64(c.Seed))
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return DecisionTrace{}, err
	}
	classes, unet := c.Network.Classes, c.Network.UNet
	// Without guidance too the decision is asked for: a step size of 0 moves nothing.
	drawn := SampleConfig{
		Network: c.Network, Chain: c.Chain, Sampler: c.Sampler, Guide: Guide{By: GuidedByFeatures, Scale: c.Alpha},
		Count: c.PerClass * classes, Batch: c.Batch, Seed: c.Seed,
	}
	sampler, err := g.prepare(e, job, drawn)
	if err != nil {
		return DecisionTrace{}, err
	}
	kept, err := process.BothEnds(sampler.Steps(), min(c.Points, sampler.Steps()))
	if err != nil {
		return DecisionTrace{}, err
	}
	size := unet.ImageSize * unet.ImageSize * unet.Channels
	labels := targets(drawn.Count, classes)
	out := DecisionTrace{Points: make([]DecisionPoint, len(kept))}
	for i, step := range kept {
		out.Points[i] = DecisionPoint{sampler.Timestep(step), make([]float64, classes), make([]float64, classes)}
	}
	clean := make([]uint8, len(kept)*classes*size)
	err = g.batches(ctx, job, sampler, drawn, labels, func(from, n int, d *sample.Draw) {
		d.Trace = func(step int, logits []float32) {
			if i, ok := slices.BinarySearch(kept, step); ok {
				out.Points[i].add(logits, labels[from:from+n], 1/float64(c.PerClass))
			}
		}
		d.Clean = func(step int, images []float32) {
			if i, ok := slices.BinarySearch(kept, step); ok && from < classes {
				first := min(from+n, classes) // images aim at the classes in turn
				data.Pixels(clean[(i*classes+from)*size:(i*classes+first)*size], images[:(first-from)*size])
			}
		}
	}, func(int, int, []float32) {}) // what they end in is no part of the path
	if err != nil {
		return DecisionTrace{}, err
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
