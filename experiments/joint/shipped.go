package joint

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"noisebook/pkg/joint"
	"noisebook/pkg/safetensors"
	checkout "noisebook/pkg/setup"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// WeightsVariable is the environment variable that names another file of
// trained weights than the one in the repository.
const WeightsVariable = "NOISEBOOK_WEIGHTS"

// shippedMetadata are the keys of a shipped file's metadata.
const (
	metadataConfig   = "config"        // JSON of [ModelConfig]
	metadataRun      = "run"           // that trained it
	metadataAccuracy = "test_accuracy" // a share
)

// Model is a trained model, ready to compute.
type Model struct {
	Config  ModelConfig
	Network *joint.Model
	Weights train.Weights
	Origin  string      // where the weights come from, for captions
	Input   track.Input // the same for the store: the weights by their content
}

// ShippedPath is where the repository keeps the weights that a tier trained.
func ShippedPath(t tier.Tier) (string, error) {
	root := os.Getenv("NOISEBOOK_ROOT") // the kernel's launcher names its checkout
	if root == "" {
		var err error
		if root, err = checkout.Root(); err != nil {
			return "", err
		}
	}
	return filepath.Join(root, "results", "weights", fmt.Sprintf("joint-%s-%s.safetensors", model(t).Dataset, t)), nil
}

// ShippedModel is the model whose weights come with the repository, trained at
// tier cpu, or the one in the file that NOISEBOOK_WEIGHTS names. When the
// repository has none the error wraps [fs.ErrNotExist].
func ShippedModel() (*Model, error) {
	path := os.Getenv(WeightsVariable)
	named := path != ""
	if !named {
		var err error
		if path, err = ShippedPath(tier.CPU); err != nil {
			return nil, err
		}
	}
	m, err := ReadModel(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named:
		// Asking for a file that is not there is a mistake, not a checkout without weights.
		return nil, fmt.Errorf("joint: %s names %s, which does not exist", WeightsVariable, path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("joint: no shipped weights %s; train and ship them with 'noisebook run joint/alpha-sweep --tier cpu' and 'noisebook weights ship --tier cpu': %w",
			filepath.Base(path), fs.ErrNotExist)
	}
	return m, err
}

// ReadModel reads a model from a file that [Ship] wrote.
func ReadModel(path string) (*Model, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := safetensors.Read(path)
	if err != nil {
		return nil, fmt.Errorf("joint: weights: %w", err)
	}
	var c ModelConfig
	if err := json.Unmarshal([]byte(file.Metadata[metadataConfig]), &c); err != nil {
		return nil, fmt.Errorf("joint: %s does not say what model it holds (metadata %q): %w; write it with 'noisebook weights ship'", path, metadataConfig, err)
	}
	checksum := fmt.Sprintf("%x", sha256.Sum256(content))
	m, err := newModel(c, path)
	if err != nil {
		return nil, err
	}
	m.Origin = fmt.Sprintf("shipped %s, trained by run %s", checksum[:8], file.Metadata[metadataRun])
	m.Input = track.DatasetInput(track.Dataset{Name: "weights", Split: "joint", Checksum: checksum})
	return m, nil
}

// Load trains the model, or finds it in the store, and reads its weights.
func (c ModelConfig) Load(ctx context.Context, store *track.Store) (*Model, error) {
	trained, err := c.Fit(ctx, store)
	if err != nil {
		return nil, err
	}
	path, err := store.Path(trained.Value.Weights)
	if err != nil {
		return nil, err
	}
	m, err := newModel(c, path)
	if err != nil {
		return nil, err
	}
	m.Origin, m.Input = fmt.Sprintf("trained by run %s", trained.Run), trained
	return m, nil
}

// ShippedOrTrained is the shipped model where there is one. A checkout without
// trains the model of a tier instead; of tier paper, which takes a GPU, that of
// tier cpu.
func ShippedOrTrained(ctx context.Context, store *track.Store, t tier.Tier) (*Model, error) {
	m, err := ShippedModel()
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if t == tier.Paper {
		t = tier.CPU
	}
	return model(t).Load(ctx, store)
}

func newModel(c ModelConfig, path string) (*Model, error) {
	m, err := joint.New(c.Network)
	if err != nil {
		return nil, err
	}
	weights, err := train.ReadWeights(path, network(m))
	return &Model{Config: c, Network: m, Weights: weights}, err
}

// Ship writes the weights of a tier's newest finished training to w, in half
// precision and with the config beside them, and returns the training's run.
func Ship(w io.Writer, store *track.Store, t tier.Tier) (run string, err error) {
	c := model(t)
	trained, err := track.Latest[TrainedModel](store, trainStage, func(config json.RawMessage) bool {
		var other ModelConfig
		return json.Unmarshal(config, &other) == nil && reflect.DeepEqual(other, c)
	})
	if errors.Is(err, track.ErrNoRun) {
		return "", fmt.Errorf("joint: no finished training of tier %s: run 'noisebook run joint/alpha-sweep --tier %s' first: %w", t, t, err)
	}
	if err != nil {
		return "", err
	}
	path, err := store.Path(trained.Value.Weights)
	if err != nil {
		return "", err
	}
	m, err := newModel(c, path)
	if err != nil {
		return "", err
	}
	config, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return trained.Run, train.WriteWeights(w, network(m.Network), m.Weights, true, map[string]string{
		"architecture": "joint", metadataConfig: string(config), metadataRun: trained.Run,
		metadataAccuracy: fmt.Sprintf("%.4f", trained.Value.Accuracy), "tier": string(t),
	})
}
