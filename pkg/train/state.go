package train

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/safetensors"
)

// state is all that training carries from step to step; random numbers and
// batches follow from the seed and the step.
type state struct {
	step int
	// vectors are weights, first and second moment, average and statistics, the
	// step's first inputs and outputs, whole on each device.
	vectors [][]*tensors.Tensor
}

var vectorNames = []string{"weights", "first_moment", "second_moment", "average", "statistics"}

const (
	formatKey  = "format"
	checkpoint = "noisebook checkpoint 1"
	stepKey    = "step"
	layoutKey  = "layout"
)

func newState(net Network, seed uint64, devices int) (*state, error) {
	weights, statistics := net.Layout.Initialize(seed), net.Statistics.Initialize(seed)
	if len(weights) == 0 {
		return nil, fmt.Errorf("train: the network has no parameters")
	}
	if from := net.Initial; from != nil {
		if len(from.Values) != len(weights) || len(from.Statistics) != len(statistics) {
			return nil, fmt.Errorf("train: the weights to start from have %d numbers and %d statistics, the network %d and %d",
				len(from.Values), len(from.Statistics), len(weights), len(statistics))
		}
		weights, statistics = from.Values, from.Statistics
	}
	zeros := func() []float32 { return make([]float32, len(weights)) }
	return &state{vectors: vectors(devices, weights, zeros(), zeros(), weights, statistics)}, nil
}

func vectors(devices int, values ...[]float32) [][]*tensors.Tensor {
	out := make([][]*tensors.Tensor, devices)
	for device := range out {
		for _, v := range values {
			out[device] = append(out[device], tensors.FromFlatDataAndDimensions(v, len(v)))
		}
	}
	return out
}

func (s *state) finalize() {
	for _, on := range s.vectors {
		for _, t := range on {
			t.FinalizeAll()
		}
	}
}

// replace takes the step's outputs, which are the next state and the reported
// values on each device, frees the old state, and returns the reported values.
func (s *state) replace(outputs []*tensors.Tensor) ([]float32, error) {
	s.finalize()
	s.step++
	devices, count := len(s.vectors), len(vectorNames)
	var reported []float32
	var err error
	for device := range devices {
		on := outputs[device*len(outputs)/devices : (device+1)*len(outputs)/devices]
		s.vectors[device] = on[:count]
		if device == 0 {
			reported, err = tensors.CopyFlatData[float32](on[count])
		}
		on[count].FinalizeAll()
	}
	return reported, err
}

// values copies the state, of which every device has the same.
func (s *state) values() ([][]float32, error) {
	out := make([][]float32, len(vectorNames))
	for i, t := range s.vectors[0] {
		values, err := tensors.CopyFlatData[float32](t)
		if err != nil {
			return nil, fmt.Errorf("train: reading %s: %w", vectorNames[i], err)
		}
		out[i] = values
	}
	return out, nil
}

func (s *state) trained() (Trained, error) {
	v, err := s.values()
	if err != nil {
		return Trained{}, err
	}
	return Trained{Weights: v[inWeights], Average: v[inAverage], Statistics: v[inStatistics], Steps: s.step}, nil
}

func writeCheckpoint(path string, net Network, step int, values [][]float32) error {
	var all []safetensors.Tensor
	for i, v := range values {
		all = append(all, safetensors.FromFloat32s(vectorNames[i], []int{len(v)}, v))
	}
	metadata := map[string]string{formatKey: checkpoint, stepKey: strconv.Itoa(step), layoutKey: net.fingerprint()}
	if err := safetensors.Write(path, all, metadata); err != nil {
		return fmt.Errorf("train: saving a checkpoint at step %d: %w", step, err)
	}
	return nil
}

func (s *state) load(path string, net Network) error {
	file, err := safetensors.Read(path)
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w; if it is damaged, delete it to start anew", err)
	}
	if file.Metadata[formatKey] != checkpoint {
		return fmt.Errorf("train: %s is no checkpoint of this version; delete it to start anew", path)
	}
	if file.Metadata[layoutKey] != net.fingerprint() {
		return fmt.Errorf("train: checkpoint %s is of another architecture; delete it to start anew, or use the config that it was made with", path)
	}
	step, err := strconv.Atoi(file.Metadata[stepKey])
	if err != nil || step < 0 {
		return fmt.Errorf("train: checkpoint %s has no valid step; delete it to start anew", path)
	}
	var loaded [][]float32
	for i, name := range vectorNames {
		tensor, err := file.Tensor(name)
		if err != nil {
			return fmt.Errorf("train: checkpoint %s: %w; delete it to start anew", path, err)
		}
		values, err := tensor.Float32s()
		if err != nil {
			return fmt.Errorf("train: checkpoint %s: %w; delete it to start anew", path, err)
		}
		if want := s.vectors[0][i].Shape().Dimensions; !slices.Equal(tensor.Shape, want) {
			return fmt.Errorf("train: checkpoint %s: %s has shape %v, want %v; delete it to start anew", path, name, tensor.Shape, want)
		}
		loaded = append(loaded, values)
	}
	s.finalize()
	s.vectors, s.step = vectors(len(s.vectors), loaded...), step
	return nil
}

// fingerprint tells architectures apart.
func (n Network) fingerprint() string {
	return n.Layout.Fingerprint() + "-" + n.Statistics.Fingerprint()
}
