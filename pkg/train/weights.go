package train

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
)

// Weights are a trained network to use: its flat weights and running statistics.
type Weights struct {
	Values     []float32
	Statistics []float32
}

const (
	weightsFormat    = "noisebook weights 1"
	statisticsPrefix = "statistics."
)

// WriteWeights writes weights as safetensors, a tensor a parameter by name and
// running statistics behind "statistics.". Half precision halves the file and
// keeps three digits. The metadata says what the network is.
func WriteWeights(w io.Writer, net Network, weights Weights, half bool, metadata map[string]string) error {
	var all []safetensors.Tensor
	add := func(prefix string, l *nn.Layout, flat []float32, half bool) {
		for _, p := range l.Parameters() {
			values := flat[p.Offset : p.Offset+p.Size()]
			if half {
				all = append(all, safetensors.FromFloat16s(prefix+p.Name, p.Shape, values))
			} else {
				all = append(all, safetensors.FromFloat32s(prefix+p.Name, p.Shape, values))
			}
		}
	}
	add("", net.Layout, weights.Values, half)
	add(statisticsPrefix, net.Statistics, weights.Statistics, false)
	full := map[string]string{formatKey: weightsFormat}
	for k, v := range metadata {
		full[k] = v
	}
	return safetensors.Encode(w, all, full)
}

// ReadWeights reads what WriteWeights wrote; a file of another architecture is an error that names the first difference.
func ReadWeights(path string, net Network) (Weights, error) {
	file, err := safetensors.Read(path)
	if err != nil {
		return Weights{}, fmt.Errorf("train: weights: %w", err)
	}
	if file.Metadata[formatKey] != weightsFormat {
		return Weights{}, fmt.Errorf("train: %s holds no weights of this project; convert PyTorch weights with `noisebook weights import`", path)
	}
	read := func(prefix string, l *nn.Layout) ([]float32, error) {
		flat := make([]float32, l.Size())
		for _, p := range l.Parameters() {
			if !file.Has(prefix + p.Name) {
				return nil, fmt.Errorf("train: %s is of another architecture: it has no %s", path, prefix+p.Name)
			}
			tensor, err := file.Tensor(prefix + p.Name)
			if err != nil {
				return nil, fmt.Errorf("train: %s: %w", path, err)
			}
			if !slices.Equal(tensor.Shape, p.Shape) {
				return nil, fmt.Errorf("train: %s is of another architecture: %s has shape %v, the network needs %v", path, prefix+p.Name, tensor.Shape, p.Shape)
			}
			values, err := tensor.Float32s()
			if err != nil {
				return nil, fmt.Errorf("train: %s: %w", path, err)
			}
			copy(flat[p.Offset:], values)
		}
		return flat, nil
	}
	weights := Weights{}
	if weights.Values, err = read("", net.Layout); err != nil {
		return Weights{}, err
	}
	if weights.Statistics, err = read(statisticsPrefix, net.Statistics); err != nil {
		return Weights{}, err
	}
	for _, name := range file.Names() {
		layout, parameter := net.Layout, name
		if statistic, ok := strings.CutPrefix(name, statisticsPrefix); ok {
			layout, parameter = net.Statistics, statistic
		}
		if _, ok := layout.Lookup(parameter); !ok {
			return Weights{}, fmt.Errorf("train: %s is of another architecture: it has %s, which the network lacks", path, name)
		}
	}
	return weights, nil
}
