package joint

import (
	"fmt"
	"slices"
	"strings"

	"noisebook/pkg/data"
	"noisebook/pkg/tier"
)

// Suite is a network for each kind of image that the paper has, and the datasets
// that a table goes through. Artifacts with equal suites share their models.
type Suite struct {
	Tier     tier.Tier `json:"tier"`
	Datasets []string  `json:"datasets"`
	// The models have no dataset of their own: Model fills in that, the classes,
	// and what else differs between two datasets of equal images.
	Grey   ModelConfig `json:"grey"`   // 28×28×1
	Colour ModelConfig `json:"colour"` // 32×32×3
	Large  ModelConfig `json:"large"`  // 64×64×3
}

// suite is the paper's models at a tier.
func suite(t tier.Tier, datasets ...string) Suite {
	s := Suite{Tier: t, Datasets: datasets, Grey: grey(t), Colour: colour(t), Large: large(t)}
	for _, m := range []*ModelConfig{&s.Grey, &s.Colour, &s.Large} {
		m.Dataset, m.Network.Classes, m.Network.Attributes = "", 2, false
	}
	return s
}

// Validate says what is wrong, by field.
func (s Suite) Validate() error {
	if len(s.Datasets) == 0 {
		return fmt.Errorf("datasets is empty: name at least one")
	}
	for i, name := range s.Datasets {
		if _, err := s.Model(name); err != nil {
			return fmt.Errorf("datasets: %w", err)
		}
		if slices.Contains(s.Datasets[:i], name) {
			return fmt.Errorf("datasets has %s twice", name)
		}
	}
	return nil
}

// svhnSteps is the authors' share of CIFAR-10's steps: 250,000 of 500,000.
const svhnSteps = 2

// Model is the suite's model for a dataset, with noisy classifiers.
func (s Suite) Model(dataset string) (ModelConfig, error) {
	d, err := data.Describe(dataset)
	if err != nil {
		return ModelConfig{}, err
	}
	var c ModelConfig
	switch base, _, _ := strings.Cut(dataset, "-"); { // a variant has its original's images
	case slices.Contains([]string{"mnist", "fashion", "usps"}, base):
		c = s.Grey
	case base == "svhn" || strings.HasPrefix(base, "cifar"):
		c = s.Colour
	default:
		c = s.Large
	}
	c.Dataset = dataset
	c.Network.Classes, c.Network.Attributes = len(d.Classes), false
	if d.Classes == nil {
		c.Network.Classes, c.Network.Attributes = len(d.Attributes), true
	}
	if dataset == "svhn" && s.Tier == tier.Paper {
		c.Train.Steps /= svhnSteps
	}
	return c, nil
}

// grey is the model for 28×28×1 at a tier, with noisy classifiers.
func grey(t tier.Tier) ModelConfig {
	if t == tier.Paper {
		return FashionMNIST()
	}
	return small(FashionMNIST(), t)
}

// colour is the model for 32×32×3 at a tier, with noisy classifiers.
func colour(t tier.Tier) ModelConfig {
	if t == tier.Paper {
		return CIFAR10()
	}
	c := small(CIFAR10(), t)
	c.Chain.Timesteps = 500 // as the grey one: a chain that 20 steps can follow
	c.Train.Steps = choose(t, 3, 300, 2000, 0)
	return c
}

// large is the model for 64×64×3 at a tier, with noisy classifiers.
func large(t tier.Tier) ModelConfig {
	if t == tier.Paper {
		return CelebA()
	}
	c := small(CelebA(), t)
	c.Network.UNet.Multipliers, c.Network.UNet.AttentionAt = []int{1, 2, 2}, []int{4}
	c.Chain.Timesteps = 500
	return c
}
