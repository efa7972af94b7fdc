package joint

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"noisebook/experiments"
	"noisebook/pkg/data"
	"noisebook/pkg/features"
	"noisebook/pkg/metric"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

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
	// LeNet features. With attributes TargetRate is the share of images in which
	// the LeNet sees one as it was aimed at, by attribute, and Diversity is empty.
	TargetRate []float64 `json:"target_rate"`
	Diversity  []float64 `json:"diversity"`
}

// yardstick measures sets of samples against a dataset's test images.
type yardstick struct {
	lenet   track.Result[Reference]
	network features.Network                     // nil where the LeNet's features are compared
	real    track.Result[experiments.FeatureSet] // the test images by the network
}

// yardstick trains the LeNet and measures the test images, or answers from the store.
func (c ReferenceConfig) yardstick(ctx context.Context, store *track.Store) (yardstick, error) {
	var y yardstick
	var err error
	if y.lenet, err = c.Fit(ctx, store); err != nil || c.Network == LeNetFeatures {
		return y, err
	}
	path, err := features.InceptionWeights(ctx, nil)
	if err != nil {
		return y, err
	}
	if y.network, err = features.NewInception(path, features.InceptionOptions{}); err != nil {
		return y, err
	}
	dataset, err := data.Load(ctx, c.Dataset, data.Options{})
	if err != nil {
		return y, err
	}
	y.real, err = experiments.Features(ctx, store, y.network, features.FromSplit(testSplit(dataset, c.Images)))
	return y, err
}

// score measures samples, from the store if they were measured.
func (y yardstick) score(ctx context.Context, store *track.Store, c ScoreConfig, samples track.Result[Samples]) (track.Result[Scores], error) {
	generated, err := images(store, samples.Value)
	if err != nil {
		return track.Result[Scores]{}, err
	}
	inputs := []track.Input{y.lenet, samples}
	var fake track.Result[experiments.FeatureSet]
	if y.network != nil {
		if fake, err = experiments.Features(ctx, store, y.network, features.FromSplit(generated)); err != nil {
			return track.Result[Scores]{}, err
		}
		inputs = append(inputs, y.real, fake)
	}
	stage := track.Stage[ScoreConfig, Scores]{Name: "joint/score", Version: 3, Run: func(ctx context.Context, job *track.Job, c ScoreConfig) (Scores, error) {
		seen, logits, err := y.look(ctx, job, generated, c.Classes)
		if err != nil {
			return Scores{}, err
		}
		var s Scores
		if err := s.aim(generated, seen, logits, c.Classes); err != nil {
			return Scores{}, err
		}
		real, compared, err := y.features(store, fake.Value, seen)
		if err != nil {
			return Scores{}, err
		}
		return s, s.compare(real, compared, c.Seed)
	}}
	return track.Do(ctx, store, stage, c, inputs...)
}

// look shows images to the LeNet: its features [N, 84] and logits [N, classes].
func (y yardstick) look(ctx context.Context, job *track.Job, images data.Split, classes int) (seen, logits *mat.Dense, err error) {
	lenet, err := lenetFor(images, classes)
	if err != nil {
		return nil, nil, err
	}
	path, err := job.Path(y.lenet.Value.Weights)
	if err != nil {
		return nil, nil, err
	}
	weights, err := train.ReadWeights(path, lenet.Network)
	if err != nil {
		return nil, nil, err
	}
	e, err := experiments.Engine(ctx, job)
	if err != nil {
		return nil, nil, err
	}
	return lenet.Measure(ctx, e, weights, images)
}

// features are those that are compared, of the test images and of samples: the
// network's, or else the LeNet's, which has seen the samples.
func (y yardstick) features(store *track.Store, measured experiments.FeatureSet, seen *mat.Dense) (real, generated *mat.Dense, err error) {
	if y.network == nil {
		array, err := open(store, y.lenet.Value.Features)
		if err != nil {
			return nil, nil, err
		}
		real, err = array.Dense()
		return real, seen, err
	}
	if real, err = y.real.Value.Dense(store); err != nil {
		return nil, nil, err
	}
	generated, err = measured.Dense(store)
	return real, generated, err
}

// aim says how far samples are what they aim at, by the LeNet's features and logits.
func (s *Scores) aim(samples data.Split, seen, logits *mat.Dense, classes int) error {
	if samples.Attributes != nil {
		for k := range classes {
			right := 0
			for i := range samples.Len() {
				if (logits.At(i, k) > 0) == (samples.AttributesOf(i)[k] == 1) {
					right++
				}
			}
			s.TargetRate = append(s.TargetRate, float64(right)/float64(samples.Len()))
		}
		return nil
	}
	for class := range classes {
		rows := ofClass(samples.Labels, class)
		rate, err := accuracy(pick(logits, rows), slices.Repeat([]int32{int32(class)}, len(rows)))
		if err != nil {
			return err
		}
		s.TargetRate = append(s.TargetRate, rate)
		s.Diversity = append(s.Diversity, spread(pick(seen, rows)))
	}
	return nil
}

// compare sets the features of samples beside those of the test images.
func (s *Scores) compare(real, fake *mat.Dense, seed uint64) error {
	distance, err := metric.FID(real, fake)
	if err != nil {
		return err
	}
	s.FID = distance.Value
	count, _ := fake.Dims()
	compared := subset(real, count, seed)
	curve, err := metric.PRD(compared, fake, metric.PRDOptions{Seed: seed})
	if err != nil {
		return err
	}
	precision, recall := curve.Summary()
	s.Precision, s.Recall = precision.Value, recall.Value
	nearest, err := metric.Neighbourhood(compared, fake, metric.NeighbourhoodOptions{Closed: true})
	s.NearestPrecision, s.NearestRecall = nearest.Precision.Value, nearest.Recall.Value
	return err
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
