package nn

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/safetensors"
)

// drawn are the numbers in [0, 1) that testdata/inception.py calls by a name.
func drawn(name string, count int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(name))
	out := make([]float32, count)
	z := h.Sum64()
	for i := range out {
		z += 0x9e3779b97f4a7c15
		m := (z ^ z>>30) * 0xbf58476d1ce4e5b9
		m = (m ^ m>>27) * 0x94d049bb133111eb
		out[i] = float32((m^m>>31)>>40) / (1 << 24)
	}
	return out
}

// drawnStateDict is a state dict of drawn weights, by PyTorch's names and shapes.
type drawnStateDict map[string][]int

func newDrawnStateDict() drawnStateDict {
	d := drawnStateDict{"fc.weight": {1008, 2048}, "fc.bias": {1008}}
	for _, u := range NewInception(&Layout{}).units() {
		s := u.kernel.Shape
		d[u.name+".conv.weight"] = []int{s[3], s[2], s[0], s[1]}
		for _, part := range []string{"weight", "bias", "running_mean", "running_var"} {
			d[u.name+".bn."+part] = []int{s[3]}
		}
		d[u.name+".bn.num_batches_tracked"] = []int{}
	}
	return d
}

func (d drawnStateDict) Names() []string { return slices.Sorted(maps.Keys(d)) }

func (d drawnStateDict) Tensor(name string) (safetensors.Tensor, error) {
	shape := d[name]
	count := 1
	for _, n := range shape {
		count *= n
	}
	values := drawn(name, count)
	part := name[strings.LastIndex(name, ".")+1:]
	for i, u := range values {
		switch {
		case part == "running_var":
			values[i] = u + 0.5
		case part == "weight" && strings.Contains(name, ".bn."):
			values[i] = u*0.5 + 0.75
		case part == "weight":
			values[i] = (2*u - 1) * float32(math.Sqrt(6/float64(count/shape[0])))
		default:
			values[i] = (2*u - 1) * 0.25
		}
	}
	return safetensors.FromFloat32s(name, shape, values), nil
}

// The published weights have 566 entries, 23,850,960 parameters and 34,432 running statistics.
func TestInceptionIsThePublishedOne(t *testing.T) {
	d := newDrawnStateDict()
	parameters, statistics := 0, 0
	for name, shape := range d {
		count := 1
		for _, n := range shape {
			count *= n
		}
		switch {
		case strings.Contains(name, ".running_"):
			statistics += count
		case !strings.HasSuffix(name, "num_batches_tracked"):
			parameters += count
		}
	}
	if len(d) != 566 || parameters != 23_850_960 || statistics != 34_432 {
		t.Errorf("%d entries, %d parameters, %d statistics; want 566, 23850960, 34432", len(d), parameters, statistics)
	}
}

// Features equal torch-fidelity's of the same drawn weights and images, to 1e-4
// of each tap's scale: small images on the pure-Go backend, one of full size on XLA.
func TestInceptionEqualsPyTorch(t *testing.T) {
	golden, err := safetensors.Read("testdata/inception.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	var l Layout
	n := NewInception(&l)
	weights, err := n.FromPyTorch(newDrawnStateDict())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		shape []int
		open  func(testing.TB) *engine.Engine
	}{
		{"small", []int{1, 75, 83, 3}, enginetest.Go},
		{"full", []int{1, 299, 299, 3}, enginetest.XLA},
	} {
		t.Run(test.name, func(t *testing.T) {
			names := []string{"64", "192", "768", "spatial", "2048", "logits", "logits_unbiased"}
			run := compile(t, test.open(t), func(in []*Node) []*Node {
				taps := n.Forward(Evaluate(NewWeights(&l, in[0]), NewWeights(&Layout{}, in[1])), in[2])
				return []*Node{taps.Pool1, taps.Pool2, taps.Mixed6, taps.Spatial, taps.Pool3, taps.Logits, taps.LogitsWithoutBias}
			})
			images := drawn(test.name, test.shape[0]*test.shape[1]*test.shape[2]*test.shape[3])
			for i, u := range images {
				images[i] = 2*u - 1
			}
			outputs := run(tensor(weights, len(weights)), tensor([]float32{}, 0), tensor(images, test.shape...))
			for i, name := range names {
				want, err := golden.Tensor(test.name + "." + name)
				if err != nil {
					t.Fatal(err)
				}
				values, err := want.Float32s()
				if err != nil {
					t.Fatal(err)
				}
				scale := 0.0
				for _, v := range values {
					scale = max(scale, math.Abs(float64(v)))
				}
				wantClose(t, name, outputs[i], values, 1e-4*scale)
			}
		})
	}
}

// zeros has the same names and shapes, all zeros.
type zeros struct{ drawnStateDict }

func (z zeros) Tensor(name string) (safetensors.Tensor, error) {
	shape := z.drawnStateDict[name]
	count := 1
	for _, n := range shape {
		count *= n
	}
	return safetensors.FromFloat32s(name, shape, make([]float32, count)), nil
}

// with is the same but for one name's shape.
func (z zeros) with(name string, shape ...int) zeros {
	d := maps.Clone(z.drawnStateDict)
	d[name] = shape
	return zeros{d}
}

// renamed is a state dict in which one name stands for another, or for nothing.
type renamed struct {
	zeros
	from, to string
}

func (r renamed) Names() []string {
	names := r.zeros.Names()
	for i, name := range names {
		if name == r.from {
			names[i] = r.to
		}
	}
	return names
}

func TestInceptionRefusesOtherWeights(t *testing.T) {
	d := zeros{newDrawnStateDict()}
	n := NewInception(&Layout{})
	for want, file := range map[string]StateDict{
		"no Mixed_7c.branch_pool.bn.bias":        renamed{d, "Mixed_7c.branch_pool.bn.bias", "Mixed_7c.branch_pool.bn.shift"},
		"fc.weight has shape [1000 2048]":        d.with("fc.weight", 1000, 2048),
		"hold AuxLogits.fc.bias":                 d.with("AuxLogits.fc.bias", 1008),
		"no Conv2d_1a_3x3.conv.weight":           drawnStateDict{},
		"Conv2d_1a_3x3.bn.running_var has shape": d.with("Conv2d_1a_3x3.bn.running_var", 32, 1),
	} {
		if _, err := n.FromPyTorch(file); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, want)
		}
	}
}

// The mean of pixels inside the image: corners have four, edges six.
func TestMeanPoolLeavesPaddingOut(t *testing.T) {
	x := tensor([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 1, 3, 4, 1)
	got := evaluate(t, func(in []*Node) []*Node { return []*Node{meanPool3(in[0])} }, x)[0]
	want := []float32{3.5, 4, 5, 5.5, 5.5, 6, 7, 7.5, 7.5, 8, 9, 9.5}
	wantClose(t, fmt.Sprint("mean of ", want), got, want, 1e-6)
}
