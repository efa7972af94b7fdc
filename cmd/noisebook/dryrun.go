package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"noisebook/experiments"
	"noisebook/pkg/engine"
	"noisebook/pkg/published"
	"noisebook/pkg/setup"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// dryRun says what runs would take.
type dryRun struct {
	ask     bool
	measure int    // batch of the step that is timed, or 0
	model   string // of the artifact's models this one alone
	asJSON  bool
	publish bool
}

// modelsOf are an artifact's models at the asked tier.
type modelsOf struct {
	artifact experiments.Artifact
	models   []experiments.Model
}

// run plans the models of an artifact or of all artifacts of a paper.
func (d dryRun) run(cmd *cobra.Command, name string, options runOptions) error {
	chosen, err := selectArtifacts(name)
	switch {
	case err != nil:
		return err
	case d.publish && options.tier != tier.Paper:
		return fmt.Errorf("--dry-run --publish is for --tier paper: at tier %s run it", options.tier)
	case d.publish && d.model != "":
		return errors.New("--publish keeps all of an artifact's models; leave out --model")
	case d.measure < 0:
		return fmt.Errorf("--measure is %d: name a batch, or 0 to build the graph alone", d.measure)
	}
	asked := make([]modelsOf, len(chosen))
	for i, artifact := range chosen {
		models, err := artifact.Models(options.tier, options.overrides...)
		if err != nil {
			return err
		}
		if models, err = d.only(artifact.ID, models); err != nil {
			return err
		}
		asked[i] = modelsOf{artifact, models}
	}
	dry, err := d.plan(cmd, asked, options)
	if d.publish && len(dry) > 0 {
		err = errors.Join(err, publishDryRuns(cmd, dry))
	}
	if err != nil {
		return err
	}
	return d.print(cmd, dry)
}

// only keeps the model that --model names.
func (d dryRun) only(id string, models []experiments.Model) ([]experiments.Model, error) {
	if d.model == "" {
		return models, nil
	}
	var names []string
	for _, m := range models {
		if m.Name == d.model {
			return []experiments.Model{m}, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("%s has no model %q: it trains %s", id, d.model, strings.Join(names, ", "))
}

// plan measures each distinct model once. With an error come the artifacts that
// were done before it.
func (d dryRun) plan(cmd *cobra.Command, asked []modelsOf, options runOptions) ([]published.DryRun, error) {
	distinct := map[string]bool{}
	for _, a := range asked {
		for _, m := range a.models {
			distinct[m.Key] = true
		}
	}
	plans := map[string]published.Plan{}
	var dry []published.DryRun
	for _, a := range asked {
		found := published.DryRun{Artifact: a.artifact.ID, Commit: track.Checkout().ShortCommit()}
		for _, m := range a.models {
			plan, known := plans[m.Key]
			if !known {
				measure := d.planHere
				if len(distinct) > 1 {
					fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d: %s (%s)\n", len(plans)+1, len(distinct), m.Name, a.artifact.ID)
					if d.measure > 0 {
						measure = d.planApart
					}
				}
				var err error
				if plan, err = measure(cmd.Context(), a.artifact.ID, m, options); err != nil {
					return dry, fmt.Errorf("%s: %s: %w", a.artifact.ID, m.Name, err)
				}
				plans[m.Key] = plan
			}
			plan.ID, plan.Tier, plan.Model, plan.Steps, plan.Trainings = a.artifact.ID, options.tier, m.Name, m.Steps, m.Trainings
			found.Plans = append(found.Plans, plan)
		}
		dry = append(dry, found)
	}
	return dry, nil
}

// planHere measures in this process.
func (d dryRun) planHere(ctx context.Context, _ string, m experiments.Model, _ runOptions) (published.Plan, error) {
	e, err := engine.Open(ctx, "")
	if err != nil {
		return published.Plan{}, err
	}
	defer e.Close()
	plan, err := m.Plan(ctx, e, d.measure)
	plan.Device = e.Info().Device
	return plan, err
}

// planApart measures in a process of its own: what one model leaves behind would
// count in the peak memory of the next.
func (d dryRun) planApart(ctx context.Context, id string, m experiments.Model, options runOptions) (published.Plan, error) {
	self, err := program()
	if err != nil {
		return published.Plan{}, err
	}
	args := []string{"run", id, "--tier", options.tier.String(), "--dry-run", "--model", m.Name, "--measure", strconv.Itoa(d.measure), "--json"}
	for _, override := range options.overrides {
		args = append(args, "--set", override)
	}
	var out, problems bytes.Buffer
	child := exec.CommandContext(ctx, self.Path, args...)
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.Stdout, child.Stderr = &out, &problems
	if err := child.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(problems.String()), "\n")
		message := strings.TrimPrefix(lines[len(lines)-1], fmt.Sprintf("error: %s: %s: ", id, m.Name))
		return published.Plan{}, fmt.Errorf("its process ended with %w: %s", err, message)
	}
	var plans []published.Plan
	if err := json.Unmarshal(out.Bytes(), &plans); err != nil || len(plans) != 1 {
		return published.Plan{}, fmt.Errorf("its process printed no plan (%w)", errors.Join(err, errors.New(out.String())))
	}
	return plans[0], nil
}

func (d dryRun) print(cmd *cobra.Command, dry []published.DryRun) error {
	plans := []published.Plan{}
	for _, found := range dry {
		plans = append(plans, found.Plans...)
	}
	if d.asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(plans)
	}
	for _, plan := range plans {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), plan); err != nil {
			return err
		}
	}
	return nil
}

// publishDryRuns keeps what was found of artifacts that train anything.
func publishDryRuns(cmd *cobra.Command, dry []published.DryRun) error {
	root, err := setup.Root()
	if err != nil {
		return err
	}
	dry = slices.DeleteFunc(slices.Clone(dry), func(d published.DryRun) bool { return len(d.Plans) == 0 })
	for _, found := range dry {
		found.Machine = processor()
		if err := published.In(root).WriteDryRun(found); err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "published the dry runs of %d artifacts in results\n", len(dry))
	return tellReadme(cmd, root)
}
