package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asCommand makes this test binary act as noisebook, so that exit codes and
// everything that is printed are those of a user.
const asCommand = "NOISEBOOK_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		if os.Getenv(toyVariable) != "" {
			papers = append(papers, toyArtifacts, toyPaper)
		}
		main()
		return
	}
	os.Exit(m.Run())
}

// noisebook runs the command with environment entries set and returns its
// exit code and what it printed. The run store is the test's own.
func noisebook(t *testing.T, environment []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, problems bytes.Buffer
	command := exec.CommandContext(ctx, os.Args[0], args...)
	command.Env = append(os.Environ(), asCommand+"=1", "NOISEBOOK_ENGINE=go", "NOISEBOOK_STORE="+filepath.Join(t.TempDir(), "store"))
	command.Env = append(command.Env, environment...)
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), problems.String()
}

// Bad input gets one line that says what is wrong and what to do, and nothing on standard output.
func TestBadInput(t *testing.T) {
	folder := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := put("broken.npy", "hello")
	library := put("plugin.so", "no library")
	damaged := filepath.Dir(filepath.Dir(put("data/fashion-mnist/train-images-idx3-ubyte.gz", "damaged")))
	blocked := put("blocked", "")
	const sweep = "joint/alpha-sweep"
	for name, test := range map[string]struct {
		environment []string
		args        []string
		want        []string
	}{
		"unknown artifact":       {nil, []string{"run", "joint/alpha-swep"}, []string{`did you mean "joint/alpha-sweep"`}},
		"artifact without paper": {nil, []string{"verify", "alpha-sweep"}, []string{`did you mean "joint/alpha-sweep"`}},
		"artifact of the future": {nil, []string{"run", "drl/silhouette"}, []string{"fig12", "not built yet", "noisebook list"}},
		"no artifact":            {nil, []string{"run"}, []string{"1 arg"}},
		"unknown command":        {nil, []string{"lst"}, []string{`unknown command "lst"`, "list"}},
		"unknown flag":           {nil, []string{"run", sweep, "--tire", "quick"}, []string{"--tire"}},
		"unknown tier":           {nil, []string{"run", sweep, "--tier", "huge"}, []string{"huge", "smoke, quick, cpu, paper"}},
		"unknown key":            {nil, []string{"run", sweep, "--set", "train.stepz=5"}, []string{"train", `did you mean "model.train.steps"`}},
		"value out of range":     {nil, []string{"run", sweep, "--set", "model.train.steps=0"}, []string{"model.train", "steps is 0", "at least 1"}},
		"value of another type":  {nil, []string{"run", sweep, "--set", "samples=many"}, []string{"samples", "many"}},
		"unknown data set":       {nil, []string{"run", sweep, "--set", "model.dataset=mnits", "--set", "reference.dataset=mnits"}, []string{`"mnits"`, "fashion-mnist"}},
		"damaged data set":       {[]string{"NOISEBOOK_DATA=" + damaged}, []string{"data", "get", "fashion-mnist"}, []string{"train-images-idx3-ubyte.gz", "replace it"}},
		"unknown run":            {nil, []string{"show", "nope"}, []string{`"nope"`, "noisebook runs"}},
		"unknown engine":         {[]string{"NOISEBOOK_ENGINE=tpu"}, []string{"run", sweep, "--dry-run"}, []string{`"tpu"`, "auto, xla, xla:PATH or go"}},
		"missing plugin":         {[]string{"NOISEBOOK_ENGINE=xla:" + filepath.Join(folder, "none.so")}, []string{"run", sweep, "--dry-run"}, []string{"none.so", "noisebook setup --only plugin"}},
		"plugin that does not load": {[]string{"NOISEBOOK_ENGINE=xla:" + library}, []string{"run", sweep, "--dry-run"},
			[]string{library, "does not load", "noisebook setup --only plugin"}},
		"store that is a file":        {[]string{"NOISEBOOK_STORE=" + blocked}, []string{"run", sweep, "--tier", "smoke"}, []string{blocked}},
		"damaged features":            {nil, []string{"metric", "fid", broken, broken}, []string{broken, "npy"}},
		"fixtures that are not there": {nil, []string{"parity", "joint", filepath.Join(folder, "none")}, []string{"none"}},
		"config that is not there":    {nil, []string{"weights", "import", "--config", filepath.Join(folder, "none.json"), "a", "b"}, []string{"none.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := noisebook(t, test.environment, test.args...)
			if code == 0 {
				t.Error("the exit code is 0")
			}
			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
			if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "error: ") {
				t.Errorf("want one line, got\n%s", stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
		})
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 4 {
		t.Errorf("bad input leaves files: %v, %v", left, err)
	}
}

func TestPrintError(t *testing.T) {
	err := fmt.Errorf("run: %w", errors.New("two\nlines\twith  blanks"))
	var short, long bytes.Buffer
	printError(&short, err, false)
	if got, want := short.String(), "error: run: two lines with blanks\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	printError(&long, err, true)
	if !strings.HasPrefix(long.String(), short.String()) || !strings.Contains(long.String(), "two\nlines") {
		t.Errorf("with --debug %q, want the line and the innermost error", long.String())
	}
}
