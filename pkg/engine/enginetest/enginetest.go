// Package enginetest opens the engines that tests compute on. The tests of a
// process share them: nobody may close one or log its compilations.
package enginetest

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"noisebook/pkg/engine"
	"noisebook/pkg/plugin"
)

var (
	mutex  sync.Mutex
	opened = map[string]*engine.Engine{} // by spec
)

// Go is the pure-Go backend: small graphs start at once there.
func Go(t testing.TB) *engine.Engine {
	t.Helper()
	return open(t, "go")
}

// XLA is the plugin that NOISEBOOK_ENGINE names as xla:PATH, or else the one that
// is installed. Where there is none it skips the test.
func XLA(t testing.TB) *engine.Engine {
	t.Helper()
	spec := os.Getenv("NOISEBOOK_ENGINE")
	if !strings.HasPrefix(spec, "xla:") {
		found, err := plugin.Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if found.Path == "" {
			t.Skip(found.Warning)
		}
		spec = "xla:" + found.Path
	}
	return open(t, spec)
}

func open(t testing.TB, spec string) *engine.Engine {
	t.Helper()
	mutex.Lock()
	defer mutex.Unlock()
	if e := opened[spec]; e != nil {
		return e
	}
	e, err := engine.Open(context.Background(), spec) // outlives the test that asks first
	if err != nil {
		t.Fatal(err)
	}
	opened[spec] = e
	return e
}
