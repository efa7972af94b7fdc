// Package experiments holds what every paper's artifacts share: how one is
// described, run, and handed to a notebook or a file.
//
// An artifact is a config with one field a choice, a default for each tier,
// and a Run that chains tracked stages, draws the last one's table and judges
// it. Papers live in the packages below this one.
package experiments

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/figure"
	"noisebook/pkg/published"
	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// Experiment is one artifact's config at a tier.
type Experiment interface {
	// Run answers from the store or computes, then draws and judges.
	Run(ctx context.Context, store *track.Store) (Outcome, error)
}

// Artifact describes an experiment to the command line.
type Artifact struct {
	ID    string
	Tiers []tier.Tier
	// New is the experiment at a tier with overrides such as "train.steps=50".
	New func(t tier.Tier, overrides ...string) (Experiment, error)
	// Keys lists what can be overridden, with the tier's values.
	Keys func(t tier.Tier) []config.Key
	// Models lists what the artifact's run trains, each distinct model once: what a
	// dry run builds.
	Models func(t tier.Tier, overrides ...string) ([]Model, error)
}

// Outcome is what an artifact shows.
type Outcome struct {
	ID      string
	Tier    tier.Tier
	Run     string // id of the run that holds the table
	Cached  bool
	Table   table.Table
	Figures []NamedFigure
	Report  claim.Report
	// Stages are all computations behind the table, where they were recorded.
	Stages []published.Stage
}

// NamedFigure is a figure and the name of its files.
type NamedFigure struct {
	Name string
	*figure.Figure
}

// Parts are what a notebook shows: the figures, then the verdicts.
func (o Outcome) Parts() []any {
	var parts []any
	for _, f := range o.Figures {
		parts = append(parts, f.Figure)
	}
	return append(parts, o.Report)
}

// Publish writes the table, the report and the stages below results and the
// figures below plots, each whole or not at all, and returns the paths.
func (o Outcome) Publish(folder published.Folder) (paths []string, err error) {
	// All that can be refused is, before anything is written.
	if err := o.Report.Validate(); err != nil {
		return nil, err
	}
	for _, f := range o.Figures {
		if !published.FigureOf(f.Name, o.ID) {
			return nil, fmt.Errorf("%s: a figure is named %q: readers look for %s or %s-…", o.ID, f.Name, o.ID, o.ID)
		}
	}
	var csv bytes.Buffer
	if err := o.Table.WriteCSV(&csv); err != nil {
		return nil, err
	}
	path := folder.TablePath(o.ID)
	if err := writeFile(path, csv.Bytes()); err != nil {
		return nil, err
	}
	if err := claim.WriteReport(folder.Results, o.Report); err != nil {
		return nil, err
	}
	paths = append(paths, path, claim.ReportPath(folder.Results, o.ID))
	if len(o.Stages) > 0 {
		if err := folder.WriteStages(o.ID, o.Stages); err != nil {
			return nil, err
		}
		paths = append(paths, folder.StagesPath(o.ID))
	}
	for _, f := range o.Figures {
		saved, err := f.Save(filepath.Join(folder.Plots, filepath.Dir(filepath.FromSlash(f.Name))), filepath.Base(f.Name))
		if err != nil {
			return nil, err
		}
		paths = append(paths, saved...)
	}
	return paths, nil
}

func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, content)
}
