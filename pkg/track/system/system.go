// Package system measures this process and its machine for a run's curves: the
// processor's load, memory and the room left for the store. It is apart from
// package track so that a cell that only draws need not link it.
package system

import (
	"maps"
	"os"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"
)

// Sampler is a [noisebook/pkg/track.Sampler]. What the system does not tell is
// left out. It is for one goroutine.
type Sampler struct {
	// Device adds values of an accelerator, such as "device_memory_mb"; nil for none.
	Device func() map[string]float64

	store   string
	process *process.Process

	wall time.Time // of the sample before
	busy float64   // seconds of processor time until then
}

// New returns a sampler for this process and the disk that holds the store's
// folder.
func New(store string) *Sampler {
	s := &Sampler{store: store}
	if p, err := process.NewProcess(int32(os.Getpid())); err == nil {
		s.process = p
		s.wall, s.busy = time.Now(), s.processorTime()
	}
	return s
}

const mb = 1e6

// Sample measures "cpu_percent" (of one core, since the sample before),
// "rss_mb", "memory_used_percent" and "memory_available_mb" of the machine,
// "disk_free_mb" of the store, and what Device adds.
func (s *Sampler) Sample() map[string]float64 {
	values := map[string]float64{}
	if s.process != nil {
		wall, busy := time.Now(), s.processorTime()
		if passed := wall.Sub(s.wall).Seconds(); passed > 0 && busy >= s.busy {
			values["cpu_percent"] = 100 * (busy - s.busy) / passed
		}
		s.wall, s.busy = wall, busy
		if memory, err := s.process.MemoryInfo(); err == nil {
			values["rss_mb"] = float64(memory.RSS) / mb
		}
	}
	if memory, err := mem.VirtualMemory(); err == nil {
		values["memory_used_percent"] = memory.UsedPercent
		values["memory_available_mb"] = float64(memory.Available) / mb
	}
	if usage, err := disk.Usage(s.store); err == nil {
		values["disk_free_mb"] = float64(usage.Free) / mb
	}
	if s.Device != nil {
		maps.Copy(values, s.Device())
	}
	return values
}

func (s *Sampler) processorTime() float64 {
	times, err := s.process.Times()
	if err != nil {
		return s.busy
	}
	return times.User + times.System
}
