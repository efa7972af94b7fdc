// Package noisebook holds no code of its own. This test keeps the packages of the
// project in order: data flows one way, and what draws stays free of the engine.
package noisebook

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "noisebook"

// listed is a package as 'go list' describes it.
type listed struct {
	ImportPath string
	Imports    []string // direct
	Deps       []string // direct and indirect
}

func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// packages lists the project's own packages, without their tests.
func packages(t *testing.T) []listed {
	t.Helper()
	watchSources(t)
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// watchSources looks at every source file, so that the go tool, which caches
// passed tests, runs this one again when any has changed.
func watchSources(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"cmd", "experiments", "pkg"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".go" {
				_, err = os.Stat(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func has(paths []string, prefix string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	})
}

// What draws, judges and remembers stays free of the engine: a cell that answers
// from the store must start as fast as plotting alone.
func TestLightPackagesDoNotLinkTheEngine(t *testing.T) {
	light := []string{"dense", "figure", "metric", "probe", "claim", "track", "table", "config", "notebook", "process", "tier", "jupyter"}
	checked := 0
	for _, p := range packages(t) {
		if !slices.Contains(light, strings.TrimPrefix(p.name(), "pkg/")) {
			continue
		}
		checked++
		for _, heavy := range []string{"github.com/gomlx/gomlx", "github.com/gomlx/go-xla"} {
			if has(p.Deps, heavy) {
				t.Errorf("%s links %s", p.name(), heavy)
			}
		}
	}
	if checked < 5 {
		t.Errorf("only %d of the packages %v exist: is the list out of date?", checked, light)
	}
}

// Only one package knows that notebooks exist.
func TestOnlyNotebookKnowsGonb(t *testing.T) {
	for _, p := range packages(t) {
		if p.name() != "pkg/notebook" && has(p.Imports, "github.com/janpfeifer/gonb") {
			t.Errorf("%s imports gonbui; show values through pkg/notebook", p.name())
		}
	}
}

// flow is the order of the layers: a package may import those of earlier layers,
// never those of later ones nor, where several stand together, its neighbours.
var flow = [][]string{
	{"data"},
	{"augment"},
	{"process"},
	{"nn"},
	{"joint", "drl", "da", "medi"},
	{"train"},
	{"sample"},
	{"features"},
	{"metric"},
	{"probe"},
	{"figure"},
}

// anywhere are the packages that every layer may use.
var anywhere = []string{"table", "tier", "config", "track", "dense", "engine", "plugin", "fetch", "safetensors", "pytorch", "npy", "picture"}

func layer(name string) int {
	short, isPackage := strings.CutPrefix(name, "pkg/")
	if !isPackage {
		return -1
	}
	short, _, _ = strings.Cut(short, "/")
	return slices.IndexFunc(flow, func(names []string) bool { return slices.Contains(names, short) })
}

func TestImportsFlowOneWay(t *testing.T) {
	for _, p := range packages(t) {
		own := layer(p.name())
		for _, path := range p.Imports {
			imported, isOwn := strings.CutPrefix(path, module+"/")
			if !isOwn {
				continue
			}
			switch other := layer(imported); {
			case own >= 0 && other > own:
				t.Errorf("%s imports %s, which comes later in the flow", p.name(), imported)
			case own >= 0 && other == own && !sameRoot(p.name(), imported):
				t.Errorf("%s imports its neighbour %s", p.name(), imported)
			}
		}
	}
}

// sameRoot says that two packages lie under the same pkg/NAME.
func sameRoot(a, b string) bool {
	root := func(name string) string { return strings.Join(strings.SplitN(name, "/", 3)[:2], "/") }
	return root(a) == root(b)
}

// What all layers use depends on none of them.
func TestSharedPackagesStandAlone(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(anywhere, strings.TrimPrefix(p.name(), "pkg/")) {
			continue
		}
		for _, path := range p.Imports {
			if imported, isOwn := strings.CutPrefix(path, module+"/"); isOwn && layer(imported) >= 0 {
				t.Errorf("%s imports %s, but every layer uses it", p.name(), imported)
			}
		}
	}
}

// Libraries know neither the experiments nor the command.
func TestLibrariesDoNotImportPrograms(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.name(), "pkg/") {
			continue
		}
		for _, program := range []string{module + "/experiments", module + "/cmd"} {
			if has(p.Imports, program) {
				t.Errorf("%s imports %s", p.name(), program)
			}
		}
	}
}
