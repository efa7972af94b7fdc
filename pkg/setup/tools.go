package setup

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"noisebook/pkg/fetch"
)

// toolModules are the folders under tools whose go.mod names programs of the notebook kernel. They are modules of their
// own because they need different versions of the same packages, and none of them is needed to build the project.
var toolModules = []string{"gonb", "gopls"}

// toolParts are the programs that the go.mod files under tools name, built into .tools/bin.
func toolParts(root string) []Part {
	var parts []Part
	for _, name := range toolModules {
		module := filepath.Join(root, "tools", name)
		part := Part{
			Name:   name,
			Group:  "kernel",
			Advice: command("kernel"),
			Check:  func(context.Context) Status { return checkTools(module, toolFolder(root)) },
			Mend: func(ctx context.Context, progress fetch.Progress) error {
				progress.Report(fetch.Event{File: "tool " + name, Source: "go build", Total: -1})
				return buildTools(ctx, module, toolFolder(root))
			},
		}
		parts = append(parts, part)
	}
	return parts
}

func toolFolder(root string) string { return filepath.Join(root, ".tools", "bin") }

// tool is a program that a go.mod names, with the version of its module.
type tool struct{ name, pkg, version string }

// readTools lists the tool lines of the go.mod in a folder.
func readTools(module string) ([]tool, error) {
	name := filepath.Join(module, "go.mod")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	file, err := modfile.Parse(name, text, nil)
	if err != nil {
		return nil, err
	}
	var tools []tool
	for _, line := range file.Tool {
		found := tool{name: path.Base(line.Path), pkg: line.Path}
		longest := ""
		for _, require := range file.Require {
			inside := line.Path == require.Mod.Path || strings.HasPrefix(line.Path, require.Mod.Path+"/")
			if inside && len(require.Mod.Path) > len(longest) {
				longest, found.version = require.Mod.Path, require.Mod.Version
			}
		}
		if longest == "" {
			return nil, fmt.Errorf("%s: no module is required for tool %s", name, line.Path)
		}
		tools = append(tools, found)
	}
	return tools, nil
}

// checkTools compares the version that each program was built from with the one in go.mod.
func checkTools(module, folder string) Status {
	tools, err := readTools(module)
	if err != nil {
		return Status{Missing, err.Error()}
	}
	var have []string
	for _, tool := range tools {
		info, err := buildinfo.ReadFile(filepath.Join(folder, tool.name))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return Status{Missing, tool.name + " is not built"}
		case err != nil:
			return Status{Missing, err.Error()}
		case info.Path != tool.pkg || info.Main.Version != tool.version:
			return Status{Missing, fmt.Sprintf("%s is %s, needed is %s", tool.name, info.Main.Version, tool.version)}
		}
		have = append(have, tool.name+" "+tool.version)
	}
	return Status{Ready, strings.Join(have, ", ")}
}

// buildTools builds all programs that a go.mod names.
func buildTools(ctx context.Context, module, folder string) error {
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", folder+string(filepath.Separator), "tool")
	build.Dir = module
	// Neither a go.work above nor the user's flags (such as -mod=vendor) concern these modules.
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if text, err := build.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("go build tool in %s: %w: %s; by hand: cd %[1]s && GOWORK=off GOFLAGS= go build -o %s/ tool", module, err,
			strings.Join(strings.Fields(string(text)), " "), folder)
	}
	return nil
}
