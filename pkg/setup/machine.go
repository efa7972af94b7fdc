package setup

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"noisebook/pkg/engine/programs"
	"noisebook/pkg/fetch"
)

func goPart(root string) Part {
	return Part{
		Name:   "Go",
		Advice: "install Go of the version in go.mod or newer: https://go.dev/dl",
		Check: func(ctx context.Context) Status {
			have, err := output(ctx, root, "go", "env", "GOVERSION")
			if err != nil {
				return Status{Missing, err.Error()}
			}
			text, err := os.ReadFile(filepath.Join(root, "go.mod"))
			if err != nil {
				return Status{Missing, err.Error()}
			}
			module, err := modfile.ParseLax("go.mod", text, nil)
			if err != nil {
				return Status{Missing, err.Error()}
			}
			if module.Go != nil && version.Compare(have, "go"+module.Go.Version) < 0 {
				return Status{Missing, fmt.Sprintf("%s, needed is go%s", have, module.Go.Version)}
			}
			return Status{Ready, have}
		},
	}
}

// compilerPart is the C compiler: go-xla calls the plugin through cgo.
func compilerPart(root string) Part {
	return Part{
		Name:   "C compiler",
		Advice: "install gcc (Debian: apt-get install gcc libc6-dev) or clang",
		Check: func(ctx context.Context) Status {
			name, err := output(ctx, root, "go", "env", "CC")
			if err != nil {
				return Status{Missing, err.Error()}
			}
			fields := strings.Fields(name)
			if len(fields) == 0 {
				return Status{Missing, "go env CC names none"}
			}
			path, err := exec.LookPath(fields[0])
			if err != nil {
				return Status{Missing, fmt.Sprintf("%s is not installed", fields[0])}
			}
			return Status{Ready, path}
		},
	}
}

func kernelSpecPart(root string) Part {
	path := filepath.Join("jupyter", "kernels", "noisebook", "kernel.json")
	return Part{
		Name:   "kernel spec",
		Advice: "git checkout -- jupyter",
		Check: func(context.Context) Status {
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				return Status{Missing, path + " is not in the repository"}
			}
			return Status{Ready, path}
		},
	}
}

// storePart is the folder of the run store, which must be writable.
func storePart(root string) Part {
	folder := os.Getenv("NOISEBOOK_STORE")
	if folder == "" {
		folder = filepath.Join(root, ".noisebook")
	}
	return Part{
		Name:   "run store",
		Advice: "make the folder writable, or set NOISEBOOK_STORE to another one",
		Check: func(context.Context) Status {
			if err := writable(folder); err != nil {
				return Status{Missing, err.Error()}
			}
			return Status{Ready, folder}
		},
	}
}

// programsPart is the cache of compiled programs. Without it every process compiles.
func programsPart() Part {
	return Part{
		Name:   "program cache",
		Advice: "make the folder writable, or set " + programs.Variable + " to another one",
		Check: func(context.Context) Status {
			folder, err := programs.Folder()
			if err == nil && folder == "" {
				return Status{Reduced, "turned off by " + programs.Variable + ": every process compiles what it runs"}
			}
			if err == nil {
				err = writable(folder)
			}
			if err != nil {
				return Status{Reduced, err.Error()}
			}
			count, size, err := programs.Usage()
			if err != nil {
				return Status{Reduced, err.Error()}
			}
			return Status{Ready, fmt.Sprintf("%s (programs: %d, %.1f of at most %d MB)", folder, count, float64(size)/(1<<20), programs.Limit>>20)}
		},
	}
}

// writable says why nothing can be written into folder. A folder that does not exist yet is judged by the nearest one
// above it, in which it would be made.
func writable(folder string) error {
	probe, err := os.CreateTemp(existing(folder), ".noisebook-probe-")
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", folder, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// existing is folder or the nearest one above it that exists.
func existing(folder string) string {
	for {
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) || folder == filepath.Dir(folder) {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// Free space that a full set-up with its caches needs.
const (
	repositorySpace = 2 << 30 // virtual environment, tools, runs and their checkpoints
	cacheSpace      = 1 << 30 // plugin and data sets, with their archives while they are unpacked
)

func diskParts(root string) []Part {
	part := func(name, folder, advice string, needed uint64) Part {
		return Part{Name: name, Advice: advice, Check: func(context.Context) Status {
			free, err := freeSpace(existing(folder))
			if err != nil {
				return Status{Missing, fmt.Sprintf("%s: %v", folder, err)}
			}
			detail := fmt.Sprintf("%.1f GB free in %s", float64(free)/1e9, folder)
			if free < needed {
				return Status{Reduced, fmt.Sprintf("%s, %.1f GB may be needed", detail, float64(needed)/1e9)}
			}
			return Status{Ready, detail}
		}}
	}
	parts := []Part{part("disk, repository", root, "free some space", repositorySpace)}
	if cache, err := fetch.CacheDir(); err == nil {
		parts = append(parts, part("disk, cache", cache, "free some space, or set NOISEBOOK_CACHE to another folder", cacheSpace))
	}
	return parts
}

// output runs a program in folder and returns what it prints, without the space around it. The error is one line.
func output(ctx context.Context, folder, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = folder
	text, err := command.Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s is not installed", program)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s: %w: %s", program, err, strings.Join(strings.Fields(string(exit.Stderr)), " "))
	case err != nil:
		return "", fmt.Errorf("%s: %w", program, err)
	}
	return strings.TrimSpace(string(text)), nil
}
