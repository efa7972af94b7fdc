package experiments

import (
	"context"
	"math/rand/v2"

	"noisebook/pkg/data"
	"noisebook/pkg/track"
)

// DatasetInputs makes a dataset's files inputs of a stage, by their published
// checksums: a result belongs to the content that it was computed from.
func DatasetInputs(d data.Description) []track.Input {
	var inputs []track.Input
	for _, f := range d.Files {
		inputs = append(inputs, track.DatasetInput(track.Dataset{Name: d.Name, Split: f.Name, Checksum: f.Checksum()}))
	}
	return inputs
}

// LoadDataset loads a dataset, fetching it if need be, and records what was read.
func LoadDataset(ctx context.Context, job *track.Job, name string) (*data.Dataset, error) {
	d, err := data.Load(ctx, name, data.Options{})
	if err != nil {
		return nil, err
	}
	for file, checksum := range d.Checksums {
		job.Dataset(track.Dataset{Name: name, Split: file, Checksum: checksum})
	}
	return d, nil
}

// Permutation orders 0 … n−1 by a seed.
func Permutation(n int, seed uint64) []int {
	return rand.New(rand.NewPCG(seed, 0)).Perm(n)
}
