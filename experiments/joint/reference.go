package joint

import (
	"context"
	"io"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// ReferenceConfig is the network whose features are compared, and what with:
// a LeNet trained on the dataset, and the features of its test images.
type ReferenceConfig struct {
	Dataset string       `json:"dataset"`
	Train   train.Config `json:"train"`
	// Images is how many test images are compared with; 0 means all.
	Images int `json:"images,omitempty"`
}

// Reference is the measuring stick in the store.
type Reference struct {
	Weights  track.Artifact `json:"weights"`  // of the LeNet
	Features track.Artifact `json:"features"` // float32 [test images, 84]
	Accuracy float64        `json:"accuracy"` // of the LeNet on the test images
	Images   int            `json:"images"`
}

// FeatureNetwork names the features in captions and verdicts.
const FeatureNetwork = "LeNet-84 trained here"

// Fit trains the LeNet and measures the test images, or answers from the store.
func (c ReferenceConfig) Fit(ctx context.Context, store *track.Store) (track.Result[Reference], error) {
	dataset, err := data.Describe(c.Dataset)
	if err != nil {
		return track.Result[Reference]{}, err
	}
	stage := track.Stage[ReferenceConfig, Reference]{Name: "features/lenet", Version: 1, Run: fitReference}
	return track.Do(ctx, store, stage, c, experiments.DatasetInputs(dataset)...)
}

func fitReference(ctx context.Context, job *track.Job, c ReferenceConfig) (Reference, error) {
	job.Seed(int64(c.Train.Seed))
	dataset, err := experiments.LoadDataset(ctx, job, c.Dataset)
	if err != nil {
		return Reference{}, err
	}
	lenet, err := features.NewLeNet(dataset.Train.Height, dataset.Train.Channels, len(dataset.Classes))
	if err != nil {
		return Reference{}, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Reference{}, err
	}
	batches, err := data.NewBatches(dataset.Train, c.Train.Batch, c.Train.Seed)
	if err != nil {
		return Reference{}, err
	}
	image := [3]int{dataset.Train.Height, dataset.Train.Width, dataset.Train.Channels}
	weights, err := experiments.Train(ctx, job, e, lenet.Network, lenet.Objective, batches, image, c.Train)
	if err != nil {
		return Reference{}, err
	}
	test := testSplit(dataset, c.Images)
	measured, logits, err := lenet.Measure(ctx, e, weights, test)
	if err != nil {
		return Reference{}, err
	}
	r := Reference{Images: test.Len()}
	if r.Accuracy, err = accuracy(logits, test.Labels); err != nil {
		return Reference{}, err
	}
	if r.Weights, err = job.Save("lenet.safetensors", func(w io.Writer) error {
		return train.WriteWeights(w, lenet.Network, weights, false, nil)
	}); err != nil {
		return Reference{}, err
	}
	r.Features, err = job.Save("features.npy", func(w io.Writer) error {
		rows, columns := measured.Dims()
		flat := make([]float32, 0, rows*columns)
		for _, v := range measured.RawMatrix().Data {
			flat = append(flat, float32(v))
		}
		return npy.Write(w, []int{rows, columns}, flat)
	})
	return r, err
}

// ScoreConfig is how a set of samples is measured.
type ScoreConfig struct {
	Classes int    `json:"classes"`
	Seed    uint64 `json:"seed"` // of the reference subset and of k-means
}

// Scores are a set of samples' measures.
type Scores struct {
	Precision float64 `json:"precision"` // PRD's F_1/8 against as many test images
	Recall    float64 `json:"recall"`    // PRD's F_8
	FID       float64 `json:"fid"`       // against all test images
	// NearestPrecision and NearestRecall are those of Kynkäänniemi et al. (2019)
	// over 5 neighbours, against as many test images: a second opinion.
	NearestPrecision float64 `json:"nearest_precision"`
	NearestRecall    float64 `json:"nearest_recall"`
	// TargetRate is the share that the LeNet takes for the class aimed at, by
	// class, and Diversity the mean squared distance of two of its images'
	// features. Images aim at the classes in turn.
	TargetRate []float64 `json:"target_rate"`
	Diversity  []float64 `json:"diversity"`
}

// score measures samples by the reference's features, from the store if they were measured.
func score(ctx context.Context, store *track.Store, c ScoreConfig, reference track.Result[Reference], samples track.Result[Samples], targets []int32) (track.Result[Scores], error) {
	stage := track.Stage[ScoreConfig, Scores]{Name: "joint/score", Version: 2, Run: func(ctx context.Context, job *track.Job, c ScoreConfig) (Scores, error) {
		return measure(ctx, job, store, c, reference.Value, samples.Value, targets)
	}}
	return track.Do(ctx, store, stage, c, reference, samples)
}

func measure(ctx context.Context, job *track.Job, store *track.Store, c ScoreConfig, reference Reference, samples Samples, targets []int32) (Scores, error) {
	generated, err := images(store, samples, targets)
	if err != nil {
		return Scores{}, err
	}
	lenet, err := features.NewLeNet(generated.Height, generated.Channels, c.Classes)
	if err != nil {
		return Scores{}, err
	}
	path, err := job.Path(reference.Weights)
	if err != nil {
		return Scores{}, err
	}
	weights, err := train.ReadWeights(path, lenet.Network)
	if err != nil {
		return Scores{}, err
	}
	if path, err = job.Path(reference.Features); err != nil {
		return Scores{}, err
	}
	array, err := npy.Open(path)
	if err != nil {
		return Scores{}, err
	}
	real, err := array.Dense()
	if err != nil {
		return Scores{}, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return Scores{}, err
	}
	fake, logits, err := lenet.Measure(ctx, e, weights, generated)
	if err != nil {
		return Scores{}, err
	}
	var s Scores
	for class := range c.Classes {
		rows := ofClass(targets, class)
		rate, err := accuracy(pick(logits, rows), slices.Repeat([]int32{int32(class)}, len(rows)))
		if err != nil {
			return Scores{}, err
		}
		s.TargetRate = append(s.TargetRate, rate)
		s.Diversity = append(s.Diversity, spread(pick(fake, rows)))
	}
	distance, err := metric.FID(real, fake)
	if err != nil {
		return Scores{}, err
	}
	s.FID = distance.Value
	compared := subset(real, len(targets), c.Seed)
	curve, err := metric.PRD(compared, fake, metric.PRDOptions{Seed: c.Seed})
	if err != nil {
		return Scores{}, err
	}
	precision, recall := curve.Summary()
	s.Precision, s.Recall = precision.Value, recall.Value
	nearest, err := metric.Neighbourhood(compared, fake, metric.NeighbourhoodOptions{Closed: true})
	s.NearestPrecision, s.NearestRecall = nearest.Precision.Value, nearest.Recall.Value
	return s, err
}

// subset draws n rows without repetition.
func subset(x *mat.Dense, n int, seed uint64) *mat.Dense {
	rows, _ := x.Dims()
	return pick(x, experiments.Permutation(rows, seed)[:min(n, rows)])
}

func pick(x *mat.Dense, rows []int) *mat.Dense {
	_, columns := x.Dims()
	out := mat.NewDense(len(rows), columns, nil)
	for i, r := range rows {
		out.SetRow(i, x.RawRowView(r))
	}
	return out
}

// ofClass lists the positions of a class.
func ofClass(labels []int32, class int) []int {
	var rows []int
	for i, label := range labels {
		if int(label) == class {
			rows = append(rows, i)
		}
	}
	return rows
}

// spread is the mean squared distance of two rows drawn with repetition: twice the sum of the columns' variances.
func spread(x *mat.Dense) float64 {
	_, columns := x.Dims()
	sum := 0.0
	for c := range columns {
		sum += stat.PopVariance(mat.Col(nil, c, x), nil)
	}
	return 2 * sum
}
