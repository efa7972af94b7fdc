package train

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/data"
	"noisebook/pkg/engine/enginetest"
	"noisebook/pkg/nn"
	"noisebook/pkg/safetensors"
)

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"steps is 0":            func(c *Config) { c.Steps = 0 },
		"batch is -1":           func(c *Config) { c.Batch = -1 },
		"learning_rate is 2":    func(c *Config) { c.LearningRate = 2 },
		"learning_rate is NaN":  func(c *Config) { c.LearningRate = math.NaN() },
		"ema_decay is 1":        func(c *Config) { c.EMADecay = 1 },
		"ema_decay is NaN":      func(c *Config) { c.EMADecay = math.NaN() },
		"clip_norm":             func(c *Config) { c.ClipNorm = -1 },
		`precision is "float8"`: func(c *Config) { c.Precision = "float8" },
	} {
		c := toyConfig(5)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		net := newLine()
		if _, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, toyBatches(4), toyImage, c, Options{}); err == nil {
			t.Errorf("%s: Run accepts it", want)
		}
	}
}

// losses trains and returns the loss of each step it took.
func losses(t *testing.T, ctx context.Context, c Config, o Options, stopAt int) (map[int]float64, Trained, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	net, seen := newNoisyLine(), map[int]float64{}
	o.Progress = func(step, _ int, values map[string]float64) {
		seen[step] = values["loss"]
		if step == stopAt {
			cancel()
		}
	}
	trained, err := Run(ctx, enginetest.Go(t), net.Network, net.objective, toyBatches(c.Batch), toyImage, c, o)
	return seen, trained, err
}

func TestResumeGivesTheSameLosses(t *testing.T) {
	c := toyConfig(20)
	want, whole, err := losses(t, t.Context(), c, Options{}, -1)
	if err != nil || len(want) != c.Steps {
		t.Fatalf("%d steps, %v", len(want), err)
	}

	path := filepath.Join(t.TempDir(), "checkpoint.safetensors")
	got := map[int]float64{}
	var resumed []int
	for _, stopAt := range []int{7, 8, 15, -1} { // three interruptions, one of them after a single step
		o := Options{Checkpoint: path, CheckpointEvery: 1000, Resumed: func(step int) { resumed = append(resumed, step) }}
		part, trained, err := losses(t, t.Context(), c, o, stopAt)
		for step, loss := range part {
			got[step] = loss
		}
		if stopAt < 0 {
			if err != nil {
				t.Fatal(err)
			}
			wantClose(t, "average", trained.Average, float64s(whole.Average), 1e-6)
			wantClose(t, "statistics", trained.Statistics, float64s(whole.Statistics), 1e-6)
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted at step %d: %v, want the context's error", stopAt, err)
		}
		if !strings.Contains(err.Error(), "step") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q does not say at which step, in one line", err)
		}
	}
	if len(resumed) != 3 || resumed[0] != 7 || resumed[1] != 8 || resumed[2] != 15 {
		t.Errorf("resumed at %v, want 7, 8 and 15", resumed)
	}
	for step := 1; step <= c.Steps; step++ {
		if d := math.Abs(got[step]-want[step]) / math.Abs(want[step]); !(d <= 1e-5) {
			t.Errorf("step %d: loss %g after resuming, %g without", step, got[step], want[step])
		}
	}
}

func float64s(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// A finished training's checkpoint answers at once.
func TestResumeAtTheEnd(t *testing.T) {
	o := Options{Checkpoint: filepath.Join(t.TempDir(), "c.safetensors")}
	_, want, err := losses(t, t.Context(), toyConfig(4), o, -1)
	if err != nil {
		t.Fatal(err)
	}
	again, got, err := losses(t, t.Context(), toyConfig(4), o, -1)
	if err != nil || len(again) != 0 || got.Steps != 4 {
		t.Fatalf("%d more steps to %d, %v", len(again), got.Steps, err)
	}
	wantClose(t, "weights", got.Weights, float64s(want.Weights), 0)
}

func TestCheckpointsAreEvery(t *testing.T) {
	var saved []int
	o := Options{Checkpoint: filepath.Join(t.TempDir(), "c.safetensors"), CheckpointEvery: 3, Saving: func(step int) { saved = append(saved, step) }}
	if _, _, err := losses(t, t.Context(), toyConfig(8), o, -1); err != nil {
		t.Fatal(err)
	}
	if len(saved) != 3 || saved[0] != 3 || saved[1] != 6 || saved[2] != 8 {
		t.Errorf("saved at %v, want 3, 6 and the end", saved)
	}
}

func TestCancelledBeforeTheFirstStepWritesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if _, _, err := losses(t, ctx, toyConfig(4), Options{Checkpoint: path}, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a checkpoint of step 0 was written: %v", err)
	}
}

// poisoned gives a pixel that breaks the loss from a step on.
type poisoned struct {
	toyBatches
	from  int
	value float32
}

func (p poisoned) Fill(step int, images []float32, labels []int32) error {
	err := p.toyBatches.Fill(step, images, labels)
	if step >= p.from {
		images[0] = p.value
	}
	return err
}

func TestNonFiniteLoss(t *testing.T) {
	for name, value := range map[string]float32{"NaN": float32(math.NaN()), "infinite": float32(math.Inf(1))} {
		t.Run(name, func(t *testing.T) {
			net, path := newLine(), filepath.Join(t.TempDir(), "c.safetensors")
			run := func(from int) error {
				o := Options{Checkpoint: path, CheckpointEvery: 2}
				_, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, poisoned{4, from, value}, toyImage, toyConfig(10), o)
				return err
			}
			err := run(5) // the sixth step, where a checkpoint is due
			var broken *NonFiniteError
			if !errors.As(err, &broken) {
				t.Fatalf("%v, want a NonFiniteError", err)
			}
			if broken.Step != 6 || broken.Term != "loss" || broken.GoodStep != 4 || broken.Checkpoint != path {
				t.Errorf("%+v, want step 6, term loss and the checkpoint of step 4", *broken)
			}
			for _, want := range []string{"loss", "step 6", "step 4", path, "learning_rate"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
			file, err := safetensors.Read(path)
			if err != nil || file.Metadata[stepKey] != "4" {
				t.Fatalf("the good checkpoint is gone: %v", err)
			}
			if err := run(100); err != nil {
				t.Errorf("going on from the good checkpoint: %v", err)
			}
		})
	}
}

func TestNonFiniteTermBeforeAnyCheckpoint(t *testing.T) {
	net := newLine()
	objective := func(p *nn.Pass, images, labels *graph.Node) (*graph.Node, []Term) {
		loss, _ := net.objective(p, images, labels)
		return loss, []Term{{Name: "ratio", Value: graph.Div(loss, graph.ZerosLike(loss))}}
	}
	_, err := Run(t.Context(), enginetest.Go(t), net.Network, objective, toyBatches(4), toyImage, toyConfig(3), Options{})
	var broken *NonFiniteError
	if !errors.As(err, &broken) || broken.Term != "ratio" || broken.Step != 1 || broken.Checkpoint != "" {
		t.Fatalf("%v, want the term ratio at step 1", err)
	}
	if !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("%q does not say that there is no checkpoint", err)
	}
}

func TestRefusedCheckpoints(t *testing.T) {
	net := newLine()
	vector := func(name string, values ...float32) safetensors.Tensor {
		return safetensors.FromFloat32s(name, []int{len(values)}, values)
	}
	write := func(metadata map[string]string, tensors ...safetensors.Tensor) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := safetensors.Write(path, tensors, metadata); err != nil {
				t.Fatal(err)
			}
		}
	}
	good := func(t *testing.T, path string) {
		t.Helper()
		if _, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, toyBatches(4), toyImage, toyConfig(2), Options{Checkpoint: path}); err != nil {
			t.Fatal(err)
		}
	}
	ours := func(step string) map[string]string {
		return map[string]string{formatKey: checkpoint, layoutKey: net.fingerprint(), stepKey: step}
	}
	tests := map[string]struct {
		make func(*testing.T, string)
		want string
	}{
		"another architecture": {func(t *testing.T, path string) {
			other := newNoisyLine()
			if _, err := Run(t.Context(), enginetest.Go(t), other.Network, other.objective, toyBatches(4), toyImage, toyConfig(2), Options{Checkpoint: path}); err != nil {
				t.Fatal(err)
			}
		}, "another architecture"},
		"truncated": {func(t *testing.T, path string) {
			good(t, path)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content[:len(content)-5], 0o644); err != nil {
				t.Fatal(err)
			}
		}, "truncated"},
		"empty":             {func(t *testing.T, path string) { os.WriteFile(path, nil, 0o644) }, "checkpoint"},
		"unknown format":    {write(map[string]string{formatKey: "noisebook checkpoint 9"}, vector("weights", 1)), "no checkpoint of this version"},
		"no metadata":       {write(nil, vector("weights", 1)), "no checkpoint of this version"},
		"step is no number": {write(ours("two"), vector("weights", 1)), "no valid step"},
		"negative step":     {write(ours("-2"), vector("weights", 1)), "no valid step"},
		"missing vector":    {write(ours("2"), vector("weights", 1, 2, 3)), "first_moment"},
		"wrong length": {write(ours("2"), vector("weights", 1, 2), vector("first_moment", 1, 2), vector("second_moment", 1, 2),
			vector("average", 1, 2), vector("statistics")), "weights has shape [2], want [3]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "checkpoint.safetensors")
			test.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Run(t.Context(), enginetest.Go(t), net.Network, net.objective, toyBatches(4), toyImage, toyConfig(4), Options{Checkpoint: path})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q", err, test.want)
			}
			for _, want := range []string{path, "delete it"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the refused checkpoint was changed: %v", err)
			}
		})
	}
}

func TestCheckpointThatCannotBeWritten(t *testing.T) {
	o := Options{Checkpoint: filepath.Join(t.TempDir(), "missing", "c.safetensors"), CheckpointEvery: 2}
	_, _, err := losses(t, t.Context(), toyConfig(4), o, -1)
	if err == nil || !strings.Contains(err.Error(), "checkpoint at step 2") {
		t.Errorf("%v, want the step of the checkpoint", err)
	}
}

func TestBatchLargerThanTheDataset(t *testing.T) {
	split := data.Split{Images: make([]uint8, 6), Labels: make([]int32, 3), Height: 1, Width: 2, Channels: 1}
	if _, err := data.NewBatches(split, 4, 1); err == nil || !strings.Contains(err.Error(), "batch size 4 is larger than the data set of 3 images") {
		t.Errorf("%v, want both sizes", err)
	}
	batches, err := data.NewBatches(split, 3, 1) // as large as the data set: every step is an epoch
	if err != nil {
		t.Fatal(err)
	}
	net, c := newLine(), toyConfig(2)
	c.Batch = 3
	if _, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, batches, toyImage, c, Options{}); err != nil {
		t.Error(err)
	}
}

// failing cannot give batch 2.
type failing struct{ toyBatches }

func (f failing) Fill(step int, images []float32, labels []int32) error {
	if step == 2 {
		return errors.New("the file is gone")
	}
	return f.toyBatches.Fill(step, images, labels)
}

func TestBatchThatCannotBeFilled(t *testing.T) {
	net := newLine()
	_, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, failing{4}, toyImage, toyConfig(4), Options{})
	if err == nil || !strings.Contains(err.Error(), "the file is gone") {
		t.Errorf("%v, want the cause", err)
	}
}

func TestNetworkWithoutParameters(t *testing.T) {
	empty, net := Network{Layout: &nn.Layout{}, Statistics: &nn.Layout{}}, newLine()
	if _, err := Run(t.Context(), enginetest.Go(t), empty, net.objective, toyBatches(4), toyImage, toyConfig(1), Options{}); err == nil {
		t.Error("a network without parameters is trained")
	}
}

// The key of a stage is made of its config's JSON: a precision that nobody
// chose must not be part of it.
func TestConfigJSON(t *testing.T) {
	c := toyConfig(5)
	const want = `{"steps":5,"batch":4,"learning_rate":0.02,"warmup":3,"cosine_decay":true,"weight_decay":0.1,"clip_norm":1,"ema_decay":0.9,"seed":7}`
	if got, err := json.Marshal(c); err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	c.Precision = nn.BFloat16
	if got, err := json.Marshal(c); err != nil || !strings.Contains(string(got), `"precision":"bfloat16"`) {
		t.Errorf("%s, %v: the precision is lost", got, err)
	}
}
