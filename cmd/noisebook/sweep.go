package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/launch"
	"noisebook/pkg/sweep"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// What a sweep keeps as artifacts.
const (
	planArtifact     = "plan.json"
	membersArtifact  = "members.csv"
	settingsArtifact = "summary.csv"
	summaryArtifact  = "summary.txt"
)

// sweepOptions are the flags of a sweep.
type sweepOptions struct {
	tier      tier.Tier
	set       []string
	list      string
	random    int
	draw      uint64
	seeds     int
	seedKeys  []string
	parallel  int
	inProcess bool
	devices   int
	name      string
	metrics   []string
	dry       bool
	resume    string
	detach    bool
}

func newSweepCommand() *cobra.Command {
	o := sweepOptions{tier: tier.Quick}
	command := &cobra.Command{
		Use:   "sweep ID",
		Short: "Run an artifact at many settings and seeds, and sum up what it measured",
		Long: "Runs a grid (--set), random draws (--random) or a list (--list) of settings, each over --seeds, as jobs of one\n" +
			"sweep. Each is a tracked job: what the store knows is not computed again. A member that fails stops no other;\n" +
			"it makes the exit code 1 at the end. A sweep that was stopped or killed goes on with --resume.\n\n" +
			"Values: alternatives are separated by commas, as in model.train.learning_rate=1e-4,3e-4. Where the key is itself\n" +
			"a list (noisebook run ID --keys says so) commas belong to the list and semicolons separate: alphas=0,10;0,100\n" +
			"are two, alphas=0,10 is one. With --random a value may be a range: uniform(0,1), loguniform(1e-5,1e-3), int(2,8).\n" +
			"The list is CSV with a header of keys and a setting a row.\n\n" +
			"Seeds count up from the tier's own in the first key named seed, or in those that --seed-key names.",
		Example: "  noisebook sweep joint/alpha-sweep --tier smoke --set sampler.steps=3,6 --seeds 3\n" +
			"  noisebook sweep joint/alpha-sweep --set 'alphas=0,10;0,100' --set model.train.steps=200,400 --dry-run\n" +
			"  noisebook sweep joint/alpha-sweep --set 'model.train.learning_rate=loguniform(1e-4,1e-2)' --random 8 --jobs 2\n" +
			"  noisebook sweep --resume 4k2m9x0c7d",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	flags := command.Flags()
	flags.Var(&o.tier, "tier", "size of the experiments: smoke, quick, cpu or paper")
	flags.StringArrayVar(&o.set, "set", nil, "a `key=values` to vary or, with one value, to change; repeatable")
	flags.StringVar(&o.list, "list", "", "take settings from this CSV `file`")
	flags.IntVar(&o.random, "random", 0, "draw this `many` settings instead of the whole grid")
	flags.Uint64Var(&o.draw, "random-seed", 1, "seed of --random")
	flags.IntVar(&o.seeds, "seeds", 1, "run each setting with this `many` seeds")
	flags.StringArrayVar(&o.seedKeys, "seed-key", nil, "the `key` that --seeds counts up; repeatable")
	flags.IntVar(&o.parallel, "jobs", 1, "members that run at a time, each in a process of its own")
	flags.BoolVar(&o.inProcess, "in-process", false, "run the members in this process, one by one")
	flags.IntVar(&o.devices, "devices", 1, "share each training batch between the first `N` devices of the engine")
	flags.StringVar(&o.name, "name", "", "name the sweep, instead of after its artifact")
	flags.StringSliceVar(&o.metrics, "metrics", nil, "the `metrics` of the table, with commas between; all are in "+settingsArtifact)
	flags.BoolVar(&o.dry, "dry-run", false, "list the members, run none")
	flags.StringVar(&o.resume, "resume", "", "go on with this sweep `run`")
	flags.BoolVar(&o.detach, "detach", false, "run in the background, as noisebook start does")
	command.MarkFlagsMutuallyExclusive("detach", "dry-run")
	for _, other := range []string{"set", "list", "random", "seeds", "tier", "name", "dry-run"} {
		command.MarkFlagsMutuallyExclusive("resume", other)
	}
	return command
}

func (o *sweepOptions) run(cmd *cobra.Command, args []string) error {
	if o.parallel < 1 {
		return fmt.Errorf("--jobs is %d: it must be at least 1", o.parallel)
	}
	if o.inProcess && o.parallel > 1 {
		return errors.New("--in-process runs one member at a time: leave out --jobs, or --in-process for processes")
	}
	if e, ok := executionOf(cmd.Context()); ok {
		return o.members(cmd, e.store, e.run, e.Recording)
	}
	if (o.resume == "") == (len(args) == 0) {
		return errors.New("name the artifact to sweep, or a sweep to go on with: --resume RUN")
	}
	if o.resume != "" {
		return o.goOn(cmd)
	}
	artifact, err := findArtifact(args[0])
	if err != nil {
		return err
	}
	plan, question, err := o.plan(artifact)
	if err != nil {
		return err
	}
	if o.dry {
		fmt.Fprintf(cmd.OutOrStdout(), "%d members of %s at tier %s:\n", len(plan.Members), plan.Artifact, plan.Tier)
		for i, m := range plan.Members {
			fmt.Fprintf(cmd.OutOrStdout(), "%4d  %s\n", i, strings.Join(m.Overrides(), "  "))
		}
		return nil
	}
	store, err := track.Open("")
	if err != nil {
		return err
	}
	name := o.name
	if name == "" {
		name = "sweep of " + artifact.ID
	}
	paper, _, _ := strings.Cut(artifact.ID, "/")
	id, err := store.Create(track.StartOptions{
		Kind: track.KindSweep, Name: name, Config: question,
		Tags:   map[string]string{"tier": o.tier.String(), "paper": paper, "artifact": artifact.ID},
		Launch: &track.Launch{Args: []string{"sweep", artifact.ID}},
	})
	if err != nil {
		return err
	}
	if err := keepPlan(store, id, plan); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "sweep %s: %d members of %s at tier %s\n", id, len(plan.Members), plan.Artifact, plan.Tier)
	return o.begin(cmd, store, id)
}

// plan answers the question and checks every member before the first one starts.
func (o *sweepOptions) plan(artifact experiments.Artifact) (sweep.Plan, sweep.Question, error) {
	keys := artifact.Keys(o.tier)
	question := sweep.Question{
		Artifact: artifact.ID, Tier: o.tier.String(), Random: o.random, Seeds: o.seeds, SeedKeys: o.seedKeys,
	}
	plan := sweep.Plan{Artifact: artifact.ID, Tier: o.tier.String(), Parallel: o.parallel, InProcess: o.inProcess, Devices: o.devices}
	if o.random > 0 {
		question.Draw = o.draw
	}
	if o.seeds > 1 && len(o.seedKeys) == 0 {
		question.SeedKeys = sweep.DefaultSeedKeys(keys)
	}
	for _, text := range o.set {
		axis, err := sweep.ParseAxis(text, keys)
		if err != nil {
			return plan, question, fmt.Errorf("--set %w", err)
		}
		question.Axes = append(question.Axes, axis)
	}
	if o.list != "" {
		file, err := os.Open(o.list)
		if err != nil {
			return plan, question, err
		}
		defer file.Close()
		if question.List, err = sweep.ReadList(file); err != nil {
			return plan, question, fmt.Errorf("%s: %w", o.list, err)
		}
	}
	var err error
	if plan.Members, err = question.Members(keys); err != nil {
		return plan, question, err
	}
	_, err = plannedJobs(plan)
	return plan, question, err
}

// plannedJobs are the members as jobs.
func plannedJobs(plan sweep.Plan) ([]launch.Job, error) {
	artifact, err := findArtifact(plan.Artifact)
	if err != nil {
		return nil, err
	}
	at, err := tier.Parse(plan.Tier)
	if err != nil {
		return nil, err
	}
	jobs := make([]launch.Job, len(plan.Members))
	for i, m := range plan.Members {
		options := runOptions{tier: at, overrides: m.Overrides(), devices: plan.Devices}
		if jobs[i], err = options.job(artifact); err != nil {
			return nil, fmt.Errorf("member %d (%s): %w", i, strings.Join(m.Overrides(), " "), err)
		}
	}
	return jobs, nil
}

func keepPlan(store *track.Store, id string, plan sweep.Plan) error {
	recording, err := store.Attach(id)
	if err != nil {
		return err
	}
	_, err = recording.Save(planArtifact, func(w io.Writer) error { return json.NewEncoder(w).Encode(plan) })
	return recording.End(err)
}

// goOn resumes a sweep.
func (o *sweepOptions) goOn(cmd *cobra.Command) error {
	store, run, err := openRun(o.resume)
	if err != nil {
		return err
	}
	if run.Kind != track.KindSweep {
		return fmt.Errorf("run %s is a %s and no sweep", run.ID, run.Kind)
	}
	return o.begin(cmd, store, run.ID)
}

// begin starts or resumes the sweep's run, here or in the background.
func (o *sweepOptions) begin(cmd *cobra.Command, store *track.Store, id string) error {
	if o.detach {
		self, err := program()
		if err != nil {
			return err
		}
		if err := launch.Detach(cmd.Context(), store, self, id); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "started in the background\n  noisebook follow %s\n  noisebook stop %s\n", id, id)
		return nil
	}
	recording, err := store.Resume(cmd.Context(), id)
	if err != nil {
		return err
	}
	run, err := store.Run(id)
	if err == nil {
		err = o.members(cmd, store, run, recording)
	}
	if endErr := recording.End(err); err == nil {
		err = endErr
	}
	return err
}
