package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"noisebook/pkg/track/compare"
)

func TestCompareCommand(t *testing.T) {
	finished, failed := storeWithRuns(t)
	out, err := execute(t, newCompareCommand(), finished.ID, failed.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"steps  4", "loss", "-33.3 %", finished.ID, failed.ID, "params (one more is the same)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, err = execute(t, newCompareCommand(), "--filter", `stage == "test/train"`, "--json", "--metric", "loss")
	if err != nil {
		t.Fatal(err)
	}
	var c compare.Comparison
	if err := json.Unmarshal([]byte(out), &c); err != nil || len(c.Runs) != 2 || c.Runs[0].ID != finished.ID || len(c.Metrics) != 1 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCompareDraws(t *testing.T) {
	finished, failed := storeWithRuns(t)
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"curves.png":   {"--log"},
		"time.svg":     {"--by", "time", "--metric", "loss"},
		"parallel.png": {"--parallel"},
		"page.html":    nil,
	} {
		path := filepath.Join(dir, name)
		if out, err := execute(t, newCompareCommand(), append(args, finished.ID, failed.ID, "-o", path)...); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Ext(name) {
		case ".png":
			if _, err := png.Decode(bytes.NewReader(content)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case ".svg":
			if !bytes.Contains(content, []byte("<svg")) || !bytes.Contains(content, []byte("time since the start (s)")) {
				t.Errorf("%s: %.200s", name, content)
			}
		default:
			if !bytes.Contains(content, []byte("steps")) || !bytes.Contains(content, []byte("data:image/png")) {
				t.Errorf("%s: %.200s", name, content)
			}
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	finished, failed := storeWithRuns(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no runs":        {nil, "name two or more runs"},
		"one run":        {[]string{finished.ID}, "two or more"},
		"unknown run":    {[]string{finished.ID, "zzzz"}, "zzzz"},
		"unknown metric": {[]string{finished.ID, failed.ID, "--metric", "fid"}, "there are bound, loss"},
		"unknown ending": {[]string{finished.ID, failed.ID, "-o", "x.pdf"}, ".html, .svg or .png"},
		"unknown axis":   {[]string{finished.ID, failed.ID, "--by", "epoch"}, "step or time"},
		"no file":        {[]string{finished.ID, failed.ID, "--parallel"}, "with -o"},
		"bad filter":     {[]string{"--filter", "stage =="}, "filter"},
		"no match":       {[]string{"--filter", `stage == "x"`}, "no run fits"},
	} {
		out, err := execute(t, newCompareCommand(), c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
