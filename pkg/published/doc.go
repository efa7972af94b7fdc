// Package published reads and writes what the repository keeps of each artifact,
// below results and plots, so that lists, the README and reports say the same:
//
//	results/<id>.csv         the table
//	results/<id>.json        the claims with their verdicts (package claim)
//	results/<id>.stages.csv  the stages behind the table: run, commit, seed, seconds
//	results/<id>.smoke.json  that it ran from end to end at tier smoke
//	results/<id>.paper.json  what dry runs of tier paper found
//	plots/<id>[-part].svg    the figures, with .png twins
package published

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/claim"
	"noisebook/pkg/table"
)

// A table that holds the paper's rows beside ours says so in a column of this name,
// whose value is SourcePaper in the paper's.
const (
	SourceColumn = "source"
	SourcePaper  = "the paper"
)

// Folder is where artifacts are published.
type Folder struct {
	Results string
	Plots   string
}

// In is the folder of a repository's root, or of its build folder.
func In(root string) Folder {
	return Folder{Results: filepath.Join(root, "results"), Plots: filepath.Join(root, "plots")}
}

// Artifact is all that is published of an artifact. What is missing is nil or
// empty; nothing but Report says that it was run.
type Artifact struct {
	claim.Artifact
	Report  *claim.Report
	Table   table.Table
	Figures []Figure
	Stages  []Stage
	Trial   *Trial
	DryRun  *DryRun
}

// Read returns what is published of an artifact. A file that is not there is no
// error, a damaged one is.
func (f Folder) Read(a claim.Artifact) (Artifact, error) {
	out := Artifact{Artifact: a}
	report, err := claim.ReadReport(f.Results, a.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, err
	}
	if err == nil {
		out.Report = &report
	}
	if out.Table, err = readCSV(f.TablePath(a.ID)); err != nil {
		return out, err
	}
	if out.Stages, err = f.readStages(a.ID); err != nil {
		return out, err
	}
	if out.Figures, err = f.readFigures(a.ID); err != nil {
		return out, err
	}
	if out.Trial, err = f.readTrial(a.ID); err != nil {
		return out, err
	}
	out.DryRun, err = f.readDryRun(a.ID)
	return out, err
}

// TablePath is where an artifact's table lies.
func (f Folder) TablePath(id string) string { return f.path(id, ".csv") }

func (f Folder) path(id, ending string) string {
	return filepath.Join(f.Results, filepath.FromSlash(id)+ending)
}

// readCSV returns an empty table where there is no file.
func readCSV(path string) (table.Table, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return table.Table{}, nil
	}
	if err != nil {
		return table.Table{}, err
	}
	defer file.Close()
	t, err := table.ReadCSV(file)
	if err != nil {
		return t, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return t, nil
}

// readJSON returns nil where there is no file.
func readJSON[T any](path string) (*T, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var value T
	if err := json.Unmarshal(content, &value); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return &value, nil
}

func writeJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return write(path, append(content, '\n'))
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, content)
}

// FigureOf says whether a figure's name is an artifact's: the id, or the id, a
// dash and what the figure shows. Of two artifacts whose ids both begin the name,
// the longer one has the figure.
func FigureOf(name, id string) bool {
	if !begins(name, id) {
		return false
	}
	return !slices.ContainsFunc(claim.Artifacts(), func(a claim.Artifact) bool {
		return len(a.ID) > len(id) && begins(name, a.ID)
	})
}

func begins(name, id string) bool { return name == id || strings.HasPrefix(name, id+"-") }
