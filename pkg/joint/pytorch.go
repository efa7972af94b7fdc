package joint

import (
	"fmt"
	"slices"
	"strings"

	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
)

// StateDict is a PyTorch network's numbers by name: a *safetensors.File, or a
// *pytorch.File that torch.save wrote.
type StateDict interface {
	Names() []string
	Has(name string) bool
	Tensor(name string) (safetensors.Tensor, error)
}

// FromPyTorch reads weights and running statistics from the state dict of the
// authors' PyTorch network (KamilDeja/joint_diffusion). A name that is missing,
// left over or of another shape is an error.
func (m *Model) FromPyTorch(file StateDict) (weights, statistics []float32, err error) {
	used := map[string]bool{}
	read := func(l *nn.Layout) ([]float32, error) {
		flat := make([]float32, l.Size())
		for _, p := range l.Parameters() {
			name := m.PyTorchName(p.Name)
			if !file.Has(name) {
				return nil, fmt.Errorf("joint: weights have no %s (our %s): they are of another architecture", name, p.Name)
			}
			tensor, err := file.Tensor(name)
			if err != nil {
				return nil, fmt.Errorf("joint: %w", err)
			}
			values, err := tensor.Float32s()
			if err != nil {
				return nil, fmt.Errorf("joint: %w", err)
			}
			if want := pyTorchShape(p.Shape); !sameShape(tensor.Shape, want) {
				return nil, fmt.Errorf("joint: %s has shape %v, the network needs %v", name, tensor.Shape, want)
			}
			fromPyTorch(flat[p.Offset:p.Offset+p.Size()], values, p.Shape)
			used[name] = true
		}
		return flat, nil
	}
	if weights, err = read(m.Layout); err != nil {
		return nil, nil, err
	}
	if statistics, err = read(m.Statistics); err != nil {
		return nil, nil, err
	}
	for _, name := range file.Names() {
		if !used[name] && !strings.HasSuffix(name, "num_batches_tracked") {
			return nil, nil, fmt.Errorf("joint: weights hold %s, which the network does not have: they are of another architecture", name)
		}
	}
	return weights, statistics, nil
}

// pyTorchNames turn our names into the authors', longest match first.
var pyTorchNames = strings.NewReplacer(
	"time.0.", "time_embed.0.", "time.1.", "time_embed.2.",
	"encoder.", "input_blocks.", "decoder.", "output_blocks.", "middle.", "middle_block.",
	"output.norm.", "out.0.", "output.conv.", "out.2.",
	"head.norm1.", "clasifier.bn_1.", "head.norm2.", "clasifier.bn_2.",
	"head.hidden.", "clasifier.fc_1.", "head.logits.", "clasifier.fc_2.",
	"norm1.", "in_layers.0.", "conv1.", "in_layers.2.", "time.weight", "emb_layers.1.weight", "time.bias", "emb_layers.1.bias",
	"norm2.", "out_layers.0.", "conv2.", "out_layers.3.", "shortcut.", "skip_connection.",
	"project.", "proj_out.", "downsample.", "op.", "upsample.", "conv.",
	"scale", "weight", "kernel", "weight", "variance", "running_var", "mean", "running_mean",
)

// PyTorchName is the authors' name of a parameter or running statistic of ours.
func (m *Model) PyTorchName(name string) string {
	part := strings.Split(name, ".")
	switch part[0] {
	case "encoder", "decoder": // a block's members are numbered: residual 0, attention 1, upsampling last
		place := "0"
		switch part[2] {
		case "attention":
			place = "1"
		case "upsample":
			place = "1"
			if _, ok := m.Layout.Lookup(strings.Join([]string{part[0], part[1], "attention", "qkv", "weight"}, ".")); ok {
				place = "2"
			}
		}
		rest := part[3:]
		if part[2] != "residual" && part[2] != "attention" && part[2] != "conv" {
			rest = part[2:]
		}
		return pyTorchNames.Replace(strings.Join(append([]string{part[0], part[1], place}, rest...), "."))
	case "middle":
		return pyTorchNames.Replace(strings.Join(append([]string{"middle", part[1]}, part[3:]...), "."))
	}
	return pyTorchNames.Replace(name)
}

// pyTorchShape is the layout of a parameter there: kernels [out, in, h, w], matrices [out, in].
func pyTorchShape(shape []int) []int {
	switch len(shape) {
	case 4:
		return []int{shape[3], shape[2], shape[0], shape[1]}
	case 2:
		return []int{shape[1], shape[0]}
	}
	return shape
}

// sameShape takes a trailing axis of length 1 (attention's 1-D convolutions) as absent.
func sameShape(got, want []int) bool {
	if len(got) == len(want)+1 && len(want) == 2 && got[2] == 1 {
		got = got[:2]
	}
	return slices.Equal(got, want)
}

func fromPyTorch(to, from []float32, shape []int) {
	switch len(shape) {
	case 4:
		h, w, in, out := shape[0], shape[1], shape[2], shape[3]
		for o := range out {
			for i := range in {
				for k := range h * w {
					to[(k*in+i)*out+o] = from[(o*in+i)*h*w+k]
				}
			}
		}
	case 2:
		in, out := shape[0], shape[1]
		for o := range out {
			for i := range in {
				to[i*out+o] = from[o*in+i]
			}
		}
	default:
		copy(to, from)
	}
}
