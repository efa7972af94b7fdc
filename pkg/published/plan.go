package published

import (
	"fmt"
	"time"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

// Plan is what a dry run of a model found: that it can be built, and what its
// training would cost.
type Plan struct {
	ID         string    `json:"id"`
	Tier       tier.Tier `json:"tier"`
	Model      string    `json:"model"`     // which of the artifact's models
	Trainings  int       `json:"trainings"` // how often the artifact trains it, with other seeds or labels
	Parameters int       `json:"parameters"`
	Steps      int       `json:"steps"`
	Batch      int       `json:"batch"`
	// GraphNodes is the size of the training step's graph, forward and backward.
	GraphNodes int `json:"graph_nodes"`
	// StateBytes is the memory of weights, moments, moving average and gradient.
	// Activations come on top and are measured, not estimated: PeakBytes.
	StateBytes int64 `json:"state_bytes"`
	// MeasuredBatch is the batch of the one step that was timed, 0 if none was.
	MeasuredBatch int           `json:"measured_batch"`
	StepTime      time.Duration `json:"step_time_ns"`
	PeakBytes     int64         `json:"peak_bytes"` // of a process that did nothing else
	Device        string        `json:"device"`     // that measured, with its engine
}

// Whole is what one training would take where the step was timed, if a step's
// time grows with its batch.
func (p Plan) Whole() time.Duration {
	if p.MeasuredBatch == 0 {
		return 0
	}
	return time.Duration(float64(p.StepTime) * float64(p.Batch) / float64(p.MeasuredBatch) * float64(p.Steps))
}

// String says it in a few lines.
func (p Plan) String() string {
	times := ""
	if p.Trainings > 1 {
		times = fmt.Sprintf(", trained %d times", p.Trainings)
	}
	out := fmt.Sprintf("%s at tier %s, %s: %d parameters, %d steps of batch %d%s\n"+
		"training step: graph of %d nodes builds; weights, moments, average and gradient take %.0f MiB\n",
		p.ID, p.Tier, p.Model, p.Parameters, p.Steps, p.Batch, times, p.GraphNodes, float64(p.StateBytes)/(1<<20))
	if p.MeasuredBatch == 0 {
		return out + "no step was timed (--measure N times one of batch N)"
	}
	return out + fmt.Sprintf("measured on this machine: %.2f s a step of batch %d, peak %.1f GiB; the whole training would take about %.1f hours here",
		p.StepTime.Seconds(), p.MeasuredBatch, float64(p.PeakBytes)/(1<<30), p.Whole().Hours())
}

// DryRun is what dry runs of all of an artifact's models found at tier paper.
type DryRun struct {
	Artifact string `json:"artifact"`
	Machine  string `json:"machine"` // the processor in words
	Commit   string `json:"commit"`
	Plans    []Plan `json:"plans"`
}

// DryRunPath is where the record lies.
func (f Folder) DryRunPath(id string) string { return f.path(id, ".paper.json") }

// WriteDryRun refuses plans of another artifact or tier.
func (f Folder) WriteDryRun(d DryRun) error {
	if err := d.validate(); err != nil {
		return err
	}
	return writeJSON(f.DryRunPath(d.Artifact), d)
}

func (f Folder) readDryRun(id string) (*DryRun, error) {
	d, err := readJSON[DryRun](f.DryRunPath(id))
	if err != nil || d == nil {
		return nil, err
	}
	if d.Artifact != id {
		return nil, fmt.Errorf("%s is of %q", f.DryRunPath(id), d.Artifact)
	}
	return d, d.validate()
}

func (d DryRun) validate() error {
	if _, err := claim.FindArtifact(d.Artifact); err != nil {
		return err
	}
	if len(d.Plans) == 0 {
		return fmt.Errorf("the dry run of %s has no plan", d.Artifact)
	}
	for _, p := range d.Plans {
		switch {
		case p.ID != d.Artifact || p.Tier != tier.Paper:
			return fmt.Errorf("the dry run of %s at tier paper holds a plan of %s at tier %s", d.Artifact, p.ID, p.Tier)
		case p.Parameters <= 0 || p.GraphNodes <= 0:
			return fmt.Errorf("the dry run of %s, %s: no graph was built", d.Artifact, p.Model)
		}
	}
	return nil
}
