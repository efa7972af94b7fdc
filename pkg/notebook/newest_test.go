package notebook

import (
	"context"
	"testing"

	"noisebook/pkg/table"
	"noisebook/pkg/tier"
	"noisebook/pkg/track"
)

// A notebook reads the run of its own tier, not a newer one of another.
func TestNewest(t *testing.T) {
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	store, err := track.Open("")
	if err != nil {
		t.Fatal(err)
	}
	type config struct{ Tier string }
	stage := track.Stage[config, Measured]{Name: "joint/accuracy", Version: 1, Run: func(_ context.Context, _ *track.Job, c config) (Measured, error) {
		rows := table.New("tier")
		return Measured{rows}, rows.Append(c.Tier)
	}}
	runs := map[string]string{}
	for _, name := range []string{"cpu", "smoke"} {
		result, err := track.Do(t.Context(), store, stage, config{name})
		if err != nil {
			t.Fatal(err)
		}
		runs[name] = result.Run
	}
	for _, at := range []tier.Tier{tier.CPU, tier.Smoke} {
		if got := Newest("joint/accuracy", at); got.Run != runs[at.String()] {
			t.Errorf("tier %s: run %s, want %s", at, got.Run, runs[at.String()])
		}
	}
}
