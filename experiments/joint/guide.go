package joint

import (
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/joint"
	"noisebook/pkg/sample"
)

// Guide is what leads samples to their targets, and how hard.
type Guide struct {
	By    GuidedBy `json:"by"`
	Scale float64  `json:"scale"` // step size α of Algorithm 1, or gradient scale s_g of a classifier
}

// GuidedBy is a kind of guide.
type GuidedBy string

const (
	GuidedByNothing    GuidedBy = "nothing"
	GuidedByFeatures   GuidedBy = "features"   // Algorithm 1: the model's own classifier moves its own features
	GuidedByClassifier GuidedBy = "classifier" // eq. 12: a noisy classifier of its own moves the mean
)

// Algorithm1 guides by optimized features with step size α, which may be
// negative; 0 guides by nothing.
func Algorithm1(alpha float64) Guide {
	if alpha == 0 {
		return Guide{By: GuidedByNothing}
	}
	return Guide{By: GuidedByFeatures, Scale: alpha}
}

// ClassifierGuidance guides by a noisy classifier's gradient with scale s_g.
func ClassifierGuidance(scale float64) Guide {
	return Guide{By: GuidedByClassifier, Scale: scale}
}

// unguided predicts the noise, and takes no extra inputs.
func unguided(m *joint.Model) sample.Predict {
	return func(weights, statistics, x, t *graph.Node, _ []*graph.Node) sample.Prediction {
		return sample.Prediction{Noise: m.UNet.PredictNoise(m.Evaluate(weights, statistics), x, t)}
	}
}

// optimized is Algorithm 1: the noise decoded from optimized features. Its extra
// inputs are the targets y, classes [B] or attributes [B, K], and the step size
// α; it traces the logits [B, K] of the features before they move.
func optimized(m *joint.Model) sample.Predict {
	return func(weights, statistics, x, t *graph.Node, extra []*graph.Node) sample.Prediction {
		noise, logits := m.GuidedNoise(m.Evaluate(weights, statistics), x, t, extra[0], extra[1])
		return sample.Prediction{Noise: noise, Trace: logits}
	}
}

// steered is classifier guidance: the noise of one model, and the gradient
// s_g·∇ log c(y|x_t) of another as the classifier c. Its extra inputs are the
// targets y, classes [B] or attributes [B, K], the scale s_g, and c's flat
// weights and statistics.
func steered(m, c *joint.Model) sample.Predict {
	return func(weights, statistics, x, t *graph.Node, extra []*graph.Node) sample.Prediction {
		y, scale := extra[0], extra[1]
		gradient, _ := c.ClassGradient(c.Evaluate(extra[2], extra[3]), x, t, y)
		return sample.Prediction{
			Noise:    m.UNet.PredictNoise(m.Evaluate(weights, statistics), x, t),
			Gradient: graph.Mul(scale, gradient),
		}
	}
}

// predictor is the network step of a guide on a model; c is the classifier of
// [GuidedByClassifier] alone.
func (g Guide) predictor(m, c *joint.Model) sample.Predict {
	switch g.By {
	case GuidedByFeatures:
		return optimized(m)
	case GuidedByClassifier:
		return steered(m, c)
	}
	return unguided(m)
}
