package joint

import (
	"context"
	"fmt"
	"maps"

	"noisebook/pkg/augment"
	"noisebook/pkg/claim"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/sample"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// sweptAlphas are none, the paper's good range of 100 to 250, and what lies
// around it: a small network whose maps have fewer pixels needs smaller steps,
// since the pooling divides the gradient by their number. The negative one is the control.
func sweptAlphas(t tier.Tier) []float64 {
	few := []float64{-100, 0, 10, 30, 100, 250, 1000}
	return choose(t, []float64{-100, 0, 100}, few, few, []float64{-100, 0, 1, 3, 10, 30, 100, 250, 500, 1000})
}

// conditionalAlpha is the step size of conditional samples at a tier where the
// paper names none: the paper's tier takes one of its good range, the small
// network the one with the lowest FID in the grey model's sweep.
func conditionalAlpha(t tier.Tier) float64 { return choose[float64](t, 100, 30, 30, 250) }

// Setup is what the sampling artifacts share. With equal setups they share the
// model, the samples and their scores through the store.
type Setup struct {
	Tier      tier.Tier       `json:"tier"`
	Model     ModelConfig     `json:"model"`
	Reference ReferenceConfig `json:"reference"`
	Sampler   sample.Config   `json:"sampler"`
	Batch     int             `json:"batch"`   // images sampled at once
	Samples   int             `json:"samples"` // of a set: for each α and seed
}

func setup(t tier.Tier) Setup {
	return Setup{
		Tier: t, Model: model(t), Reference: reference(t), Sampler: sampler(t),
		Batch: choose(t, 20, 100, 250, 256), Samples: choose(t, 20, 200, 1000, 5000),
	}
}

// Validate says what is wrong, by field.
func (s Setup) Validate() error {
	switch classes := s.Model.Network.Classes; {
	case s.Samples < 2*classes:
		return fmt.Errorf("samples is %d: every one of %d classes needs at least 2", s.Samples, classes)
	case s.Batch < 1:
		return fmt.Errorf("batch is %d: it must be at least 1", s.Batch)
	case s.Reference.Dataset != s.Model.Dataset:
		return fmt.Errorf("reference.dataset is %q and model.dataset is %q: samples are compared with the data that they imitate, set both", s.Reference.Dataset, s.Model.Dataset)
	}
	return nil
}

func (s Setup) models() []ModelConfig { return []ModelConfig{s.Model} }

// prepare trains or finds the model and what measures its samples.
func (s Setup) prepare(ctx context.Context, store *track.Store) (*generator, yardstick, error) {
	trained, err := s.Model.Fit(ctx, store)
	if err != nil {
		return nil, yardstick{}, err
	}
	y, err := s.Reference.yardstick(ctx, store)
	return newGenerator(s.Model, trained, s.Sampler, s.Batch), y, err
}

func (s Setup) setting() claim.Setting {
	return claim.Setting{Dataset: s.Model.Dataset, Features: s.Reference.Network.Title(), Samples: s.Samples, Model: describe(s.Model)}
}

// choose picks a tier's value.
func choose[T any](t tier.Tier, smoke, quick, cpu, paper T) T {
	switch t {
	case tier.Smoke:
		return smoke
	case tier.Quick:
		return quick
	case tier.CPU:
		return cpu
	}
	return paper
}

// FashionMNIST is the authors' model and training for Fashion-MNIST, with their
// augmentation of what is classified, and with noisy classifiers added, as
// whatever uses Algorithm 1 needs them (eq. 10).
func FashionMNIST() ModelConfig {
	return ModelConfig{
		Dataset: "fashion-mnist",
		Network: joint.Config{
			UNet: nn.UNetConfig{
				ImageSize: 28, Channels: 1, Width: 64, Multipliers: []int{1, 2, 2}, Blocks: 3,
				AttentionAt: []int{2, 4}, Heads: 4, NormGroups: 32, Dropout: 0.3, Patch: 1,
			},
			Classes: 10, HeadDropout: 0.7,
		},
		Chain:     ChainConfig{Schedule: "linear", Timesteps: 500, First: process.HoFirst, Last: process.HoLast},
		Objective: joint.Objective{DiffusionScale: 1, ClassScale: 0.001, Noisy: joint.NoisyAdd},
		Train:     train.Config{Steps: 100_000, Batch: 128, LearningRate: 1e-4, EMADecay: 0.9999, Seed: 1},
		Augment:   augment.JointDiffusion(),
	}
}

// CIFAR10 is the authors' model and training for CIFAR-10, with noisy classifiers added.
func CIFAR10() ModelConfig {
	c := FashionMNIST()
	c.Dataset = "cifar-10"
	c.Network.UNet.ImageSize, c.Network.UNet.Channels = 32, 3
	c.Network.UNet.Width, c.Network.UNet.Multipliers = 128, []int{1, 2, 2, 2}
	c.Chain.Timesteps = 1000
	c.Train.Steps, c.Train.Batch = 500_000, 256
	return c
}

// CelebA is our setting for CelebA's 40 attributes at 64×64, for which the
// authors publish neither batch nor steps: CIFAR-10's, and the width that the
// paper's 5,248 features imply.
func CelebA() ModelConfig {
	c := CIFAR10()
	c.Dataset = "celeba"
	c.Network.UNet.ImageSize, c.Network.UNet.Multipliers = 64, []int{1, 2, 3, 4}
	c.Network.UNet.AttentionAt = []int{4, 8} // maps of 16 and 8 pixels a side
	c.Network.Classes, c.Network.Attributes = 40, true
	return c
}

// AuthorsCode changes a model to what the authors' public code does where it
// departs from the paper's text: noisier early steps, attention at full size
// for 28×28 images, and the noisy term in place of the clean one. That leaves no
// clean image to augment; their code augments the noised ones.
func AuthorsCode(c ModelConfig) ModelConfig {
	c.Chain.First = process.JointFirst
	c.Objective.Noisy, c.Augment = joint.NoisyReplace, augment.Config{}
	c.Train.EMADecay = 0 // the average is never saved
	if c.Network.UNet.ImageSize == 28 {
		c.Network.UNet.AttentionAt = []int{1}
	}
	return c
}

// model is the model of fig4, fig5 and fig6 at a tier.
func model(t tier.Tier) ModelConfig {
	if t == tier.Paper {
		return CIFAR10()
	}
	return grey(t)
}

// small is a paper's model in the size of a reduced tier: it folds 2×2 pixels
// into channels, a quarter of the work, learns fast and is not augmented. In so
// few steps the paper's weight of the classification would leave the head as it began.
func small(c ModelConfig, t tier.Tier) ModelConfig {
	u := &c.Network.UNet
	u.Patch, u.Multipliers, u.AttentionAt, u.Dropout = 2, []int{1, 2}, []int{2}, 0
	u.Width, u.Blocks, u.NormGroups = choose(t, 8, 32, 32, 0), 1, choose(t, 4, 8, 8, 0)
	c.Network.HeadDropout, c.Augment = 0.2, augment.Config{}
	c.Objective.ClassScale = 0.02
	c.Train = train.Config{
		Steps: choose(t, 3, 500, 3600, 0), Batch: choose(t, 16, 32, 32, 0),
		LearningRate: 1e-3, Warmup: choose(t, 1, 50, 100, 0), CosineDecay: true, ClipNorm: 1,
		EMADecay: choose(t, 0.9, 0.99, 0.995, 0), Seed: 1,
	}
	c.TestImages = choose(t, 250, 0, 0, 0)
	return c
}

// reference is what measures samples at a tier; its dataset is the model's.
func reference(t tier.Tier) ReferenceConfig {
	return ReferenceConfig{
		Dataset: model(t).Dataset,
		Network: choose(t, LeNetFeatures, LeNetFeatures, LeNetFeatures, InceptionFeatures),
		Images:  choose(t, 250, 0, 0, 0),
		Train: train.Config{
			Steps: choose(t, 5, 800, 2000, 10_000), Batch: choose(t, 16, 64, 64, 64),
			LearningRate: 1e-3, CosineDecay: true, EMADecay: 0.99, Seed: 1,
		},
	}
}

// sampler is the reverse process at a tier: the paper's takes all steps with
// the large variance and no clipping.
func sampler(t tier.Tier) sample.Config {
	if t == tier.Paper {
		return sample.Config{Method: sample.Ancestral, Variance: process.FixedLarge}
	}
	return sample.Config{Method: sample.Ancestral, Variance: process.FixedSmall, Steps: choose(t, 3, 20, 20, 0), Clip: true}
}

// describe names a model's size and training in captions and verdicts.
func describe(c ModelConfig) string {
	u := c.Network.UNet
	text := fmt.Sprintf("UNet C=%d ×%v, %d blocks, patch %d, %d steps of %d", u.Width, u.Multipliers, u.Blocks, u.Patch, c.Train.Steps, c.Train.Batch)
	if s := c.Objective.ClassScale; s > 0 && c.Objective.DiffusionScale > 0 {
		text += fmt.Sprintf(", s = %g", s)
	}
	if c.Augment.Active() {
		text += ", classifier branch augmented"
	}
	return text
}

// stamp is the provenance drawn below a figure.
func stamp[R any](result track.Result[R], c ModelConfig, t tier.Tier, trained TrainedModel, n, features string) map[string]string {
	caption := drawnOf(result, t, c.Dataset, map[string]string{
		"n": n, "training seed": fmt.Sprint(c.Train.Seed), "model": fmt.Sprintf("%s, %d parameters", describe(c), trained.Parameters),
	})
	if features != "" {
		caption["features"] = features
	}
	return caption
}

// drawnOf is what every figure says of its run, and what this one adds.
func drawnOf[R any](result track.Result[R], t tier.Tier, dataset string, further map[string]string) map[string]string {
	caption := map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": string(t), "data": dataset}
	maps.Copy(caption, further)
	return caption
}

// runProvenance is what a verdict file says of the run that made it.
func runProvenance[R any](result track.Result[R]) map[string]string {
	return map[string]string{
		"run": result.Run, "commit": result.Provenance.ShortCommit(), "computed": result.Finished.UTC().Format("2006-01-02 15:04 UTC"),
	}
}

// networkProvenance is what a verdict file says of a model and of the LeNet
// beside it, which may be nil.
func networkProvenance(trained TrainedModel, reference *Reference) map[string]string {
	p := map[string]string{"parameters": fmt.Sprint(trained.Parameters)}
	if trained.TestImages > 0 {
		p["test_accuracy"] = fmt.Sprintf("%.4f", trained.Accuracy)
	}
	if reference != nil {
		p["feature_network_accuracy"] = fmt.Sprintf("%.4f", reference.Accuracy)
	}
	return p
}

// reportProvenance is what a verdict file on one model says of its making.
func reportProvenance[R any](result track.Result[R], trained TrainedModel, reference *Reference) map[string]string {
	p := runProvenance(result)
	maps.Copy(p, networkProvenance(trained, reference))
	return p
}
