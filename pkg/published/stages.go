package published

import (
	"bytes"
	"fmt"
	"time"

	"noisebook/pkg/table"
)

// Stage is a computation behind an artifact's table.
type Stage struct {
	Name    string
	Run     string
	Commit  string
	Seed    string  // empty where the stage draws nothing
	Seconds float64 // of computing it, whenever that was
}

var stageColumns = []string{"stage", "run", "commit", "seed", "seconds"}

// StagesPath is where the stages of an artifact are listed.
func (f Folder) StagesPath(id string) string { return f.path(id, ".stages.csv") }

// WriteStages lists the stages behind an artifact's table.
func (f Folder) WriteStages(id string, stages []Stage) error {
	t := table.New(stageColumns...)
	for _, s := range stages {
		if err := t.Append(s.Name, s.Run, s.Commit, s.Seed, s.Seconds); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if err := t.WriteCSV(&out); err != nil {
		return err
	}
	return write(f.StagesPath(id), out.Bytes())
}

func (f Folder) readStages(id string) ([]Stage, error) {
	t, err := readCSV(f.StagesPath(id))
	if err != nil || t.Columns == nil {
		return nil, err
	}
	seconds, err := t.Floats("seconds")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.StagesPath(id), err)
	}
	stages := make([]Stage, t.Len())
	text := func(column string, set func(s *Stage, cell string)) {
		cells, columnErr := t.Strings(column)
		if columnErr != nil {
			err = fmt.Errorf("%s: %w", f.StagesPath(id), columnErr)
			return
		}
		for i := range stages {
			set(&stages[i], cells[i])
		}
	}
	text("stage", func(s *Stage, cell string) { s.Name = cell })
	text("run", func(s *Stage, cell string) { s.Run = cell })
	text("commit", func(s *Stage, cell string) { s.Commit = cell })
	text("seed", func(s *Stage, cell string) { s.Seed = cell })
	for i := range stages {
		stages[i].Seconds = seconds[i]
	}
	return stages, err
}

// Computing is the time that stages took, each run counted once: artifacts share
// models.
func Computing(stages ...[]Stage) time.Duration {
	seen, total := map[string]bool{}, 0.0
	for _, list := range stages {
		for _, s := range list {
			if !seen[s.Run] {
				seen[s.Run] = true
				total += s.Seconds
			}
		}
	}
	return time.Duration(total * float64(time.Second))
}
