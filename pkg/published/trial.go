package published

import (
	"fmt"
	"time"

	"noisebook/pkg/claim"
	"noisebook/pkg/tier"
)

// Trial records that an artifact ran from end to end at tier smoke: what it
// made, how long its stages took, and that each of its claims stays unjudged.
type Trial struct {
	claim.Report
	Rows    int     `json:"rows"`    // of the table
	Figures int     `json:"figures"` // drawn
	Seconds float64 `json:"seconds"` // of all stages, compilation included
}

// Took is how long the stages took.
func (t Trial) Took() time.Duration { return time.Duration(t.Seconds * float64(time.Second)) }

// TrialPath is where the record lies.
func (f Folder) TrialPath(id string) string { return f.path(id, ".smoke.json") }

// WriteTrial refuses what another tier made: that is published with its table.
func (f Folder) WriteTrial(t Trial) error {
	if err := t.validate(); err != nil {
		return err
	}
	return writeJSON(f.TrialPath(t.Artifact), t)
}

func (f Folder) readTrial(id string) (*Trial, error) {
	t, err := readJSON[Trial](f.TrialPath(id))
	if err != nil || t == nil {
		return nil, err
	}
	if t.Artifact != id {
		return nil, fmt.Errorf("%s is of %q", f.TrialPath(id), t.Artifact)
	}
	return t, t.validate()
}

func (t Trial) validate() error {
	if t.Tier != tier.Smoke.String() {
		return fmt.Errorf("a trial of %s is of tier smoke, not %s", t.Artifact, t.Tier)
	}
	return t.Report.Validate()
}
