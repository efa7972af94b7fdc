package joint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"noisebook/pkg/joint"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// trained puts a finished training of tier smoke into a fresh store, with
// initial weights in place of trained ones.
func trained(t *testing.T) (*track.Store, track.Result[TrainedModel], []float32) {
	t.Helper()
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := model(tier.Smoke)
	m, err := joint.New(c.Network)
	if err != nil {
		t.Fatal(err)
	}
	weights := train.Weights{Values: m.Layout.Initialize(3), Statistics: m.Statistics.Initialize(3)}
	stage := track.Stage[ModelConfig, TrainedModel]{Name: trainStage, Version: trainVersion,
		Run: func(_ context.Context, job *track.Job, _ ModelConfig) (TrainedModel, error) {
			saved, err := job.Save("weights.safetensors", func(w io.Writer) error {
				return train.WriteWeights(w, network(m), weights, false, nil)
			})
			return TrainedModel{Weights: saved, Accuracy: 0.25}, err
		}}
	result, err := track.Do(t.Context(), store, stage, c)
	if err != nil {
		t.Fatal(err)
	}
	return store, result, weights.Values
}

func TestShippedModelReadsWhatShipWrote(t *testing.T) {
	store, result, want := trained(t)
	var file bytes.Buffer
	run, err := Ship(&file, store, tier.Smoke)
	if err != nil {
		t.Fatal(err)
	}
	if run != result.Run {
		t.Errorf("shipped run %s, want %s", run, result.Run)
	}
	path := filepath.Join(t.TempDir(), "weights.safetensors")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(WeightsVariable, path)
	m, err := ShippedModel()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Config, model(tier.Smoke)) {
		t.Errorf("config came back as %+v", m.Config)
	}
	if !strings.Contains(m.Origin, run) {
		t.Errorf("origin %q does not name run %s", m.Origin, run)
	}
	for i, v := range m.Weights.Values { // half precision keeps eleven bits
		if difference := math.Abs(float64(v - want[i])); difference > math.Abs(float64(want[i]))/2048+1e-7 {
			t.Fatalf("weight %d is %g, want %g", i, v, want[i])
		}
	}
}

func TestShipNamesTheCommandThatIsMissing(t *testing.T) {
	store, _, _ := trained(t)
	_, err := Ship(io.Discard, store, tier.CPU)
	if !errors.Is(err, track.ErrNoRun) || !strings.Contains(err.Error(), "--tier cpu") {
		t.Errorf("error is %v, want one that says how to train tier cpu", err)
	}
}

func TestShippedModelTellsMissingFiles(t *testing.T) {
	t.Run("of the repository", func(t *testing.T) {
		t.Setenv(WeightsVariable, "")
		t.Setenv("NOISEBOOK_ROOT", t.TempDir())
		_, err := ShippedModel()
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "weights ship") {
			t.Errorf("error is %v, want one that wraps fs.ErrNotExist and says how to ship", err)
		}
	})
	t.Run("that the environment names", func(t *testing.T) {
		t.Setenv(WeightsVariable, filepath.Join(t.TempDir(), "none.safetensors"))
		_, err := ShippedModel()
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error is %v, want one that no fallback takes for a checkout without weights", err)
		}
	})
	t.Run("of another kind", func(t *testing.T) {
		store, result, _ := trained(t)
		path, err := store.Path(result.Value.Weights) // has no config
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(WeightsVariable, path)
		if _, err := ShippedModel(); err == nil || !strings.Contains(err.Error(), "metadata") {
			t.Errorf("error is %v, want one about the missing metadata", err)
		}
	})
}
