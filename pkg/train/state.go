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
	step    int
	vectors []*tensors.Tensor // weights, first and second moment, average, statistics: the step's first inputs and outputs
}

var vectorNames = []string{"weights", "first_moment", "second_moment", "average", "statistics"}

const (
	formatKey  = "format"
	checkpoint = "noisebook checkpoint 1"
	stepKey    = "step"
	layoutKey  = "layout"
)

func newState(net Network, seed uint64) (*state, error) {
	weights := net.Layout.Initialize(seed)
	if len(weights) == 0 {
		return nil, fmt.Errorf("train: the network has no parameters")
	}
	zeros := func() []float32 { return make([]float32, len(weights)) }
	return &state{vectors: vectors(weights, zeros(), zeros(), weights, net.Statistics.Initialize(seed))}, nil
}

func vectors(values ...[]float32) []*tensors.Tensor {
	out := make([]*tensors.Tensor, len(values))
	for i, v := range values {
		out[i] = tensors.FromFlatDataAndDimensions(v, len(v))
	}
	return out
}

func (s *state) finalize() {
	for _, t := range s.vectors {
		t.FinalizeAll()
	}
}

func (s *state) values() ([][]float32, error) {
	out := make([][]float32, len(s.vectors))
	for i, t := range s.vectors {
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

func (s *state) save(path string, net Network) error {
	values, err := s.values()
	if err != nil {
		return err
	}
	var all []safetensors.Tensor
	for i, v := range values {
		all = append(all, safetensors.FromFloat32s(vectorNames[i], []int{len(v)}, v))
	}
	metadata := map[string]string{formatKey: checkpoint, stepKey: strconv.Itoa(s.step), layoutKey: net.fingerprint()}
	if err := safetensors.Write(path, all, metadata); err != nil {
		return fmt.Errorf("train: saving a checkpoint at step %d: %w", s.step, err)
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
		if want := s.vectors[i].Shape().Dimensions; !slices.Equal(tensor.Shape, want) {
			return fmt.Errorf("train: checkpoint %s: %s has shape %v, want %v; delete it to start anew", path, name, tensor.Shape, want)
		}
		loaded = append(loaded, values)
	}
	s.finalize()
	s.vectors, s.step = vectors(loaded...), step
	return nil
}

// fingerprint tells architectures apart.
func (n Network) fingerprint() string {
	return n.Layout.Fingerprint() + "-" + n.Statistics.Fingerprint()
}
