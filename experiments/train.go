package experiments

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"noisebook/pkg/engine"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

var devices int // 0 means 1

// UseDevices spreads each training step of this process over n devices. Like the engine it says how to compute, not what: it is recorded in a
// run's provenance and is no part of a stage's key.
func UseDevices(n int) { devices = n }

// Train fits a network to batches of images [height, width, channels] as a
// tracked job: checkpoints lie in the job's scratch folder, every step is
// progress and every tenth is logged. What comes back is the moving average of
// the weights with the last running statistics.
func Train(ctx context.Context, job *track.Job, e *engine.Engine, net train.Network, objective train.Objective, batches train.Batches, image [3]int, c train.Config) (train.Weights, error) {
	job.SetEnvironment("devices", strconv.Itoa(max(devices, 1)))
	job.SetEnvironment("precision", string(c.PrecisionOn(e)))
	trained, err := train.Run(ctx, e, net, objective, batches, image, c, train.Options{
		Devices:    devices,
		Checkpoint: filepath.Join(job.Scratch(), "checkpoint.safetensors"),
		Resumed:    func(step int) { job.Note(fmt.Sprintf("resumed at step %d", step)) },
		Saving:     func(int) { job.Flush() }, // a failing store does not stop the training
		Progress: func(step, total int, values map[string]float64) {
			job.Progress(step, total, values)
			if step%10 == 0 || step == total {
				job.Log(step, values)
			}
		},
	})
	return train.Weights{Values: trained.Average, Statistics: trained.Statistics}, err
}
