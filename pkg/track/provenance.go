package track

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	diffLimit      = 1 << 20 // bytes; files whose diff goes beyond are named, not kept
	untrackedLimit = 100
	gitTimeout     = 2 * time.Second
)

// Provenance says what code, engine and data made a run. Whatever cannot be
// found out (no git, no module) stays empty; collecting it never fails. Of the
// process environment only a few variables are recorded: it may hold secrets.
type Provenance struct {
	Commit      string            `json:"commit,omitempty"`
	Dirty       bool              `json:"dirty,omitempty"` // tracked files differ from the commit
	Diff        *Artifact         `json:"diff,omitempty"`
	DiffOmitted string            `json:"diff_omitted,omitempty"` // what the diff leaves out and why
	Untracked   []string          `json:"untracked,omitempty"`    // at most 100 names
	CodeHash    string            `json:"code_hash,omitempty"`    // of the module's Go sources, tests left out
	GoSum       string            `json:"go_sum,omitempty"`       // SHA-256
	Go          string            `json:"go"`
	Platform    string            `json:"platform"`
	Modules     map[string]string `json:"modules,omitempty"`
	Host        string            `json:"host,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Environment map[string]string `json:"environment,omitempty"` // engine, plugin, device, tier: what callers set
	Variables   map[string]string `json:"variables,omitempty"`   // of the process environment: those that change what is computed
	Notebook    string            `json:"notebook,omitempty"`    // where it is known
	Cell        *Artifact         `json:"cell,omitempty"`        // the program that GoNB made of the cell
	Workspace   map[string]string `json:"workspace,omitempty"`   // commits of the modules that go.work uses
	Seed        *int64            `json:"seed,omitempty"`
	Datasets    []Dataset         `json:"datasets,omitempty"`
}

// ShortCommit is the commit's first seven digits, with "+" when files differed
// from it, or "no commit".
func (p Provenance) ShortCommit() string {
	if p.Commit == "" {
		return "no commit"
	}
	short := p.Commit[:min(7, len(p.Commit))]
	if p.Dirty {
		short += "+"
	}
	return short
}

// Caption is the short line that is stamped into figures: run, commit, tier when
// it was set as environment, then the given details.
func (p Provenance) Caption(run string, details ...string) string {
	parts := []string{"run " + run, p.ShortCommit()}
	if tier := p.Environment["tier"]; tier != "" {
		parts = append(parts, "tier "+tier)
	}
	return strings.Join(append(parts, details...), " · ")
}

// Summary is the provenance as it is published beside a result: what identifies
// code, engine and data, without host, command line and file lists, which name a
// person's machine.
func (p Provenance) Summary(run string) map[string]string {
	summary := map[string]string{"run": run, "commit": p.ShortCommit(), "go": p.Go, "platform": p.Platform}
	add := func(key, value string) {
		if value != "" {
			summary[key] = value
		}
	}
	add("code_hash", p.CodeHash)
	add("go_sum", p.GoSum)
	for path, version := range p.Modules {
		add(path, version)
	}
	for key, value := range p.Environment {
		add(key, value)
	}
	if p.Seed != nil {
		add("seed", strconv.FormatInt(*p.Seed, 10))
	}
	for _, d := range p.Datasets {
		add(strings.TrimSuffix("dataset "+d.Name+"/"+d.Split, "/"), d.Checksum)
	}
	return summary
}

// processProvenance is what stays the same for the life of the process, with
// the diff's text, which the store turns into an artifact.
type processProvenance struct {
	Provenance
	diff []byte
	cell []byte
}

// collectProvenance looks at the process once. It runs at most three git
// commands, and one for each further module of the workspace.
var collectProvenance = sync.OnceValue(func() processProvenance {
	root := sourceRoot()
	p := provenanceOf(root)
	p.Workspace = workspaceCommits(root)
	p.Notebook = notebookName(root)
	p.cell = cellSource()
	p.Variables = variables()
	p.CodeHash = sourceHash()
	return p
})

// Checkout is the code of this process, as far as it can be found out.
func Checkout() Provenance { return collectProvenance().Provenance }

// sourceHash is all that a hit needs to know.
var sourceHash = sync.OnceValue(func() string { return hashSources(sourceRoot()) })

// codeChanged compares with the hash of a run; what is unknown has not changed.
func codeChanged(then string) bool {
	now := sourceHash()
	return now != "" && then != "" && now != then
}

func sourceRoot() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	if root, ok := moduleRoot(dir); ok {
		return root
	}
	return dir
}

func provenanceOf(dir string) processProvenance {
	p := processProvenance{Provenance: Provenance{
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Command: os.Args,
	}}
	p.Host, _ = os.Hostname()
	p.GoSum, _ = hashFile(filepath.Join(dir, "go.sum"))
	p.fromGit(dir)
	if info, ok := debug.ReadBuildInfo(); ok {
		p.fromBuild(info)
	}
	return p
}

// hashSources is a hash of the content of the module's Go files, tests left
// out, and of go.mod: what "the code has changed since" compares. A commit of
// results, prose or notebooks does not change it.
func hashSources(root string) string {
	hash, files := sha256.New(), 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // an unreadable folder holds no code we run
		}
		name := entry.Name()
		if entry.IsDir() {
			hidden := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
			if path != root && (hidden || name == "testdata" || name == "node_modules" || name == "build") {
				return filepath.SkipDir
			}
			return nil
		}
		if name != "go.mod" && (!strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go")) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n", filepath.ToSlash(relative), len(content))
		hash.Write(content)
		files++
		return nil
	})
	if err != nil || files == 0 {
		return ""
	}
	return hex.EncodeToString(hash.Sum(nil))
}

func (p *processProvenance) fromBuild(info *debug.BuildInfo) {
	if p.Commit == "" { // no git here: what the linker recorded
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				p.Commit = setting.Value
			case "vcs.modified":
				p.Dirty = setting.Value == "true"
			}
		}
	}
	for _, module := range info.Deps {
		switch module.Path {
		case "github.com/gomlx/gomlx", "github.com/gomlx/go-xla", "gonum.org/v1/gonum", "gonum.org/v1/plot", "github.com/janpfeifer/gonb":
			if p.Modules == nil {
				p.Modules = map[string]string{}
			}
			p.Modules[module.Path] = module.Version
		}
	}
}

// SetEnvironment records a fact that this process knows (engine, plugin,
// device, tier) in the provenance of every run that it starts or finishes from
// now on.
func (s *Store) SetEnvironment(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.environment[key] = value
}

// provenance is the process's provenance with the store's environment; the
// diff and the cell are kept as artifacts.
func (s *Store) provenance() Provenance {
	process := collectProvenance()
	p := process.Provenance
	if len(process.diff) > 0 {
		if diff, err := s.save("changes.diff", writeBytes(process.diff)); err != nil {
			p.DiffOmitted = err.Error()
		} else {
			p.Diff = &diff
		}
	}
	if len(process.cell) > 0 {
		if cell, err := s.save("cell.go", writeBytes(process.cell)); err == nil {
			p.Cell = &cell
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.Environment = maps.Clone(s.environment)
	return p
}

func writeBytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	}
}

// moduleRoot is the nearest folder at or above dir that holds a go.mod.
func moduleRoot(dir string) (string, bool) {
	for {
		if info, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && info.Mode().IsRegular() {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}
