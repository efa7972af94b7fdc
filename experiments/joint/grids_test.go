package joint

import (
	"slices"
	"testing"

	"noisebook/pkg/published"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// stages are the configs of all stages behind a set of samples and its scores:
// two sets with equal ones are one in the store.
type stages struct {
	Model     ModelConfig
	Set       SampleConfig
	Reference ReferenceConfig
	Score     ScoreConfig
}

func stagesOf(m ModelConfig, reference ReferenceConfig, g *generator, guide Guide, count int, seed uint64) stages {
	return stages{m, g.set(guide, count, seed), reference, ScoreConfig{Classes: m.Network.Classes, Seed: seed}}
}

// stagesOf are those of a suite's sets, by dataset: of the rows' method with a seed.
func (s SampledSuite) stagesOf(t *testing.T, rows func(ModelConfig) []sampling, method string, seed uint64) map[string]stages {
	t.Helper()
	all := map[string]stages{}
	for _, name := range s.Datasets {
		m, err := s.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows(m) {
			if row.method == method {
				g := newGenerator(row.model, track.Result[TrainedModel]{}, s.Sampler, s.Batch)
				all[name] = stagesOf(row.model, s.reference(name), g, row.guide, s.count(m), seed)
			}
		}
	}
	return all
}

// Fig8 and fig9 train, sample and score nothing that tab2 does not have, on every
// dataset that both go through.
func TestGridsShowSetsOfTable2(t *testing.T) {
	for _, at := range tier.All() {
		table2, fig8, fig9 := Generation(at), SamplesByClass(at), Unconditional(at)
		for _, test := range []struct {
			id, method string
			got        map[string]stages
		}{
			{samplesByClassID, methodConditional, fig8.stagesOf(t, fig8.samplings, methodConditional, fig8.Seed)},
			{unconditionalID, methodJoint, fig9.stagesOf(t, fig9.samplings, methodJoint, fig9.Seed)},
		} {
			want := table2.stagesOf(t, table2.rows, test.method, table2.seeds()[0])
			for dataset, got := range test.got {
				if asJSON(t, got) != asJSON(t, want[dataset]) {
					t.Errorf("%s at tier %s shows another set of %s than %s measures:\n%s\n%s", test.id, at, dataset, generationID, asJSON(t, got), asJSON(t, want[dataset]))
				}
			}
		}
	}
}

// Below the paper's tier, where the sweep is on Fashion-MNIST too, fig8 shows
// the sweep's set at the conditional step size.
func TestSamplesByClassAreOfTheSweep(t *testing.T) {
	for _, at := range []tier.Tier{tier.Smoke, tier.Quick, tier.CPU} {
		sweep, fig8 := AlphaSweep(at), SamplesByClass(at)
		if !slices.Contains(sweep.Alphas, fig8.Alpha) {
			t.Errorf("tier %s: α = %g is none of the sweep's %v", at, fig8.Alpha, sweep.Alphas)
		}
		g := newGenerator(sweep.Model, track.Result[TrainedModel]{}, sweep.Sampler, sweep.Batch)
		want := stagesOf(sweep.Model, sweep.Reference, g, Algorithm1(fig8.Alpha), sweep.Samples, 0)
		if got := fig8.stagesOf(t, fig8.samplings, methodConditional, fig8.Seed)["fashion-mnist"]; asJSON(t, got) != asJSON(t, want) {
			t.Errorf("tier %s: %s, the sweep has %s", at, asJSON(t, got), asJSON(t, want))
		}
	}
}

func TestGridsGoOverTheDatasets(t *testing.T) {
	grey := []string{"fashion-mnist"}
	for at, want := range map[tier.Tier][2][]string{ // fig8, fig9
		tier.Smoke: {grey, grey}, tier.Quick: {grey, grey},
		tier.CPU:   {grey, {"fashion-mnist", "cifar10-jpeg"}},
		tier.Paper: {{"fashion-mnist", "cifar-100"}, {"cifar-10", "cifar-100", "celeba"}},
	} {
		fig8, fig9 := SamplesByClass(at), Unconditional(at)
		if !slices.Equal(fig8.Datasets, want[0]) || !slices.Equal(fig9.Datasets, want[1]) {
			t.Errorf("tier %s: %v and %v, want %v", at, fig8.Datasets, fig9.Datasets, want)
		}
		if got := fig8.models(fig8.samplings); len(got) != len(fig8.Datasets) {
			t.Errorf("tier %s: %d models for %v", at, len(got), fig8.Datasets)
		}
		if got := fig9.models(fig9.samplings); len(got) != len(fig9.Datasets) {
			t.Errorf("tier %s: %d models for %v", at, len(got), fig9.Datasets)
		}
		for i, name := range fig9.Datasets {
			if figure := figureName(unconditionalID, i, name); !published.FigureOf(figure, unconditionalID) {
				t.Errorf("%s is not a figure of %s", figure, unconditionalID)
			}
		}
	}
}

// A grid's classes are the first ten of any dataset, and further ones can be named.
func TestRowsAreNamedByTheDataset(t *testing.T) {
	c := SamplesByClass(tier.Paper)
	names, err := c.names("cifar-100")
	if err != nil || len(names) != 10 || names[0] != "apple" || names[9] != "bottle" {
		t.Errorf("%v (%v), want the ten from apple to bottle", names, err)
	}
	if names, err = c.names("fashion-mnist"); err != nil || len(names) != 10 || names[9] != "Ankle boot" {
		t.Errorf("%v (%v)", names, err)
	}
}
