package setup

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/engine/programs"
	"noisebook/pkg/fetch"
)

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRoot(t *testing.T) {
	root := t.TempDir()
	put(t, filepath.Join(root, "go.mod"), "module noisebook\n\ngo 1.26.0\n")
	put(t, filepath.Join(root, "tools", "gonb", "go.mod"), "module noisebook/tools/gonb\n")
	t.Chdir(filepath.Join(root, "tools", "gonb"))
	found, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	if same, err := filepath.EvalSymlinks(root); err != nil || found != root && found != same {
		t.Errorf("root is %s, want %s", found, root)
	}
	t.Chdir(t.TempDir())
	if _, err := Root(); err == nil || !strings.Contains(err.Error(), "is not inside the Noisebook repository") {
		t.Errorf("error outside is %v", err)
	}
}

// fakePart is missing until it is mended, which ends with outcome.
func fakePart(name, group string, outcome error, log *[]string) Part {
	state := Missing
	return Part{
		Name: name, Group: group, Advice: "repair " + name,
		Check: func(context.Context) Status { return Status{state, name + " is " + state.String()} },
		Mend: func(context.Context, fetch.Progress) error {
			*log = append(*log, name)
			if outcome == nil {
				state = Ready
			}
			return outcome
		},
	}
}

func TestRun(t *testing.T) {
	var mended []string
	byHand := Part{Name: "compiler", Advice: "install gcc", Check: func(context.Context) Status { return Status{Missing, "no gcc"} }}
	parts := []Part{
		byHand,
		fakePart("packages", "python", nil, &mended),
		fakePart("broken", "kernel", errors.New("no network"), &mended),
		fakePart("plugin", "plugin", &ReducedError{"pure-Go backend"}, &mended),
	}
	var lines []string
	report := func(part Part, status Status, done bool) {
		lines = append(lines, strings.Join([]string{part.Name, status.State.String(), status.Detail, map[bool]string{true: "done"}[done]}, "|"))
	}
	err := Run(t.Context(), parts, nil, nil, report)
	if err == nil || err.Error() != "compiler: no gcc; install gcc; broken: no network" {
		t.Errorf("error is %v, want both failures with their advice", err)
	}
	if want := []string{"packages", "broken", "plugin"}; !slices.Equal(mended, want) {
		t.Errorf("mended %v, want %v", mended, want)
	}
	want := []string{"compiler|missing|no gcc|", "packages|ok|packages is ok|done", "broken|missing|no network|", "plugin|reduced|pure-Go backend|"}
	if !slices.Equal(lines, want) {
		t.Errorf("reported %q, want %q", lines, want)
	}

	mended = nil
	if err := Run(t.Context(), parts, []string{"python"}, nil, nil); err != nil || mended != nil {
		t.Errorf("a ready part: error %v, mended %v; want neither", err, mended)
	}
	if err := Run(t.Context(), parts, []string{"pyhton"}, nil, nil); err == nil ||
		err.Error() != `unknown part "pyhton"; known are python, kernel, plugin, data` {
		t.Errorf("error of an unknown part is %v", err)
	}
}

func TestGroupsAreThoseOfTheParts(t *testing.T) {
	var groups []string
	for _, part := range Parts(t.TempDir()) {
		if (part.Mend != nil) != (part.Group != "") {
			t.Errorf("%s: a part has a group if and only if it can be mended", part.Name)
		}
		if part.Advice == "" || part.Check == nil {
			t.Errorf("%s has no advice or no check", part.Name)
		}
		if part.Group != "" && !slices.Contains(groups, part.Group) {
			groups = append(groups, part.Group)
		}
	}
	if !slices.Equal(groups, Groups()) {
		t.Errorf("the parts' groups are %v in order, Groups() are %v", groups, Groups())
	}
}

func TestReadTools(t *testing.T) {
	module := t.TempDir()
	put(t, filepath.Join(module, "go.mod"), `module tools

go 1.26.0

tool (
	example.org/a/cmd/one
	example.org/a/b
)

require (
	example.org/a v1.0.0
	example.org/a/b v2.0.0+incompatible
)
`)
	tools, err := readTools(module)
	want := []tool{{"one", "example.org/a/cmd/one", "v1.0.0"}, {"b", "example.org/a/b", "v2.0.0+incompatible"}}
	if err != nil || !slices.Equal(tools, want) {
		t.Errorf("tools are %v (%v), want %v", tools, err, want)
	}
	put(t, filepath.Join(module, "go.mod"), "module tools\n\ntool example.org/ab\n\nrequire example.org/a v1.0.0\n")
	if _, err := readTools(module); err == nil || !strings.Contains(err.Error(), "no module is required for tool example.org/ab") {
		t.Errorf("error is %v", err)
	}
}

// The project's own tool modules name the programs that the kernel needs, at exact versions.
func TestToolModules(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, module := range toolModules {
		tools, err := readTools(filepath.Join(root, "tools", module))
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range tools {
			names = append(names, tool.name)
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"goimports", "gonb", "gopls"}) {
		t.Errorf("tools are %v", names)
	}
}

// A tool module without dependencies is built and recognised.
func TestBuildTools(t *testing.T) {
	module, folder := t.TempDir(), filepath.Join(t.TempDir(), "new", "bin")
	put(t, filepath.Join(module, "go.mod"), "module example.org/hello\n\ngo 1.26.0\n\ntool example.org/hello\n")
	put(t, filepath.Join(module, "main.go"), "package main\n\nfunc main() { println(`hello`) }\n")
	t.Setenv("GOFLAGS", "-mod=vendor") // of no concern to the tools
	if err := buildTools(t.Context(), module, folder); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "hello")); err != nil {
		t.Error(err)
	}
	put(t, filepath.Join(module, "main.go"), "package main\n\nfunc main() { undefined() }\n")
	err := buildTools(t.Context(), module, folder)
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") || !strings.Contains(err.Error(), "by hand: cd "+module) {
		t.Errorf("error is %v, want the compiler's with a command", err)
	}
}

func TestCheckTools(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	module, folder := filepath.Join(root, "tools", "gonb"), t.TempDir()
	if status := checkTools(module, folder); status.State != Missing || status.Detail != "gonb is not built" {
		t.Errorf("nothing built: %+v", status)
	}
	put(t, filepath.Join(folder, "gonb"), "#!/bin/sh\n")
	if status := checkTools(module, folder); status.State != Missing {
		t.Errorf("a script instead of gonb: %+v", status)
	}
	// This very test program is a Go program, but not gonb.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder, "gonb"), string(program))
	if status := checkTools(module, folder); status.State != Missing || !strings.Contains(status.Detail, "needed is v0.11.4") {
		t.Errorf("another program instead of gonb: %+v", status)
	}
}

func fakePython(t *testing.T, path, answer string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("shell scripts")
	}
	return put(t, path, "#!/bin/sh\n"+answer+"\n")
}

func TestFindPython(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("PATH", folder)
	t.Setenv("NOISEBOOK_PYTHON", "")
	if _, err := findPython(t.Context()); err == nil || err.Error() != "python3 is not installed" {
		t.Errorf("error without any Python is %v", err)
	}
	fakePython(t, filepath.Join(folder, "python3"), "echo /usr/bin/python3; echo 3.9.2")
	if _, err := findPython(t.Context()); err == nil || err.Error() != "python3 is Python 3.9.2, needed is 3.10 or newer" {
		t.Errorf("error of an old Python is %v", err)
	}
	fakePython(t, filepath.Join(folder, "python3.12"), "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1")
	if _, err := findPython(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "; python3.12 cannot make virtual environments") {
		t.Errorf("error of a Python without ensurepip is %v", err)
	}
	fakePython(t, filepath.Join(folder, "python3.11"), "echo /opt/python3.11; echo 3.11.7")
	if found, err := findPython(t.Context()); err != nil || found != (python{"/opt/python3.11", "3.11.7"}) {
		t.Errorf("found %+v (%v), want 3.11.7", found, err)
	}
	t.Setenv("NOISEBOOK_PYTHON", filepath.Join(folder, "python3"))
	if _, err := findPython(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "NOISEBOOK_PYTHON: ") {
		t.Errorf("error of the chosen Python is %v", err)
	}
	fakePython(t, filepath.Join(folder, "python3"), "echo hello")
	if _, err := findPython(t.Context()); err == nil || !strings.Contains(err.Error(), "answers") {
		t.Errorf("error of a strange Python is %v", err)
	}
}

// A real virtual environment from a folder of wheels, without the network.
func TestEnvironment(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a virtual environment")
	}
	if _, err := findPython(t.Context()); err != nil {
		t.Skip(err)
	}
	root, wheels := t.TempDir(), t.TempDir()
	writeWheel(t, wheels, "jupyterlab", "4.0")
	t.Setenv("PIP_FIND_LINKS", wheels)
	t.Setenv("PIP_NO_INDEX", "1")
	requirements := put(t, filepath.Join(root, "requirements.txt"), "jupyterlab==4.0\n")
	part := environmentPart(root)

	if status := part.Check(t.Context()); status != (Status{Missing, ".venv is not set up"}) {
		t.Errorf("before: %+v", status)
	}
	var steps []string
	if err := part.Mend(t.Context(), func(e fetch.Event) { steps = append(steps, e.Source) }); err != nil {
		t.Fatal(err)
	}
	if status := part.Check(t.Context()); status != (Status{Ready, "JupyterLab 4.0 in .venv"}) {
		t.Errorf("after: %+v", status)
	}
	if len(steps) < 3 || !strings.HasPrefix(steps[0], "virtual environment of ") || !strings.HasPrefix(steps[2], "pip: ") {
		t.Errorf("steps are %q", steps)
	}

	// Other requirements are noticed; where they cannot be had, the stamp of the old ones is gone.
	put(t, requirements, "jupyterlab==5.0\n")
	if status := part.Check(t.Context()); status != (Status{Missing, ".venv is of another requirements.txt"}) {
		t.Errorf("other requirements: %+v", status)
	}
	err := part.Mend(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "ERROR: No matching distribution found for jupyterlab==5.0; to supply the packages by hand") {
		t.Errorf("error is %v", err)
	}
	put(t, requirements, "jupyterlab==4.0\n")
	if status := part.Check(t.Context()); status.State != Missing {
		t.Errorf("after a failure: %+v", status)
	}

	// A Python that is gone is noticed and replaced.
	if err := part.Mend(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	interpreter := environmentPython(filepath.Join(root, ".venv"))
	if err := os.Remove(interpreter); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nonexistent/python3", interpreter); err != nil {
		t.Fatal(err)
	}
	if status := part.Check(t.Context()); status.State != Missing {
		t.Errorf("with a broken interpreter: %+v", status)
	}
	if err := part.Mend(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if status := part.Check(t.Context()); status.State != Ready {
		t.Errorf("after the repair: %+v", status)
	}
}

// writeWheel writes a Python package without code.
func writeWheel(t *testing.T, folder, name, version string) {
	t.Helper()
	out, err := os.Create(filepath.Join(folder, name+"-"+version+"-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(out)
	for member, text := range map[string]string{
		"METADATA": "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n",
		"WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"RECORD":   "",
	} {
		w, err := archive.Create(name + "-" + version + ".dist-info/" + member)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

// Every package that is asked for is pinned, and so is everything that it needs.
func TestRequirementsArePinned(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	pins := map[string]string{}
	for line := range readLines(t, filepath.Join(root, "requirements.txt")) {
		pin, _, _ := strings.Cut(line, ";")
		name, version, exact := strings.Cut(strings.TrimSpace(pin), "==")
		if !exact || strings.ContainsAny(version, "*<>~ ") {
			t.Errorf("requirements.txt: %q is no exact version", line)
		}
		pins[strings.ToLower(name)] = version
	}
	for line := range readLines(t, filepath.Join(root, "requirements.in")) {
		name, version, _ := strings.Cut(line, "==")
		if pins[name] != version {
			t.Errorf("requirements.in asks for %s, requirements.txt pins %q", line, pins[name])
		}
	}
	if len(pins) < 50 {
		t.Errorf("%d pins; JupyterLab alone needs more", len(pins))
	}
}

func readLines(t *testing.T, path string) func(func(string) bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !yield(line) {
				return
			}
		}
	}
}

func TestMachineParts(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	put(t, filepath.Join(root, "go.mod"), "module noisebook\n\ngo 1.99.0\n")
	// GOTOOLCHAIN would make go fetch the version that go.mod asks for.
	t.Setenv("GOTOOLCHAIN", "local")
	if status := goPart(root).Check(t.Context()); status.State != Missing {
		t.Errorf("an old Go: %+v", status)
	}
	put(t, filepath.Join(root, "go.mod"), "module noisebook\n\ngo 1.21\n")
	if status := goPart(root).Check(t.Context()); status.State != Ready || !strings.HasPrefix(status.Detail, "go1.") {
		t.Errorf("a new Go: %+v", status)
	}
	t.Setenv("CC", "noisebook-no-such-compiler -m64")
	if status := compilerPart(root).Check(t.Context()); status != (Status{Missing, "noisebook-no-such-compiler is not installed"}) {
		t.Errorf("no compiler: %+v", status)
	}
	if status := kernelSpecPart(root).Check(t.Context()); status.State != Missing {
		t.Errorf("no kernel spec: %+v", status)
	}
	put(t, filepath.Join(root, "jupyter", "kernels", "noisebook", "kernel.json"), "{}")
	if status := kernelSpecPart(root).Check(t.Context()); status.State != Ready {
		t.Errorf("a kernel spec: %+v", status)
	}
}

func TestStorePart(t *testing.T) {
	root := t.TempDir()
	t.Setenv("NOISEBOOK_STORE", filepath.Join(root, "deep", "store"))
	if status := storePart(root).Check(t.Context()); status.State != Ready {
		t.Errorf("a folder that can be made: %+v", status)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("looking left %v behind (%v)", left, err)
	}
	t.Setenv("NOISEBOOK_STORE", put(t, filepath.Join(root, "file"), ""))
	if status := storePart(root).Check(t.Context()); status.State != Missing || !strings.Contains(status.Detail, "cannot write to") {
		t.Errorf("a file instead of a folder: %+v", status)
	}
}

func TestProgramsPart(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(programs.Variable, folder)
	put(t, filepath.Join(folder, "a.program"), strings.Repeat("x", 3<<19))
	if status := programsPart().Check(t.Context()); status.State != Ready || !strings.Contains(status.Detail, "(programs: 1, 1.5 of at most 512 MB)") {
		t.Errorf("a program of 1.5 MB: %+v", status)
	}
	t.Setenv(programs.Variable, filepath.Join(put(t, filepath.Join(folder, "file"), ""), "programs"))
	if status := programsPart().Check(t.Context()); status.State != Reduced {
		t.Errorf("a folder inside a file: %+v", status)
	}
	t.Setenv(programs.Variable, programs.Off)
	if status := programsPart().Check(t.Context()); status.State != Reduced || !strings.Contains(status.Detail, "turned off") {
		t.Errorf("turned off: %+v", status)
	}
}

func TestDataPart(t *testing.T) {
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	t.Setenv("NOISEBOOK_DATA", "/nonexistent/folder")
	if status := dataPart("mnist").Check(t.Context()); status.State != Missing || !strings.Contains(status.Detail, "NOISEBOOK_DATA") {
		t.Errorf("a bad variable: %+v", status)
	}
	t.Setenv("NOISEBOOK_DATA", "")
	if status := dataPart("mnist").Check(t.Context()); status != (Status{Missing, "4 of 4 files are not on this machine"}) {
		t.Errorf("nothing there: %+v", status)
	}
}

func TestPluginPart(t *testing.T) {
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	t.Setenv("GOMLX_BACKEND", "go")
	part := pluginPart()
	if status := part.Check(t.Context()); status.State != Reduced || !strings.Contains(status.Detail, "pure-Go backend") {
		t.Errorf("the pure-Go backend by choice: %+v", status)
	}
	var reduced *ReducedError
	if err := part.Mend(t.Context(), nil); !errors.As(err, &reduced) {
		t.Errorf("mending it: %v", err)
	}
	t.Setenv("GOMLX_BACKEND", "xla:/nonexistent/plugin.so")
	if status := part.Check(t.Context()); status.State != Missing || !strings.Contains(status.Detail, "does not exist") {
		t.Errorf("a bad variable: %+v", status)
	}
}
