package joint

import (
	"context"
	"fmt"
	"slices"

	"noisebook/pkg/claim"
	"noisebook/pkg/sample"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// SampledSuite is a suite whose models are sampled, and what measures the sets.
type SampledSuite struct {
	Suite
	Reference ReferenceConfig `json:"reference"` // like the models without a dataset of its own
	Sampler   sample.Config   `json:"sampler"`
	Batch     int             `json:"batch"`   // images sampled at once
	Samples   int             `json:"samples"` // of a set
	// ColourSamples are those of a set of three channels, which takes longer.
	ColourSamples int `json:"colour_samples"`
}

// sampledSuite shares its sets of grey images with the artifacts of [Setup].
func sampledSuite(t tier.Tier, datasets ...string) SampledSuite {
	s := setup(t)
	s.Reference.Dataset = ""
	return SampledSuite{
		Suite: suite(t, datasets...), Reference: s.Reference, Sampler: s.Sampler, Batch: s.Batch, Samples: s.Samples,
		ColourSamples: choose(t, s.Samples, s.Samples, 250, s.Samples),
	}
}

// Validate says what is wrong, by field.
func (s SampledSuite) Validate() error {
	if err := s.Suite.Validate(); err != nil {
		return err
	}
	for _, name := range s.Datasets {
		m, err := s.Model(name)
		if err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		least := 2 * m.Network.Classes // images a class, for their spread
		if m.Network.Attributes {
			least = 2
		}
		if count := s.count(m); count < least {
			return fmt.Errorf("samples is %d, colour_samples %d: %s needs at least %d", s.Samples, s.ColourSamples, name, least)
		}
	}
	switch {
	case s.Reference.Dataset != "":
		return fmt.Errorf("reference.dataset is %q: leave it empty, each of datasets has its own", s.Reference.Dataset)
	case s.Batch < 1:
		return fmt.Errorf("batch is %d: it must be at least 1", s.Batch)
	}
	return nil
}

// count is how many samples a set of a model's has.
func (s SampledSuite) count(m ModelConfig) int {
	if m.Network.UNet.Channels > 1 {
		return s.ColourSamples
	}
	return s.Samples
}

// The rows of the paper's tables that are sampled here beside methodJoint, by its names.
const (
	methodDDGM        = "DDGM"
	methodSteered     = "DDGM (classifier guidance)"
	methodConditional = "Joint (conditional sampling)"
)

// sampling is a row of the paper's tables: a model and how it is sampled.
type sampling struct {
	method string
	model  ModelConfig
	guide  Guide
}

// samplings are rows of a suite's model for a dataset.
func samplings(m ModelConfig, alpha, gradientScale float64, methods ...string) []sampling {
	all := []sampling{
		{methodDDGM, m.DDGM(), Guide{By: GuidedByNothing}},
		{methodSteered, m.DDGM(), ClassifierGuidance(gradientScale)},
		{methodJoint, m.Joint(), Guide{By: GuidedByNothing}},
		{methodConditional, m, Algorithm1(alpha)},
	}
	return slices.DeleteFunc(all, func(s sampling) bool { return !slices.Contains(methods, s.method) })
}

// sampledSet is one set of a row, with its scores.
type sampledSet struct {
	dataset, method string // as the paper names them; a dataset that it has no results on has no name
	model           ModelConfig
	seed            uint64
	trained         track.Result[TrainedModel]
	lenet           Reference // of the model's dataset
	samples         track.Result[Samples]
	scores          track.Result[Scores]
	setting         claim.Setting
}

// measure is a number of the set's in the paper's table.
func (s sampledSet) measure(metric string, value float64) measurement {
	return measurement{Dataset: s.dataset, Method: s.method, Metric: metric, Value: value, Seed: s.seed, Setting: s.setting}
}

// setting is that of a row's sets.
func (s SampledSuite) setting(m ModelConfig, method string) claim.Setting {
	return claim.Setting{Dataset: m.Dataset, Features: s.Reference.Network.Title(), Samples: s.count(m), Model: describeRow(m, method)}
}

// reference is what measures the sets of a dataset.
func (s SampledSuite) reference(dataset string) ReferenceConfig {
	s.Reference.Dataset = dataset
	return s.Reference
}

// sample trains what is needed, samples every row of every dataset with each
// seed and scores the sets, or answers from the store.
func (s SampledSuite) sample(ctx context.Context, store *track.Store, seeds []uint64, rows func(ModelConfig) []sampling) ([]sampledSet, error) {
	var sets []sampledSet
	for _, name := range s.Datasets {
		m, err := s.Model(name)
		if err != nil {
			return nil, err
		}
		y, err := s.reference(name).yardstick(ctx, store)
		if err != nil {
			return nil, err
		}
		for _, row := range rows(m) {
			scored, err := s.sampleRow(ctx, store, y, m, row, seeds)
			if err != nil {
				return nil, err
			}
			sets = append(sets, scored...)
		}
	}
	return sets, nil
}

// sampleRow samples a row of the suite's model for a dataset with each seed.
func (s SampledSuite) sampleRow(ctx context.Context, store *track.Store, y yardstick, m ModelConfig, row sampling, seeds []uint64) ([]sampledSet, error) {
	trained, err := row.model.Fit(ctx, store)
	if err != nil {
		return nil, err
	}
	g := newGenerator(row.model, trained, s.Sampler, s.Batch)
	defer g.close()
	if row.guide.By == GuidedByClassifier {
		classifier := m.NoisyClassifier()
		fitted, err := classifier.Fit(ctx, store)
		if err != nil {
			return nil, err
		}
		g.guidedBy(classifier, fitted)
	}
	column, _ := paperDataset(m.Dataset) // an error means that the paper has none
	var sets []sampledSet
	for _, seed := range seeds {
		samples, scores, err := g.measured(ctx, store, y, row.guide, s.count(m), seed)
		if err != nil {
			return nil, err
		}
		sets = append(sets, sampledSet{
			dataset: column, method: row.method, model: row.model, seed: seed, trained: trained,
			lenet: y.lenet.Value, samples: samples, scores: scores, setting: s.setting(m, row.method),
		})
	}
	return sets, nil
}

// models are all that sampling the rows may train, each once.
func (s SampledSuite) models(rows func(ModelConfig) []sampling) []ModelConfig {
	var all []ModelConfig
	seen := map[string]bool{}
	add := func(m ModelConfig) {
		if !seen[m.title()] {
			seen[m.title()] = true
			all = append(all, m)
		}
	}
	for _, name := range s.Datasets {
		m, err := s.Model(name)
		if err != nil { // Validate has asked for each
			continue
		}
		for _, row := range rows(m) {
			add(row.model)
			if row.guide.By == GuidedByClassifier {
				add(m.NoisyClassifier())
			}
		}
	}
	return all
}
