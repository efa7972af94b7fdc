package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
)

func TestBenchUNet(t *testing.T) {
	printed, err := execute(t, newBenchCommand(), "unet", "--engine", "go", "--size", "4", "--batch", "2", "--in-channels", "3",
		"--multipliers", "1,2", "--blocks", "1", "--attention", "2", "--runs", "2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var result benchResult
	_, object, _ := strings.Cut(printed, "{") // after what it reports of its progress
	if err := json.Unmarshal([]byte("{"+object), &result); err != nil {
		t.Fatalf("%v in %q", err, printed)
	}
	for _, name := range benchMeasures {
		m := result.Measures[name]
		if len(m.Seconds) != 2 || m.Min <= 0 || m.Median < m.Min || m.Compile <= 0 || m.MatmulPart <= 0 {
			t.Errorf("%s: %+v; want two steps and positive figures", name, m)
		}
	}
	if result.Parameters < 100_000 || result.Backend != "go" || result.Matmul <= 0 {
		t.Errorf("%d parameters on %q, products at %g FLOP/s", result.Parameters, result.Backend, result.Matmul)
	}

}

// Two ways of counting: by the network's description, and in its graph. The
// graph is XLA's, as products of shifted copies also multiply the border.
func TestBenchOperations(t *testing.T) {
	e, err := engine.Open(t.Context(), "auto")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Info().Backend == "go" {
		t.Skip(e.Info().Warning)
	}
	for _, test := range []struct {
		multipliers []int
		least, most float64 // of the graph's operations to the needed ones
	}{
		{[]int{1}, 1, 1},
		{[]int{1, 2}, 0.7, 1}, // upsampling takes fewer products than a convolution of the upsampled image
	} {
		b := unetBench{Batch: 2, Size: 8}
		model, err := joint.New(joint.Config{UNet: nn.UNetConfig{ImageSize: 8, Channels: 3, Width: 32, Multipliers: test.multipliers, Blocks: 1,
			AttentionAt: []int{1}, Heads: 4, NormGroups: 32, Patch: 1}, Classes: benchClasses})
		if err != nil {
			t.Fatal(err)
		}
		var inGraph float64
		program, err := e.NewProgram("count", func(g *graph.Graph, in []*graph.Node) []*graph.Node {
			noise := model.UNet.PredictNoise(model.Evaluate(in[0], in[1]), in[2], in[3])
			inGraph = graphOperations(noise)
			return []*graph.Node{noise}
		})
		if err != nil {
			t.Fatal(err)
		}
		f32 := func(dims ...int) shapes.Shape { return shapes.Make(dtypes.Float32, dims...) }
		if _, err := program.Dry(f32(model.Layout.Size()), f32(model.Statistics.Size()), f32(b.Batch, 8, 8, 3), shapes.Make(dtypes.Int32, b.Batch)); err != nil {
			t.Fatal(err)
		}
		needed := jointOperations(model.Config, b.Batch)["sample"]
		if ratio := inGraph / needed; ratio < test.least || ratio > test.most {
			t.Errorf("multipliers %v: %g operations needed, %g in the graph", test.multipliers, needed, inGraph)
		}
	}
}

func TestBenchOnly(t *testing.T) {
	printed, err := execute(t, newBenchCommand(), "unet", "--engine", "go", "--size", "4", "--batch", "1",
		"--multipliers", "1", "--blocks", "1", "--runs", "1", "--only", "sample")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sample", "share of matmul", "peak memory of sample"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in %q", want, printed)
		}
	}
	if strings.Contains(printed, "train") || strings.Contains(printed, "guided") {
		t.Errorf("it took more than the sampling step: %q", printed)
	}
}

func TestBenchUNetErrors(t *testing.T) {
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"size without multipliers", "--multipliers", []string{"--size", "40"}},
		{"unknown measure", "train, sample, guided", []string{"--only", "fly"}},
		{"no runs", "--runs", []string{"--runs", "0"}},
		{"channels that groups do not divide", "norm_groups", []string{"--channels", "40"}},
		{"unknown engine", "use auto", []string{"--engine", "abacus"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"unet", "--engine", "go"}, test.args...)
			if _, err := execute(t, newBenchCommand(), args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %s", err, test.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %g, want %g", test.values, got, test.want)
		}
	}
}
