// Package train fits a network's flat weights to an objective: AdamW, a moving
// average, checkpoints that resume to the same losses, progress.
package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/nn"
)

// Network is what is trained: the layouts of its weights and of its running statistics.
type Network struct {
	Layout     *nn.Layout
	Statistics *nn.Layout // may be empty
	Attributes int        // numbers in an image's label; 0 says that a label is one class
	Initial    *Weights   // to start from; nil draws them by the seed
}

// Objective builds the loss of a batch, images [B, H, W, C] in [−1, 1] with
// labels [B], or [B, Attributes] of a network with attributes (int32), and the
// terms to report beside it.
type Objective func(p *nn.Pass, images, labels *graph.Node) (loss *graph.Node, terms []Term)

// Term is a named scalar that is logged at each step.
type Term struct {
	Name  string
	Value *graph.Node
}

// Batches fills a batch by its step alone, so that training resumes anywhere.
type Batches interface {
	Size() int // images
	Fill(step int, images []float32, labels []int32) error
}

// Config is how long and how fast to train. AdamW's constants are PyTorch's.
type Config struct {
	Steps        int     `json:"steps"`
	Batch        int     `json:"batch"`
	LearningRate float64 `json:"learning_rate"`
	Warmup       int     `json:"warmup"`       // steps of linear rise from 0
	CosineDecay  bool    `json:"cosine_decay"` // to 0 over the steps after warm-up; constant otherwise
	WeightDecay  float64 `json:"weight_decay"`
	ClipNorm     float64 `json:"clip_norm"` // bound of the gradient's norm; 0 is none
	EMADecay     float64 `json:"ema_decay"` // of the moving average of the weights, reached gradually: min(this, (1+step)/(10+step))
	Seed         uint64  `json:"seed"`
	// Precision is of the network's products and activations; empty is the
	// device's: float32 on CPUs, bfloat16 on GPUs and TPUs. Weights and
	// optimizer are float32 always.
	Precision nn.Precision `json:"precision,omitempty"`
}

// PrecisionOn is the precision that a config means on an engine.
func (c Config) PrecisionOn(e *engine.Engine) nn.Precision {
	switch {
	case c.Precision != "":
		return c.Precision
	case e.Info().CPU:
		return nn.Float32
	}
	return nn.BFloat16
}

const (
	beta1   = 0.9
	beta2   = 0.999
	epsilon = 1e-8
)

// Validate says what is wrong, by field.
func (c Config) Validate() error {
	switch {
	case c.Steps < 1:
		return fmt.Errorf("steps is %d: it must be at least 1", c.Steps)
	case c.Batch < 1:
		return fmt.Errorf("batch is %d: it must be at least 1", c.Batch)
	case !(c.LearningRate > 0 && c.LearningRate < 1):
		return fmt.Errorf("learning_rate is %g: it must be in (0, 1)", c.LearningRate)
	case !(c.EMADecay >= 0 && c.EMADecay < 1):
		return fmt.Errorf("ema_decay is %g: it must be in [0, 1)", c.EMADecay)
	case !(c.WeightDecay >= 0 && c.ClipNorm >= 0) || c.Warmup < 0:
		return fmt.Errorf("weight_decay, clip_norm and warmup must not be negative")
	case c.Precision != "" && c.Precision != nn.Float32 && c.Precision != nn.BFloat16:
		return fmt.Errorf("precision is %q: use %s or %s; empty is the device's", c.Precision, nn.Float32, nn.BFloat16)
	}
	return nil
}

// rate is the learning rate of a step counted from 0.
func (c Config) rate(step int) float64 {
	if step < c.Warmup {
		return c.LearningRate * float64(step+1) / float64(c.Warmup)
	}
	if !c.CosineDecay {
		return c.LearningRate
	}
	done := float64(step-c.Warmup) / float64(max(c.Steps-c.Warmup, 1))
	return c.LearningRate * (1 + math.Cos(math.Pi*done)) / 2
}

func (c Config) averageDecay(step int) float64 {
	return min(c.EMADecay, float64(1+step)/float64(10+step))
}

// Options are what does not change the result, but for rounding over several devices.
type Options struct {
	Devices         int                                              // that share each batch; 0 means 1
	Checkpoint      string                                           // file to save to and resume from; empty for none
	CheckpointEvery int                                              // steps; 0 leaves it to CheckpointAfter
	CheckpointAfter time.Duration                                    // since the last checkpoint; 0 means 30 seconds
	Progress        func(step, total int, values map[string]float64) // after every step; may be nil
	Saving          func(step int)                                   // before each checkpoint, so that what was logged up to it can be made durable first; on another goroutine; may be nil
	Resumed         func(step int)                                   // told when a checkpoint was found; may be nil
}

// Trained is what training leaves: the last weights, their moving average and the running statistics.
type Trained struct {
	Weights    []float32
	Average    []float32
	Statistics []float32
	Steps      int
}

// NonFiniteError says where training broke down.
type NonFiniteError struct {
	Step       int
	Term       string
	Value      float64
	Checkpoint string // last good one, empty if there is none
	GoodStep   int    // its step
}

func (e *NonFiniteError) Error() string {
	where := "no checkpoint was written yet"
	if e.Checkpoint != "" {
		where = fmt.Sprintf("the last good checkpoint is of step %d: %s", e.GoodStep, e.Checkpoint)
	}
	return fmt.Sprintf("train: %s is %g at step %d; %s; try a lower train.learning_rate or train.clip_norm=1", e.Term, e.Value, e.Step, where)
}

// Run trains from the seed, or from the checkpoint if there is one. When ctx
// ends it saves a checkpoint and returns the context's error.
func Run(ctx context.Context, e *engine.Engine, net Network, objective Objective, batches Batches, imageShape [3]int, c Config, o Options) (Trained, error) {
	if err := c.Validate(); err != nil {
		return Trained{}, fmt.Errorf("train: %w", err)
	}
	devices := o.Devices
	if devices == 0 {
		devices = 1
	}
	stepper, err := NewStepper(e, net, objective, c, devices)
	if err != nil {
		return Trained{}, err
	}
	defer stepper.Finalize()
	if batches.Size()%devices != 0 {
		return Trained{}, fmt.Errorf("train: %d devices do not share a batch of %d evenly: use a number of devices that divides it", devices, batches.Size())
	}
	s, err := newState(net, c.Seed, devices)
	if err != nil {
		return Trained{}, err
	}
	defer s.finalize()
	checkpoints := &saver{path: o.Checkpoint, net: net, before: o.Saving}
	defer checkpoints.wait() // an error that ends the training comes first
	if o.Checkpoint != "" {
		switch err := s.load(o.Checkpoint, net); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return Trained{}, err
		default:
			checkpoints.good = s.step
			if o.Resumed != nil {
				o.Resumed(s.step)
			}
		}
	}
	after := o.CheckpointAfter
	if after == 0 {
		after = 30 * time.Second
	}
	lastSave := time.Now()
	ahead, err := newFeed(e, c, batches, net.example(imageShape), devices)
	if err != nil {
		return Trained{}, err
	}
	ahead.start(s.step)
	defer ahead.close()
	for s.step < c.Steps {
		if ctx.Err() != nil {
			if err := checkpoints.finish(s); err != nil {
				return Trained{}, errors.Join(ctx.Err(), err)
			}
			return Trained{}, fmt.Errorf("train: stopped at step %d of %d: %w", s.step, c.Steps, ctx.Err())
		}
		in, err := ahead.next()
		if err != nil {
			return Trained{}, err
		}
		values, err := stepper.step(s, in)
		if err != nil {
			return Trained{}, err
		}
		ahead.release(in)
		for _, name := range stepper.terms {
			if v := values[name]; math.IsNaN(v) || math.IsInf(v, 0) {
				err := checkpoints.wait()
				broken := &NonFiniteError{Step: s.step, Term: name, Value: v, GoodStep: checkpoints.good}
				if broken.GoodStep > 0 {
					broken.Checkpoint = o.Checkpoint
				}
				return Trained{}, errors.Join(broken, err)
			}
		}
		if o.Progress != nil {
			o.Progress(s.step, c.Steps, values)
		}
		if time.Since(lastSave) >= after || o.CheckpointEvery > 0 && s.step%o.CheckpointEvery == 0 {
			if err := checkpoints.begin(s); err != nil {
				return Trained{}, err
			}
			lastSave = time.Now()
		}
		if err := checkpoints.check(); err != nil {
			return Trained{}, err
		}
	}
	if err := checkpoints.finish(s); err != nil {
		return Trained{}, err
	}
	return s.trained()
}
