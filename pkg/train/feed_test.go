package train

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"noisebook/pkg/data"
	"noisebook/pkg/engine"
	"noisebook/pkg/engine/enginetest"
)

// patience is how long a test waits for another goroutine before it fails.
const patience = 10 * time.Second

// announced tells when a batch is made.
type announced struct {
	toyBatches
	made map[int]chan struct{}
}

func (a announced) Fill(step int, images []float32, labels []int32) error {
	defer close(a.made[step])
	return a.toyBatches.Fill(step, images, labels)
}

// The next batch does not wait for what is done with this step's values.
func TestBatchesAreMadeAhead(t *testing.T) {
	const steps = 4
	batches := announced{toyBatches(4), map[int]chan struct{}{}}
	for step := range steps {
		batches.made[step] = make(chan struct{})
	}
	net := newLine()
	_, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, batches, toyImage, toyConfig(steps), Options{
		Progress: func(done, _ int, _ map[string]float64) {
			if done == steps {
				return
			}
			select {
			case <-batches.made[done]: // steps are counted from 0: this is the next
			case <-time.After(patience):
				t.Errorf("after step %d its successor's batch is not made", done)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
}

// Steps go on while a checkpoint is being written.
func TestCheckpointsDoNotStopTheTraining(t *testing.T) {
	finished := make(chan struct{})
	var written []int
	o := Options{
		Checkpoint: filepath.Join(t.TempDir(), "c.safetensors"), CheckpointEvery: 3,
		Saving: func(step int) {
			written = append(written, step)
			select {
			case <-finished:
			case <-time.After(patience):
				t.Errorf("no step passes while the checkpoint of step %d is being written", step)
			}
		},
		Progress: func(step, total int, _ map[string]float64) {
			if step == total {
				close(finished)
			}
		},
	}
	net := newLine()
	if _, err := Run(t.Context(), enginetest.Go(t), net.Network, net.objective, toyBatches(4), toyImage, toyConfig(5), o); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(written, []int{3, 5}) {
		t.Errorf("checkpoints of steps %v, want 3 and 5", written)
	}
}

func fashionSized(images int) data.Split {
	rng := rand.New(rand.NewPCG(1, 2))
	s := data.Split{Images: make([]uint8, images*784), Labels: make([]int32, images), Height: 28, Width: 28, Channels: 1}
	for i := range s.Images {
		s.Images[i] = uint8(rng.Uint32())
	}
	for i := range s.Labels {
		s.Labels[i] = int32(i % 10)
	}
	return s
}

func openFeed(t testing.TB, e *engine.Engine, c Config, devices int) (*feed, *data.Batches) {
	t.Helper()
	batches, err := data.NewBatches(fashionSized(500), c.Batch, c.Seed)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFeed(e, c, batches, example{image: [3]int{28, 28, 1}}, devices)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.free)
	return f, batches
}

// Every device has its part of the batch, and the same scalars and random state.
func TestFeedSharesTheBatch(t *testing.T) {
	e, c := enginetest.XLA(t), toyConfig(10)
	const devices, step = 2, 7
	f, batches := openFeed(t, e, c, devices)
	set := f.sets[0]
	if err := f.fill(set, step); err != nil {
		t.Fatal(err)
	}
	images, labels := make([]float32, c.Batch*784), make([]int32, c.Batch)
	if err := batches.Fill(step, images, labels); err != nil {
		t.Fatal(err)
	}
	state, err := engine.RandomState(c.Seed, step)
	if err != nil {
		t.Fatal(err)
	}
	scalars := c.scalars(step)
	half := c.Batch / devices
	for device, on := range set.devices {
		wantFlat(t, on[inRandom-inRandom].tensor, tensors.MustCopyFlatData[uint64](state))
		wantFlat(t, on[inScalars-inRandom].tensor, scalars[:])
		wantFlat(t, on[inImages-inRandom].tensor, images[device*half*784:(device+1)*half*784])
		wantFlat(t, on[inLabels-inRandom].tensor, labels[device*half:(device+1)*half])
	}
}

func wantFlat[T interface{ ~uint64 | ~float32 | ~int32 }](t *testing.T, got *tensors.Tensor, want []T) {
	t.Helper()
	got.MustConstFlatData(func(flat any) {
		if !slices.Equal(flat.([]T), want) {
			t.Errorf("%v, want %v", flat, want)
		}
	})
}

func TestFeedAllocatesNothing(t *testing.T) {
	f, _ := openFeed(t, enginetest.Go(t), toyConfig(1), 1)
	step := 0
	if allocations := testing.AllocsPerRun(100, func() {
		if err := f.fill(f.sets[step%2], step); err != nil {
			t.Fatal(err)
		}
		step++
	}); allocations != 0 {
		t.Errorf("%g allocations a step, want none", allocations)
	}
}

// BenchmarkFeed is what happens beside a step: a batch of 64 images of 28×28, the
// scalars and the random state, up to the device.
func BenchmarkFeed(b *testing.B) {
	e := enginetest.XLA(b)
	c := toyConfig(1)
	c.Batch = 64
	f, _ := openFeed(b, e, c, 1)
	b.ReportAllocs()
	step := 0
	for b.Loop() {
		if err := f.fill(f.sets[step%2], step); err != nil {
			b.Fatal(err)
		}
		step++
	}
}
