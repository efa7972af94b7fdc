package joint

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/joint"
	"noisebook/pkg/npy"
	"noisebook/pkg/sample"
	"noisebook/pkg/track"
)

// Logits are what a model says of its test images.
type Logits struct {
	Values track.Artifact `json:"values"` // float64 [test images, K], of clean images
}

// testLogits classifies the model's test images, or answers from the store.
func (c ModelConfig) testLogits(ctx context.Context, store *track.Store, trained track.Result[TrainedModel]) (track.Result[Logits], error) {
	stage := track.Stage[ModelConfig, Logits]{Name: "joint/logits", Version: 1, Run: func(ctx context.Context, job *track.Job, c ModelConfig) (Logits, error) {
		dataset, err := c.load(ctx, job)
		if err != nil {
			return Logits{}, err
		}
		logits, err := c.judge(ctx, job, trained.Value, testSplit(dataset, c.TestImages))
		if err != nil {
			return Logits{}, err
		}
		rows, columns := logits.Dims()
		values, err := job.Save("logits.npy", func(w io.Writer) error {
			return npy.Write(w, []int{rows, columns}, logits.RawMatrix().Data)
		})
		return Logits{values}, err
	}}
	inputs, err := c.data(trained)
	if err != nil {
		return track.Result[Logits]{}, err
	}
	return track.Do(ctx, store, stage, c, inputs...)
}

// judge gives a trained model's logits [N, K] of clean images.
func (c ModelConfig) judge(ctx context.Context, job *track.Job, trained TrainedModel, images data.Split) (*mat.Dense, error) {
	model, weights, err := openModel(job, c.Network, trained)
	if err != nil {
		return nil, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return nil, err
	}
	return classify(ctx, e, model, weights, images)
}

// OriginalsConfig says which test images are explained.
type OriginalsConfig struct {
	Model    ModelConfig `json:"model"`
	Decision string      `json:"decision"`
	Images   int         `json:"images"` // of each answer, the first of the test set; fewer if there are fewer
	// Right leaves out images that the model does not classify as they are labelled.
	Right bool `json:"right"`
}

// Originals are the images of a decision: those of its first answer, then those of the second.
type Originals struct {
	Samples        // with the other answer as targets: the y of Algorithm 1
	Counts  [2]int `json:"counts"` // by answer
	// Apart is the mean absolute difference, in [0, 1], of an image of this
	// answer and a random one of the other: what replacing it altogether would change.
	Apart [2]float64 `json:"apart"`
}

// count is the number of images.
func (o Originals) count() int { return o.Counts[0] + o.Counts[1] }

// of is the range of an answer's images.
func (o Originals) of(answer int) (from, to int) {
	if answer == 0 {
		return 0, o.Counts[0]
	}
	return o.Counts[0], o.count()
}

// originals picks the images of a decision, or answers from the store.
func (c OriginalsConfig) originals(ctx context.Context, store *track.Store, logits track.Result[Logits]) (track.Result[Originals], error) {
	stage := track.Stage[OriginalsConfig, Originals]{Name: "joint/originals", Version: 1, Run: func(ctx context.Context, job *track.Job, c OriginalsConfig) (Originals, error) {
		path, err := job.Path(logits.Value.Values)
		if err != nil {
			return Originals{}, err
		}
		array, err := npy.Open(path)
		if err != nil {
			return Originals{}, err
		}
		values, err := array.Dense()
		if err != nil {
			return Originals{}, err
		}
		return c.pick(ctx, job, values)
	}}
	inputs, err := c.Model.data(logits)
	if err != nil {
		return track.Result[Originals]{}, err
	}
	return track.Do(ctx, store, stage, c, inputs...)
}

func (c OriginalsConfig) pick(ctx context.Context, job *track.Job, logits *mat.Dense) (Originals, error) {
	dataset, err := c.Model.load(ctx, job)
	if err != nil {
		return Originals{}, err
	}
	description, err := data.Describe(c.Model.Dataset)
	if err != nil {
		return Originals{}, err
	}
	question, err := decide(description, c.Decision)
	if err != nil {
		return Originals{}, err
	}
	test := testSplit(dataset, c.Model.TestImages)
	var labelled [2][]int
	for i := range test.Len() {
		for a, answer := range question.answers {
			if answer.labelled(test, i) {
				labelled[a] = append(labelled[a], i)
			}
		}
	}
	var o Originals
	var picked []int
	var aims []int32
	random := rand.New(rand.NewPCG(c.Model.Train.Seed, 0x6170617274)) // "apart"
	for a, answer := range question.answers {
		others := labelled[1-a]
		for _, i := range labelled[a] {
			if o.Counts[a] == c.Images || len(others) == 0 {
				break
			}
			if c.Right && !answer.given(logits.RawRowView(i)) {
				continue
			}
			picked = append(picked, i)
			o.Counts[a]++
			aims = append(aims, question.answers[1-a].target(test, i)...)
			o.Apart[a] += meanAbsolute(test.Pixels(i), test.Pixels(others[random.IntN(len(others))]))
		}
		if o.Counts[a] == 0 {
			return Originals{}, fmt.Errorf("joint: the model classifies no test image of %q right: train it longer, or set right=false", question.words[a])
		}
		o.Apart[a] /= float64(o.Counts[a])
	}
	set := test.Subset(picked)
	if o.Images, err = savePictures(job, "originals.npy", set.Images, set); err != nil {
		return Originals{}, err
	}
	o.Targets, err = job.Save("targets.npy", func(w io.Writer) error { return writeTargets(w, c.Model.Network, aims) })
	return o, err
}

// savePictures writes pixels as images of the shape of a split's.
func savePictures(job *track.Job, name string, pixels []uint8, like data.Split) (track.Artifact, error) {
	return job.Save(name, func(w io.Writer) error {
		return npy.Write(w, []int{len(pixels) / like.ImageSize(), like.Height, like.Width, like.Channels}, pixels)
	})
}

// CounterfactualConfig is one set of counterfactuals of a trained model.
type CounterfactualConfig struct {
	Network joint.Config  `json:"network"`
	Chain   ChainConfig   `json:"chain"`
	Sampler sample.Config `json:"sampler"`
	Noised  float64       `json:"noised"` // share of the T steps that the images go through before they come back
	Guide   Guide         `json:"guide"`  // by nothing it noises and denoises alone
	Batch   int           `json:"batch"`
	Seed    uint64        `json:"seed"` // of all noise; equal seeds noise an image equally
}

// Counterfactuals are the images on their way and at its end, in the order of the originals.
type Counterfactuals struct {
	Noised track.Artifact `json:"noised"` // uint8 [n, H, W, C], clipped to what a picture can hold
	Images track.Artifact `json:"images"` // uint8 [n, H, W, C]
}

// counterfactuals answers "what would have to be different?" as §6.4 does: the
// images are noised through the first steps of the chain, and Algorithm 1 with
// the other answer brings them back.
func (g *generator) counterfactuals(ctx context.Context, store *track.Store, c CounterfactualConfig, originals track.Result[Originals]) (track.Result[Counterfactuals], error) {
	stage := track.Stage[CounterfactualConfig, Counterfactuals]{Name: "joint/counterfactuals", Version: 2,
		Run: func(ctx context.Context, job *track.Job, c CounterfactualConfig) (Counterfactuals, error) {
			return g.explain(ctx, job, store, c, originals.Value)
		}}
	return track.Do(ctx, store, stage, c, g.trained, originals)
}

func (g *generator) explain(ctx context.Context, job *track.Job, store *track.Store, c CounterfactualConfig, o Originals) (Counterfactuals, error) {
	job.Seed(int64(c.Seed))
	set, err := images(store, o.Samples)
	if err != nil {
		return Counterfactuals{}, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Counterfactuals{}, err
	}
	walk := c.Sampler
	if walk.Until = int(math.Round(c.Noised * float64(c.Chain.Timesteps))); walk.Until < 1 {
		return Counterfactuals{}, fmt.Errorf("joint: noised is %g: of %d timesteps that leaves none", c.Noised, c.Chain.Timesteps)
	}
	step := SampleConfig{Network: c.Network, Chain: c.Chain, Sampler: walk, Guide: c.Guide, Count: set.Len(), Batch: c.Batch, Seed: c.Seed}
	sampler, err := g.prepare(e, job, step)
	if err != nil {
		return Counterfactuals{}, err
	}
	size, aims := set.ImageSize(), set.Labels
	if c.Network.Attributes {
		aims = wide(set.Attributes)
	}
	noised, made := make([]uint8, len(set.Images)), make([]uint8, len(set.Images))
	err = g.batches(ctx, job, sampler, step, aims, func(from, n int, d *sample.Draw) {
		d.Start = make([]float32, c.Batch*size) // the last batch may be short
		for i := range n {
			x := d.Start[i*size : (i+1)*size]
			data.Normalize(x, set.Pixels(from+i))
			sampler.Noised(x, rand.New(rand.NewPCG(c.Seed, uint64(from+i))).NormFloat64)
		}
		data.Pixels(noised[from*size:(from+n)*size], d.Start[:n*size])
	}, func(from, n int, x []float32) { data.Pixels(made[from*size:(from+n)*size], x) })
	if err != nil {
		return Counterfactuals{}, err
	}
	var out Counterfactuals
	if out.Noised, err = savePictures(job, "noised.npy", noised, set); err != nil {
		return Counterfactuals{}, err
	}
	out.Images, err = savePictures(job, "counterfactuals.npy", made, set)
	return out, err
}
