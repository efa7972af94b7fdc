package tables

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"noisebook/pkg/track"
)

// MetricColumns are the columns of [Metrics].
var MetricColumns = []Column{{"run", Text}, {"metric", Text}, {"step", Integer}, {"time", Instant}, {"value", Real}}

// Metrics is a tidy table of the runs' curves: a row for each point, runs in their
// order, metrics by name, points by step. Only the named metrics, or all without
// names. One run is in memory at a time.
func Metrics(runs []track.Run, names ...string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(MetricColumns))
		for _, run := range runs {
			curves, err := run.Metrics()
			if err != nil {
				yield(nil, fmt.Errorf("run %s: %w", run.ID, err))
				return
			}
			for _, name := range slices.Sorted(maps.Keys(curves)) {
				if len(names) > 0 && !slices.Contains(names, name) {
					continue
				}
				for _, p := range curves[name] {
					row[0], row[1], row[2], row[3], row[4] = run.ID, name, p.Step, p.Time, float64(p.Value)
					if !yield(row, nil) {
						return
					}
				}
			}
		}
	}
}
