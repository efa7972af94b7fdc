package query

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
	"noisebook/pkg/track/synthetic"
)

// BenchmarkQuery filters and sorts 10,000 runs by a metric and a param, from
// opening the index that is up to date to closing it.
func BenchmarkQuery(b *testing.B) {
	const runs = 10_000
	dir := b.TempDir()
	if err := synthetic.Write(dir, synthetic.Options{Runs: runs, Points: 10, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour) // as if the runs had ended a while ago
	for i := range runs {
		if err := os.Chtimes(filepath.Join(dir, "runs", synthetic.ID(i)), old, old); err != nil {
			b.Fatal(err)
		}
	}
	store, err := track.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	ask := func() {
		x := index.Open(b.Context(), store, func(text string) { b.Error(text) })
		defer x.Close()
		result, err := Run(b.Context(), x, Query{
			Filter: `paper == "joint" && metrics.fid.min < 20 && params.train.lr > 1e-4`, Sort: []string{"metrics.fid.min"},
			Columns: []string{"id", "metrics.fid.min", "params.train.lr"}, Limit: 50,
		})
		if err != nil || len(result.Rows) != 50 {
			b.Fatalf("%d runs, %v", len(result.Rows), err)
		}
	}
	ask() // builds the index
	for b.Loop() {
		ask()
	}
}
