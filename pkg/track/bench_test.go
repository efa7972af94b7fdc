package track

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func benchRecording(b *testing.B) *Recording {
	b.Helper()
	store, err := Open(filepath.Join(b.TempDir(), "store"))
	if err != nil {
		b.Fatal(err)
	}
	r, err := store.Start(b.Context(), StartOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// reportDropped ends the recording and says what share of events was lost.
func reportDropped(b *testing.B, r *Recording) {
	b.Helper()
	b.StopTimer()
	if err := r.End(nil); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(r.journal.queue.droppedSoFar())/float64(b.N), "dropped/op")
}

func BenchmarkLog(b *testing.B) {
	r := benchRecording(b)
	values := map[string]float64{"loss": 0.5123456789, "lr": 1e-4}
	b.ReportAllocs()
	for step := 0; b.Loop(); step++ {
		r.Log(step, values)
	}
	reportDropped(b, r)
}

func BenchmarkLogValue(b *testing.B) {
	r := benchRecording(b)
	b.ReportAllocs()
	for step := 0; b.Loop(); step++ {
		r.LogValue("loss", step, 1/float64(step+1))
	}
	reportDropped(b, r)
}

// BenchmarkDurable logs from some goroutines and ends when all is on the disk.
func BenchmarkDurable(b *testing.B) {
	for _, producers := range []int{1, 8} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			r := benchRecording(b)
			began := time.Now()
			var group sync.WaitGroup
			for p := range producers {
				group.Go(func() {
					for step := p; step < b.N; step += producers {
						r.LogValue("loss", step, 1/float64(step+1))
					}
				})
			}
			group.Wait()
			logged := time.Since(began)
			if err := r.Flush(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "durable/s")
			b.ReportMetric(float64(b.N)/logged.Seconds(), "logged/s")
			reportDropped(b, r)
		})
	}
}

// BenchmarkCurve opens a run of a million points and reads its curve.
func BenchmarkCurve(b *testing.B) {
	const points = 1_000_000
	r := benchRecording(b)
	for step := range points {
		if r.LogValue("loss", step, 1/float64(step+1)); step%100_000 == 0 {
			if err := r.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := r.End(nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		run, err := r.store.Run(r.ID())
		if err != nil {
			b.Fatal(err)
		}
		if curve, err := run.Curve("loss"); err != nil || len(curve) != points {
			b.Fatal(len(curve), err)
		}
	}
}
