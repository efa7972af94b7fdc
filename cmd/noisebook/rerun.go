package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/config"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

func newRerunCommand() *cobra.Command {
	var tolerance float64
	var atCommit bool
	var devices int
	command := &cobra.Command{
		Use:   "rerun RUN",
		Short: "Run a job again from its recorded config, and say how each metric differs",
		Long: "Computes every stage anew, with the config that the run recorded, at the present code. With --at-commit it\n" +
			"does so at the recorded commit: in a git worktree with the recorded changes, built there, with a run store of\n" +
			"its own that is removed afterwards. With --tolerance a metric that differs by more makes the exit code 1.",
		Example: "  noisebook rerun 4k2m9x0c7d --tolerance 0.01\n  noisebook rerun 4k2m9x0c7d --at-commit --tolerance 0",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			limit := math.Inf(1)
			if cmd.Flags().Changed("tolerance") {
				if limit = tolerance; !(limit >= 0) {
					return fmt.Errorf("--tolerance is %g: it must be 0 or more", limit)
				}
			}
			store, err := track.Open("")
			if err != nil {
				return err
			}
			r, err := newRerun(store, args[0])
			if err != nil {
				return err
			}
			var after map[string][]float64
			if atCommit {
				after, err = r.atCommit(cmd)
			} else {
				after, err = r.here(cmd, devices)
			}
			if err != nil {
				return err
			}
			return compareMetrics(cmd.OutOrStdout(), r.before, after, limit)
		},
	}
	command.Flags().Float64Var(&tolerance, "tolerance", 0, "the relative `difference` that a metric may have, such as 0.01")
	command.Flags().BoolVar(&atCommit, "at-commit", false, "run the code of the recorded commit instead of the present one")
	command.Flags().IntVar(&devices, "devices", 1, "share each training batch between the first `N` devices of the engine")
	return command
}

// rerun is a run that is to be repeated.
type rerun struct {
	run      track.Run
	artifact experiments.Artifact
	tier     tier.Tier
	before   map[string][]float64
}

// newRerun reads what is to be repeated: a job, or an artifact's own stage, which
// has the same config.
func newRerun(store *track.Store, id string) (rerun, error) {
	run, err := store.Run(id)
	if err != nil {
		return rerun{}, err
	}
	name := run.Name
	if run.Kind == track.KindStage {
		name = run.Stage
	}
	artifact, err := findArtifact(name)
	switch {
	case run.Kind == track.KindSweep:
		return rerun{}, fmt.Errorf("run %s is a sweep: rerun its members", run.ID)
	case err != nil && run.Parent != "":
		return rerun{}, fmt.Errorf("run %s is a part of run %s: rerun that one", run.ID, run.Parent)
	case err != nil || run.Kind == track.KindRun:
		return rerun{}, fmt.Errorf("run %s, %s, is neither a job nor an artifact's table: run its artifact with --recompute %s", run.ID, run.Title(), run.Title())
	case run.State != track.Finished:
		return rerun{}, fmt.Errorf("run %s has not finished, it is %s: there is nothing to compare with", run.ID, run.State)
	}
	r := rerun{run: run, artifact: artifact}
	recorded, _ := run.Params["tier"].(string)
	if r.tier, err = tier.Parse(recorded); err != nil {
		return r, fmt.Errorf("run %s: the tier of its config: %w", run.ID, err)
	}
	r.before, err = measuredBy(store, run)
	return r, err
}

// measuredBy are a run's metrics: of a job those it kept, of an artifact's stage
// those of its table.
func measuredBy(store *track.Store, run track.Run) (map[string][]float64, error) {
	if run.Kind == track.KindStage {
		value, _, err := run.Result()
		if err != nil {
			return nil, err
		}
		var result struct {
			Table table.Table `json:"table"`
		}
		if err := json.Unmarshal(value, &result); err != nil {
			return nil, fmt.Errorf("run %s: its result holds no table: %w", run.ID, err)
		}
		return experiments.Outcome{Table: result.Table}.Metrics(), nil
	}
	series, err := run.Metrics()
	if err != nil {
		return nil, err
	}
	values := map[string][]float64{}
	for name, points := range series {
		if strings.HasPrefix(name, "system/") {
			continue
		}
		for _, p := range points {
			values[name] = append(values[name], float64(p.Value))
		}
	}
	return values, nil
}

// recordedOverrides are the recorded config as overrides.
func (r rerun) recordedOverrides() []string {
	return slices.DeleteFunc(flatten(r.run.Config), func(o string) bool { return strings.HasPrefix(o, "tier=") })
}

// here computes everything again in this process, as a job of its own.
func (r rerun) here(cmd *cobra.Command, devices int) (map[string][]float64, error) {
	options := runOptions{tier: r.tier, recompute: []string{allStages}, devices: devices}
	known := r.artifact.Keys(r.tier)
	recorded := map[string]bool{}
	for _, override := range r.recordedOverrides() {
		key, _, _ := strings.Cut(override, "=")
		recorded[key] = true
		if slices.ContainsFunc(known, func(k config.Key) bool { return k.Path == key }) {
			options.overrides = append(options.overrides, override)
		} else {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s was recorded, the present code has no such key\n", override)
		}
	}
	for _, k := range known {
		if !recorded[k.Path] && k.Path != "tier" && k.Value != "" && k.Value != "0" && k.Value != "false" { // which JSON may leave out
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s was not recorded, the present code takes %s\n", k.Path, k.Value)
		}
	}
	job, err := options.job(r.artifact)
	if err != nil {
		return nil, err
	}
	job.Tags["rerun_of"] = r.run.ID
	outcome, id, err := runJob(cmd, r.artifact, options, job)
	if err != nil {
		return nil, err
	}
	store, err := track.Open("")
	if err != nil {
		return nil, err
	}
	if id == "" { // it could not be recorded
		return outcome.Metrics(), nil
	}
	run, err := store.Run(id)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "run %s again as run %s\n", r.run.ID, id)
	return measuredBy(store, run)
}

// compareMetrics prints the metrics side by side; of one with several values
// those that are farthest apart.
func compareMetrics(w io.Writer, before, after map[string][]float64, tolerance float64) error {
	names := slices.Sorted(maps.Keys(before))
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	grid := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(grid, "metric\tbefore\tafter\tdifference\trelative\t")
	compared, beyond, missing := 0, 0, 0
	for _, name := range names {
		a, b := before[name], after[name]
		if len(a) == 0 || len(b) == 0 || len(a) != len(b) {
			fmt.Fprintf(grid, "%s\t%s\t%s\t\t\tnot comparable\n", name, valueCount(a), valueCount(b))
			missing++
			continue
		}
		compared++
		at := 0
		for i := range a {
			if relativeDifference(a[i], b[i]) > relativeDifference(a[at], b[at]) {
				at = i
			}
		}
		relative, mark := relativeDifference(a[at], b[at]), ""
		if relative > tolerance {
			beyond++
			mark = "beyond the tolerance"
		}
		if len(a) > 1 {
			mark = strings.TrimSpace(fmt.Sprintf("value %d of %d %s", at+1, len(a), mark))
		}
		difference := b[at] - a[at]
		if relative == 0 {
			difference = 0 // also of two NaN
		}
		fmt.Fprintf(grid, "%s\t%.6g\t%.6g\t%+.3g\t%.3g %%\t%s\n", name, a[at], b[at], difference, 100*relative, mark)
	}
	if err := grid.Flush(); err != nil {
		return err
	}
	if compared == 0 {
		return errors.New("the runs have no metric in common: nothing was compared")
	}
	if beyond > 0 {
		return fmt.Errorf("%d of %d metrics differ by more than %g %%", beyond, compared, 100*tolerance)
	}
	_, err := fmt.Fprintf(w, "%d metrics compared, %d are not in both runs\n", compared, missing)
	return err
}

func valueCount(values []float64) string {
	switch len(values) {
	case 0:
		return "–"
	case 1:
		return fmt.Sprintf("%.6g", values[0])
	}
	return fmt.Sprintf("%d values", len(values))
}

// relativeDifference is |b − a| / |a|: 0 of equal values, which NaNs are too, and
// infinite where only one of them is no number or a is 0.
func relativeDifference(a, b float64) float64 {
	switch {
	case a == b || math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || a == 0:
		return math.Inf(1)
	}
	return math.Abs(b-a) / math.Abs(a)
}
