// Package plugin finds and installs the PJRT CPU plugin, the compiled part of XLA that GoMLX's fast backend loads at run
// time.
//
// [Find] only looks: it is quick and never touches the network. [Install] downloads. Neither loads the plugin, so neither
// can tell whether its interface version suits go-xla; loading it does.
package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/go-xla/installer"

	"noisebook/pkg/fetch"
)

// Environment variables that name a plugin. They belong to GoMLX and go-xla and mean the same here.
const (
	backendVariable = "GOMLX_BACKEND"            // xla:/path/to/plugin.so[,option…] or another backend's name
	pathVariable    = "PJRT_PLUGIN_LIBRARY_PATH" // folders with plugins; a plugin's own path is accepted too
)

// Origin says where a plugin was found.
type Origin string

// The origins, in the order of search.
const (
	FromBackendVariable Origin = backendVariable
	FromPathVariable    Origin = pathVariable
	FromCache           Origin = "Noisebook's cache"
	FromGoXLA           Origin = "go-xla's folder"
	None                Origin = "none"
)

// setupCommand mends a missing or broken plugin.
const setupCommand = "bin/noisebook setup --only plugin"

// Found is a plugin, or the fact that there is none.
type Found struct {
	Path    string // absolute path of the shared library; empty if there is none
	Origin  Origin
	SHA256  string // of the library as recorded when it was installed; empty for a plugin that we did not install
	Source  string // where it was downloaded from; empty like SHA256
	Warning string // one line for the user, set if there is no plugin
}

// Backend is the configuration that makes GoMLX use what was found: "xla:PATH", or "go" for the pure-Go backend.
func (f Found) Backend() string {
	if f.Path == "" {
		return "go"
	}
	return "xla:" + f.Path
}

func none(reason string) Found {
	return Found{Origin: None, Warning: reason + ": the pure-Go backend is used, which needs nothing installed but is 10 to 100 " +
		"times slower; it suits tier smoke only"}
}

// Find looks for a plugin: in GOMLX_BACKEND, in the folders of PJRT_PLUGIN_LIBRARY_PATH, in Noisebook's cache, and where
// go-xla's own installer puts it. Finding none is no error.
//
// The error is one line that says what to do: a variable names something that is no plugin for this machine, or the plugin
// in the cache is damaged.
func Find(_ context.Context) (Found, error) {
	if value := os.Getenv(backendVariable); value != "" {
		_, config, _ := strings.Cut(value, ":")
		path, _, _ := strings.Cut(config, ",")
		if otherBackend(value) {
			return none(fmt.Sprintf("%s=%s asks for another backend than xla", backendVariable, value)), nil
		}
		if filepath.IsAbs(path) {
			if err := Check(path); err != nil {
				return Found{}, fmt.Errorf("%s=%s: %w; correct or unset %[1]s", backendVariable, value, err)
			}
			return Found{Path: path, Origin: FromBackendVariable}, nil
		}
	}
	if value := os.Getenv(pathVariable); value != "" {
		for _, entry := range filepath.SplitList(value) {
			path := entry
			if info, err := os.Stat(entry); err != nil || info.IsDir() {
				path = libraryIn(entry)
			}
			if path == "" {
				continue
			}
			if err := Check(path); err != nil {
				return Found{}, fmt.Errorf("%s=%s: %w; correct or unset %[1]s", pathVariable, value, err)
			}
			path, err := filepath.Abs(path)
			if err != nil {
				return Found{}, err
			}
			return Found{Path: path, Origin: FromPathVariable}, nil
		}
		return Found{}, fmt.Errorf("%s=%s: no PJRT CPU plugin there (%s); correct or unset %[1]s", pathVariable, value,
			strings.Join(libraryPatterns(), ", "))
	}
	folder, err := cacheFolder()
	if err != nil {
		return Found{}, err
	}
	if path := libraryIn(folder); path != "" {
		return findCached(path)
	}
	for _, folder := range goXLAFolders() {
		if path := libraryIn(folder); path != "" && Check(path) == nil {
			return Found{Path: path, Origin: FromGoXLA}, nil
		}
	}
	return none("no PJRT plugin is installed (" + setupCommand + " installs one)"), nil
}

// otherBackend says whether a value of GOMLX_BACKEND names a backend that needs no plugin.
func otherBackend(value string) bool {
	name, _, _ := strings.Cut(value, ":")
	return name != "" && !slices.Contains([]string{"xla", "stablehlo", "hlo", "shlo"}, name)
}

func findCached(path string) (Found, error) {
	record, err := readRecord(path)
	if err == nil {
		err = record.verify(path)
	}
	if err == nil {
		err = Check(path)
	}
	if err != nil {
		return Found{}, fmt.Errorf("%w; run: %s", err, setupCommand)
	}
	return Found{Path: path, Origin: FromCache, SHA256: record.SHA256, Source: record.Source}, nil
}

// cacheFolder is where [Install] puts plugins.
func cacheFolder() (string, error) {
	cache, err := fetch.CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "plugin"), nil
}

// goXLAFolders is where go-xla's own tools install plugins.
func goXLAFolders() []string {
	folders := []string{filepath.FromSlash("/usr/local/lib/go-xla")}
	if home, err := installer.DefaultHomeLibPath(); err == nil {
		folders = slices.Insert(folders, 0, filepath.Join(home, "go-xla"))
	}
	return folders
}

// libraryPatterns are the file names of CPU plugins: go-xla's three forms and the upstream build's name.
func libraryPatterns() []string {
	extension := ".so"
	switch runtime.GOOS {
	case "darwin":
		extension = ".dylib"
	case "windows":
		extension = ".dll"
	}
	return []string{"pjrt_c_api_cpu*_plugin" + extension, "pjrt-plugin-cpu*" + extension, "pjrt_plugin_cpu*" + extension,
		"libpjrt_cpu" + extension}
}

// libraryIn returns the first plugin in a folder, or "".
func libraryIn(folder string) string {
	for _, pattern := range libraryPatterns() {
		// The only error of Glob is a malformed pattern, and a folder with brackets in its name simply has no match.
		if found, err := filepath.Glob(filepath.Join(folder, pattern)); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
