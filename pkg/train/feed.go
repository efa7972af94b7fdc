package train

import (
	"fmt"
	"math/rand"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/engine"
)

// inputs are what one step takes beside the state.
type inputs struct {
	devices [][]input // in the order of the step's inputs from inRandom on
	err     error
}

// input is a tensor on a device and how it gets its values. The function is made
// once, so that a step allocates nothing.
type input struct {
	tensor *tensors.Tensor
	write  func(flat any)
}

// feed prepares the inputs of the next step while one is computed. Two sets of
// tensors take turns; where the host shares memory with the devices a batch is in
// its place when its step begins.
type feed struct {
	engine  *engine.Engine
	config  Config
	batches Batches

	// A step's values on the host, the whole batch.
	source  rand.Source64
	random  [3]uint64
	scalars [scalarCount]float32
	images  []float32
	labels  []int32

	sets         []*inputs
	ready, spare chan *inputs
	stop, ended  chan struct{}
}

// newFeed makes room for batches on devices; start begins to fill it.
func newFeed(e *engine.Engine, c Config, batches Batches, of example, devices int) (*feed, error) {
	size, image := batches.Size(), of.image
	f := &feed{
		engine: e, config: c, batches: batches, source: rand.NewSource(0).(rand.Source64),
		images: make([]float32, size*image[0]*image[1]*image[2]), labels: make([]int32, size*max(of.attributes, 1)),
		ready: make(chan *inputs, 2), spare: make(chan *inputs, 2), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	for range cap(f.spare) {
		set := &inputs{devices: make([][]input, devices)}
		f.sets = append(f.sets, set)
		for device := range devices {
			if err := f.add(set, device, inputShapes(size/devices, of)); err != nil {
				f.free()
				return nil, fmt.Errorf("train: room for a batch: %w", err)
			}
		}
		f.spare <- set
	}
	return f, nil
}

// example is the shape of one image and its label.
type example struct {
	image      [3]int // height, width, channels
	attributes int    // 0 for a class
}

func (n Network) example(image [3]int) example { return example{image, n.Attributes} }

// inputShapes are the shapes of a step's inputs from inRandom on, on a device that has batch images.
func inputShapes(batch int, of example) [inCount - inRandom]shapes.Shape {
	image, labels := of.image, []int{batch}
	if of.attributes > 0 {
		labels = append(labels, of.attributes)
	}
	return [...]shapes.Shape{
		inRandom - inRandom:  engine.RandomStateShape,
		inScalars - inRandom: shapes.Make(dtypes.Float32, scalarCount),
		inImages - inRandom:  shapes.Make(dtypes.Float32, batch, image[0], image[1], image[2]),
		inLabels - inRandom:  shapes.Make(dtypes.Int32, labels...),
	}
}

// add makes a device's tensors and says where their values come from.
func (f *feed) add(set *inputs, device int, all [inCount - inRandom]shapes.Shape) error {
	pixels, labels := all[inImages-inRandom].Size(), all[inLabels-inRandom].Size()
	images, names := f.images[device*pixels:][:pixels], f.labels[device*labels:][:labels]
	writes := [...]func(flat any){
		inRandom - inRandom:  func(flat any) { copy(flat.([]uint64), f.random[:]) },
		inScalars - inRandom: func(flat any) { copy(flat.([]float32), f.scalars[:]) },
		inImages - inRandom:  func(flat any) { copy(flat.([]float32), images) },
		inLabels - inRandom:  func(flat any) { copy(flat.([]int32), names) },
	}
	for i, shape := range all {
		t, err := f.engine.NewTensor(device, shape)
		if err != nil {
			return err
		}
		set.devices[device] = append(set.devices[device], input{t, writes[i]})
	}
	return nil
}

// start begins to prepare steps from … config.Steps−1.
func (f *feed) start(from int) {
	go func() {
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
	}()
}

// fill writes a step's inputs and sends them to the devices.
func (f *feed) fill(set *inputs, step int) error {
	if err := f.batches.Fill(step, f.images, f.labels); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	f.random = engine.RandomWords(f.source, f.config.Seed, uint64(step))
	f.scalars = f.config.scalars(step)
	for device, on := range set.devices {
		for _, in := range on {
			if err := in.tensor.MutableFlatData(in.write); err != nil {
				return fmt.Errorf("train: batch of step %d: %w", step, err)
			}
			if err := f.engine.Upload(in.tensor, device); err != nil {
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
			for _, in := range on {
				in.tensor.FinalizeAll()
			}
		}
	}
}
