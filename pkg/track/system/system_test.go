package system

import (
	"path/filepath"
	"testing"
	"time"

	"noisebook/pkg/track"
)

func TestSampleMeasuresThisProcess(t *testing.T) {
	sampler := New(t.TempDir())
	ballast := make([]byte, 64<<20)
	for until := time.Now().Add(300 * time.Millisecond); time.Now().Before(until); { // keep a core busy
		for i := 0; i < len(ballast); i += 512 {
			ballast[i]++
		}
	}
	values := sampler.Sample()
	for name, atLeast := range map[string]float64{
		"cpu_percent": 5, "rss_mb": 64, "memory_used_percent": 0.1, "memory_available_mb": 1, "disk_free_mb": 0.1,
	} {
		if v, ok := values[name]; !ok || v < atLeast {
			t.Errorf("%s = %v, want at least %v", name, v, atLeast)
		}
	}
	if v := values["memory_used_percent"]; v > 100 {
		t.Errorf("memory_used_percent = %v", v)
	}
}

func TestSamplesBecomeMetrics(t *testing.T) {
	store, err := track.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	recording, err := store.Start(t.Context(), track.StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sampler := New(store.Dir())
	sampler.Device = func() map[string]float64 { return map[string]float64{"device_memory_mb": 12} }
	recording.Sample(sampler)
	if err := recording.End(nil); err != nil {
		t.Fatal(err)
	}
	run, err := store.Run(recording.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"system/rss_mb", "system/disk_free_mb", "system/device_memory_mb"} {
		if curve, err := run.Curve(name); err != nil || len(curve) != 2 || curve[0].Value <= 0 { // at the start and at the end
			t.Errorf("%s: %v, %v", name, curve, err)
		}
	}
}
