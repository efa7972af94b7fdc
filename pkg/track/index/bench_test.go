package index

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/synthetic"
)

const benchRuns = 10_000

// benchStore is a store of 10,000 runs of 600 points each.
func benchStore(b *testing.B) *track.Store {
	b.Helper()
	dir := b.TempDir()
	if err := synthetic.Write(dir, synthetic.Options{Runs: benchRuns, Points: 100, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour) // as if the runs had ended a while ago
	for i := range benchRuns {
		if err := os.Chtimes(filepath.Join(dir, "runs", synthetic.ID(i)), old, old); err != nil {
			b.Fatal(err)
		}
	}
	store, err := track.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	return store
}

func list(b *testing.B, store *track.Store, metrics ...string) {
	x := Open(b.Context(), store, func(text string) { b.Error(text) })
	entries, err := x.Entries(b.Context())
	if err == nil && len(metrics) > 0 {
		err = x.LoadMetrics(b.Context(), entries, metrics...)
	}
	if err != nil || len(entries) != benchRuns {
		b.Fatalf("%d runs, %v", len(entries), err)
	}
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRebuild builds the index of 10,000 runs and 6,000,000 points from
// their files.
func BenchmarkRebuild(b *testing.B) {
	store := benchStore(b)
	for b.Loop() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(filepath.Join(store.Dir(), FileName+suffix))
		}
		list(b, store)
	}
}

// BenchmarkList opens an index of 10,000 runs that is up to date, looks for
// changes, reads all runs and one metric of each, and closes it.
func BenchmarkList(b *testing.B) {
	store := benchStore(b)
	list(b, store)
	for b.Loop() {
		list(b, store, "fid")
	}
}
