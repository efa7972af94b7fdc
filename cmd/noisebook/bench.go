package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/spf13/cobra"

	"noisebook/pkg/engine"
	"noisebook/pkg/engine/programs"
	"noisebook/pkg/joint"
	"noisebook/pkg/nn"
	"noisebook/pkg/process"
	"noisebook/pkg/train"
)

func newBenchCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "bench",
		Short: "Time this build on this machine",
	}
	command.AddCommand(newBenchUNetCommand(), newBenchInputCommand(), newBenchCellsCommand(), newBenchTrackerCommand(), newBenchPrecisionCommand(), newBenchCollectCommand(), newBenchTableCommand(), newBenchPlotCommand())
	return command
}

// unetBench is what `bench unet` was asked to time.
type unetBench struct {
	Channels    int      `json:"channels"`
	Batch       int      `json:"batch"`
	Size        int      `json:"size"`
	InChannels  int      `json:"in_channels"`
	Multipliers []int    `json:"multipliers"`
	Blocks      int      `json:"blocks"`
	Attention   []int    `json:"attention"`
	Patch       int      `json:"patch"`
	Runs        int      `json:"runs"`
	Devices     int      `json:"devices"`
	Only        []string `json:"only"`

	ProgramCache bool `json:"program_cache"` // programs may come from disk in place of the compiler
}

// benchMeasures are the kinds of steps in the order in which they are timed.
var benchMeasures = []string{"train", "sample", "guided"}

func newBenchUNetCommand() *cobra.Command {
	var spec string
	var asJSON bool
	b := unetBench{}
	command := &cobra.Command{
		Use:   "unet",
		Short: "Time the joint network: a training step, a sampling step, a guided step of Algorithm 1",
		Long: `Time the joint network on random images.

  train    noise loss on x_t and 0.001 × cross-entropy of x_0, gradients, AdamW,
           moving average; what a training run does at each step
  sample   one noise prediction
  guided   one noise prediction of Algorithm 1: encoder, gradient of the
           classifier's loss for every feature map, decoder

Each is compiled, run once, then timed --runs times. GFLOP counts the
multiply-adds of convolutions and matrix products, twice each, as the network
is defined; "in graph" has those of our program, fewer where it rewrites a
layer. The share is of a product of square float32 matrices, timed in the same
run. Peak memory is the whole process's: --only train gives that of training.

Multipliers follow from the size as in the paper (28: 1,2,2; 32: 1,2,2,2;
64: 1,2,3,4) unless given. Attention is given by downsampling factors.`,
		Example: `  noisebook bench unet --channels 32 --batch 64 --size 28
  noisebook bench unet --channels 64 --only train --json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := b.complete(); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if !b.ProgramCache {
				folder, err := os.MkdirTemp("", "noisebook-bench") // steps after a compilation as users have it
				if err != nil {
					return fmt.Errorf("bench: %w", err)
				}
				defer os.RemoveAll(folder)
				os.Setenv(programs.Variable, folder)
			}
			e, err := engine.Open(command.Context(), spec)
			if err != nil {
				return err
			}
			defer e.Close()
			result, err := b.run(command.Context(), e, command.ErrOrStderr())
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if asJSON {
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(result)
			}
			return result.print(command.OutOrStdout())
		},
	}
	flags := command.Flags()
	flags.IntVar(&b.Channels, "channels", 32, "base channels C; a multiple of 32")
	flags.IntVar(&b.Batch, "batch", 64, "images a step")
	flags.IntVar(&b.Size, "size", 28, "pixels a side")
	flags.IntVar(&b.InChannels, "in-channels", 1, "channels of the image")
	flags.IntSliceVar(&b.Multipliers, "multipliers", nil, "of C, one a resolution level")
	flags.IntVar(&b.Blocks, "blocks", 3, "residual blocks a level")
	flags.IntSliceVar(&b.Attention, "attention", []int{2, 4}, "downsampling factors at which attention is used")
	flags.IntVar(&b.Patch, "patch", 1, "1, or 2 to fold 2×2 pixels into channels")
	flags.IntVar(&b.Runs, "runs", 5, "timed runs of each measure")
	flags.IntVar(&b.Devices, "devices", 1, "share the training batch between the first `N` devices of the engine")
	flags.StringSliceVar(&b.Only, "only", benchMeasures, "measures to take")
	flags.BoolVar(&b.ProgramCache, "program-cache", false, "load programs that an earlier process has compiled; else all are compiled")
	flags.StringVar(&spec, "engine", "", "auto, xla, xla:PATH or go (default $NOISEBOOK_ENGINE, then auto)")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

var paperMultipliers = map[int][]int{28: {1, 2, 2}, 32: {1, 2, 2, 2}, 64: {1, 2, 3, 4}}

func (b *unetBench) complete() error {
	if len(b.Multipliers) == 0 {
		b.Multipliers = paperMultipliers[b.Size]
	}
	switch {
	case len(b.Multipliers) == 0:
		return fmt.Errorf("the paper has no multipliers for size %d: give --multipliers", b.Size)
	case b.Batch < 1 || b.Runs < 1:
		return fmt.Errorf("--batch and --runs must be at least 1")
	case len(b.Only) == 0:
		return fmt.Errorf("--only names no measure: use some of %s", strings.Join(benchMeasures, ", "))
	}
	for _, name := range b.Only {
		if !slices.Contains(benchMeasures, name) {
			return fmt.Errorf("--only: unknown measure %q; use some of %s", name, strings.Join(benchMeasures, ", "))
		}
	}
	return nil
}

// benchResult is what was measured.
type benchResult struct {
	Config     unetBench              `json:"config"`
	Backend    string                 `json:"backend"`
	Device     string                 `json:"device"`
	Versions   map[string]string      `json:"versions"` // of the modules that compute
	Parameters int                    `json:"parameters"`
	Matmul     float64                `json:"matmul_flops"` // floating-point operations a second of a product of square matrices
	Measures   map[string]benchTiming `json:"measures"`
	PeakMemory int64                  `json:"peak_memory_bytes,omitempty"` // of the process, before the matrices
}

// benchTiming is one kind of step.
type benchTiming struct {
	Compile    float64   `json:"compile_seconds"`
	Seconds    []float64 `json:"seconds"` // in the order of the runs
	Median     float64   `json:"median_seconds"`
	Min        float64   `json:"min_seconds"`
	Needed     float64   `json:"operations"`       // floating-point operations of the step, as the network is defined
	InGraph    float64   `json:"graph_operations"` // … as our graph has them
	MatmulPart float64   `json:"share_of_matmul"`  // Needed / Median / Matmul
}

func (b *unetBench) run(ctx context.Context, e *engine.Engine, progress io.Writer) (*benchResult, error) {
	model, err := joint.New(joint.Config{
		UNet: nn.UNetConfig{
			ImageSize: b.Size, Channels: b.InChannels, Width: b.Channels, Multipliers: b.Multipliers, Blocks: b.Blocks,
			AttentionAt: b.Attention, Heads: 4, NormGroups: 32, Dropout: 0.3, Patch: b.Patch,
		},
		Classes: benchClasses, HeadDropout: 0.7,
	})
	if err != nil {
		return nil, err
	}
	result := &benchResult{
		Config: *b, Backend: e.Info().Backend, Device: e.Info().Device, Versions: e.Info().Versions, Parameters: model.Layout.Size(),
		Measures: map[string]benchTiming{},
	}
	needed := jointOperations(model.Config, b.Batch)
	var compiled time.Duration
	e.LogCompilations(func(c engine.Compilation) { compiled += c.Took })
	for _, name := range benchMeasures {
		if !slices.Contains(b.Only, name) {
			continue
		}
		fmt.Fprintf(progress, "timing %s …\n", name)
		timing := benchTiming{Needed: needed[name]}
		compiled = 0
		switch name {
		case "train":
			timing.Seconds, timing.InGraph, err = b.timeTraining(ctx, e, model)
		case "sample":
			timing.Seconds, timing.InGraph, err = b.timeForward(ctx, e, model, func(p *nn.Pass, x, t, _ *graph.Node) *graph.Node {
				return model.UNet.PredictNoise(p, x, t)
			})
		case "guided":
			timing.Seconds, timing.InGraph, err = b.timeForward(ctx, e, model, func(p *nn.Pass, x, t, y *graph.Node) *graph.Node {
				noise, _ := model.GuidedNoise(p, x, t, y, graph.Const(x.Graph(), float32(100)))
				return noise
			})
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		timing.Compile = compiled.Seconds()
		timing.Median, timing.Min = median(timing.Seconds), slices.Min(timing.Seconds)
		result.Measures[name] = timing
	}
	result.PeakMemory = engine.PeakMemory()
	if result.Matmul, err = matmulSpeed(e, b.Runs); err != nil {
		return nil, err
	}
	for name, timing := range result.Measures {
		timing.MatmulPart = timing.Needed / timing.Median / result.Matmul
		result.Measures[name] = timing
	}
	return result, nil
}

const (
	benchClasses   = 10
	benchTimesteps = 500
)

// timeTraining is the seconds of each step of a training run after the first,
// and the floating-point operations of a step's graph.
func (b *unetBench) timeTraining(ctx context.Context, e *engine.Engine, model *joint.Model) (seconds []float64, operations float64, err error) {
	betas, err := process.ScaledLinear(benchTimesteps, process.HoFirst, process.HoLast)
	if err != nil {
		return nil, 0, err
	}
	chain, err := process.NewDDPM(betas)
	if err != nil {
		return nil, 0, err
	}
	objective := func(p *nn.Pass, x0, y *graph.Node) (*graph.Node, []train.Term) {
		t := graph.ConvertDType(graph.MulScalar(p.Uniform(b.Batch), benchTimesteps), dtypes.Int32)
		l := model.Loss(p, joint.Objective{DiffusionScale: 1, ClassScale: 1e-3, Noisy: joint.NoisyNone}, chain,
			joint.Batch{Images: x0, Labels: y, Steps: t, Noise: p.Normal(x0.Shape().Dimensions...)})
		return l.Total, nil
	}
	operations, err = b.gradientOperations(e, model, objective)
	if err != nil {
		return nil, 0, err
	}
	last := time.Time{}
	_, err = train.Run(ctx, e, train.Network{Layout: model.Layout, Statistics: model.Statistics}, objective,
		randomBatches(b.Batch), [3]int{b.Size, b.Size, b.InChannels},
		train.Config{Steps: b.Runs + 1, Batch: b.Batch, LearningRate: 1e-4, EMADecay: 0.999, Seed: 1},
		train.Options{Devices: b.Devices, Progress: func(int, int, map[string]float64) {
			if !last.IsZero() {
				seconds = append(seconds, time.Since(last).Seconds())
			}
			last = time.Now()
		}})
	return seconds, operations, err
}

// timeForward is the seconds of each call after the first of a prediction in
// evaluation mode, and the floating-point operations of its graph.
func (b *unetBench) timeForward(ctx context.Context, e *engine.Engine, model *joint.Model, predict func(p *nn.Pass, x, t, y *graph.Node) *graph.Node) (seconds []float64, operations float64, err error) {
	program, err := e.NewProgram("bench", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		noise := predict(model.Evaluate(in[0], in[1]), in[2], in[3], in[4])
		operations = graphOperations(noise)
		return []*graph.Node{noise}
	})
	if err != nil {
		return nil, 0, err
	}
	defer program.Finalize()
	images, labels := make([]float32, b.Batch*b.Size*b.Size*b.InChannels), make([]int32, b.Batch)
	if err := randomBatches(b.Batch).Fill(0, images, labels); err != nil {
		return nil, 0, err
	}
	times := make([]int32, b.Batch)
	for i := range times {
		times[i] = int32(i * benchTimesteps / b.Batch)
	}
	weights, statistics := model.Layout.Initialize(1), model.Statistics.Initialize(1)
	args := []any{
		tensors.FromFlatDataAndDimensions(weights, len(weights)),
		tensors.FromFlatDataAndDimensions(statistics, len(statistics)),
		tensors.FromFlatDataAndDimensions(images, b.Batch, b.Size, b.Size, b.InChannels),
		tensors.FromFlatDataAndDimensions(times, b.Batch),
		tensors.FromFlatDataAndDimensions(labels, b.Batch),
	}
	for i := range b.Runs + 1 {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		start := time.Now()
		outputs, err := program.Call(args...)
		if err != nil {
			return nil, 0, err
		}
		// Reading the result waits for it.
		if _, err := tensors.CopyFlatData[float32](outputs[0]); err != nil {
			return nil, 0, err
		}
		outputs[0].FinalizeAll()
		if i > 0 {
			seconds = append(seconds, time.Since(start).Seconds())
		}
	}
	return seconds, operations, nil
}

// randomBatches are batches of noise of a size.
type randomBatches int

func (r randomBatches) Size() int { return int(r) }

func (r randomBatches) Fill(step int, images []float32, labels []int32) error {
	rng := rand.New(rand.NewPCG(1, uint64(step)))
	for i := range images {
		images[i] = 2*rng.Float32() - 1
	}
	for i := range labels {
		labels[i] = rng.Int32N(benchClasses)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// matmulSpeed is the floating-point operations a second that the engine reaches
// in products of square float32 matrices: the fastest of the runs.
func matmulSpeed(e *engine.Engine, runs int) (float64, error) {
	const products = 4 // in one call, so that the call itself weighs little
	side := 2048
	if e.Info().Backend == "go" {
		side = 256
	}
	program, err := e.NewProgram("matmul", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
		x := in[0]
		for range products {
			x = graph.Dot(x, in[1]).Product()
		}
		return []*graph.Node{x} // not their sum: XLA fuses a sum with the product before it into a slow loop
	})
	if err != nil {
		return 0, err
	}
	defer program.Finalize()
	x := make([]float32, side*side)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range x {
		x[i] = (2*rng.Float32() - 1) / float32(side)
	}
	matrix := tensors.FromFlatDataAndDimensions(x, side, side)
	defer matrix.FinalizeAll()
	best := 0.0
	for range runs + 1 {
		start := time.Now()
		outputs, err := program.Call(matrix, matrix)
		if err != nil {
			return 0, err
		}
		if _, err := tensors.CopyFlatData[float32](outputs[0]); err != nil {
			return 0, err
		}
		outputs[0].FinalizeAll()
		best = max(best, products*2*math.Pow(float64(side), 3)/time.Since(start).Seconds())
	}
	return best, nil
}

func (r *benchResult) print(w io.Writer) error {
	fmt.Fprintf(w, "UNet C=%d B=%d %d×%d×%d multipliers %v, %d blocks, attention at %v, patch %d: %d parameters with the head\n",
		r.Config.Channels, r.Config.Batch, r.Config.Size, r.Config.Size, r.Config.InChannels, r.Config.Multipliers,
		r.Config.Blocks, r.Config.Attention, r.Config.Patch, r.Parameters)
	fmt.Fprintf(w, "%s: %s\n", r.Backend, r.Device)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "measure\tmedian, s\tmin, s\timages/s\tcompile, s\tGFLOP\tin graph\tGFLOP/s\tshare of matmul")
	for _, name := range benchMeasures {
		m, taken := r.Measures[name]
		if !taken {
			continue
		}
		fmt.Fprintf(tw, "%s\t%.3f\t%.3f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.2f\n", name, m.Median, m.Min,
			float64(r.Config.Batch)/m.Median, m.Compile, m.Needed/1e9, m.InGraph/1e9, m.Needed/m.Median/1e9, m.MatmulPart)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "matmul %.1f GFLOP/s\n", r.Matmul/1e9)
	if r.PeakMemory == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "peak memory of %s: %.2f GB\n", strings.Join(r.Config.Only, ", "), float64(r.PeakMemory)/1e9)
	return err
}
