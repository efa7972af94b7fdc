package joint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// tableResult is the result of a stage that ends in a table.
type tableResult struct {
	Table table.Table `json:"table"`
}

// tabled is the outcome of a finished table, with nothing drawn or judged yet.
func tabled(id string, at tier.Tier, result track.Result[tableResult], setting claim.Setting, provenance map[string]string) (experiments.Outcome, error) {
	o := experiments.Outcome{ID: id, Tier: at, Run: result.Run, Cached: result.Cached, Table: result.Value.Table}
	report, err := claim.NewReport(id, at, setting)
	report.Provenance = provenance
	o.Report = report
	return o, err
}

// keepTable makes an artifact's finished table a run of its own, with the runs
// that it was read from as inputs. Its own content is one too: it also holds what
// the paper reports and what we say of the difference, which are in no run.
func keepTable[C any](ctx context.Context, store *track.Store, id string, c C, t table.Table, inputs ...track.Input) (track.Result[tableResult], error) {
	var csv bytes.Buffer
	if err := t.WriteCSV(&csv); err != nil {
		return track.Result[tableResult]{}, err
	}
	content := track.DatasetInput(track.Dataset{Name: "table", Checksum: fmt.Sprintf("%x", sha256.Sum256(csv.Bytes()))})
	stage := track.Stage[C, tableResult]{Name: id, Version: 3,
		Run: func(context.Context, *track.Job, C) (tableResult, error) { return tableResult{t}, nil }}
	return track.Do(ctx, store, stage, c, append(inputs[:len(inputs):len(inputs)], content)...)
}
