package claim

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/tier"
)

// Report is the outcome of one artifact, kept as results/<id>.json.
type Report struct {
	Artifact   string            `json:"artifact"` // id
	Title      string            `json:"title"`
	Tier       string            `json:"tier"`
	Dataset    string            `json:"dataset"`
	Features   string            `json:"features,omitempty"`
	Samples    int               `json:"samples,omitempty"`
	Model      string            `json:"model,omitempty"`
	Judgements []Judgement       `json:"judgements"`
	Provenance map[string]string `json:"provenance,omitempty"`
}

// NewReport starts the report of an artifact at a tier; an unknown id is an
// error that suggests the nearest.
func NewReport(id string, at tier.Tier, ours Setting) (Report, error) {
	artifact, err := FindArtifact(id)
	if err != nil {
		return Report{}, err
	}
	return Report{
		Artifact: id, Title: artifact.Title, Tier: at.String(),
		Dataset: ours.Dataset, Features: ours.Features, Samples: ours.Samples, Model: ours.Model,
	}, nil
}

// Validate holds the report to the rules of verdicts, whoever wrote it.
func (r Report) Validate() error {
	if _, err := FindArtifact(r.Artifact); err != nil {
		return err
	}
	at, err := tier.Parse(r.Tier)
	if err != nil {
		return fmt.Errorf("report of %s: %w", r.Artifact, err)
	}
	for _, j := range r.Judgements {
		if err := j.validate(at); err != nil {
			return fmt.Errorf("report of %s, claim %q: %w", r.Artifact, j.Claim, err)
		}
	}
	return nil
}

func (j Judgement) validate(at tier.Tier) error {
	allowed := []Verdict{NotComparable}
	switch {
	case j.Kind != KindNumber && j.Kind != KindShape:
		return fmt.Errorf("kind %q is neither %s nor %s", j.Kind, KindNumber, KindShape)
	case at == tier.Smoke:
		allowed = []Verdict{NotRun}
	case j.Kind == KindShape:
		allowed = append(allowed, TrendHolds, TrendFails, Undecided)
	case at == tier.Paper:
		allowed = append(allowed, Reproduced, Differs)
	}
	if !slices.Contains(allowed, j.Verdict) {
		return fmt.Errorf("a %s claim at tier %s cannot be %q", j.Kind, at, j.Verdict)
	}
	if slices.Contains([]Verdict{Undecided, NotComparable, NotRun}, j.Verdict) && j.Reason == "" {
		return fmt.Errorf("%q needs a reason", j.Verdict)
	}
	return nil
}

// Count is how many claims have a verdict, in words: "2 trends hold".
type Count struct {
	Verdict Verdict
	N       int
	Text    string
}

// Counts counts the verdicts, in the order of what they say. Claims that are not run
// are left out.
func (r Report) Counts() []Count {
	n := map[Verdict]int{}
	for _, j := range r.Judgements {
		n[j.Verdict]++
	}
	var counts []Count
	for _, verdict := range []Verdict{Reproduced, Differs, TrendHolds, TrendFails, Undecided, NotComparable} {
		if n[verdict] > 0 {
			counts = append(counts, Count{verdict, n[verdict], strconv.Itoa(n[verdict]) + " " + verdict.of(n[verdict])})
		}
	}
	return counts
}

// of is the verdict of n claims.
func (v Verdict) of(n int) string {
	switch {
	case n > 1 && v == TrendHolds:
		return "trends hold"
	case n > 1 && v == TrendFails:
		return "trends fail"
	case n > 1 && v == Differs:
		return "differ"
	}
	return string(v)
}

// Summary counts the verdicts in a few words: "2 trends hold, 1 trend fails,
// 4 not comparable". Without judgements it is "not run".
func (r Report) Summary() string {
	var parts []string
	for _, count := range r.Counts() {
		parts = append(parts, count.Text)
	}
	if len(parts) == 0 {
		return string(NotRun)
	}
	return strings.Join(parts, ", ")
}

// Print writes the verdicts as a table, then the reasons and details.
func (r Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s (tier %s, %s)\n", r.Artifact, r.Title, r.Tier, r.Dataset)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "verdict\tclaim\tmeasured\treported\tdistance")
	for _, j := range r.Judgements {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", j.Verdict, j.Claim, FormatValue(j.Value), FormatValue(j.Reported), orDash(j.Distance))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for i, j := range r.Judgements {
		why := j.Why()
		if why != "" && !(i > 0 && r.Judgements[i-1].Why() == why) { // said once for those in succession
			fmt.Fprintf(w, "  %s: %s\n", j.Claim, why)
		}
	}
	_, err := fmt.Fprintf(w, "%s\n", r.Summary())
	return err
}

// Why is a judgement's reason and detail in one text; empty where it has neither.
func (j Judgement) Why() string {
	return strings.TrimPrefix(strings.TrimSuffix(j.Reason+"; "+j.Detail, "; "), "; ")
}

// FormatValue writes a measured or reported number with four digits, and a dash for none.
func FormatValue(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return "–"
	}
	return strconv.FormatFloat(*v, 'g', 4, 64)
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// ReportPath is where an artifact's report lies below the results folder.
func ReportPath(results, id string) string {
	return filepath.Join(results, filepath.FromSlash(id)+".json")
}

// WriteReport validates a report and writes it below the results folder, all of
// it or nothing.
func WriteReport(results string, r Report) error {
	if err := r.Validate(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report of %s: %w", r.Artifact, err)
	}
	path := ReportPath(results, r.Artifact)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("report of %s: %w", r.Artifact, err)
	}
	if err := atomicfile.WriteBytes(path, append(data, '\n')); err != nil {
		return fmt.Errorf("report of %s: %w", r.Artifact, err)
	}
	return nil
}

// ReadReport reads and validates an artifact's report. When there is none the
// error wraps fs.ErrNotExist.
func ReadReport(results, id string) (Report, error) {
	var r Report
	if _, err := FindArtifact(id); err != nil {
		return r, err
	}
	path := ReportPath(results, id)
	data, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("report of %s: %w", id, err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{}, fmt.Errorf("report of %s: %s is damaged: %w", id, path, err)
	}
	if r.Artifact != id {
		return Report{}, fmt.Errorf("report of %s: %s is of %q", id, path, r.Artifact)
	}
	return r, r.Validate()
}
