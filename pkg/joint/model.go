// Package joint is Joint Diffusion (Deja, Trzciński, Tomczak 2023,
// arXiv 2301.13622): one UNet whose encoder's features feed a classifier and
// whose whole predicts the noise.
package joint

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/nn"
)

// Config is the shape of a joint model.
type Config struct {
	UNet        nn.UNetConfig `json:"unet"`
	Classes     int           `json:"classes"`      // or attributes
	HeadDropout float64       `json:"head_dropout"` // the authors' code has 0.7
	// Attributes says that an image has any number of the classes (CelebA's 40
	// attributes): the head's outputs are then logits of independent sigmoids.
	Attributes bool `json:"attributes,omitempty"`
	// EncoderOnly leaves the decoder out: a classifier that stands alone.
	EncoderOnly bool `json:"encoder_only,omitempty"`
}

// Validate says what is wrong, by field.
func (c Config) Validate() error {
	switch {
	case c.Classes < 2 && !c.Attributes, c.Classes < 1:
		return fmt.Errorf("classes is %d: it must be at least 2", c.Classes)
	case c.HeadDropout < 0 || c.HeadDropout >= 1:
		return fmt.Errorf("head_dropout is %g: it must be in [0, 1)", c.HeadDropout)
	}
	return nil
}

// Model is a UNet e_ν, d_ψ with a classifier g_ω on its encoder's features.
type Model struct {
	Config     Config
	Layout     *nn.Layout // all trained numbers
	Statistics *nn.Layout // running statistics of the head's batch norms
	Encoder    *nn.Encoder
	UNet       *nn.UNet // nil for an encoder only
	head       Head
}

// New lays out a model.
func New(c Config) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("joint: %w", err)
	}
	m := &Model{Config: c, Layout: &nn.Layout{}, Statistics: &nn.Layout{}}
	var err error
	if c.EncoderOnly {
		m.Encoder, err = nn.NewEncoder(m.Layout, c.UNet)
	} else if m.UNet, err = nn.NewUNet(m.Layout, c.UNet); err == nil {
		m.Encoder = m.UNet.Encoder
	}
	if err != nil {
		return nil, fmt.Errorf("joint: %w", err)
	}
	width := m.Encoder.FeatureWidth()
	m.head = NewHead(m.Layout, m.Statistics, width+1, width/2, c.Classes, c.HeadDropout)
	return m, nil
}

// Evaluate binds flat weights and statistics for a pass in evaluation mode.
func (m *Model) Evaluate(weights, statistics *Node) *nn.Pass {
	return nn.Evaluate(nn.NewWeights(m.Layout, weights), nn.NewWeights(m.Statistics, statistics))
}

// Pool is z_t: every feature map averaged over space and joined, the middle
// one first, then t itself as a number, [B, FeatureWidth + 1] (§4.2 of the
// paper; t is the authors' code).
func (m *Model) Pool(f nn.Features, t *Node) *Node {
	var parts []*Node
	for _, features := range f.Maps() {
		parts = append(parts, ReduceMean(nn.Wide(features), 1, 2))
	}
	return Concatenate(append(parts, InsertAxes(ConvertDType(t, dtypes.Float32), -1)), -1)
}

// Logits classifies features taken at timestep indices t [B]: [B, classes].
func (m *Model) Logits(p *nn.Pass, f nn.Features, t *Node) *Node {
	return m.LogitsOf(p, m.Pool(f, t))
}

// LogitsOf is the head on pooled features z [B, FeatureWidth + 1]: [B, classes].
func (m *Model) LogitsOf(p *nn.Pass, z *Node) *Node { return m.head.Logits(p, z) }

// ClassLoss is how far logits [B, K] are from labels y, in nats, each example
// [B]: the cross-entropy with classes [B], or of attributes [B, K] (0 or 1) the
// mean of their binary cross-entropies.
func (m *Model) ClassLoss(logits, y *Node) *Node {
	if m.Config.Attributes {
		return ReduceMean(nn.BinaryCrossEntropy(logits, y), -1)
	}
	return nn.CrossEntropy(logits, y)
}
