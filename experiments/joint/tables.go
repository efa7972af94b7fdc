package joint

import (
	"context"

	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// tableResult is the result of a stage that ends in a table.
type tableResult struct {
	Table table.Table `json:"table"`
}

// keepTable makes an artifact's finished table a run of its own, with the runs
// that it was read from as inputs. The version rises when a column's meaning does.
func keepTable[C any](ctx context.Context, store *track.Store, id string, version int, c C, t table.Table, inputs ...track.Input) (track.Result[tableResult], error) {
	stage := track.Stage[C, tableResult]{Name: id, Version: version,
		Run: func(context.Context, *track.Job, C) (tableResult, error) { return tableResult{t}, nil }}
	return track.Do(ctx, store, stage, c, inputs...)
}
