package jupyter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"noisebook/pkg/tier"
)

// RunOptions say how to execute notebooks. The zero value runs them at tier quick
// into build/notebooks.
type RunOptions struct {
	Tier    tier.Tier     // quick when empty
	InPlace bool          // write the outputs into the notebooks themselves
	Out     string        // or into this folder; build/notebooks of the repository when empty
	HTML    bool          // also write a standalone page beside each executed notebook
	Quiet   bool          // print failures and a line a notebook only
	Store   string        // run store; the repository's own when empty
	Timings string        // also write the seconds of each code cell into this file; see [Repository.CellTimes]
	Env     []string      // further NAME=VALUE pairs for the kernel
	Timeout time.Duration // of a cell; an hour when zero
	Stdout  io.Writer     // os.Stdout when nil
	Stderr  io.Writer     // os.Stderr when nil
}

// shutdownGrace is how long an interrupted run may take: the kernel gives a cell
// five seconds to save.
const shutdownGrace = 15 * time.Second

// Run executes notebooks one after the other and fails when any cell does. The
// outputs up to a failure are written.
func (r Repository) Run(ctx context.Context, notebooks []string, options RunOptions) error {
	if len(notebooks) == 0 {
		return errors.New("name at least one notebook")
	}
	for _, notebook := range notebooks {
		if _, err := os.Stat(notebook); err != nil {
			return fmt.Errorf("notebook: %w", err)
		}
	}
	python, err := r.Python()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, python, r.arguments(notebooks, options)...)
	command.Env = r.Environment(options.environment()...)
	command.Stdout, command.Stderr = cmpWriter(options.Stdout, os.Stdout), cmpWriter(options.Stderr, os.Stderr)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = shutdownGrace
	if err := command.Run(); err != nil {
		return runError(ctx, notebooks, err)
	}
	return nil
}

func cmpWriter(w, fallback io.Writer) io.Writer {
	if w == nil {
		return fallback
	}
	return w
}

func (r Repository) arguments(notebooks []string, options RunOptions) []string {
	arguments := []string{filepath.Join(r.JupyterPath(), "run.py")}
	switch {
	case options.InPlace:
		arguments = append(arguments, "--in-place")
	case options.Out != "":
		arguments = append(arguments, "--out", options.Out)
	default:
		arguments = append(arguments, "--out", r.BuildFolder())
	}
	if options.HTML {
		arguments = append(arguments, "--html")
	}
	if options.Quiet {
		arguments = append(arguments, "--quiet")
	}
	if options.Timings != "" {
		arguments = append(arguments, "--timings", options.Timings)
	}
	if options.Timeout > 0 {
		arguments = append(arguments, "--timeout", fmt.Sprint(max(1, int(options.Timeout.Seconds()))))
	}
	arguments = append(arguments, "--root", r.NotebookFolder())
	return append(arguments, notebooks...)
}

// BuildFolder is where executed notebooks go unless told otherwise.
func (r Repository) BuildFolder() string { return filepath.Join(r.Root, "build", "notebooks") }

func (o RunOptions) environment() []string {
	if o.Tier == "" {
		o.Tier = tier.Quick
	}
	pairs := []string{"NOISEBOOK_TIER=" + o.Tier.String()}
	if o.Store != "" {
		pairs = append(pairs, "NOISEBOOK_STORE="+o.Store)
	}
	return append(pairs, o.Env...)
}

// runError explains the runner's exit status; the details are on standard error.
func runError(ctx context.Context, notebooks []string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("notebook run interrupted: %w", context.Cause(ctx))
	}
	what := strings.Join(notebooks, ", ")
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run %s: %w", what, err)
	}
	switch exit.ExitCode() {
	case 1:
		return fmt.Errorf("run %s: a cell failed, see above", what)
	case 2:
		return fmt.Errorf("run %s: out of time", what)
	case 3:
		return fmt.Errorf("run %s: the kernel died; set NOISEBOOK_KERNEL_LOG to a file and run again to see why", what)
	}
	return fmt.Errorf("run %s: %w", what, err)
}

// Outcome is one notebook's result in [Repository.Test].
type Outcome struct {
	Notebook string // relative to the repository
	Duration time.Duration
	Err      error
}

// Test executes every notebook at a tier and reports each when it is done. Without
// the folder of a run store they share a fresh one, so that each stage really runs.
// Outputs go to build/notebooks.
func (r Repository) Test(ctx context.Context, t tier.Tier, store string, report func(Outcome)) ([]Outcome, error) {
	notebooks, err := r.Notebooks()
	if err != nil {
		return nil, err
	}
	if len(notebooks) == 0 {
		return nil, fmt.Errorf("there are no notebooks in %s", r.NotebookFolder())
	}
	if store == "" {
		build := filepath.Join(r.Root, "build")
		if err := os.MkdirAll(build, 0o755); err != nil {
			return nil, fmt.Errorf("notebook tests: %w", err)
		}
		if store, err = os.MkdirTemp(build, "store-"); err != nil {
			return nil, fmt.Errorf("notebook tests: %w", err)
		}
		defer os.RemoveAll(store)
	} else if store, err = filepath.Abs(store); err != nil { // the kernel runs in the notebook's folder
		return nil, fmt.Errorf("notebook tests: %w", err)
	}
	var outcomes []Outcome
	for _, notebook := range notebooks {
		if ctx.Err() != nil {
			return outcomes, fmt.Errorf("notebook tests interrupted: %w", context.Cause(ctx))
		}
		begin := time.Now()
		err := r.Run(ctx, []string{notebook}, RunOptions{Tier: t, Quiet: true, Store: store, Stdout: io.Discard})
		name, relativeError := filepath.Rel(r.Root, notebook)
		if relativeError != nil {
			name = notebook
		}
		outcomes = append(outcomes, Outcome{Notebook: name, Duration: time.Since(begin), Err: err})
		report(outcomes[len(outcomes)-1])
	}
	return outcomes, nil
}

// Sync brings notebooks and their paired texts together with jupytext: the newer
// of the two wins, and outputs stay.
func (r Repository) Sync(ctx context.Context, notebooks []string) error {
	python, err := r.Python()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, python, append([]string{"-m", "jupytext", "--sync"}, notebooks...)...)
	command.Env = r.Environment()
	message, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("jupytext: %w: %s", err, strings.TrimSpace(string(message)))
	}
	return nil
}
