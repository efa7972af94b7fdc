package train

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
)

// Inputs of a step beside the state, on each device.
const (
	feedRandom = iota
	feedScalars
	feedImages
	feedLabels
	feedCount
)

// inputs are what one step takes beside the state.
type inputs struct {
	devices [][]*tensors.Tensor // feedCount tensors on each device
	err     error
}

// feed prepares the inputs of the next step while one is computed. Two sets of
// tensors take turns, so a batch allocates nothing, and where the host shares
// memory with the devices it is in its place when the step begins.
type feed struct {
	engine  *engine.Engine
	config  Config
	batches Batches
	images  []float32 // of the whole batch
	labels  []int32

	sets         []*inputs
	ready, spare chan *inputs
	stop, ended  chan struct{}
}

// newFeed begins to prepare steps from … config.Steps−1.
func newFeed(e *engine.Engine, c Config, batches Batches, image [3]int, devices, from int) (*feed, error) {
	size := batches.Size()
	f := &feed{
		engine: e, config: c, batches: batches,
		images: make([]float32, size*image[0]*image[1]*image[2]), labels: make([]int32, size),
		ready: make(chan *inputs, 2), spare: make(chan *inputs, 2), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	for range cap(f.spare) {
		set := &inputs{}
		f.sets = append(f.sets, set)
		for device := range devices {
			on, err := newInputs(e, device, inputShapes(size/devices, image))
			set.devices = append(set.devices, on)
			if err != nil {
				f.free()
				return nil, fmt.Errorf("train: room for a batch: %w", err)
			}
		}
		f.spare <- set
	}
	go f.run(from)
	return f, nil
}

// inputShapes are the shapes of a step's inputs on a device that has batch images.
func inputShapes(batch int, image [3]int) [feedCount]shapes.Shape {
	return [feedCount]shapes.Shape{
		feedRandom:  engine.RandomStateShape,
		feedScalars: shapes.Make(dtypes.Float32, scalarCount),
		feedImages:  shapes.Make(dtypes.Float32, batch, image[0], image[1], image[2]),
		feedLabels:  shapes.Make(dtypes.Int32, batch),
	}
}

func newInputs(e *engine.Engine, device int, all [feedCount]shapes.Shape) (made []*tensors.Tensor, err error) {
	for _, shape := range all {
		t, err := e.NewTensor(device, shape)
		if err != nil {
			return made, err
		}
		made = append(made, t)
	}
	return made, nil
}

func (f *feed) run(from int) {
	defer close(f.ended)
	for step := from; step < f.config.Steps; step++ {
		select {
		case <-f.stop:
			return
		case set := <-f.spare:
			set.err = f.fill(set, step)
			f.ready <- set // there is room for both sets
			if set.err != nil {
				return
			}
		}
	}
}

// fill writes a step's inputs and sends them to the devices.
func (f *feed) fill(set *inputs, step int) error {
	if err := f.batches.Fill(step, f.images, f.labels); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	random, err := engine.RandomState(f.config.Seed, uint64(step))
	if err != nil {
		return err
	}
	defer random.FinalizeAll()
	state, err := tensors.CopyFlatData[uint64](random)
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	scalars := f.config.scalars(step)
	pixels, labels := len(f.images)/len(set.devices), len(f.labels)/len(set.devices)
	for device, on := range set.devices {
		for _, err := range []error{
			tensors.AssignFlatData(on[feedRandom], state),
			tensors.AssignFlatData(on[feedScalars], scalars[:]),
			tensors.AssignFlatData(on[feedImages], f.images[device*pixels:(device+1)*pixels]),
			tensors.AssignFlatData(on[feedLabels], f.labels[device*labels:(device+1)*labels]),
		} {
			if err != nil {
				return fmt.Errorf("train: batch of step %d: %w", step, err)
			}
		}
		for _, t := range on {
			if err := f.engine.Upload(t, device); err != nil {
				return fmt.Errorf("train: batch of step %d: %w", step, err)
			}
		}
	}
	return nil
}

// next returns the next step's inputs, waiting for them if need be.
func (f *feed) next() (*inputs, error) {
	set := <-f.ready
	return set, set.err
}

// release gives inputs back that their step has used.
func (f *feed) release(set *inputs) { f.spare <- set }

// close ends the preparation and frees the tensors.
func (f *feed) close() {
	close(f.stop)
	<-f.ended
	f.free()
}

func (f *feed) free() {
	for _, set := range f.sets {
		for _, on := range set.devices {
			for _, t := range on {
				t.FinalizeAll()
			}
		}
	}
}
