package experiments

import (
	"encoding/json"
	"io"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"noisebook/pkg/published"
	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

// The names of what a job keeps of its outcome.
const (
	TableArtifact  = "table.csv"
	ReportArtifact = "report.json"
)

// Record keeps the outcome in the run of the job that asked for it, so that jobs
// can be compared and followed without the artifact's code: each column of
// numbers of the table as a metric whose steps are the rows, each claim's measured
// value as metric claim_…, its verdict as param verdict.…, and the table, report
// and figures as artifacts.
func (o Outcome) Record(job *track.Recording) error {
	rows := 0
	for name, values := range o.Metrics() {
		for step, value := range values {
			job.LogValue(name, step, value)
			if rows++; rows%1000 == 0 { // the queue behind it is bounded
				if err := job.Flush(); err != nil {
					return err
				}
			}
		}
	}
	for _, j := range o.Report.Judgements {
		job.Param("verdict."+Slug(j.Claim), string(j.Verdict))
	}
	if _, err := job.Table(TableArtifact, o.Table.WriteCSV); err != nil {
		return err
	}
	if _, err := job.Save(ReportArtifact, func(w io.Writer) error { return json.NewEncoder(w).Encode(o.Report) }); err != nil {
		return err
	}
	for _, f := range o.Figures {
		for ending, content := range map[string][]byte{".svg": f.SVG, ".png": f.PNG} {
			write := func(w io.Writer) error {
				_, err := w.Write(content)
				return err
			}
			if _, err := job.Save(path.Base(f.Name)+ending, write); err != nil {
				return err
			}
		}
	}
	return nil
}

// Metrics are the numbers that Record keeps: the values of each column that
// holds nothing but numbers, and of each claim that measured one.
func (o Outcome) Metrics() map[string][]float64 {
	metrics := map[string][]float64{}
	for _, column := range o.Table.Columns {
		if values, err := o.Table.Floats(column); err == nil && len(values) > 0 {
			metrics[column] = values
		}
	}
	for _, j := range o.Report.Judgements {
		if j.Value != nil {
			metrics["claim_"+Slug(j.Claim)] = []float64{*j.Value}
		}
	}
	return metrics
}

// RecordStages takes over the last value of each metric of a job's stages, as
// STAGE.METRIC; of a stage that was asked for several times the calls are the steps.
func RecordStages(job *track.Recording, stages []track.Run) {
	calls := map[string]int{}
	for _, run := range stages {
		values := map[string]float64{}
		for name, point := range run.Last {
			// How busy the machine was is no result, and would differ in every rerun.
			if !strings.HasPrefix(name, "system/") && name != train.EngineBusy {
				values[run.Stage+"."+name] = float64(point.Value)
			}
		}
		if len(values) > 0 {
			job.Log(calls[run.Stage], values)
			calls[run.Stage]++
		}
	}
}

// Stages describes a job's stages for publishing, each once, in the order in which
// they were first asked for.
func Stages(runs []track.Run) ([]published.Stage, error) {
	var stages []published.Stage
	seen := map[string]bool{}
	for _, run := range runs {
		if seen[run.ID] {
			continue
		}
		seen[run.ID] = true
		worked, err := run.Worked()
		if err != nil {
			return nil, err
		}
		stage := published.Stage{Name: run.Stage, Run: run.ID, Commit: run.Provenance.ShortCommit(), Seconds: worked.Round(time.Millisecond).Seconds()}
		if run.Provenance.Seed != nil {
			stage.Seed = strconv.FormatInt(*run.Provenance.Seed, 10)
		}
		stages = append(stages, stage)
	}
	return stages, nil
}

// greek are the letters that claims use, as they are typed.
var greek = strings.NewReplacer("α", "alpha", "β", "beta", "γ", "gamma", "δ", "delta", "ε", "epsilon", "η", "eta",
	"θ", "theta", "λ", "lambda", "μ", "mu", "π", "pi", "ρ", "rho", "σ", "sigma", "τ", "tau", "−", "-")

// Slug makes a claim a name for metrics and params: lower case letters and
// digits of ASCII with underscores between words.
func Slug(claim string) string {
	words := strings.FieldsFunc(strings.ToLower(greek.Replace(claim)), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return strings.Join(words, "_")
}
