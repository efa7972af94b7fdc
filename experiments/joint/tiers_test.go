package joint

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"noisebook/experiments"
	"noisebook/pkg/config"
	"noisebook/pkg/joint"
	"noisebook/pkg/tier"
)

// roundTrip writes an experiment as JSON and reads it into an empty one of its type.
func roundTrip(t *testing.T, e experiments.Experiment) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	read := reflect.New(reflect.TypeOf(e))
	if err := json.Unmarshal(text, read.Interface()); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read.Elem().Interface(), e) {
		t.Errorf("%s reads back as %+v", text, read.Elem().Interface())
	}
}

func TestEveryConfigAtEveryTier(t *testing.T) {
	for _, a := range Artifacts() {
		for _, at := range tier.All() {
			t.Run(a.ID+"/"+at.String(), func(t *testing.T) {
				e, err := a.New(at) // validates
				if err != nil {
					t.Fatal(err)
				}
				roundTrip(t, e)
				if len(a.Keys(at)) < 40 {
					t.Errorf("only %d keys can be set", len(a.Keys(at)))
				}
				if got := reflect.ValueOf(e).FieldByName("Tier").Interface(); got != at {
					t.Errorf("the config is of tier %v", got)
				}
			})
		}
	}
}

// A tier changes values only: every tier has the same keys, and setting each of
// one tier's values turns another's config into it.
func TestTierIsAConfigDelta(t *testing.T) {
	for _, a := range Artifacts() {
		for _, from := range tier.All() {
			for _, to := range tier.All() {
				was, is := a.Keys(from), a.Keys(to)
				if len(was) != len(is) {
					t.Fatalf("%s: %d keys at tier %s, %d at %s", a.ID, len(was), from, len(is), to)
				}
				var delta []string
				for i := range is {
					if was[i].Path != is[i].Path || was[i].Type != is[i].Type {
						t.Fatalf("%s: key %s (%s) at tier %s is %s (%s) at %s", a.ID, was[i].Path, was[i].Type, from, is[i].Path, is[i].Type, to)
					}
					if was[i].Value != is[i].Value {
						delta = append(delta, is[i].Path+"="+is[i].Value)
					}
				}
				if from != to && len(delta) == 0 {
					t.Errorf("%s: tiers %s and %s are equal", a.ID, from, to)
				}
				got, err := a.New(from, delta...)
				if err != nil {
					t.Fatalf("%s: from %s to %s: %v", a.ID, from, to, err)
				}
				want, err := a.New(to)
				if err != nil {
					t.Fatal(err)
				}
				if asJSON(t, got) != asJSON(t, want) {
					t.Errorf("%s: tier %s with the changes %v is not tier %s", a.ID, from, delta, to)
				}
			}
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "null", "[]") // an emptied list and none mean the same
}

func TestOverrides(t *testing.T) {
	sweep := artifact(alphaSweepID, AlphaSweep, AlphaSweepConfig.models)
	changed, err := sweep.New(tier.Quick, "model.train.steps=77", "alphas=0,100,500", "sampler.method=ddim", "model.chain.schedule=cosine")
	if err != nil {
		t.Fatal(err)
	}
	c := changed.(AlphaSweepConfig)
	if c.Model.Train.Steps != 77 || !reflect.DeepEqual(c.Alphas, []float64{0, 100, 500}) || c.Sampler.Method != "ddim" || c.Model.Chain.Schedule != "cosine" {
		t.Errorf("%+v", c)
	}
	if again := AlphaSweep(tier.Quick); again.Model.Train.Steps == 77 || len(again.Alphas) == 3 {
		t.Error("an override changes the tier's defaults")
	}
}

func TestRefusedOverrides(t *testing.T) {
	nan := "NaN"
	for _, test := range []struct{ artifact, override, want string }{
		{alphaSweepID, "model.train.stepz=5", "model.train.steps"},
		{alphaSweepID, "train.stepz=5", "model.train.steps"},
		{alphaSweepID, "alpha=5", "alphas"},
		{alphaSweepID, "model=5", "model"},
		{alphaSweepID, "steps", "key=value"},
		{alphaSweepID, "model.train.steps=many", "model.train.steps"},
		{alphaSweepID, "model.train.steps=2.5", "model.train.steps"},
		{alphaSweepID, "tier=huge", "smoke, quick, cpu, paper"},
		{alphaSweepID, "model.train.steps=0", "model.train: steps is 0"},
		{alphaSweepID, "model.train.batch=-4", "batch is -4"},
		{alphaSweepID, "model.train.learning_rate=2", "learning_rate is 2"},
		{alphaSweepID, "model.train.learning_rate=" + nan, "learning_rate"},
		{alphaSweepID, "model.train.ema_decay=1", "ema_decay is 1"},
		{alphaSweepID, "model.network.classes=1", "classes is 1"},
		{alphaSweepID, "model.network.head_dropout=1", "head_dropout is 1"},
		{alphaSweepID, "model.network.unet.width=0", "width"},
		{alphaSweepID, "model.network.unet.dropout=1", "dropout"},
		{alphaSweepID, "model.objective.noisy=sometimes", "none, add or replace"},
		{alphaSweepID, "model.objective.class_scale=-1", "class_scale is -1"},
		{alphaSweepID, "model.chain.schedule=square", "linear or cosine"},
		{alphaSweepID, "model.chain.timesteps=0", "model.chain: process: linear schedule of 0 steps"},
		{alphaSweepID, "model.chain.last=2", "beta"},
		{alphaSweepID, "reference.dataset=mnist", `model.dataset is "fashion-mnist"`},
		{alphaSweepID, "sampler.method=euler", "ancestral or ddim"},
		{alphaSweepID, "sampler.variance=huge", "variance"},
		{alphaSweepID, "sampler.eta=2", "eta is 2"},
		{alphaSweepID, "samples=5", "samples is 5"},
		{alphaSweepID, "batch=0", "batch is 0"},
		{alphaSweepID, "seeds=0", "seeds is 0"},
		{alphaSweepID, "alphas=", "alphas is empty"},
		{alphaSamplesID, "alphas=", "alphas is empty"},
		{alphaSamplesID, "classes=10", "0 to 9"},
		{alphaSamplesID, "classes=1,2", "name one"},
		{alphaSamplesID, "columns=0", "columns is 0"},
		{alphaSamplesID, "columns=21", "200 samples of fashion-mnist have only 20 of a class"},
		{samplesByClassID, "alphas=3", "alpha"},
		{samplesByClassID, "classes=", "classes is empty"},
		{samplesByClassID, "classes=9,10", "classes has 10: it must be in 0 to 9 on fashion-mnist"},
		{samplesByClassID, "columns=0", "columns is 0"},
		{samplesByClassID, "columns=21", "200 samples of fashion-mnist have only 20 of a class"},
		{samplesByClassID, "datasets=celeba", "celeba has attributes"},
		{samplesByClassID, "datasets=cifar-100", "200 samples of cifar-100 have only 2 of a class"},
		{samplesByClassID, "seeds=2", "seed"},
		{unconditionalID, "datasets=", "datasets is empty"},
		{unconditionalID, "datasets=mnist,mnist", "mnist twice"},
		{unconditionalID, "datasets=cifar-11", "cifar-1"},
		{unconditionalID, "rows=0", "rows is 0"},
		{unconditionalID, "columns=-1", "columns is -1"},
		{unconditionalID, "rows=21", "fashion-mnist has 200 samples"},
		{alphaSweepID, "reference.network=vgg", "use lenet or inception"},
		{alphaSweepID, "reference.images=-1", "images is -1"},
		{generationID, "alpha=0", "alpha is 0"},
		{generationID, "gradient_scale=-1", "gradient_scale is -1"},
		{generationID, "samples=19", "fashion-mnist needs at least 20"},
		{generationID, "seeds=0", "seeds is 0"},
		{generationID, "batch=0", "batch is 0"},
		{generationID, "datasets=mnist", "the paper has no results on MNIST"},
		{generationID, "datasets=cifar-10,cifar10-jpeg", "both are the paper's CIFAR-10"},
		{generationID, "reference.dataset=mnist", "leave it empty"},
		{jointModelsID, "alpha=-3", "alpha is -3"},
		{hybridModelsID, "datasets=", "datasets is empty"},
	} {
		for _, a := range Artifacts() {
			if a.ID != test.artifact {
				continue
			}
			_, err := a.New(tier.Quick, test.override)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), a.ID+": ") {
				t.Errorf("%s: %v, want %q", test.override, err, test.want)
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q is not one line", test.override, err)
			}
		}
	}
}

// The parameters of the authors' network, counted with their PyTorch code at
// the same settings (attention after one and two halvings).
func TestPaperTierHasTheAuthorsParameters(t *testing.T) {
	tests := map[string]struct {
		config ModelConfig
		want   int
	}{
		"CIFAR-10, C = 128":     {CIFAR10(), 59_465_871},
		"Fashion-MNIST, C = 64": {FashionMNIST(), 10_525_261},
	}
	for name, test := range tests {
		m, err := joint.New(test.config.Network)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Layout.Size(); got != test.want {
			t.Errorf("%s: %d parameters, the authors' network has %d", name, got, test.want)
		}
	}
}

func TestPaperTierIsTheAuthorsSetting(t *testing.T) {
	c := AlphaSweep(tier.Paper).Model
	if c.Dataset != "cifar-10" || c.Chain.Timesteps != 1000 || c.Train.Batch != 256 || c.Train.Steps != 500_000 ||
		c.Train.LearningRate != 1e-4 || c.Train.WeightDecay != 0 || c.Objective.ClassScale != 0.001 || c.Objective.Noisy != joint.NoisyAdd {
		t.Errorf("%+v", c)
	}
	if s := AlphaSweep(tier.Paper).Sampler; s.Clip || s.Steps != 0 {
		t.Errorf("sampler %+v, want all steps without clipping", s)
	}
	if r := AlphaSweep(tier.Paper).Reference; r.Network != InceptionFeatures || r.Images != 0 {
		t.Errorf("reference %+v, want Inception and all test images", r)
	}
	authors := AuthorsCode(FashionMNIST())
	if err := config.Validate(authors); err != nil {
		t.Error(err)
	}
	if authors.Objective.Noisy != joint.NoisyReplace || !reflect.DeepEqual(authors.Network.UNet.AttentionAt, []int{1}) || authors.Chain.First != 1e-3 {
		t.Errorf("authors' code: %+v", authors)
	}
	if FashionMNIST().Network.UNet.AttentionAt[0] != 2 {
		t.Error("AuthorsCode changes the config it is given")
	}
}

// The artifacts of Algorithm 1 on one dataset train one model, measure with one
// network and can share every set of samples.
func TestArtifactsShareTheModel(t *testing.T) {
	for _, at := range tier.All() {
		if got, want := AlphaSamples(at).Setup, AlphaSweep(at).Setup; !reflect.DeepEqual(got, want) {
			t.Errorf("%s at tier %s has another setup than %s", alphaSamplesID, at, alphaSweepID)
		}
	}
}

func TestCPUTierMeetsTheClaims(t *testing.T) {
	c := AlphaSweep(tier.CPU)
	guided := 0
	for _, alpha := range c.Alphas {
		if alpha >= 0 {
			guided++
		}
	}
	if guided < 6 || guided == len(c.Alphas) || c.Seeds < 3 || c.Samples < 1000 {
		t.Errorf("%d guided of %d step sizes, %d seeds, %d samples: the claims need 6 and a control, 3 and 1,000", guided, len(c.Alphas), c.Seeds, c.Samples)
	}
}

func TestChain(t *testing.T) {
	chain, err := FashionMNIST().Chain.Process()
	if err != nil {
		t.Fatal(err)
	}
	if chain.Steps() != 500 || math.Abs(chain.Betas[0]-2e-4) > 1e-12 || math.Abs(chain.Betas[499]-0.04) > 1e-12 {
		t.Errorf("%d steps from %g to %g", chain.Steps(), chain.Betas[0], chain.Betas[chain.Steps()-1])
	}
}
