package train

import (
	"math"
	"testing"

	"noisebook/pkg/engine/enginetest"
)

// reference is AdamW as Loshchilov & Hutter (2019), algorithm 2, have it (and
// PyTorch computes it), on the line's mean squared error in float64.
type reference struct {
	config                        Config
	weights, first, second, moved []float64
}

func newReference(c Config, weights []float32) *reference {
	r := &reference{config: c, first: make([]float64, len(weights)), second: make([]float64, len(weights))}
	for _, w := range weights {
		r.weights, r.moved = append(r.weights, float64(w)), append(r.moved, float64(w))
	}
	return r
}

func (r *reference) gradient(images []float32, labels []int32) (loss float64, gradient []float64) {
	gradient = make([]float64, 3)
	n := float64(len(labels))
	for i, label := range labels {
		x, y := float64(images[2*i]), float64(images[2*i+1])
		residual := r.weights[0]*x + r.weights[1]*y + r.weights[2] - float64(label)
		loss += residual * residual / n
		for k, factor := range []float64{x, y, 1} {
			gradient[k] += 2 * residual * factor / n
		}
	}
	return loss, gradient
}

// step moves by batch number step and returns its loss and the gradient's norm before clipping.
func (r *reference) step(t *testing.T, step int) (loss, norm float64) {
	t.Helper()
	images, labels := make([]float32, 2*r.config.Batch), make([]int32, r.config.Batch)
	if err := toyBatches(r.config.Batch).Fill(step, images, labels); err != nil {
		t.Fatal(err)
	}
	loss, gradient := r.gradient(images, labels)
	for _, g := range gradient {
		norm += g * g
	}
	norm = math.Sqrt(norm)

	rate := r.config.LearningRate
	if warm := r.config.Warmup; step < warm {
		rate *= float64(step+1) / float64(warm)
	} else if r.config.CosineDecay {
		rate *= (1 + math.Cos(math.Pi*float64(step-warm)/float64(r.config.Steps-warm))) / 2
	}
	decay := min(r.config.EMADecay, float64(1+step)/float64(10+step))
	count := float64(step + 1)
	for i, g := range gradient {
		if clip := r.config.ClipNorm; clip > 0 && norm > clip {
			g *= clip / norm
		}
		r.weights[i] -= rate * r.config.WeightDecay * r.weights[i]
		r.first[i] = 0.9*r.first[i] + 0.1*g
		r.second[i] = 0.999*r.second[i] + 0.001*g*g
		first := r.first[i] / (1 - math.Pow(0.9, count))
		second := r.second[i] / (1 - math.Pow(0.999, count))
		r.weights[i] -= rate * first / (math.Sqrt(second) + 1e-8)
		r.moved[i] = decay*r.moved[i] + (1-decay)*r.weights[i]
	}
	return loss, norm
}

func TestStepIsAdamW(t *testing.T) {
	e := enginetest.Go(t)
	tests := map[string]Config{
		"plain":        {Steps: 12, Batch: 4, LearningRate: 0.05, Seed: 1},
		"weight decay": {Steps: 12, Batch: 4, LearningRate: 0.05, WeightDecay: 0.3, Seed: 2},
		"average":      {Steps: 25, Batch: 4, LearningRate: 0.05, EMADecay: 0.6, Seed: 3},
		"clipped":      {Steps: 12, Batch: 4, LearningRate: 0.05, ClipNorm: 0.3, Seed: 4},
		"all":          toyConfig(15),
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			net := newLine()
			want := newReference(c, net.Layout.Initialize(c.Seed))
			clipped := false
			got, err := Run(t.Context(), e, net.Network, net.objective, toyBatches(c.Batch), toyImage, c, Options{
				Progress: func(step, total int, values map[string]float64) {
					loss, norm := want.step(t, step-1)
					clipped = clipped || c.ClipNorm > 0 && norm > c.ClipNorm
					if total != c.Steps {
						t.Errorf("total is %d, want %d", total, c.Steps)
					}
					if d := math.Abs(values["loss"] - loss); d > 2e-5*max(1, loss) {
						t.Errorf("step %d: loss %g, want %g", step, values["loss"], loss)
					}
					if d := math.Abs(values["gradient_norm"] - norm); d > 2e-5*max(1, norm) {
						t.Errorf("step %d: gradient norm %g, want %g", step, values["gradient_norm"], norm)
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got.Steps != c.Steps || len(got.Statistics) != 0 {
				t.Errorf("%d steps and %d statistics, want %d and none", got.Steps, len(got.Statistics), c.Steps)
			}
			if c.ClipNorm > 0 && !clipped {
				t.Error("no gradient was long enough to be clipped: the case tests nothing")
			}
			wantClose(t, "weights", got.Weights, want.weights, 2e-5)
			wantClose(t, "average", got.Average, want.moved, 2e-5)
		})
	}
}

func TestAverageWarmsUp(t *testing.T) {
	c := Config{EMADecay: 0.9999}
	for step, want := range map[int]float64{0: 0.1, 9: 10.0 / 19, 90: 0.91, 1_000_000: 0.9999} {
		if got := c.averageDecay(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("decay at step %d is %g, want %g", step, got, want)
		}
	}
	if got := (Config{}).averageDecay(100); got != 0 {
		t.Errorf("without an average the decay is %g, want 0: the last weights", got)
	}
}

func TestRate(t *testing.T) {
	c := Config{Steps: 110, Warmup: 10, CosineDecay: true, LearningRate: 0.4}
	for step, want := range map[int]float64{0: 0.04, 9: 0.4, 10: 0.4, 60: 0.2, 110: 0} {
		if got := c.rate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("rate at step %d is %g, want %g", step, got, want)
		}
	}
	c.CosineDecay = false
	if got := c.rate(109); got != 0.4 {
		t.Errorf("constant rate is %g, want 0.4", got)
	}
}

func TestGraphSize(t *testing.T) {
	net := newNoisyLine()
	nodes, err := GraphSize(enginetest.Go(t), net.Network, net.objective, toyImage, toyConfig(1))
	if err != nil || nodes < 50 {
		t.Errorf("%d nodes, %v", nodes, err)
	}
}
