package main

import (
	"encoding/json"
	"strings"
	"testing"

	"noisebook/pkg/track"
)

func TestCacheCommands(t *testing.T) {
	finished, failed := storeWithRuns(t)
	contains(t, must(t, "cache", "ls"), finished.Key[:12], "test/train", finished.ID)
	contains(t, must(t, "cache", "ls", "--stage", "other"), "answers no stage yet")
	contains(t, must(t, "cache", "why", failed.ID), "config   steps 4 → 6")
	var difference track.Difference
	if err := json.Unmarshal([]byte(must(t, "cache", "why", failed.ID, finished.ID, "--json")), &difference); err != nil || difference.Reason() != "steps 4 → 6" {
		t.Errorf("%+v, %v", difference, err)
	}
	for want, args := range map[string][]string{
		"neither a run nor":        {"cache", "rm", "nothing"},
		"answers nothing":          {"cache", "rm", failed.ID},
		"answers no key of stage":  {"cache", "rm", "--stage", "other"},
		"name runs or keys":        {"cache", "rm"},
		"there is nothing to comp": {"cache", "why", finished.ID},
	} {
		if _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	for _, args := range [][]string{{finished.ID}, {finished.Key[:8]}, {"--stage", "test/train"}} {
		contains(t, must(t, append([]string{"cache", "rm"}, args...)...), "test/train is computed anew: in the trash is run "+finished.ID)
		must(t, "runs", "restore", finished.ID)
	}
}
