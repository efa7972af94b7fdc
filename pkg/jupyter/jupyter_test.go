package jupyter

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/tier"
)

// here is this checkout.
func here(t testing.TB) Repository {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return Repository{Root: root}
}

func write(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// Every notebook of the project agrees with the text that it is reviewed by.
func TestNotebooksAgreeWithTheirTexts(t *testing.T) {
	notebooks, err := here(t).Notebooks()
	if err != nil {
		t.Fatal(err)
	}
	for _, notebook := range notebooks {
		if err := CheckPairing(notebook); err != nil {
			t.Error(err)
		}
	}
}

// No notebook is committed with an error, nor with a figure that only a trusted
// notebook shows.
func TestNotebookOutputsAreReadable(t *testing.T) {
	notebooks, err := here(t).Notebooks()
	if err != nil {
		t.Fatal(err)
	}
	for _, notebook := range notebooks {
		content, err := os.ReadFile(notebook)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Cells []struct {
				Outputs []struct {
					Type string         `json:"output_type"`
					Name string         `json:"name"`
					Data map[string]any `json:"data"`
				} `json:"outputs"`
			} `json:"cells"`
		}
		if err := json.Unmarshal(content, &file); err != nil {
			t.Fatalf("%s: %v", notebook, err)
		}
		for i, c := range file.Cells {
			for _, output := range c.Outputs {
				if output.Type == "error" {
					t.Errorf("%s: cell %d ended with an error", notebook, i+1)
				}
				if output.Data["image/svg+xml"] != nil && output.Data["image/png"] == nil {
					t.Errorf("%s: cell %d shows an SVG without a PNG", notebook, i+1)
				}
			}
		}
		if i := strings.Index(string(content), here(t).Root); i >= 0 {
			t.Errorf("%s holds a path of this machine: …%.80s…", notebook, content[i:])
		}
	}
}

func TestKernelSpecification(t *testing.T) {
	r := here(t)
	spec, err := readSpec(filepath.Join(r.KernelFolder(), "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	if spec.DisplayName != "Noisebook (Go)" || spec.InterruptMode != "message" || spec.Language != "go" {
		t.Errorf("specification %+v", spec)
	}
	for _, program := range []string{"launch", "bin/go", "bin/gopls"} {
		info, err := os.Stat(filepath.Join(r.KernelFolder(), program))
		if err != nil {
			t.Error(err)
		} else if info.Mode()&0o111 == 0 {
			t.Errorf("%s is not executable", program)
		}
	}
}

func TestInstallAndUninstallKernel(t *testing.T) {
	r, data := here(t), PrefixDataFolder(t.TempDir())
	for range 2 { // a second installation replaces the first
		path, err := r.InstallKernel(data)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := readSpec(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(r.KernelFolder(), "launch"); spec.Argv[0] != want || spec.Argv[1] != "{connection_file}" {
			t.Errorf("starts %q, want %q and the connection file", spec.Argv, want)
		}
	}
	if _, err := (Repository{Root: t.TempDir()}).UninstallKernel(data); err == nil || !strings.Contains(err.Error(), "another checkout") {
		t.Errorf("another checkout's kernel: %v", err)
	}
	path, err := r.UninstallKernel(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the kernel's folder is still there: %v", err)
	}
	if _, err := r.UninstallKernel(data); err == nil || !strings.Contains(err.Error(), "no kernel is installed") {
		t.Errorf("second removal: %v", err)
	}
	if _, err := (Repository{Root: t.TempDir()}).InstallKernel(data); err == nil {
		t.Error("installed a kernel from a folder without one")
	}
}

func TestUserDataFolder(t *testing.T) {
	t.Setenv("JUPYTER_DATA_DIR", "data")
	if got, err := UserDataFolder(); got != "data" || err != nil {
		t.Errorf("%q, %v; want what JUPYTER_DATA_DIR says", got, err)
	}
}

func TestNotebooksSkipsHiddenFolders(t *testing.T) {
	r := Repository{Root: t.TempDir()}
	if none, err := r.Notebooks(); err != nil || len(none) != 0 {
		t.Errorf("without a folder: %v, %v", none, err)
	}
	for _, name := range []string{"b.ipynb", "joint/a.ipynb", "joint/.ipynb_checkpoints/a.ipynb", "_src/x.ipynb", "joint/_src/a.go"} {
		write(t, filepath.Join(r.NotebookFolder(), name), "{}", 0o644)
	}
	got, err := r.Notebooks()
	want := []string{filepath.Join(r.NotebookFolder(), "b.ipynb"), filepath.Join(r.NotebookFolder(), "joint", "a.ipynb")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestEnvironmentPutsTheKernelFirst(t *testing.T) {
	t.Setenv("JUPYTER_PATH", "theirs")
	r := Repository{Root: "root"}
	got := r.Environment("A=b")
	if want := "JUPYTER_PATH=" + r.JupyterPath() + string(os.PathListSeparator) + "theirs"; !slices.Contains(got, want) {
		t.Errorf("no %q in the environment", want)
	}
	if got[len(got)-1] != "A=b" {
		t.Error("the given pairs do not come last")
	}
}

// fakePython puts a shell script in the place of Python.
func fakePython(t *testing.T, script string) Repository {
	t.Helper()
	r := Repository{Root: t.TempDir()}
	write(t, filepath.Join(r.Root, ".venv", "bin", "python"), "#!/bin/sh\n"+script+"\n", 0o755)
	return r
}

func TestRunPassesItsOptions(t *testing.T) {
	r := fakePython(t, `echo "$NOISEBOOK_TIER $NOISEBOOK_STORE $*"`)
	notebook := filepath.Join(r.NotebookFolder(), "a.ipynb")
	write(t, notebook, "{}", 0o644)
	runner := filepath.Join(r.JupyterPath(), "run.py")
	tail := " --root " + r.NotebookFolder() + " " + notebook
	for _, c := range []struct {
		options RunOptions
		want    string
	}{
		{RunOptions{}, "quick  " + runner + " --out " + r.BuildFolder() + tail},
		{RunOptions{Tier: tier.CPU, InPlace: true, HTML: true, Quiet: true, Store: "s", Timeout: time.Minute},
			"cpu s " + runner + " --in-place --html --quiet --timeout 60" + tail},
		{RunOptions{Tier: tier.Smoke, Out: "o", Timings: "t", Env: []string{"NOISEBOOK_TIER=later pairs win"}},
			"later pairs win  " + runner + " --out o --timings t" + tail},
	} {
		t.Setenv("NOISEBOOK_STORE", "")
		var out strings.Builder
		c.options.Stdout = &out
		if err := r.Run(context.Background(), []string{notebook}, c.options); err != nil {
			t.Error(err)
		}
		if got := strings.TrimSpace(out.String()); got != c.want {
			t.Errorf("ran\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestRunExplainsFailures(t *testing.T) {
	for script, want := range map[string]string{
		"exit 1": "a cell failed", "exit 2": "out of time", "exit 3": "the kernel died", "exit 9": "exit status 9",
	} {
		r := fakePython(t, script)
		notebook := filepath.Join(r.NotebookFolder(), "a.ipynb")
		write(t, notebook, "{}", 0o644)
		if err := r.Run(context.Background(), []string{notebook}, RunOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
	r := fakePython(t, "exit 0")
	if err := r.Run(context.Background(), nil, RunOptions{}); err == nil {
		t.Error("ran nothing without an error")
	}
	if err := r.Run(context.Background(), []string{"missing.ipynb"}, RunOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing notebook: %v", err)
	}
	bare := Repository{Root: t.TempDir()}
	if _, err := bare.Python(); err == nil || !strings.Contains(err.Error(), "noisebook setup") {
		t.Errorf("without an environment: %v", err)
	}
}

func TestRunStopsWhenInterrupted(t *testing.T) {
	r := fakePython(t, "trap 'exit 130' INT; while :; do sleep 0.05; done")
	notebook := filepath.Join(r.NotebookFolder(), "a.ipynb")
	write(t, notebook, "{}", 0o644)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err := r.Run(ctx, []string{notebook}, RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > shutdownGrace/2 {
		t.Errorf("took %s to stop", took)
	}
}

func TestCellTimes(t *testing.T) {
	cells := []string{"fmt.Println(1)", "fmt.Println(\"two\")"}
	r := fakePython(t, `while [ $# -gt 1 ]; do
  case $1 in --timings) timings=$2;; --out) out=$2;; esac
  shift
done
[ -s "$1" ] && cp "$1" "$TIMED_NOTEBOOK" && echo "$TIMES" > "$timings"`)
	copied := filepath.Join(t.TempDir(), "timed.ipynb")
	t.Setenv("TIMED_NOTEBOOK", copied)
	t.Setenv("TIMES", "[[0.25, 1.5]]")
	times, err := r.CellTimes(t.Context(), cells, RunOptions{})
	if err != nil || !slices.Equal(times, []time.Duration{250 * time.Millisecond, 1500 * time.Millisecond}) {
		t.Errorf("%v, %v", times, err)
	}
	written, err := readNotebook(copied)
	if err != nil || !slices.Equal(written, []cell{{"code", cells[0]}, {"code", cells[1]}}) {
		t.Errorf("the notebook holds %q, %v", written, err)
	}
	for _, bad := range []string{"[[0.25]]", "[]", "{"} {
		t.Setenv("TIMES", bad)
		if times, err := r.CellTimes(t.Context(), cells, RunOptions{}); err == nil {
			t.Errorf("%s counts as times: %v", bad, times)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(r.Root, "build", "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := fakePython(t, "exit 1").CellTimes(t.Context(), cells, RunOptions{}); err == nil || !strings.Contains(err.Error(), "a cell failed") {
		t.Errorf("a failing cell: %v", err)
	}
}

func TestTestRunsEveryNotebookInAFreshStore(t *testing.T) {
	r := fakePython(t, `[ -d "$NOISEBOOK_STORE" ] && [ -z "$(ls "$NOISEBOOK_STORE")" ] || exit 3
case "$*" in *bad*) exit 1;; esac`)
	for _, name := range []string{"bad", "good"} {
		write(t, filepath.Join(r.NotebookFolder(), name+".ipynb"), "{}", 0o644)
	}
	var reported []string
	outcomes, err := r.Test(context.Background(), tier.Smoke, "", func(o Outcome) { reported = append(reported, o.Notebook) })
	if err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != 2 || outcomes[0].Err == nil || outcomes[1].Err != nil {
		t.Errorf("outcomes %+v, want a failure and a success", outcomes)
	}
	if want := []string{filepath.Join("notebooks", "bad.ipynb"), filepath.Join("notebooks", "good.ipynb")}; !slices.Equal(reported, want) {
		t.Errorf("reported %q, want %q", reported, want)
	}
	if left, _ := filepath.Glob(filepath.Join(r.Root, "build", "store-*")); len(left) != 0 {
		t.Errorf("the store is left behind: %v", left)
	}
	if _, err := (Repository{Root: t.TempDir()}).Test(context.Background(), tier.Smoke, "", func(Outcome) {}); err == nil {
		t.Error("no notebooks counted as success")
	}
}

func TestTestSharesAStore(t *testing.T) {
	r := fakePython(t, `[ -f "$NOISEBOOK_STORE/kept" ] || exit 3`)
	write(t, filepath.Join(r.NotebookFolder(), "good.ipynb"), "{}", 0o644)
	store := t.TempDir()
	write(t, filepath.Join(store, "kept"), "", 0o644)
	outcomes, err := r.Test(t.Context(), tier.Smoke, store, func(Outcome) {})
	if err != nil || len(outcomes) != 1 || outcomes[0].Err != nil {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if _, err := os.Stat(filepath.Join(store, "kept")); err != nil {
		t.Errorf("the shared store was thrown away: %v", err)
	}
}

func TestLabArguments(t *testing.T) {
	r := Repository{Root: "root"}
	if slices.Contains(r.labArguments(true), "--no-browser") || !slices.Contains(r.labArguments(false), "--no-browser") {
		t.Error("the browser does not follow the flag")
	}
	if !json.Valid([]byte(labSettings)) {
		t.Error("the settings are not JSON")
	}
}
