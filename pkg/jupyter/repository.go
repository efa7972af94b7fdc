// Package jupyter runs this repository's notebooks on its own kernel: it finds
// the checkout and its Python, installs the kernel's specification, executes
// notebooks without a browser, starts JupyterLab, and holds notebooks and their
// paired text files together.
package jupyter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// KernelName is the folder of the kernel's specification and the name in notebooks.
const KernelName = "noisebook"

// Repository is a checkout of this project.
type Repository struct {
	Root string // absolute
}

// KernelFolder holds the kernel's specification and launcher.
func (r Repository) KernelFolder() string {
	return filepath.Join(r.Root, "jupyter", "kernels", KernelName)
}

// JupyterPath is the folder to put on JUPYTER_PATH.
func (r Repository) JupyterPath() string { return filepath.Join(r.Root, "jupyter") }

// NotebookFolder holds all notebooks.
func (r Repository) NotebookFolder() string { return filepath.Join(r.Root, "notebooks") }

// Python is the interpreter of the repository's virtual environment.
func (r Repository) Python() (string, error) {
	path := filepath.Join(r.Root, ".venv", "bin", "python")
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no Python environment at %s: run 'noisebook setup' (or 'make setup') first", path)
	}
	return path, nil
}

// Environment is this process's environment with what Jupyter needs to find the
// kernel, then the given NAME=VALUE pairs.
func (r Repository) Environment(pairs ...string) []string {
	jupyterPath := r.JupyterPath()
	if others := os.Getenv("JUPYTER_PATH"); others != "" {
		jupyterPath += string(os.PathListSeparator) + others
	}
	return append(os.Environ(), append([]string{"JUPYTER_PATH=" + jupyterPath}, pairs...)...)
}

// Notebooks lists every notebook of the repository in order of path. Hidden
// folders and those whose name begins with an underscore hold none.
func (r Repository) Notebooks() ([]string, error) {
	var found []string
	err := filepath.WalkDir(r.NotebookFolder(), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == r.NotebookFolder():
			return fs.SkipAll
		case err != nil:
			return err
		case entry.IsDir() && path != r.NotebookFolder() && strings.ContainsAny(entry.Name()[:1], "._"):
			return fs.SkipDir
		case !entry.IsDir() && filepath.Ext(path) == ".ipynb":
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("jupyter: list notebooks: %w", err)
	}
	slices.Sort(found)
	return found, nil
}
