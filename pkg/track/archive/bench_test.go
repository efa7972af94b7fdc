package archive

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"noisebook/pkg/track"
)

// BenchmarkImport brings a run with an artifact of 64 MB and a journal of
// 100,000 points into an empty store.
func BenchmarkImport(b *testing.B) {
	source := newStore(b)
	run, err := source.Start(b.Context(), track.StartOptions{Name: "large"})
	if err != nil {
		b.Fatal(err)
	}
	for step := range 100_000 {
		run.LogValue("loss", step, 1/float64(step+1))
		if step%1000 == 0 {
			_ = run.Flush()
		}
	}
	if _, err := run.Save("weights", func(w io.Writer) error {
		for i := range 64 << 20 / 16 {
			if _, err := fmt.Fprintf(w, "%016x", uint64(i)*0x9e3779b97f4a7c15); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	if err := run.End(nil); err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "a.tar.zst")
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			summary, err := ExportFile(b.Context(), source, file, []string{run.ID()}, ExportOptions{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(summary.Bytes)
		}
	})
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("import", func(b *testing.B) {
		b.SetBytes(info.Size())
		for b.Loop() {
			b.StopTimer()
			store := newStore(b)
			b.StartTimer()
			if _, err := Import(b.Context(), store, file); err != nil {
				b.Fatal(err)
			}
		}
	})
}
