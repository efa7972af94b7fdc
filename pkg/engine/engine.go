// Package engine opens the backend that computes and compiles graph functions for it.
//
// It is the boundary to GoMLX: what panics while a graph is built comes back
// from here as an error that names the program and the layer.
package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/gomlx/backends/default" // registers the XLA and the pure-Go backend

	"noisebook/pkg/plugin"
)

// Engine is an opened backend. It is safe for concurrent use.
type Engine struct {
	backend compute.Backend
	info    Info
	log     func(Compilation)
}

// Info says what computes, for provenance and `noisebook doctor`.
type Info struct {
	Backend  string            // "xla" or "go"
	Plugin   string            // path of the PJRT plugin, empty for the pure-Go backend
	Device   string            // what the backend calls its devices
	Devices  int               // how many it shows
	CPU      bool              // they are CPUs, not GPUs or TPUs
	Versions map[string]string // module path to version, of the modules that compute
	Warning  string            // what a user should know before waiting, empty when nothing
}

// Open opens a backend. The spec is one of
//
//	auto      XLA when a PJRT plugin is found, else the pure-Go backend with a warning
//	xla       XLA with the plugin that is found; an error when there is none
//	xla:PATH  XLA with the plugin at PATH
//	go        the pure-Go backend
//
// An empty spec reads NOISEBOOK_ENGINE and then means auto.
func Open(ctx context.Context, spec string) (*Engine, error) {
	if spec == "" {
		spec = os.Getenv("NOISEBOOK_ENGINE")
	}
	name, path, _ := strings.Cut(spec, ":")
	switch name {
	case "go":
		return openGo("")
	case "", "auto", "xla":
		if path != "" {
			return openXLA(path)
		}
		found, err := plugin.Find(ctx)
		if err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		if found.Path != "" {
			return openXLA(found.Path)
		}
		if name == "xla" {
			return nil, fmt.Errorf("engine: no PJRT plugin found; run `noisebook setup --only plugin` or use the engine \"go\"")
		}
		return openGo("no PJRT plugin found: the pure-Go backend is about a hundred times slower; run `noisebook setup --only plugin`")
	}
	return nil, fmt.Errorf("engine: unknown engine %q; use auto, xla, xla:PATH or go", spec)
}

// xlaFlags make XLA's CPU compiler hand matrix products and reductions to its
// kernel library, which speeds up a training step, and optimise what is left
// lightly, which halves the compilation of a sampler at no cost in its speed;
// docs/decisions/xla-flags.md has the measurements.
const xlaFlags = "--xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE,LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT" +
	" --xla_backend_optimization_level=1"

func openXLA(path string) (*Engine, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("engine: PJRT plugin: %w; run `noisebook setup --only plugin`", err)
	}
	// The plugin reads XLA_FLAGS once, when it loads; a user's own flags win.
	if _, set := os.LookupEnv("XLA_FLAGS"); !set {
		os.Setenv("XLA_FLAGS", xlaFlags)
	}
	os.Setenv("GOMLX_NO_AUTO_INSTALL", "1")
	interpose(path)
	backend, err := open("xla:" + path)
	if err != nil {
		return nil, fmt.Errorf("engine: PJRT plugin %s does not load (%s); it must fit this machine and go-xla: run `noisebook setup --only plugin` for one that does", path, firstLine(err))
	}
	e := newEngine(backend, "xla")
	e.info.Plugin = path
	// The device is published with results, the folders of this machine are not.
	e.info.Device = strings.NewReplacer(fmt.Sprintf("%q plugin (_preloaded_)", path), fmt.Sprintf("plugin (%s)", filepath.Base(path)),
		path, filepath.Base(path)).Replace(e.info.Device)
	return e, nil
}

func openGo(warning string) (*Engine, error) {
	backend, err := open("go")
	if err != nil {
		return nil, fmt.Errorf("engine: pure-Go backend: %s", firstLine(err))
	}
	e := newEngine(backend, "go")
	e.info.Warning = warning
	return e, nil
}

func open(config string) (backend compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return compute.NewWithConfig(config)
}

func newEngine(backend compute.Backend, name string) *Engine {
	return &Engine{backend: backend, info: Info{
		Backend:  name,
		Device:   fmt.Sprintf("%s, %s/%s, %d CPUs", backend.Description(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Devices:  int(backend.NumDevices()),
		CPU:      name == "go" || strings.Contains(strings.ToLower(backend.DeviceDescription(0)), "cpu"),
		Versions: moduleVersions(),
	}}
}

func moduleVersions() map[string]string {
	versions := map[string]string{"go": runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return versions
	}
	for _, m := range build.Deps {
		if strings.HasPrefix(m.Path, "github.com/gomlx/") {
			versions[m.Path] = m.Version
		}
	}
	return versions
}

// Info says what computes.
func (e *Engine) Info() Info { return e.info }

// LogCompilations calls log after every compilation; nil turns it off.
func (e *Engine) LogCompilations(log func(Compilation)) { e.log = log }

// Close releases the backend; programs and tensors of it must not be used afterwards.
func (e *Engine) Close() { e.backend.Finalize() }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
