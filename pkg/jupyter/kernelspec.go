package jupyter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"noisebook/pkg/atomicfile"
)

// kernelSpec is the part of Jupyter's kernel.json that this package reads and writes.
type kernelSpec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Language      string            `json:"language"`
	InterruptMode string            `json:"interrupt_mode,omitempty"`
	Env           map[string]string `json:"env,omitempty"`
	Metadata      map[string]any    `json:"metadata,omitempty"`
}

// resourceFolder stands for the specification's own folder in kernel.json.
const resourceFolder = "{resource_dir}"

// UserDataFolder is where Jupyter and VS Code look for a user's kernels.
func UserDataFolder() (string, error) {
	if folder := os.Getenv("JUPYTER_DATA_DIR"); folder != "" {
		return folder, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder for the kernel: %w; use --prefix", err)
	}
	switch data := os.Getenv("XDG_DATA_HOME"); {
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Jupyter"), nil
	case data != "":
		return filepath.Join(data, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

// PrefixDataFolder is the data folder of a Python environment or system prefix.
func PrefixDataFolder(prefix string) string { return filepath.Join(prefix, "share", "jupyter") }

// InstallKernel writes a specification that starts this checkout's kernel into a
// Jupyter data folder and returns its path. An older one is replaced.
func (r Repository) InstallKernel(dataFolder string) (string, error) {
	spec, err := readSpec(filepath.Join(r.KernelFolder(), "kernel.json"))
	if err != nil {
		return "", err
	}
	for i, argument := range spec.Argv {
		if rest, ok := strings.CutPrefix(argument, resourceFolder); ok {
			spec.Argv[i] = filepath.Join(r.KernelFolder(), rest)
		}
	}
	path := specPath(dataFolder)
	content, err := json.MarshalIndent(spec, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = atomicfile.WriteBytes(path, append(content, '\n'))
	}
	if err != nil {
		return "", fmt.Errorf("install kernel: %w", err)
	}
	return path, nil
}

// UninstallKernel removes this checkout's specification from a Jupyter data
// folder. One that starts another checkout is left alone and an error.
func (r Repository) UninstallKernel(dataFolder string) (string, error) {
	path := specPath(dataFolder)
	spec, err := readSpec(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no kernel is installed at %s", path)
	}
	if err != nil {
		return "", err
	}
	if ours := filepath.Join(r.KernelFolder(), "launch"); !slices.Contains(spec.Argv, ours) {
		return "", fmt.Errorf("%s starts another checkout's kernel (%v): uninstall it from there", path, spec.Argv)
	}
	if err := os.Remove(path); err != nil {
		return "", fmt.Errorf("uninstall kernel: %w", err)
	}
	// The folder goes too, unless somebody keeps other files there.
	if err := os.Remove(filepath.Dir(path)); err != nil && !isNotEmpty(filepath.Dir(path)) {
		return "", fmt.Errorf("uninstall kernel: %w", err)
	}
	return path, nil
}

func isNotEmpty(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && len(entries) > 0
}

func specPath(dataFolder string) string {
	return filepath.Join(dataFolder, "kernels", KernelName, "kernel.json")
}

func readSpec(path string) (kernelSpec, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return kernelSpec{}, fmt.Errorf("kernel specification: %w", err)
	}
	var spec kernelSpec
	if err := json.Unmarshal(content, &spec); err != nil {
		return kernelSpec{}, fmt.Errorf("kernel specification %s: %w", path, err)
	}
	return spec, nil
}
