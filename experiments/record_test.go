package experiments

import (
	"context"
	"testing"

	"noisebook/pkg/track"
	"noisebook/pkg/train"
)

func TestSlug(t *testing.T) {
	for claim, want := range map[string]string{
		"precision rises with α":                               "precision_rises_with_alpha",
		"control: −α lowers the share, by 5 %":                 "control_alpha_lowers_the_share_by_5",
		"precision and recall are best together in [100, 250]": "precision_and_recall_are_best_together_in_100_250",
		"  FID ≤ 7.2":    "fid_7_2",
		"日本":             "",
		"Über-Präzision": "ber_pr_zision",
	} {
		if got := Slug(claim); got != want {
			t.Errorf("%q: %q, want %q", claim, got, want)
		}
	}
}

// A job takes over what its stages ended with, but for the machine's load.
func TestRecordStages(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stage := track.Stage[int, int]{Name: "p/train", Version: 1, Run: func(_ context.Context, job *track.Job, n int) (int, error) {
		job.Log(1, map[string]float64{"loss": 9})
		job.Log(2, map[string]float64{"loss": float64(n), train.EngineBusy: 0.5, "system/cpu": 3})
		return n, nil
	}}
	var runs []track.Run
	for n := range 2 {
		result, err := track.Do(t.Context(), store, stage, n)
		if err != nil {
			t.Fatal(err)
		}
		run, err := store.Run(result.Run)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	recording, err := store.Start(t.Context(), track.StartOptions{Kind: track.KindJob})
	if err != nil {
		t.Fatal(err)
	}
	RecordStages(recording, runs)
	stages, err := Stages(append(runs, runs[0]))
	if err != nil || len(stages) != 2 || stages[0].Name != "p/train" || stages[0].Run != runs[0].ID || stages[0].Commit == "" {
		t.Errorf("%+v, %v", stages, err)
	}
	if err := recording.End(nil); err != nil {
		t.Fatal(err)
	}
	run, err := store.Run(recording.ID())
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := run.Metrics()
	if points := metrics["p/train.loss"]; err != nil || len(metrics) != 1 || len(points) != 2 || points[1].Step != 1 || points[1].Value != 1 {
		t.Errorf("%v, %v", metrics, err)
	}
}
