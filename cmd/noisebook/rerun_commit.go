package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/claim"
	"noisebook/pkg/setup"
	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// atCommit computes the run again with the code that made it.
func (r rerun) atCommit(cmd *cobra.Command) (map[string][]float64, error) {
	p := r.run.Provenance
	switch {
	case p.Commit == "":
		return nil, fmt.Errorf("run %s has no recorded commit: it cannot be run at one", r.run.ID)
	case p.Dirty && p.Diff == nil:
		return nil, fmt.Errorf("run %s was made by a changed checkout whose changes were not kept (%s): it cannot be run at its commit", r.run.ID, p.DiffOmitted)
	}
	root, err := setup.Root()
	if err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp("", "noisebook-rerun-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary)
	c := checkout{ctx: cmd.Context(), root: root, folder: filepath.Join(temporary, "checkout"), store: filepath.Join(temporary, "store")}
	fmt.Fprintf(cmd.ErrOrStderr(), "checking out %s\n", p.ShortCommit())
	if err := c.run(root, "git", "worktree", "add", "--quiet", "--detach", c.folder, p.Commit); err != nil {
		return nil, fmt.Errorf("commit %s cannot be checked out: %w", p.ShortCommit(), err)
	}
	defer c.remove()
	if p.Diff != nil {
		store, err := track.Open("")
		if err != nil {
			return nil, err
		}
		if err := store.Verify(*p.Diff); err != nil {
			return nil, err
		}
		path, err := store.Path(*p.Diff)
		if err != nil {
			return nil, err
		}
		if err := c.run(c.folder, "git", "apply", "--whitespace=nowarn", path); err != nil {
			return nil, fmt.Errorf("the recorded changes cannot be applied to %s: %w", p.ShortCommit(), err)
		}
	}
	if sources := slices.DeleteFunc(slices.Clone(p.Untracked), func(name string) bool { return !strings.HasSuffix(name, ".go") }); len(sources) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: sources that git did not know are missing: %s\n", strings.Join(sources, " "))
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "building it")
	if err := c.run(c.folder, "go", "build", "-buildvcs=false", "-o", c.binary(), "./cmd/noisebook"); err != nil {
		return nil, fmt.Errorf("%s does not build: %w", p.ShortCommit(), err)
	}
	inner := exec.CommandContext(cmd.Context(), c.binary(), r.commitArgs()...)
	inner.Dir, inner.Env = c.folder, append(os.Environ(), "NOISEBOOK_STORE="+c.store)
	inner.Stdout, inner.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
	inner.Cancel = func() error { return inner.Process.Signal(os.Interrupt) }
	inner.WaitDelay = time.Minute
	if err := inner.Run(); err != nil {
		return nil, fmt.Errorf("run %s at %s: %w", r.run.ID, p.ShortCommit(), err)
	}
	return c.measured(r)
}

// commitArgs are the job's own arguments without what forces stages: in an empty
// store all are computed. An artifact's stage, which has none, gives its config.
func (r rerun) commitArgs() []string {
	if r.run.Launch == nil {
		args := []string{"run", r.artifact.ID, "--tier", r.tier.String()}
		for _, override := range r.recordedOverrides() {
			args = append(args, "--set", override)
		}
		return args
	}
	var args []string
	for i := 0; i < len(r.run.Launch.Args); i++ {
		if r.run.Launch.Args[i] == "--recompute" {
			i++
			continue
		}
		args = append(args, r.run.Launch.Args[i])
	}
	return args
}

// checkout is a git worktree of a commit, with a store of its own.
type checkout struct {
	ctx                 context.Context
	root, folder, store string
}

func (c checkout) binary() string { return filepath.Join(c.folder, "bin", "noisebook") }

func (c checkout) run(folder, name string, args ...string) error {
	var output bytes.Buffer
	command := exec.CommandContext(c.ctx, name, args...)
	command.Dir, command.Stdout, command.Stderr = folder, &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(output.String()))
	}
	return nil
}

// remove takes the worktree away, also after an interrupt.
func (c checkout) remove() {
	c.ctx = context.WithoutCancel(c.ctx)
	_ = c.run(c.root, "git", "worktree", "remove", "--force", c.folder) // the folder goes in any case, and git prunes what lacks one
}

// measured reads what the rerun wrote: the published table and verdicts and the
// stages, which every commit has, rather than the job, which early ones lack.
func (c checkout) measured(r rerun) (map[string][]float64, error) {
	store, err := track.Open(c.store)
	if err != nil {
		return nil, err
	}
	runs, err := store.Runs()
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		if run.Kind == track.KindJob && run.Name == r.artifact.ID && r.run.Kind == track.KindJob {
			return measuredBy(store, run)
		}
	}
	results := filepath.Join(c.folder, "build", "results")
	file, err := os.Open(filepath.Join(results, filepath.FromSlash(r.artifact.ID)+".csv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	outcome := experiments.Outcome{}
	if outcome.Table, err = table.ReadCSV(file); err != nil {
		return nil, err
	}
	if outcome.Report, err = claim.ReadReport(results, r.artifact.ID); err != nil {
		return nil, errors.Join(errors.New("the verdicts of the rerun cannot be read"), err)
	}
	return outcome.Metrics(), nil
}
