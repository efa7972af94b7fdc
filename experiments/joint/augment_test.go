package joint

import (
	"encoding/json"
	"strings"
	"testing"

	"noisebook/pkg/augment"
	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/joint"
	"noisebook/pkg/tier"
)

// The reduced tiers and the appendix's experiments do not augment, and their
// configs, which are keys of the store, do not speak of it.
func TestConfigsWithoutAugmentation(t *testing.T) {
	silent := func(what string, c any) {
		t.Helper()
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "augment") {
			t.Errorf("%s: %s", what, text)
		}
	}
	for _, a := range Artifacts() {
		for _, at := range tier.All() {
			if at == tier.Paper && a.ID != semiSupervisedID && a.ID != domainAdaptationID {
				continue
			}
			c, err := a.New(at)
			if err != nil {
				t.Fatal(err)
			}
			silent(a.ID+" at tier "+at.String(), c)
		}
	}
	silent("a DDGM", CIFAR10().DDGM())
	silent("a noisy classifier", CIFAR10().NoisyClassifier())
	silent("the authors' code", AuthorsCode(CIFAR10()))
	source := AdaptConfig{Steps: []int{5}, LearningRate: 0.01, Statistics: StatisticsFollow}
	silent("an adaptation", source.model(FashionMNIST(), "mnist", 5))
}

func TestPaperTierIsAugmented(t *testing.T) {
	for name, c := range map[string]ModelConfig{"Fashion-MNIST": FashionMNIST(), "CIFAR-10": CIFAR10(), "CelebA": CelebA()} {
		for kind, c := range map[string]ModelConfig{"as the tiers give it": c, "joint": c.Joint(), "classifier": c.Classifier()} {
			if c.Augment != augment.JointDiffusion() || !strings.HasSuffix(describe(c), ", classifier branch augmented") {
				t.Errorf("%s, %s: augmentation %+v, described as %s", name, kind, c.Augment, describe(c))
			}
			if err := config.Validate(c); err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			if c.paired() != (kind != "classifier") {
				t.Errorf("%s, %s: sees plain images beside augmented ones: %v", name, kind, c.paired())
			}
		}
	}
}

// At its tier every row is in the paper's setting.
func TestPaperTierIsComparable(t *testing.T) {
	m, err := Accuracy(tier.Paper).Model("cifar-10")
	if err != nil {
		t.Fatal(err)
	}
	for method, augmented := range map[string]bool{
		methodClassifier: true, methodProbe: false, methodJoint: true, methodDDGM: false, methodSteered: false, methodConditional: true,
	} {
		paper, err := paperSetting(claim.ReportedValue{Dataset: "CIFAR-10", Method: method, Metric: "accuracy_pct"})
		if err != nil {
			t.Fatal(err)
		}
		if differences := paper.Differences(claim.Setting{Dataset: m.Dataset, Model: describeRow(m, method)}); len(differences) > 0 {
			t.Errorf("%s: %v", method, differences)
		}
		if strings.Contains(paper.Model, "augmented") != augmented {
			t.Errorf("%s: the paper's model is %s", method, paper.Model)
		}
	}
}

func TestRefusedAugmentation(t *testing.T) {
	for want, change := range map[string]func(*ModelConfig){
		"augment is for models whose labels are all seen: set its probabilities to 0, or labels.share=0": func(c *ModelConfig) {
			c.Labels.Share, c.Objective.Noisy = 0.1, joint.NoisyNone
		},
		"labels.hidden=false":                                 func(c *ModelConfig) { c.Labels.Hidden = true },
		"objective.class_scale is 0":                          func(c *ModelConfig) { c.Objective.ClassScale = 0 },
		"objective.noisy=replace classifies none":             func(c *ModelConfig) { c.Objective.Noisy = joint.NoisyReplace },
		"augment: flip_probability is 2":                      func(c *ModelConfig) { c.Augment.FlipProbability = 2 },
		"augment: rotation.low is 31 and rotation.high is 30": func(c *ModelConfig) { c.Augment.Rotation.Low = 31 },
	} {
		c := FashionMNIST()
		change(&c)
		if err := config.Validate(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// An experiment that hides labels only when it runs refuses as well.
func TestRefusedAugmentationOfPartialLabels(t *testing.T) {
	for _, a := range Artifacts() {
		if a.ID != semiSupervisedID {
			continue
		}
		if _, err := a.New(tier.Quick, "grey.augment.flip_probability=0.5"); err == nil || !strings.Contains(err.Error(), "augment") {
			t.Errorf("%s: %v", a.ID, err)
		}
	}
	c := tinyJoint()
	c.Augment, c.Labels.Share = augment.JointDiffusion(), 0.5
	if _, err := c.batches(stripes()); err == nil {
		t.Error("batches of partial labels are augmented")
	}
}

// still goes the way of an augmentation and changes nothing.
var still = augment.Config{Sharpness: augment.Transform{Probability: 1, Low: 1, High: 1}}

// Augmentation that changes nothing trains as none does: the diffusion branch has
// the same images, timesteps and noise, and the classifier the same images and labels.
func TestStillAugmentationChangesNoLoss(t *testing.T) {
	noisy := tinyJoint()
	noisy.Objective.Noisy = joint.NoisyAdd
	for name, c := range map[string]ModelConfig{"joint": tinyJoint(), "noisy": noisy, "classifier": tinyJoint().Classifier()} {
		augmented := c
		augmented.Augment = still
		want, got := losses(t, c), losses(t, augmented)
		for i := range want {
			for _, term := range []string{"loss", "diffusion", "classification", "noisy_classification"} {
				is, has := got[i][term]
				was, had := want[i][term]
				if has != had || !near(is, was) {
					t.Errorf("%s, step %d: %s is %g, without augmentation %g", name, i+1, term, is, was)
				}
			}
		}
	}
}

// Augmentation changes what is classified and not what is diffused.
func TestAugmentationIsOfTheClassifierBranch(t *testing.T) {
	c := tinyJoint()
	c.Train.Steps = 1
	plain := losses(t, c)[0]
	c.Augment = augment.Config{Brightness: augment.Transform{Probability: 1, Low: 1.5, High: 1.5}}
	augmented := losses(t, c)[0]
	if !near(augmented["diffusion"], plain["diffusion"]) {
		t.Errorf("diffusion loss %g, without augmentation %g", augmented["diffusion"], plain["diffusion"])
	}
	if near(augmented["classification"], plain["classification"]) {
		t.Errorf("classification loss %g with and without augmentation", plain["classification"])
	}
}

// A classifier alone sees augmented images alone, as many as a batch has.
func TestBatchesOfAnAugmentedModel(t *testing.T) {
	c := tinyJoint()
	c.Augment = augment.JointDiffusion()
	size := func(c ModelConfig) int {
		b, err := c.batches(stripes())
		if err != nil {
			t.Fatal(err)
		}
		return b.Size()
	}
	if both, alone := size(c), size(c.Classifier()); both != 2*c.Train.Batch || alone != c.Train.Batch {
		t.Errorf("%d images of a joint model and %d of a classifier, of a batch of %d", both, alone, c.Train.Batch)
	}
	if got, want := losses(t, c.Classifier()), losses(t, tinyJoint().Classifier()); near(got[0]["classification"], want[0]["classification"]) {
		t.Error("a classifier's images are not augmented")
	}
}

// A dry run measures a step on as many images as it will see, and counts the
// batch as the config does.
func TestPlanOfAnAugmentedModel(t *testing.T) {
	e := enginetest.Go(t)
	plain, augmented := tinyJoint(), tinyJoint()
	augmented.Augment = augment.JointDiffusion()
	want, err := plain.plan(t.Context(), e, 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := augmented.plan(t.Context(), e, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got.Parameters != want.Parameters || got.StateBytes != want.StateBytes || got.Batch != want.Batch || got.MeasuredBatch != 2 || got.Steps != want.Steps {
		t.Errorf("%+v, without augmentation %+v", got, want)
	}
	if got.GraphNodes <= want.GraphNodes || got.GraphNodes > want.GraphNodes+20 {
		t.Errorf("a graph of %d nodes, without augmentation %d: only slices come on top", got.GraphNodes, want.GraphNodes)
	}
}
