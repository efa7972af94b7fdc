package joint

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/mat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// ProbeConfig is the paper's probe: a perceptron of the head's kind, trained on
// the frozen features z_0 of clean images.
type ProbeConfig struct {
	Train train.Config `json:"train"` // of the first probe
	Seeds int          `json:"seeds"` // probes, whose training seeds count up
	// Images is how many training images the probe sees; 0 means all.
	Images int `json:"images,omitempty"`
}

// Validate says what is wrong, by field.
func (c ProbeConfig) Validate() error {
	switch {
	case c.Seeds < 1:
		return fmt.Errorf("seeds is %d: it must be at least 1", c.Seeds)
	case c.Images < 0:
		return fmt.Errorf("images is %d: it must not be negative; 0 means all", c.Images)
	}
	return nil
}

// ProbeTraining is one probe's training.
type ProbeTraining struct {
	Classes int          `json:"classes"`
	Dropout float64      `json:"dropout"`
	Labels  LabelsConfig `json:"labels"` // that the probe may see
	Train   train.Config `json:"train"`
}

// Probed is how well a probe classifies.
type Probed struct {
	Accuracy     float64 `json:"accuracy"` // share of the test images, last step
	TestImages   int     `json:"test_images"`
	MostFrequent float64 `json:"most_frequent"` // share of their most frequent class
}

// probe trains the probes on z_0 of a model, or answers from the store. A
// trained model of nil stands for the untrained network.
func (c ProbeConfig) probe(ctx context.Context, store *track.Store, model ModelConfig, trained *track.Result[TrainedModel]) ([]track.Result[Probed], error) {
	fitted, err := model.cleanFeatures(ctx, store, trained, "train", c.Images)
	if err != nil {
		return nil, err
	}
	test, err := model.cleanFeatures(ctx, store, trained, "test", model.TestImages)
	if err != nil {
		return nil, err
	}
	training := ProbeTraining{Classes: model.Network.Classes, Dropout: model.Network.HeadDropout, Labels: model.Labels, Train: c.Train}
	var probes []track.Result[Probed]
	for range c.Seeds {
		probed, err := training.fit(ctx, store, fitted, test)
		if err != nil {
			return nil, err
		}
		probes = append(probes, probed)
		training.Train.Seed++
	}
	return probes, nil
}

// fit trains the probe on some features and tests it on others, or answers from the store.
func (t ProbeTraining) fit(ctx context.Context, store *track.Store, fitted, test track.Result[CleanFeatures]) (track.Result[Probed], error) {
	stage := track.Stage[ProbeTraining, Probed]{Name: "joint/probe", Version: 1,
		Run: func(ctx context.Context, job *track.Job, t ProbeTraining) (Probed, error) {
			return t.run(ctx, job, fitted.Value, test.Value)
		}}
	return track.Do(ctx, store, stage, t, fitted, test)
}

func (t ProbeTraining) run(ctx context.Context, job *track.Job, fitted, test CleanFeatures) (Probed, error) {
	job.Seed(int64(t.Train.Seed))
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Probed{}, err
	}
	known, err := fitted.read(job)
	if err != nil {
		return Probed{}, err
	}
	net := train.Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}
	head := joint.NewHead(net.Layout, net.Statistics, known.width, known.width/2, t.Classes, t.Dropout)
	objective := func(p *nn.Pass, z, labels *graph.Node) (*graph.Node, []train.Term) {
		return graph.ReduceAllMean(nn.CrossEntropy(head.Logits(p, graph.Reshape(z, -1, known.width)), labels)), nil
	}
	batches, err := newFeatureBatches(known, t.Labels, t.Train)
	if err != nil {
		return Probed{}, err
	}
	weights, err := experiments.Train(ctx, job, e, net, objective, batches, [3]int{1, 1, known.width}, t.Train)
	if err != nil {
		return Probed{}, err
	}
	unseen, err := test.read(job)
	if err != nil {
		return Probed{}, err
	}
	logits, err := headLogits(e, net, head, weights, unseen)
	if err != nil {
		return Probed{}, err
	}
	p := Probed{TestImages: test.Images, MostFrequent: test.MostFrequent}
	p.Accuracy, err = accuracy(logits, unseen.labels)
	job.Log(t.Train.Steps, map[string]float64{"test_accuracy": p.Accuracy})
	return p, err
}

// headLogits classifies features in evaluation mode: [images, classes].
func headLogits(e *engine.Engine, net train.Network, head joint.Head, w train.Weights, z featureRows) (*mat.Dense, error) {
	program, err := e.NewProgram("probe", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		return []*graph.Node{head.Logits(nn.Evaluate(nn.NewWeights(net.Layout, in[0]), nn.NewWeights(net.Statistics, in[1])), in[2])}
	})
	if err != nil {
		return nil, err
	}
	defer program.Finalize()
	images := len(z.labels)
	features := tensors.FromFlatDataAndDimensions(z.values, images, z.width)
	defer features.FinalizeAll()
	outputs, err := program.Call(w.Values, w.Statistics, features)
	if err != nil {
		return nil, err
	}
	defer outputs[0].FinalizeAll()
	flat, err := tensors.CopyFlatData[float32](outputs[0])
	if err != nil {
		return nil, err
	}
	wide := make([]float64, len(flat))
	for i, v := range flat {
		wide[i] = float64(v)
	}
	return mat.NewDense(images, len(flat)/images, wide), nil
}

// featureBatches are rows of features as a training's images of [1, 1, width],
// in the order in which the labelled images of a dataset would come.
type featureBatches struct {
	rows     featureRows
	labelled []int // of the rows, those whose labels are known
	order    *data.Batches
	indices  []int
}

func newFeatureBatches(rows featureRows, labels LabelsConfig, c train.Config) (*featureBatches, error) {
	b := &featureBatches{rows: rows, indices: make([]int, c.Batch)}
	known := slices.Repeat([]bool{true}, len(rows.labels))
	var err error
	if labels.partial() {
		if known, err = data.LabelMask(rows.labels, labels.Share, labels.Seed); err != nil {
			return nil, err
		}
	}
	var shown []int32
	for i, k := range known {
		if k {
			b.labelled, shown = append(b.labelled, i), append(shown, rows.labels[i])
		}
	}
	b.order, err = data.NewBatches(data.Split{Labels: shown}, c.Batch, c.Seed)
	return b, err
}

// Size is the rows of a batch.
func (b *featureBatches) Size() int { return len(b.indices) }

// Fill writes the features and labels of a step.
func (b *featureBatches) Fill(step int, values []float32, labels []int32) error {
	if err := b.order.Indices(step, b.indices); err != nil {
		return err
	}
	width := b.rows.width
	for i, index := range b.indices {
		row := b.labelled[index]
		copy(values[i*width:(i+1)*width], b.rows.values[row*width:])
		labels[i] = b.rows.labels[row]
	}
	return nil
}
