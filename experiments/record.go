package experiments

import (
	"encoding/json"
	"io"
	"path"
	"strings"
	"unicode"

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
func RecordStages(store *track.Store, job *track.Recording, uses []track.Use) error {
	calls := map[string]int{}
	for _, use := range uses {
		run, err := store.Run(use.Run)
		if err != nil {
			return err
		}
		values := map[string]float64{}
		for name, point := range run.Last {
			// How busy the machine was is no result, and would differ in every rerun.
			if !strings.HasPrefix(name, "system/") && name != train.EngineBusy {
				values[use.Stage+"."+name] = float64(point.Value)
			}
		}
		if len(values) > 0 {
			job.Log(calls[use.Stage], values)
			calls[use.Stage]++
		}
	}
	return nil
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
