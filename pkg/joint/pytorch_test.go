package joint

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
)

// stateDict is the state dict that PyTorch would save for a model: kernels
// [out, in, h, w], matrices [out, in].
func stateDict(m *Model, weights, statistics []float32) []safetensors.Tensor {
	var all []safetensors.Tensor
	add := func(l *nn.Layout, flat []float32) {
		for _, p := range l.Parameters() {
			values := flat[p.Offset : p.Offset+p.Size()]
			shape := pyTorchShape(p.Shape)
			if len(shape) == 2 && (strings.HasSuffix(p.Name, "qkv.weight") || strings.HasSuffix(p.Name, "project.weight")) {
				shape = append(shape, 1) // attention's projections are 1-D convolutions there
			}
			all = append(all, safetensors.FromFloat32s(m.PyTorchName(p.Name), shape, transposed(values, p.Shape)))
		}
	}
	add(m.Layout, weights)
	add(m.Statistics, statistics)
	return all
}

// transposed moves the last two axes to the front, in reverse: [h, w, in, out] to [out, in, h, w].
func transposed(values []float32, shape []int) []float32 {
	if len(shape) < 2 {
		return values
	}
	in, out := shape[len(shape)-2], shape[len(shape)-1]
	places := len(values) / in / out
	result := make([]float32, len(values))
	for k := range places {
		for i := range in {
			for o := range out {
				result[(o*in+i)*places+k] = values[(k*in+i)*out+o]
			}
		}
	}
	return result
}

func encode(t *testing.T, all []safetensors.Tensor) *safetensors.File {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Encode(&b, all, nil); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.New(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFromPyTorchReadsEveryNumber(t *testing.T) {
	m := smallModel(t)
	weights, statistics := livelyWeights(m)
	counter := safetensors.FromInt64s("clasifier.bn_1.num_batches_tracked", nil, []int64{7})
	gotWeights, gotStatistics, err := m.FromPyTorch(encode(t, append(stateDict(m, weights, statistics), counter)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gotWeights, weights) || !slices.Equal(gotStatistics, statistics) {
		t.Error("the numbers are not those of the state dict")
	}
}

// Names as the authors' program saves them for this network.
func TestPyTorchNames(t *testing.T) {
	m := smallModel(t)
	for ours, want := range map[string]string{
		"time.0.weight":                      "time_embed.0.weight",
		"time.1.bias":                        "time_embed.2.bias",
		"encoder.0.conv.kernel":              "input_blocks.0.0.weight",
		"encoder.1.residual.norm1.scale":     "input_blocks.1.0.in_layers.0.weight",
		"encoder.1.residual.conv1.kernel":    "input_blocks.1.0.in_layers.2.weight",
		"encoder.2.downsample.kernel":        "input_blocks.2.0.op.weight",
		"encoder.3.residual.time.weight":     "input_blocks.3.0.emb_layers.1.weight",
		"encoder.3.residual.shortcut.bias":   "input_blocks.3.0.skip_connection.bias",
		"encoder.3.attention.norm.scale":     "input_blocks.3.1.norm.weight",
		"encoder.3.attention.qkv.weight":     "input_blocks.3.1.qkv.weight",
		"encoder.3.attention.project.bias":   "input_blocks.3.1.proj_out.bias",
		"middle.0.residual.norm2.bias":       "middle_block.0.out_layers.0.bias",
		"middle.1.attention.qkv.bias":        "middle_block.1.qkv.bias",
		"middle.2.residual.conv2.kernel":     "middle_block.2.out_layers.3.weight",
		"decoder.0.residual.conv1.bias":      "output_blocks.0.0.in_layers.2.bias",
		"decoder.1.attention.project.weight": "output_blocks.1.1.proj_out.weight",
		"decoder.1.upsample.kernel":          "output_blocks.1.2.conv.weight",
		"output.norm.scale":                  "out.0.weight",
		"output.conv.bias":                   "out.2.bias",
		"head.norm1.scale":                   "clasifier.bn_1.weight",
		"head.norm1.mean":                    "clasifier.bn_1.running_mean",
		"head.norm2.variance":                "clasifier.bn_2.running_var",
		"head.hidden.weight":                 "clasifier.fc_1.weight",
		"head.logits.bias":                   "clasifier.fc_2.bias",
	} {
		_, weight := m.Layout.Lookup(ours)
		_, statistic := m.Statistics.Lookup(ours)
		if !weight && !statistic {
			t.Errorf("the network has no %s", ours)
		}
		if got := m.PyTorchName(ours); got != want {
			t.Errorf("%s is called %s, want %s", ours, got, want)
		}
	}
}

func TestFromPyTorchRefusesOtherArchitectures(t *testing.T) {
	m := smallModel(t)
	weights, statistics := livelyWeights(m)
	for _, test := range []struct {
		name   string
		change func(all []safetensors.Tensor) []safetensors.Tensor
		want   []string
	}{
		{"missing tensor", func(all []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(all, func(s safetensors.Tensor) bool { return s.Name == "middle_block.1.qkv.bias" })
		}, []string{"middle_block.1.qkv.bias", "another architecture"}},
		{"missing statistic", func(all []safetensors.Tensor) []safetensors.Tensor {
			return slices.DeleteFunc(all, func(s safetensors.Tensor) bool { return s.Name == "clasifier.bn_2.running_var" })
		}, []string{"clasifier.bn_2.running_var"}},
		{"tensor too many", func(all []safetensors.Tensor) []safetensors.Tensor {
			return append(all, safetensors.FromFloat32s("label_emb.weight", []int{2}, []float32{1, 2}))
		}, []string{"label_emb.weight", "another architecture"}},
		{"other shape", func(all []safetensors.Tensor) []safetensors.Tensor {
			return replaced(all, safetensors.FromFloat32s("out.2.bias", []int{2}, []float32{1, 2}))
		}, []string{"out.2.bias", "[2]", "[1]"}},
		{"transposed matrix", func(all []safetensors.Tensor) []safetensors.Tensor {
			return replaced(all, safetensors.FromFloat32s("time_embed.0.weight", []int{4, 16}, make([]float32, 64)))
		}, []string{"time_embed.0.weight", "[4 16]", "[16 4]"}},
		{"integers", func(all []safetensors.Tensor) []safetensors.Tensor {
			return replaced(all, safetensors.FromInt64s("out.2.bias", []int{1}, []int64{1}))
		}, []string{"out.2.bias", "I64"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := m.FromPyTorch(encode(t, test.change(stateDict(m, weights, statistics))))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, "joint: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
		})
	}
}

func replaced(all []safetensors.Tensor, with safetensors.Tensor) []safetensors.Tensor {
	for i := range all {
		if all[i].Name == with.Name {
			all[i] = with
		}
	}
	return all
}
