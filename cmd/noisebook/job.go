package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/config"
	"noisebook/pkg/launch"
	"noisebook/pkg/setup"
	"noisebook/pkg/track"
	"noisebook/pkg/track/system"
)

// allStages is what --recompute takes for every stage.
const allStages = "all"

// cachedTag marks a job that computed nothing.
const cachedTag = "cached"

// experiment is the artifact's config with the overrides.
func (o runOptions) experiment(artifact experiments.Artifact) (experiments.Experiment, error) {
	for _, override := range o.overrides {
		if strings.HasPrefix(override, "tier=") {
			return nil, fmt.Errorf("--set %s: a tier is more than its name; use --tier", override)
		}
	}
	return artifact.New(o.tier, o.overrides...)
}

// job describes the run of an artifact. However its options were written, the
// same experiment has the same arguments: the tier, then what differs from it.
func (o runOptions) job(artifact experiments.Artifact) (launch.Job, error) {
	experiment, err := o.experiment(artifact)
	if err != nil {
		return launch.Job{}, err
	}
	args := []string{"run", artifact.ID, "--tier", o.tier.String()}
	for _, override := range differences(artifact.Keys(o.tier), config.Keys(experiment)) {
		args = append(args, "--set", override)
	}
	stages := slices.Compact(slices.Sorted(slices.Values(o.recompute)))
	if slices.Contains(stages, allStages) {
		stages = []string{allStages}
	}
	for _, stage := range stages {
		args = append(args, "--recompute", stage)
	}
	if o.devices > 1 {
		args = append(args, "--devices", strconv.Itoa(o.devices))
	}
	paper, _, _ := strings.Cut(artifact.ID, "/")
	return launch.Job{
		Name: artifact.ID, Args: args, Config: experiment,
		Tags: map[string]string{"tier": o.tier.String(), "paper": paper},
	}, nil
}

// differences are the overrides that turn one config into the other.
func differences(from, to []config.Key) []string {
	before := map[string]string{}
	for _, k := range from {
		before[k.Path] = k.Value
	}
	var overrides []string
	for _, k := range to {
		if value, known := before[k.Path]; k.Path != "tier" && (!known || value != k.Value) {
			overrides = append(overrides, k.Path+"="+k.Value)
		}
	}
	return overrides
}

// execution is a run that `noisebook exec` has opened for the command below it.
type execution struct {
	store *track.Store
	run   track.Run
	*track.Recording
}

type executionKey struct{}

func withExecution(ctx context.Context, e execution) context.Context {
	return context.WithValue(ctx, executionKey{}, e)
}

func executionOf(ctx context.Context) (execution, bool) {
	e, ok := ctx.Value(executionKey{}).(execution)
	return e, ok
}

// openJob is a job that this process runs. Without a recording, in a store that
// cannot be written say, it answers all the same.
type openJob struct {
	store     *track.Store
	recording *track.Recording
	opened    *launch.Opened // nil below exec, which ends the recording itself
	reporter  *launch.Reporter
}

// open finds or makes the job's run. When the same job runs elsewhere it is
// followed to its end and this one then answers from the store, unrecorded.
func (o runOptions) open(cmd *cobra.Command, job launch.Job, printer *stagePrinter) (openJob, error) {
	if e, ok := executionOf(cmd.Context()); ok {
		return o.recorded(openJob{store: e.store, recording: e.Recording}, printer), nil
	}
	store, err := track.Open("")
	if err != nil {
		return openJob{}, err
	}
	opened, err := launch.Open(cmd.Context(), store, job)
	if running := (*launch.RunningError)(nil); errors.As(err, &running) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is running already as run %s: following it\n", running.Job, running.Run)
		if _, err := launch.Follow(cmd.Context(), store, running.Run, printer); err != nil {
			return openJob{}, err
		}
		o.recompute = nil // done by the other
		return o.recorded(openJob{store: store}, printer), nil
	}
	if err != nil {
		if cmd.Context().Err() != nil {
			return openJob{}, err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: the job is not recorded, its stages are: %v\n", err)
		return o.recorded(openJob{store: store}, printer), nil
	}
	return o.recorded(openJob{store: store, recording: opened.Recording, opened: opened}, printer), nil
}

func (o runOptions) recorded(j openJob, printer *stagePrinter) openJob {
	j.store.SetEnvironment("tier", o.tier.String())
	experiments.UseDevices(o.devices)
	j.store.Observe(printer)
	if j.recording != nil {
		j.store.SetParent(j.recording.ID())
		j.reporter = launch.NewReporter(j.store, j.recording)
		j.store.Observe(j.reporter)
		j.recording.Sample(system.New(j.store.Dir()))
	}
	switch {
	case slices.Contains(o.recompute, allStages):
		j.store.Recompute()
	case len(o.recompute) > 0:
		j.store.Recompute(o.recompute...)
	}
	return j
}

// used are the stages that the experiment asked for, as the store has them.
func (j openJob) used() ([]track.Run, error) {
	if j.reporter == nil {
		return nil, nil
	}
	var runs []track.Run
	for _, use := range j.reporter.Uses() {
		run, err := j.store.Run(use.Run)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// end records the outcome, ends the job and returns its run. One that found all
// it needed in the store, just as the finished job before it, leaves no record:
// asking again is not news, and would bury in the list what was computed.
func (j openJob) end(outcome experiments.Outcome, stages []track.Run, err error) (id string, _ error) {
	if j.recording == nil {
		return "", err
	}
	uses := j.reporter.Uses()
	if err == nil && j.opened != nil {
		if previous, redundant := j.opened.Redundant(uses); redundant {
			return previous, j.opened.Discard()
		}
	}
	if err == nil {
		if err = outcome.Record(j.recording); err == nil {
			experiments.RecordStages(j.recording, stages)
		}
		if !slices.ContainsFunc(uses, func(u track.Use) bool { return !u.Cached }) && j.recording.Attempt() == 1 {
			j.recording.Tag(cachedTag, "true")
		}
	}
	if j.opened != nil {
		if endErr := j.recording.End(err); err == nil {
			err = endErr
		}
	}
	return j.recording.ID(), err
}

// runArtifact runs an artifact as a job.
func runArtifact(cmd *cobra.Command, artifact experiments.Artifact, options runOptions) (experiments.Outcome, error) {
	job, err := options.job(artifact)
	if err != nil {
		return experiments.Outcome{}, err
	}
	outcome, id, err := runJob(cmd, artifact, options, job)
	if id != "" && err == nil {
		fmt.Fprintf(options.messages(cmd), "%s: recorded as run %s\n", artifact.ID, id)
	}
	return outcome, err
}

// runJob also returns the id of the job's run, empty when it left none.
func runJob(cmd *cobra.Command, artifact experiments.Artifact, options runOptions, job launch.Job) (experiments.Outcome, string, error) {
	experiment, err := options.experiment(artifact)
	if err != nil {
		return experiments.Outcome{}, "", err
	}
	opened, err := options.open(cmd, job, newStagePrinter(options.messages(cmd)))
	if err != nil {
		return experiments.Outcome{}, "", err
	}
	var stages []track.Run
	outcome, err := experiment.Run(cmd.Context(), opened.store)
	if err == nil {
		stages, err = opened.used()
	}
	if err == nil {
		outcome.Stages, err = experiments.Stages(stages)
	}
	id, err := opened.end(outcome, stages, err)
	return outcome, id, err
}

// program is this command, to be started again for jobs.
func program() (launch.Program, error) {
	path, err := os.Executable()
	if err != nil {
		return launch.Program{}, fmt.Errorf("the path of noisebook cannot be found: %w", err)
	}
	root, err := setup.Root()
	return launch.Program{Path: path, Folder: root}, err
}
