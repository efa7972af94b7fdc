package engine

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// batchAxis names the one axis of the device mesh: data parallelism.
const batchAxis = "batch"

// NewShardedProgram prepares a graph function that runs on the first devices of
// the engine together. Split says which inputs are cut along their first axis,
// a part a device; the other inputs and all outputs are whole on every device.
//
// The graph function is that of one device: it sees whole shapes, and GoMLX's
// AutoSharding (XLA's Shardy) puts in the sums over devices. So every number
// means the same as on one device, random ones too, and differs by rounding.
//
// Call takes the arguments of the first device, then those of the second and so
// on, and returns the outputs in that order.
func (e *Engine) NewShardedProgram(name string, devices int, split []bool, build Build) (*Program, error) {
	if err := e.CheckDevices(devices); err != nil {
		return nil, err
	}
	p, err := e.NewProgram(name, build)
	if err != nil || devices == 1 {
		return p, err
	}
	mesh, err := distributed.NewDeviceMesh([]int{devices}, []string{batchAxis})
	if err != nil {
		return nil, p.describe(err)
	}
	cut, err := distributed.BuildSpec(mesh).S(batchAxis).Done()
	if err != nil {
		return nil, p.describe(err)
	}
	specs := make([]*distributed.ShardingSpec, len(split)) // nil is whole
	for i := range split {
		if split[i] {
			specs[i] = cut
		}
	}
	p.exec.AutoSharding(mesh).WithInputShardingSpecs(specs...)
	return p, nil
}

// CheckDevices says why a program cannot run on so many devices, or nil.
func (e *Engine) CheckDevices(devices int) error {
	switch shown := e.info.Devices; {
	case devices < 1:
		return fmt.Errorf("engine: %d devices: use at least 1", devices)
	case devices > 1 && e.info.Backend != "xla":
		return fmt.Errorf("engine: the pure-Go backend computes on one device: leave out --devices, or use XLA (`noisebook setup --only plugin`)")
	case devices > shown:
		return fmt.Errorf("engine: %d devices are asked for and the engine shows %d: use --devices %d or fewer", devices, shown, shown)
	}
	return nil
}

// NewTensor is a tensor of zeros for a device, in memory that host and device
// share where the backend can. Whoever makes it finalizes it.
func (e *Engine) NewTensor(device int, shape shapes.Shape) (*tensors.Tensor, error) {
	t, err := tensors.FromShapeForBackend(e.backend, compute.DeviceNum(device), shape)
	if err != nil {
		return nil, fmt.Errorf("engine: %s", firstLine(err))
	}
	return t, nil
}

// Upload puts a tensor's values on a device ahead of a call; where memory is
// shared they are there.
func (e *Engine) Upload(t *tensors.Tensor, device int) error {
	if err := t.MaterializeOnDevice(e.backend, true, compute.DeviceNum(device)); err != nil {
		return fmt.Errorf("engine: %s", firstLine(err))
	}
	return nil
}
