package experiments

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"noisebook/pkg/engine"
	"noisebook/pkg/tier"
	"noisebook/pkg/train"
)

// Plan is what a dry run found: a config that can be built, and what it would cost.
type Plan struct {
	ID         string    `json:"id"`
	Tier       tier.Tier `json:"tier"`
	Model      string    `json:"model"` // which of the artifact's models
	Parameters int       `json:"parameters"`
	Steps      int       `json:"steps"`
	Batch      int       `json:"batch"`
	// GraphNodes is the size of the training step's graph, forward and backward.
	GraphNodes int `json:"graph_nodes"`
	// StateBytes is the memory of weights, moments, moving average and gradient.
	// Activations come on top and are measured, not estimated: PeakBytes.
	StateBytes int64 `json:"state_bytes"`
	// MeasuredBatch is the batch of the one step that was timed, 0 if none was.
	MeasuredBatch int           `json:"measured_batch"`
	StepTime      time.Duration `json:"step_time_ns"`
	PeakBytes     int64         `json:"peak_bytes"` // of the process during that step
}

// String says it in a few lines.
func (p Plan) String() string {
	out := fmt.Sprintf("%s at tier %s, %s: %d parameters, %d steps of batch %d\n"+
		"training step: graph of %d nodes builds; weights, moments, average and gradient take %.0f MiB\n",
		p.ID, p.Tier, p.Model, p.Parameters, p.Steps, p.Batch, p.GraphNodes, float64(p.StateBytes)/(1<<20))
	if p.MeasuredBatch == 0 {
		return out + "no step was timed (--measure N times one of batch N)"
	}
	whole := time.Duration(float64(p.StepTime) * float64(p.Batch) / float64(p.MeasuredBatch) * float64(p.Steps))
	return out + fmt.Sprintf("measured on this machine: %.2f s a step of batch %d, peak %.1f GiB; the whole training would take about %.0f hours here",
		p.StepTime.Seconds(), p.MeasuredBatch, float64(p.PeakBytes)/(1<<30), whole.Hours())
}

// PlanTraining builds the graph of a training step without data. With a
// measured batch above 0 it also runs and times one step of that size on noise.
func PlanTraining(ctx context.Context, e *engine.Engine, net train.Network, objective train.Objective, image [3]int, c train.Config, measuredBatch int) (Plan, error) {
	plan := Plan{Parameters: net.Layout.Size(), Steps: c.Steps, Batch: c.Batch, StateBytes: 5 * 4 * int64(net.Layout.Size())}
	nodes, err := train.GraphSize(e, net, objective, image, c)
	if err != nil || measuredBatch == 0 {
		plan.GraphNodes = nodes
		return plan, err
	}
	plan.GraphNodes = nodes
	c.Batch, c.Steps = measuredBatch, 2 // the first step compiles
	var last time.Time
	_, err = train.Run(ctx, e, net, objective, noise(measuredBatch), image, c, train.Options{Progress: func(int, int, map[string]float64) {
		if !last.IsZero() {
			plan.StepTime = time.Since(last)
		}
		last = time.Now()
	}})
	plan.MeasuredBatch, plan.PeakBytes = measuredBatch, engine.PeakMemory()
	return plan, err
}

// noise stands in for data: batches of uniform pixels, all of class 0.
type noise int

func (n noise) Size() int { return int(n) }

func (n noise) Fill(step int, images []float32, labels []int32) error {
	rng := rand.New(rand.NewPCG(uint64(step), 0))
	for i := range images {
		images[i] = 2*rng.Float32() - 1
	}
	clear(labels)
	return nil
}
