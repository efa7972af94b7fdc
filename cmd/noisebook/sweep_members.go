package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"noisebook/pkg/launch"
	"noisebook/pkg/sweep"
	"noisebook/pkg/track"
)

// members runs what is missing and keeps and prints the tables.
func (o *sweepOptions) members(cmd *cobra.Command, store *track.Store, run track.Run, recording *track.Recording) error {
	var plan sweep.Plan
	found, err := launch.ReadArtifact(store, run, planArtifact, func(r io.Reader) error { return json.NewDecoder(r).Decode(&plan) })
	if err == nil && !found {
		err = errors.New("it was killed before it was planned: start it again")
	}
	if err != nil {
		return fmt.Errorf("sweep %s: %w", run.ID, err)
	}
	if cmd.Flags().Changed("jobs") || cmd.Flags().Changed("in-process") {
		plan.Parallel, plan.InProcess = o.parallel, o.inProcess
	}
	jobs, err := plannedJobs(plan)
	if err != nil {
		return err
	}
	var executor sweep.Executor = sweep.InProcess(executeHere)
	if !plan.InProcess {
		self, err := program()
		if err != nil {
			return err
		}
		executor = sweep.Processes(self)
	}
	reporter, line := launch.NewReporter(store, recording), newSweepLine(cmd.ErrOrStderr())
	results, err := sweep.Run(cmd.Context(), store, run.ID, plan.Members, jobs, sweep.Options{
		Executor: executor, Parallel: plan.Parallel,
		Report: func(s sweep.Status) {
			line.show(s)
			reporter.StageProgress(track.StageEvent{Stage: "members", Run: run.ID, Attempt: recording.Attempt()},
				s.Finished+s.Failed, s.Total, map[string]float64{"failed": float64(s.Failed), "running": float64(s.Running)})
		},
	})
	line.clear()
	if err != nil {
		return fmt.Errorf("sweep %s was stopped, noisebook sweep --resume %s goes on: %w", run.ID, run.ID, err)
	}
	if err := o.sumUp(cmd.OutOrStdout(), recording, results); err != nil {
		return err
	}
	return problems(run.ID, results)
}

func (o *sweepOptions) sumUp(out io.Writer, recording *track.Recording, results []sweep.Result) error {
	summary, err := sweep.Summarise(results)
	if err != nil {
		return err
	}
	for name, write := range map[string]func(io.Writer) error{
		membersArtifact:  summary.Members().WriteCSV,
		settingsArtifact: summary.Settings().WriteCSV,
		summaryArtifact:  func(w io.Writer) error { return summary.Print(w) },
	} {
		if _, err := recording.Save(name, write); err != nil {
			return err
		}
	}
	if err := summary.Print(out, o.metrics...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "all %d metrics, and a row a member: noisebook show %s (%s, %s)\n",
		len(summary.Metrics), recording.ID(), settingsArtifact, membersArtifact)
	return err
}

// problems says which members did not finish.
func problems(id string, results []sweep.Result) error {
	var lines []string
	for i, r := range results {
		if !r.Finished() {
			lines = append(lines, fmt.Sprintf("member %d: %s", i, r.Problem()))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	const shown = 3
	more := ""
	if n := len(lines) - shown; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return fmt.Errorf("%d of %d members did not finish (noisebook sweep --resume %s tries them again): %s%s",
		len(lines), len(results), id, strings.Join(lines[:min(len(lines), shown)], "; "), more)
}

// printStoredSweep prints the table that a sweep kept.
func printStoredSweep(w io.Writer, store *track.Store, run track.Run) error {
	_, err := launch.ReadArtifact(store, run, summaryArtifact, func(r io.Reader) error {
		_, err := io.Copy(w, r)
		return err
	})
	return err
}

// executeHere runs a member in this process, with a store of its own, since a
// store has one parent, and its output in the member's log.
func executeHere(ctx context.Context, store *track.Store, id string) error {
	own, err := track.Open(store.Dir())
	if err != nil {
		return err
	}
	before, err := store.Run(id)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(launch.Log(store, id), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	failure := executeRun(ctx, log, log, own, id, func() error { return nil })
	after, err := store.Run(id)
	if err == nil && after.Attempts == before.Attempts {
		err = failure
	}
	return err
}

// sweepLine shows a sweep's progress: one line of a terminal, elsewhere a line
// whenever a member ends.
type sweepLine struct {
	w        io.Writer
	terminal bool
	last     sweep.Status
}

func newSweepLine(w io.Writer) *sweepLine {
	file, ok := w.(interface{ Fd() uintptr })
	return &sweepLine{w: w, terminal: ok && isatty.IsTerminal(file.Fd())}
}

func (l *sweepLine) show(s sweep.Status) {
	ended := s.Finished+s.Failed > l.last.Finished+l.last.Failed
	l.last = s
	switch {
	case l.terminal:
		fmt.Fprintf(l.w, "\r\x1b[K%s", s)
	case ended:
		fmt.Fprintln(l.w, s)
	}
}

func (l *sweepLine) clear() {
	if l.terminal {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}
