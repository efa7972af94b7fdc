package experiments

import (
	"context"
	"sync"

	"noisebook/pkg/engine"
	"noisebook/pkg/track"
)

var shared struct {
	sync.Mutex
	engine *engine.Engine
}

// Engine opens this process's engine at the first call, records in the run
// what computes, and notes each compilation's time.
func Engine(ctx context.Context, job *track.Job) (*engine.Engine, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.engine == nil {
		e, err := engine.Open(ctx, "")
		if err != nil {
			return nil, err
		}
		shared.engine = e
	}
	info := shared.engine.Info()
	job.SetEnvironment("engine", info.Backend)
	job.SetEnvironment("device", info.Device)
	for module, version := range info.Versions {
		job.SetEnvironment(module, version)
	}
	if info.Warning != "" {
		job.Note("warning: " + info.Warning)
	}
	shared.engine.LogCompilations(func(c engine.Compilation) { job.Note(c.String()) })
	return shared.engine, nil
}
