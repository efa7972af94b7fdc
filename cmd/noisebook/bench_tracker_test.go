package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBenchTracker(t *testing.T) {
	store := t.TempDir()
	decoder := json.NewDecoder(strings.NewReader(must(t, "bench", "tracker", "--runs", "3", "--points", "50", "--store", store, "--json")))
	for _, want := range []struct {
		action string
		count  int
	}{{"log", 0}, {"index", 3}, {"list", 3}, {"read", 50}} {
		var times trackerTimes
		if err := decoder.Decode(&times); err != nil || times.Action != want.action || times.Count != want.count || times.Seconds <= 0 {
			t.Errorf("%+v (%v), want %+v", times, err, want)
		}
	}
	contains(t, must(t, "bench", "tracker", "read", "--store", store), "read: 50 in ")
	if _, err := command(t, "bench", "tracker", "write"); err == nil || !strings.Contains(err.Error(), `"write"`) {
		t.Errorf("error %v", err)
	}
	if _, err := command(t, "bench", "tracker", "list", "--runs", "0"); err == nil {
		t.Error("--runs 0 is taken")
	}
}
