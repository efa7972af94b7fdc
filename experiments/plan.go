package experiments

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"noisebook/pkg/engine"
	"noisebook/pkg/published"
	"noisebook/pkg/train"
)

// Model is one of the networks that an artifact's run trains.
type Model struct {
	Name string // in a few words, such as "joint on cifar-10"
	// Key is equal for models whose training steps are: of two with equal keys one
	// is measured, whichever artifacts and data they belong to.
	Key   string
	Steps int // of a training
	// Trainings is how often the artifact trains it, with other seeds or labels.
	Trainings int
	// Plan builds the training step without data; see [PlanTraining].
	Plan func(ctx context.Context, e *engine.Engine, measuredBatch int) (published.Plan, error)
}

// Distinct joins models that differ in nothing that is described here, and tells
// apart different ones with equal names, in their order.
func Distinct(models []Model) []Model {
	var out []Model
	type identity struct {
		name, key string
		steps     int
	}
	at, named := map[identity]int{}, map[string]int{}
	for _, m := range models {
		same := identity{m.Name, m.Key, m.Steps}
		if i, known := at[same]; known {
			out[i].Trainings += m.Trainings
			continue
		}
		at[same] = len(out)
		if named[m.Name]++; named[m.Name] > 1 {
			m.Name = fmt.Sprintf("%s, size %d", m.Name, named[m.Name])
		}
		out = append(out, m)
	}
	return out
}

// PlanTraining builds the graph of a training step without data. With a
// measured batch above 0 it also runs and times one step of that size on noise.
func PlanTraining(ctx context.Context, e *engine.Engine, net train.Network, objective train.Objective, image [3]int, c train.Config, measuredBatch int) (published.Plan, error) {
	plan := published.Plan{Parameters: net.Layout.Size(), Steps: c.Steps, Batch: c.Batch, StateBytes: 5 * 4 * int64(net.Layout.Size())}
	nodes, err := train.GraphSize(e, net, objective, image, c)
	plan.GraphNodes = nodes
	if err != nil || measuredBatch == 0 {
		return plan, err
	}
	c.Batch, c.Steps = measuredBatch, 2 // the first step compiles
	var last time.Time
	_, err = train.Run(ctx, e, net, objective, noise(measuredBatch), image, c, train.Options{Progress: func(int, int, map[string]float64) {
		if last.IsZero() {
			engine.ForgetPeakMemory()
		} else {
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
