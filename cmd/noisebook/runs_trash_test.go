package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/housekeeping"
)

// command runs the program within this process, on the present store, and
// returns all that it prints.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var text bytes.Buffer
	root := newRootCommand()
	root.SetOut(&text)
	root.SetErr(&text)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return text.String(), err
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, args...)
	if err != nil {
		t.Fatalf("noisebook %v: %v", args, err)
	}
	return out
}

func TestRemoveRestoreCollect(t *testing.T) {
	finished, failed := storeWithRuns(t)
	contains(t, must(t, "runs", "rm", finished.ID[:8], failed.ID), "run "+finished.ID+" (test/train) is in the trash", failed.ID)
	contains(t, must(t, "runs"), "no runs yet")
	contains(t, must(t, "runs", "restore"), finished.ID, "test/train", "finished", "failed")
	contains(t, must(t, "runs", "restore", finished.ID[:8]), "run "+finished.ID+" (test/train) is back")
	contains(t, must(t, "runs", "gc", "--older-than", "30d"), "freed 0 B")
	contains(t, must(t, "runs", "gc", "--dry-run"), "1", "runs in the trash", "would free")
	contains(t, must(t, "runs", "restore"), failed.ID)
	contains(t, must(t, "runs", "gc"), "freed")
	contains(t, must(t, "runs", "restore"), "the trash is empty")
	contains(t, must(t, "runs"), finished.ID)

	for want, args := range map[string][]string{
		"no run":                     {"runs", "rm", "nothing"},
		"noisebook runs restore":     {"runs", "restore", "nothing"},
		"want a time span":           {"runs", "gc", "--older-than", "long"},
		"want a number of days":      {"runs", "gc", "--older-than", "-3d"},
		"requires at least 1 arg":    {"runs", "rm"},
		"unknown command \"forget\"": {"runs", "forget"},
	} {
		if _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestRemoveTakesMembersWhenAsked(t *testing.T) {
	finished, _ := storeWithRuns(t)
	store, err := track.Open("")
	if err != nil {
		t.Fatal(err)
	}
	sweep, err := store.Start(t.Context(), track.StartOptions{Kind: track.KindSweep, Name: "sweep"})
	if err != nil {
		t.Fatal(err)
	}
	job, err := store.Start(t.Context(), track.StartOptions{Kind: track.KindJob, Name: "job", Parent: sweep.ID()})
	if err != nil {
		t.Fatal(err)
	}
	if err := sweep.End(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := command(t, "runs", "rm", finished.ID, sweep.ID(), "--members"); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Errorf("%v", err)
	}
	if _, err := store.Run(finished.ID); err != nil {
		t.Errorf("runs were moved before a running one was refused: %v", err)
	}
	if err := job.End(nil); err != nil {
		t.Fatal(err)
	}
	contains(t, must(t, "runs", "rm", sweep.ID()), "1 members of them stay")
	must(t, "runs", "restore", sweep.ID())
	contains(t, must(t, "runs", "rm", sweep.ID(), "--members"), "run "+job.ID()+" (job) is in the trash")
}

func TestDu(t *testing.T) {
	finished, _ := storeWithRuns(t)
	contains(t, must(t, "du"), "test/train", "own artifacts", "total")
	var usage housekeeping.Usage
	if err := json.Unmarshal([]byte(must(t, "du", "--json")), &usage); err != nil {
		t.Fatal(err)
	}
	if len(usage.Groups) != 1 || usage.Groups[0].Runs != 2 || usage.Groups[0].Stage != finished.Stage || usage.Total == 0 {
		t.Errorf("%+v", usage)
	}
}

func TestAgeFlag(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "1.5d": 36 * time.Hour, "0d": 0, "12h": 12 * time.Hour, "90m": 90 * time.Minute} {
		var a age
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%q: %v, %v", text, time.Duration(a), err)
		}
	}
	for _, text := range []string{"", "d", "30", "-1h", "NaNd", "1e9d"} {
		var a age
		if a.Set(text) == nil {
			t.Errorf("%q was read as %v", text, time.Duration(a))
		}
	}
}
