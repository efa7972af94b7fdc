package track

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cellLimit is how much of a cell's program is kept.
const cellLimit = 256 << 10

// cellSource is the program that GoNB made of the cell that runs now: the cell's
// main function and the declarations of it and of the cells before, which cannot
// be told apart. It is empty outside of a cell, also in a command that a cell
// starts.
func cellSource() []byte {
	folder := os.Getenv("GONB_TMP_DIR")
	program, err := os.Executable()
	if folder == "" || err != nil || !sameFolder(filepath.Dir(program), folder) {
		return nil
	}
	for _, name := range []string{"main.go", "main_test.go"} {
		source, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			continue
		}
		if more := len(source) - cellLimit; more > 0 {
			source = fmt.Appendf(source[:cellLimit:cellLimit], "\n// … and %d bytes more\n", more)
		}
		return source
	}
	return nil
}

func sameFolder(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// notebookName is the notebook's path below the module's root, or its name
// alone: what Jupyter or the notebook's runner tells its kernel.
func notebookName(root string) string {
	name := os.Getenv("NOISEBOOK_NOTEBOOK")
	if name == "" {
		name = os.Getenv("JPY_SESSION_NAME")
	}
	if name == "" {
		return ""
	}
	if relative, err := filepath.Rel(root, name); err == nil && filepath.IsAbs(name) && filepath.IsLocal(relative) {
		return filepath.ToSlash(relative)
	}
	if filepath.IsAbs(name) {
		return filepath.Base(name)
	}
	return filepath.ToSlash(name)
}

// variables are those of the process environment that change what is computed
// or how. The rest may hold secrets and is not looked at.
func variables() map[string]string {
	var found map[string]string
	for _, name := range []string{
		"NOISEBOOK_TIER", "NOISEBOOK_ENGINE", "NOISEBOOK_KEEP_MEMORY", "XLA_FLAGS",
		"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES",
	} {
		if value := os.Getenv(name); value != "" {
			if found == nil {
				found = map[string]string{}
			}
			found[name] = value
		}
	}
	return found
}

// workspaceCommits names the commits of the modules that the go.work nearest
// above a folder uses, but for those of the folder's own repository.
func workspaceCommits(root string) map[string]string {
	work, ok := workspaceFile(root)
	if !ok {
		return nil
	}
	text, err := os.ReadFile(work)
	if err != nil {
		return nil
	}
	own, _ := git(root, 4096, "rev-parse", "--show-toplevel")
	var commits map[string]string
	for _, folder := range usedFolders(string(text)) {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(filepath.Dir(work), folder)
		}
		top, err := git(folder, 4096, "rev-parse", "--show-toplevel")
		if err != nil || string(top) == string(own) {
			continue
		}
		commit, err := git(folder, 4096, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+")
		if err != nil {
			continue
		}
		if commits == nil {
			commits = map[string]string{}
		}
		commits[moduleName(folder)] = strings.TrimSpace(string(commit))
	}
	return commits
}

func workspaceFile(dir string) (path string, ok bool) {
	switch path := os.Getenv("GOWORK"); path {
	case "off":
		return "", false
	case "":
	default:
		return path, true
	}
	for {
		path := filepath.Join(dir, "go.work")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// usedFolders reads the use directives of a go.work.
func usedFolders(text string) []string {
	var folders []string
	block := false
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = false
		case block:
			folders = append(folders, strings.Trim(words[0], `"`+"`"))
		case words[0] == "use" && len(words) > 1 && words[1] == "(", words[0] == "use(":
			block = true
		case words[0] == "use" && len(words) > 1:
			folders = append(folders, strings.Trim(words[1], `"`+"`"))
		}
	}
	return folders
}

// moduleName is the module's path, or its folder's name when it says none.
func moduleName(folder string) string {
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == "module" {
				return words[1]
			}
		}
	}
	return filepath.Base(folder)
}
