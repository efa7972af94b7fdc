package joint

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"noisebook/experiments"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// madeUpFeatures are rows of noise around the corner of each class, a certain
// distance from the origin, and around the origin itself for distance 0.
func madeUpFeatures(t *testing.T, store *track.Store, rows int, distance float64, seed uint64) track.Result[CleanFeatures] {
	t.Helper()
	const classes = 4
	stage := track.Stage[float64, CleanFeatures]{Name: "made-up", Version: 1, Run: func(_ context.Context, job *track.Job, _ float64) (CleanFeatures, error) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var values []float32
		var labels []int64
		for i := range rows {
			labels = append(labels, int64(i%classes))
			for d := range classes {
				centre := 0.0
				if d == i%classes {
					centre = distance
				}
				values = append(values, float32(centre+rng.NormFloat64()))
			}
		}
		out := CleanFeatures{FeatureSet: experiments.FeatureSet{Images: rows, Width: classes}, MostFrequent: 1. / classes}
		var err error
		if out.Features, err = job.Save("features.npy", func(w io.Writer) error { return npy.Write(w, []int{rows, classes}, values) }); err != nil {
			return out, err
		}
		out.Labels, err = job.Save("labels.npy", func(w io.Writer) error { return npy.Write(w, []int{rows}, labels) })
		return out, err
	}}
	result, err := track.Do(t.Context(), store, stage, distance+float64(seed))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// A probe reads classes that features tell apart, and is at chance where they do not.
func TestProbeReadsWhatIsThere(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	training := ProbeTraining{Classes: 4, Dropout: 0.2, Train: train.Config{Steps: 150, Batch: 32, LearningRate: 1e-2, EMADecay: 0.9, Seed: 1}}
	for distance, within := range map[float64][2]float64{0: {0.15, 0.35}, 8: {0.9, 1}} {
		probed, err := training.fit(t.Context(), store, madeUpFeatures(t, store, 400, distance, 1), madeUpFeatures(t, store, 400, distance, 2))
		if err != nil {
			t.Fatal(err)
		}
		if got := probed.Value; got.Accuracy < within[0] || got.Accuracy > within[1] || got.TestImages != 400 || got.MostFrequent != 0.25 {
			t.Errorf("classes %g apart: %+v, want an accuracy in %v", distance, got, within)
		}
	}
}

// Every labelled row is seen once an epoch, with its own features, and no other.
func TestFeatureBatches(t *testing.T) {
	const images, width, batch = 40, 3, 5
	rows := featureRows{width: width}
	for i := range images {
		rows.labels = append(rows.labels, int32(i%4))
		rows.values = append(rows.values, float32(i), float32(i%4), -float32(i))
	}
	for _, share := range []float64{0, 0.5} {
		b, err := newFeatureBatches(rows, LabelsConfig{Share: share, Seed: 1}, train.Config{Batch: batch, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		want := images
		if share > 0 {
			want = int(math.Round(share * images))
		}
		seen := map[float32]int{}
		values, labels := make([]float32, batch*width), make([]int32, batch)
		for step := range 2 * want / batch {
			if err := b.Fill(step, values, labels); err != nil {
				t.Fatal(err)
			}
			for i, row := range slices.Collect(slices.Chunk(values, width)) {
				if row[1] != float32(labels[i]) || row[2] != -row[0] {
					t.Fatalf("row %v has label %d", row, labels[i])
				}
				seen[row[0]]++
			}
		}
		for row, times := range seen {
			if times != 2 {
				t.Errorf("share %g: row %g is seen %d times in two epochs", share, row, times)
			}
		}
		if len(seen) != want {
			t.Errorf("share %g: %d rows are seen, want %d", share, len(seen), want)
		}
	}
	if _, err := newFeatureBatches(rows, LabelsConfig{}, train.Config{Batch: images + 1}); err == nil {
		t.Error("a batch of more rows than there are")
	}
}
