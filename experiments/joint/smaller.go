package joint

import (
	"noisebook/pkg/augment"
	"noisebook/pkg/tier"
)

// smallerUnstated is the paper's model in the appendix's experiments.
const smallerUnstated = "smaller, size not stated"

// smaller is the suite of the appendix's experiments, which train a model for
// every share of labels and for every domain. The paper's use smaller
// architectures there, of a size that it does not state (§A.1, §A.2); at its tier
// ours have half the width, two blocks a level and a fifth of the training.
// Nothing is augmented there.
func smaller(t tier.Tier, datasets ...string) Suite {
	s := suite(t, datasets...)
	for _, m := range []*ModelConfig{&s.Grey, &s.Colour, &s.Large} {
		u, c := &m.Network.UNet, &m.Train
		m.Objective.Noisy, m.Augment = "none", augment.Config{}
		if t == tier.Paper {
			u.Width, u.Blocks = u.Width/2, 2
			c.Steps /= 5
			continue
		}
		// Of few labels the buffer fills but once in 1/share steps, so that at equal
		// work many small steps teach the head more than few large ones.
		u.Width, u.NormGroups = choose(t, 8, 16, 16, 0), 4
		c.Batch, c.Steps, c.Warmup = 16, choose(t, 3, 400, 1500, 0), choose(t, 1, 40, 50, 0)
		c.EMADecay = choose(t, 0.9, 0.98, 0.99, 0)
	}
	return s
}
