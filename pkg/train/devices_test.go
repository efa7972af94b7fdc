package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
)

// smallUNet is every kind of layer that a training step meets, and dropout.
type smallUNet struct {
	Network
	unet    *nn.UNet
	linear  nn.Linear
	norm    nn.BatchNorm
	dropout float64
}

const smallSide = 4

func newSmallUNet(t *testing.T, dropout float64) smallUNet {
	t.Helper()
	s := smallUNet{Network: Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}, dropout: dropout}
	var err error
	s.unet, err = nn.NewUNet(s.Layout, nn.UNetConfig{ImageSize: smallSide, Channels: 1, Width: 4, Multipliers: []int{1, 2}, Blocks: 1,
		AttentionAt: []int{2}, Heads: 2, NormGroups: 2, Dropout: dropout, Patch: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.norm = nn.NewBatchNorm(s.Layout, s.Statistics, "norm", 8)
	s.linear = nn.NewLinear(s.Layout, "linear", 8, 2)
	return s
}

// objective predicts noise that is drawn on the device, and the label.
func (s smallUNet) objective(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []Term) {
	noise := p.Normal(images.Shape().Dimensions...)
	f := s.unet.Encode(p, graph.Add(images, noise), labels)
	middle := graph.ReduceMean(nn.Wide(f.Middle), 1, 2)
	logits := s.linear.Forward(p, s.norm.Forward(p, p.Dropout(middle, s.dropout)))
	diffusion := graph.ReduceAllMean(graph.Square(graph.Sub(noise, s.unet.Decode(p, f))))
	return graph.Add(diffusion, graph.ReduceAllMean(nn.CrossEntropy(logits, labels))), []Term{{Name: "diffusion", Value: diffusion}}
}

// history is every value that a training of the small network reports, by name and step.
func history(t *testing.T, e *engine.Engine, net smallUNet, c Config, o Options) (map[string][]float64, Trained) {
	t.Helper()
	all := map[string][]float64{}
	o.Progress = func(_, _ int, values map[string]float64) {
		for name, v := range values {
			all[name] = append(all[name], v)
		}
	}
	trained, err := Run(t.Context(), e, net.Network, net.objective, toyBatches(c.Batch), [3]int{smallSide, smallSide, 1}, c, o)
	if err != nil {
		t.Fatal(err)
	}
	return all, trained
}

// Every random number, statistic and gradient is that of one device: over
// several the losses differ by the order of their sums alone.
func TestDevicesGiveTheSameLosses(t *testing.T) {
	e := enginetest.XLA(t)
	for _, dropout := range []float64{0, 0.3} {
		t.Run(fmt.Sprintf("dropout %g", dropout), func(t *testing.T) {
			net, c := newSmallUNet(t, dropout), toyConfig(5)
			// AdamW moves a weight whose gradient is rounding noise by the whole
			// rate: at the papers' it stays noise.
			c.LearningRate, c.Batch = 1e-4, 16
			want, _ := history(t, e, net, c, Options{})
			got, _ := history(t, e, net, c, Options{Devices: 2})
			for _, name := range []string{"loss", "diffusion"} {
				if len(want[name]) != c.Steps {
					t.Fatalf("%s: %d values, want %d", name, len(want[name]), c.Steps)
				}
				for step, w := range want[name] {
					if d := math.Abs(got[name][step] - w); !(d <= 1e-4*max(1, w)) {
						t.Errorf("step %d: %s is %g on two devices, %g on one", step+1, name, got[name][step], w)
					}
				}
			}
		})
	}
}

// So are every number of the gradient and of the running statistics.
func TestDevicesGiveTheSameGradient(t *testing.T) {
	e, net, c := enginetest.XLA(t), newSmallUNet(t, 0.3), toyConfig(1)
	vectors := map[string][][]float32{}
	for _, devices := range []int{1, 4} {
		path := filepath.Join(t.TempDir(), "c.safetensors")
		history(t, e, net, c, Options{Checkpoint: path, Devices: devices})
		for _, name := range []string{"first_moment", "statistics"} {
			vectors[name] = append(vectors[name], savedVector(t, path, name))
		}
	}
	for name, v := range vectors {
		wantClose(t, name, v[1], float64s(v[0]), 1e-5)
	}
}

// savedVector is a vector of a checkpoint; it must be float32.
func savedVector(t *testing.T, path, name string) []float32 {
	t.Helper()
	file, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	vector, err := file.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	if vector.DType != "F32" {
		t.Errorf("%s is stored as %s", name, vector.DType)
	}
	values, err := vector.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// A checkpoint knows no devices.
func TestResumeOnOtherDevices(t *testing.T) {
	e, net, c := enginetest.XLA(t), newSmallUNet(t, 0.3), toyConfig(4)
	c.LearningRate = 1e-4
	want, _ := history(t, e, net, c, Options{})
	path := filepath.Join(t.TempDir(), "c.safetensors")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, e, net.Network, net.objective, toyBatches(c.Batch), [3]int{smallSide, smallSide, 1}, c, Options{
		Devices: 4, Checkpoint: path, Progress: func(step, _ int, _ map[string]float64) {
			if step == 2 {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want the context's error", err)
	}
	got, _ := history(t, e, net, c, Options{Checkpoint: path})
	if len(got["loss"]) != 2 {
		t.Fatalf("%d steps after the resume, want 2", len(got["loss"]))
	}
	for i, loss := range got["loss"] {
		if w := want["loss"][2+i]; math.Abs(loss-w) > 1e-4*max(1, w) {
			t.Errorf("step %d: loss %g, without interruption and on one device %g", 3+i, loss, w)
		}
	}
}

func TestRefusedDevices(t *testing.T) {
	for name, test := range map[string]struct {
		open    func(testing.TB) *engine.Engine
		devices int
		want    string
	}{
		"pure Go":     {enginetest.Go, 2, "pure-Go backend computes on one device"},
		"more":        {enginetest.XLA, 1000, "1000 devices are asked for and the engine shows"},
		"not divided": {enginetest.XLA, 3, "3 devices do not share a batch of 4 evenly"},
		"negative":    {enginetest.XLA, -1, "use at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			net := newLine()
			_, err := Run(t.Context(), test.open(t), net.Network, net.objective, toyBatches(4), toyImage, toyConfig(2), Options{Devices: test.devices})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want one line with %q", err, test.want)
			}
		})
	}
}

func TestPrecisionFollowsTheDevice(t *testing.T) {
	e := enginetest.Go(t)
	for given, want := range map[nn.Precision]nn.Precision{"": nn.Float32, nn.Float32: nn.Float32, nn.BFloat16: nn.BFloat16} {
		if got := (Config{Precision: given}).PrecisionOn(e); got != want {
			t.Errorf("precision %q on a CPU is %q, want %q", given, got, want)
		}
	}
}

// In bfloat16 the losses stay near float32's, products are narrow indeed, and
// what training carries from step to step is float32.
func TestBFloat16(t *testing.T) {
	e, net, c := enginetest.XLA(t), newSmallUNet(t, 0), toyConfig(6)
	want, wide := history(t, e, net, c, Options{})
	c.Precision = nn.BFloat16
	path := filepath.Join(t.TempDir(), "c.safetensors")
	got, narrow := history(t, e, net, c, Options{Checkpoint: path})
	for _, name := range vectorNames {
		savedVector(t, path, name)
	}
	equal := true
	for step, w := range want["loss"] {
		g := got["loss"][step]
		equal = equal && g == w
		if math.Abs(g-w) > 0.02*w {
			t.Errorf("step %d: loss %g in bfloat16, %g in float32", step+1, g, w)
		}
	}
	if equal {
		t.Error("bfloat16 gives float32's losses to the bit: nothing is narrow")
	}
	narrowed, moved := 0, 0.0
	for i, w := range narrow.Weights {
		if bits := math.Float32bits(w); bits&0xffff == 0 {
			narrowed++ // would fit bfloat16: zeros and accidents
		}
		moved = max(moved, math.Abs(float64(w-wide.Weights[i])))
	}
	if narrowed > len(narrow.Weights)/4 {
		t.Errorf("%d of %d weights fit bfloat16: the masters are not float32", narrowed, len(narrow.Weights))
	}
	if rate := c.LearningRate * float64(c.Steps); moved > 2*rate {
		t.Errorf("a weight ends %g from float32's; %d steps of %g move it by %g at most", moved, c.Steps, c.LearningRate, rate)
	}
}

// Steps that bfloat16 cannot resolve beside a weight of 1 must add up.
func TestMasterWeightsMoveByLittle(t *testing.T) {
	e := enginetest.XLA(t)
	net := line{Network: Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}}
	net.weight = net.Layout.Add("weight", nn.InitOnes, 2)
	net.bias = net.Layout.Add("bias", nn.InitOnes, 1)
	objective := func(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []Term) {
		x := graph.Reshape(images, -1, 2)
		y := graph.Add(graph.Dot(p.Narrow(x), p.Narrow(p.Of(net.weight))).Product(), p.Narrow(p.Of(net.bias)))
		if y.DType() != dtypes.BFloat16 {
			t.Errorf("the product is %s", y.DType())
		}
		return graph.ReduceAllMean(nn.Wide(y)), nil // a constant gradient: AdamW moves the bias by the rate
	}
	const rate, steps = 1e-5, 20
	c := Config{Steps: steps, Batch: 4, LearningRate: rate, Precision: nn.BFloat16}
	trained, err := Run(t.Context(), e, net.Network, objective, toyBatches(4), toyImage, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if moved := 1 - float64(trained.Weights[2]); math.Abs(moved-rate*steps) > 1e-6 {
		t.Errorf("the bias moved by %g, want %d × %g", moved, steps, rate)
	}
}
