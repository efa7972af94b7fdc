package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// answers writes what timed processes would print: ours and PyTorch's.
func answers(t *testing.T, folder string, channels, batch int, ours, theirs []float64) {
	t.Helper()
	config := unetBench{Channels: channels, Batch: batch, Size: 28, InChannels: 1, Attention: []int{2, 4}}
	write := func(name string, answer any) {
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for round, seconds := range ours {
		write(fmt.Sprintf("ours-%d-%d-%d.json", channels, batch, round), benchResult{
			Config: config, Backend: "xla", Matmul: 100e9, PeakMemory: 1e9,
			Measures: map[string]benchTiming{"train": {Compile: 7, Seconds: []float64{seconds}, Needed: 50e9}},
		})
	}
	for _, measure := range []string{"train", "no-ema"} {
		write(fmt.Sprintf("theirs-%d-%d-%s.json", channels, batch, measure), torchResult{
			Config: config, Measure: measure, Seconds: theirs, First: 5, PeakMemory: 2e9, Matmul: 200e9, Torch: "2.0", Threads: 2,
		})
	}
}

func TestBenchCompare(t *testing.T) {
	folder := t.TempDir()
	answers(t, folder, 32, 64, []float64{1, 3, 2}, []float64{4, 4, 5}) // three rounds of ours
	answers(t, folder, 64, 64, []float64{8}, []float64{10})
	out := filepath.Join(t.TempDir(), "torch.csv")
	if _, err := execute(t, newBenchCommand(), "collect", folder, "--csv", out, "--commit", "abc"); err != nil {
		t.Fatal(err)
	}

	printed, err := execute(t, newBenchCommand(), "table", out)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines, want a header and two measures at two sizes:\n%s", len(lines), printed)
	}
	// The share is of one's own matrix product: 50 GFLOP in 2 s at 100, in 4 s at 200 GFLOP/s.
	want := []string{"train", "32", "64", "28", "2", "4", "1.00", "2.00", "0.25", "0.06", "7", "0.50", "0.50"}
	if got := strings.Fields(lines[1]); !slices.Equal(got, want) {
		t.Errorf("first line is %q, want %q", got, want)
	}
	if got := strings.Fields(lines[2]); got[0] != "no-ema" || got[11] != "0.50" {
		t.Errorf("without the moving average: %q; want our whole step compared", got)
	}

	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 7 || !slices.Equal(rows[0], benchColumns) {
		t.Errorf("the CSV has %d lines, the first %q", len(rows), rows[0])
	}

	if printed, err = execute(t, newBenchCommand(), "table", out, "--markdown"); err != nil || !strings.Contains(printed, "|---|") {
		t.Errorf("%v, Markdown %q", err, printed)
	}
}

func TestBenchPlot(t *testing.T) {
	folder := t.TempDir()
	for _, size := range [][2]int{{32, 64}, {64, 64}, {96, 64}, {32, 16}} {
		cost := float64(size[0]*size[1]) / 1000
		answers(t, folder, size[0], size[1], []float64{cost}, []float64{2 * cost})
	}
	out := filepath.Join(t.TempDir(), "size.csv")
	if _, err := execute(t, newBenchCommand(), "collect", folder, "--csv", out); err != nil {
		t.Fatal(err)
	}
	plots := t.TempDir()
	printed, err := execute(t, newBenchCommand(), "plot", out, "--out", plots)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seconds-by-channels.svg", "seconds-by-batch.svg"} {
		text, err := os.ReadFile(filepath.Join(plots, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "pytorch") {
			t.Errorf("%s does not name PyTorch", name)
		}
	}
	if strings.Contains(printed, "by-size") {
		t.Errorf("drew the size, which never varied: %q", printed)
	}
}

func TestBenchCompareErrors(t *testing.T) {
	empty, wrong := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(wrong, "a.json"), []byte(`{"x": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	alone := t.TempDir()
	answers(t, alone, 32, 64, []float64{1}, nil)
	for _, file := range []string{"theirs-32-64-train.json", "theirs-32-64-no-ema.json"} {
		if err := os.Remove(filepath.Join(alone, file)); err != nil {
			t.Fatal(err)
		}
	}
	oneSided := filepath.Join(t.TempDir(), "one.csv")
	if _, err := execute(t, newBenchCommand(), "collect", alone, "--csv", oneSided); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"no answers", "no *.json", []string{"collect", empty, "--csv", "x"}},
		{"another file", "no answer of a timed process", []string{"collect", wrong, "--csv", "x"}},
		{"nowhere to write", "--csv", []string{"collect", empty}},
		{"missing table", "bench collect", []string{"table", filepath.Join(empty, "none.csv")}},
		{"one side", "both sides", []string{"table", oneSided}},
		{"nothing varied", "nothing was varied", []string{"plot", oneSided, "--out", empty}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := execute(t, newBenchCommand(), test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one about %s", err, test.want)
			}
		})
	}
}
