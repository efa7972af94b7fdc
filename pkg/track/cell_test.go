package track

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestCellSource(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(program) // of the test binary, which go test has made
	main := filepath.Join(folder, "main.go")
	t.Setenv("GONB_TMP_DIR", folder)
	if got := cellSource(); got != nil {
		t.Errorf("without a source: %q", got)
	}
	t.Cleanup(func() { _ = os.Remove(main) })
	overwriteNew(t, main, "package main\n")
	if got := cellSource(); string(got) != "package main\n" {
		t.Errorf("%q", got)
	}
	overwrite(t, main, strings.Repeat("x", cellLimit+5))
	if got := cellSource(); len(got) > cellLimit+100 || !strings.HasSuffix(string(got), "\n// … and 5 bytes more\n") {
		t.Errorf("%d bytes end with %q", len(got), got[cellLimit:])
	}
	other := t.TempDir()
	overwriteNew(t, filepath.Join(other, "main.go"), "package main\n")
	t.Setenv("GONB_TMP_DIR", other) // a command that a cell starts
	if got := cellSource(); got != nil {
		t.Errorf("of another program: %q", got)
	}
}

func TestNotebookName(t *testing.T) {
	for _, test := range []struct{ runner, jupyter, want string }{
		{"", "", ""},
		{"", "/project/notebooks/a b.ipynb", "notebooks/a b.ipynb"},
		{"/project/notebooks/a.ipynb", "/elsewhere", "notebooks/a.ipynb"},
		{"", "/home/someone/secret/x.ipynb", "x.ipynb"},
		{"joint/x.ipynb", "", "joint/x.ipynb"},
	} {
		t.Setenv("NOISEBOOK_NOTEBOOK", test.runner)
		t.Setenv("JPY_SESSION_NAME", test.jupyter)
		if got := notebookName("/project"); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestVariablesAreAFew(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "do not record me")
	t.Setenv("NOISEBOOK_TIER", "smoke")
	t.Setenv("GOGC", "")
	found := variables()
	if _, ok := found["GOGC"]; ok || found["NOISEBOOK_TIER"] != "smoke" || strings.Contains(fmt.Sprint(found), "do not record") {
		t.Errorf("%v", found)
	}
}

func TestUsedFolders(t *testing.T) {
	text := "go 1.26\n\nuse ./a // one\nuse (\n\t./b\n\t// ./no\n\t\"../c d\"\n)\nreplace x => ./y\n"
	if got, want := usedFolders(text), []string{"./a", "./b", "../c"}; !reflect.DeepEqual(got[:2], want[:2]) || len(got) != 3 {
		t.Errorf("%q, want %q", got, want)
	}
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestWorkspaceCommits(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"own", "other", "dirty"} {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		overwriteNew(t, filepath.Join(dir, "go.mod"), "module example.com/"+name+"\n")
		gitIn(t, dir, "init", "-q")
		gitIn(t, dir, "add", ".")
		gitIn(t, dir, "commit", "-q", "-m", "one")
	}
	overwrite(t, filepath.Join(root, "dirty", "go.mod"), "module example.com/dirty\n\ngo 1.26\n")
	overwriteNew(t, filepath.Join(root, "go.work"), "go 1.26\nuse (\n\t./own\n\t./other\n\t./dirty\n\t./missing\n)\n")
	t.Setenv("GOWORK", "")
	want := map[string]string{
		"example.com/other": gitIn(t, filepath.Join(root, "other"), "rev-parse", "HEAD"),
		"example.com/dirty": gitIn(t, filepath.Join(root, "dirty"), "rev-parse", "HEAD") + "+",
	}
	if got := workspaceCommits(filepath.Join(root, "own")); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	t.Setenv("GOWORK", "off")
	if got := workspaceCommits(filepath.Join(root, "own")); got != nil {
		t.Errorf("without a workspace: %v", got)
	}
}

func TestKeepDiff(t *testing.T) {
	part := func(name string, size int) string {
		return "diff --git a/" + name + " b/" + name + "\n" + strings.Repeat("+diff --git in a line\n", size)
	}
	small, large, last := part("small.go", 2), part("large.csv", 1000), part("last.go", 3)
	long := "diff --git a/long b/long\n+" + strings.Repeat("diff --git ", 20000) + "\n"
	kept, omitted, err := keepDiff(strings.NewReader(small+large+long+last), 1000)
	if err != nil || string(kept) != small+last || fmt.Sprint(omitted) != "[large.csv long]" {
		t.Errorf("kept %d bytes, left out %v, %v", len(kept), omitted, err)
	}
	if kept, omitted, err := keepDiff(strings.NewReader(small), 1000); err != nil || string(kept) != small || omitted != nil {
		t.Errorf("%q, %v, %v", kept, omitted, err)
	}
}
