package learn

import (
	"context"
	"fmt"
	"image"

	"noisebook/pkg/data"
	"noisebook/pkg/figure"
	"noisebook/pkg/npy"
	"noisebook/pkg/track"
)

// draw lays the pictures out: the original, then a column a timestep.
func (c ForwardProcessConfig) draw(ctx context.Context, store *track.Store, result track.Result[ForwardProcessResult], name string) (*figure.Figure, error) {
	dataset, err := data.Load(ctx, name, data.Options{})
	if err != nil {
		return nil, err
	}
	originals, err := firstOfClasses(dataset.Test, c.Shown)
	if err != nil {
		return nil, err
	}
	noised, err := readPictures(store, result.Value.Noised)
	if err != nil {
		return nil, err
	}
	guessed, err := readPictures(store, result.Value.Guessed)
	if err != nil {
		return nil, err
	}
	spec := figure.GridSpec{
		Columns: 1 + len(c.Timesteps), ColumnLabels: []string{"clean"},
		Title:      "One step back from every t",
		Caption:    "Upper rows: x_t. Lower rows: the clean image that the network guesses from it in a single step.",
		Provenance: map[string]string{"run": result.Run, "commit": result.Provenance.ShortCommit(), "tier": string(c.Tier), "data": name, "weights": result.Value.Weights},
	}
	for _, t := range c.Timesteps {
		spec.ColumnLabels = append(spec.ColumnLabels, fmt.Sprintf("t = %d", t))
	}
	var cells []image.Image
	for i, original := range originals {
		class := dataset.Classes[dataset.Test.Labels[original]]
		spec.RowLabels = append(spec.RowLabels, class+", noised", class+", guessed")
		for _, row := range []data.Split{noised, guessed} {
			cells = append(cells, dataset.Test.Image(original))
			for step := range c.Timesteps {
				cells = append(cells, row.Image(step*len(c.Shown)+i))
			}
		}
	}
	return figure.Grid(cells, spec)
}

// readPictures reads an array [..., H, W, C] as images in order.
func readPictures(store *track.Store, a track.Artifact) (data.Split, error) {
	path, err := store.Path(a)
	if err != nil {
		return data.Split{}, err
	}
	array, err := npy.Open(path)
	if err != nil {
		return data.Split{}, err
	}
	shape := array.Shape()
	if len(shape) < 4 {
		return data.Split{}, fmt.Errorf("learn: pictures have shape %v, want at least 4 axes", shape)
	}
	values := array.Float64s()
	one := shape[len(shape)-3:]
	split := data.Split{Images: make([]uint8, len(values)), Labels: make([]int32, len(values)/(one[0]*one[1]*one[2])),
		Height: one[0], Width: one[1], Channels: one[2]}
	for i, v := range values {
		split.Images[i] = uint8(v)
	}
	return split, nil
}
