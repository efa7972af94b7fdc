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
	"os"
	"path/filepath"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/claim"
	"noisebook/pkg/config"
	"noisebook/pkg/engine"
	"noisebook/pkg/figure"
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
	// DryRun builds the training step's graph of each model without data; with a
	// measured batch above 0 it also times one step of that size.
	DryRun func(ctx context.Context, e *engine.Engine, t tier.Tier, measuredBatch int, overrides ...string) ([]Plan, error)
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

// Publish writes the table and the report below results and the figures below
// plots, each whole or not at all, and returns the paths.
func (o Outcome) Publish(results, plots string) (paths []string, err error) {
	if err := o.Report.Validate(); err != nil { // before anything is written
		return nil, err
	}
	var csv bytes.Buffer
	if err := o.Table.WriteCSV(&csv); err != nil {
		return nil, err
	}
	path := filepath.Join(results, filepath.FromSlash(o.ID)+".csv")
	if err := writeFile(path, csv.Bytes()); err != nil {
		return nil, err
	}
	if err := claim.WriteReport(results, o.Report); err != nil {
		return nil, err
	}
	paths = append(paths, path, claim.ReportPath(results, o.ID))
	for _, f := range o.Figures {
		saved, err := f.Save(filepath.Join(plots, filepath.Dir(filepath.FromSlash(f.Name))), filepath.Base(f.Name))
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
