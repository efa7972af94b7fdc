// Package claim holds what the papers report and judges what we measured
// against it. A verdict never says more than the run can carry: a reduced tier
// speaks of trends only, and a number counts as reproduced only where the
// setting is the paper's.
package claim

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"
)

//go:embed reported.csv
var reportedCSV []byte

//go:embed artifacts.csv
var artifactsCSV []byte

// ReportedValue is one number printed in a paper.
type ReportedValue struct {
	Paper     string // joint, da, drl or medi
	Artifact  string // the paper's own name: tab1, fig4, v1-tab3+v2-tab6
	Dataset   string
	Method    string
	Condition string // empty where the paper has one condition only
	Metric    string // with its unit: accuracy_pct, fid, precision_pct
	Value     float64
	Deviation *float64 // standard deviation over runs, where the paper gives one
}

func (v ReportedValue) key() string {
	return strings.Join([]string{v.Paper, v.Artifact, v.Dataset, v.Method, v.Condition, v.Metric}, " | ")
}

// Artifact is a figure or table of a paper.
type Artifact struct {
	ID       string `json:"id"`       // such as "joint/alpha-sweep"
	Paper    string `json:"paper"`    // the part before the slash
	Numbers  string `json:"numbers"`  // the paper's numbering: fig4
	Title    string `json:"title"`    //
	Datasets string `json:"datasets"` // as in the paper
	Shape    string `json:"shape"`    // the shape claim in words
}

var load = sync.OnceValues(func() (data papers, err error) {
	if data.reported, err = parseReported(reportedCSV); err != nil {
		return data, err
	}
	data.artifacts, err = parseArtifacts(artifactsCSV)
	return data, err
})

type papers struct {
	reported  []ReportedValue
	artifacts []Artifact
}

// shipped is the embedded data; a test proves that it parses.
func shipped() papers {
	data, err := load()
	if err != nil {
		panic("claim: the embedded data is damaged: " + err.Error())
	}
	return data
}

// Artifacts lists every artifact of the papers in the order of the papers.
func Artifacts() []Artifact { return slices.Clone(shipped().artifacts) }

// FindArtifact returns the artifact with an id; for an unknown id the error
// suggests the nearest.
func FindArtifact(id string) (Artifact, error) {
	for _, artifact := range shipped().artifacts {
		if artifact.ID == id {
			return artifact, nil
		}
	}
	return Artifact{}, fmt.Errorf("unknown artifact %q, did you mean %q? (noisebook list shows all)", id, Nearest(id))
}

// Nearest is the artifact id that is most like the given one. A name without
// its paper is compared with the names alone.
func Nearest(id string) string {
	best, distance := "", -1
	for _, artifact := range shipped().artifacts {
		candidate := artifact.ID
		if !strings.Contains(id, "/") {
			_, candidate, _ = strings.Cut(candidate, "/")
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(id), candidate); distance < 0 || d < distance {
			best, distance = artifact.ID, d
		}
	}
	return best
}

// ReportedValues lists what a paper's artifact reports; an empty artifact means
// the whole paper, an empty paper all four.
func ReportedValues(paper, artifact string) []ReportedValue {
	var values []ReportedValue
	for _, v := range shipped().reported {
		if (paper == "" || v.Paper == paper) && (artifact == "" || v.Artifact == artifact) {
			values = append(values, v)
		}
	}
	return values
}

// Reported returns one number of a paper. All six fields must match; the error
// for an unknown one names the nearest that exists.
func Reported(paper, artifact, dataset, method, condition, metric string) (ReportedValue, error) {
	wanted := ReportedValue{Paper: paper, Artifact: artifact, Dataset: dataset, Method: method, Condition: condition, Metric: metric}
	nearest, distance := "", -1
	for _, v := range shipped().reported {
		if v.key() == wanted.key() {
			return v, nil
		}
		if d := levenshtein.ComputeDistance(v.key(), wanted.key()); distance < 0 || d < distance {
			nearest, distance = v.key(), d
		}
	}
	return ReportedValue{}, fmt.Errorf("no reported value for %q; the nearest is %q", wanted.key(), nearest)
}

func parseReported(data []byte) ([]ReportedValue, error) {
	rows, err := parseCSV(data, "paper", "artifact", "dataset", "method", "condition", "metric", "value", "sd")
	if err != nil {
		return nil, fmt.Errorf("reported values: %w", err)
	}
	seen := map[string]bool{}
	values := make([]ReportedValue, len(rows))
	for i, row := range rows {
		v := ReportedValue{Paper: row[0], Artifact: row[1], Dataset: row[2], Method: row[3], Condition: row[4], Metric: row[5]}
		if v.Value, err = strconv.ParseFloat(row[6], 64); err != nil {
			return nil, fmt.Errorf("reported values, line %d: value %q is not a number", i+2, row[6])
		}
		if row[7] != "" {
			deviation, err := strconv.ParseFloat(row[7], 64)
			if err != nil {
				return nil, fmt.Errorf("reported values, line %d: sd %q is not a number", i+2, row[7])
			}
			v.Deviation = &deviation
		}
		if seen[v.key()] {
			return nil, fmt.Errorf("reported values, line %d: %q is there twice", i+2, v.key())
		}
		seen[v.key()] = true
		values[i] = v
	}
	return values, nil
}

func parseArtifacts(data []byte) ([]Artifact, error) {
	rows, err := parseCSV(data, "id", "numbers", "title", "datasets in the paper", "shape claim")
	if err != nil {
		return nil, fmt.Errorf("artifacts: %w", err)
	}
	artifacts := make([]Artifact, len(rows))
	for i, row := range rows {
		paper, name, ok := strings.Cut(row[0], "/")
		if !ok || paper == "" || name == "" {
			return nil, fmt.Errorf("artifacts, line %d: id %q is not of the form paper/name", i+2, row[0])
		}
		artifacts[i] = Artifact{ID: row[0], Paper: paper, Numbers: row[1], Title: row[2], Datasets: row[3], Shape: row[4]}
	}
	return artifacts, nil
}

func parseCSV(data []byte, header ...string) ([][]string, error) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || !slices.Equal(rows[0], header) {
		return nil, fmt.Errorf("want the columns %s", strings.Join(header, ", "))
	}
	return rows[1:], nil
}
