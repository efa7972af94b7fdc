package main

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"noisebook/pkg/npy"
)

// executeMetric runs a command alone, as the root would, and returns what it prints.
func executeMetric(t *testing.T, command *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(args)
	command.SilenceUsage, command.SilenceErrors = true, true
	err := command.Execute()
	return out.String(), err
}

func featureFiles(t *testing.T) (generated, reference, short string) {
	t.Helper()
	dir := t.TempDir()
	for name, set := range map[string]struct {
		shape []int
		data  []float32
	}{
		"generated.npy": {[]int{4, 1}, []float32{1, 3, 1, 3}},
		"reference.npy": {[]int{4, 1}, []float32{-1, 1, -1, 1}},
		"short.npy":     {[]int{3, 1}, []float32{-1, 1, -1}},
	} {
		if err := npy.Save(filepath.Join(dir, name), set.shape, set.data); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "generated.npy"), filepath.Join(dir, "reference.npy"), filepath.Join(dir, "short.npy")
}

func TestMetricFIDCommand(t *testing.T) {
	generated, reference, short := featureFiles(t)
	text, err := executeMetric(t, newMetricCommand(), "fid", generated, reference)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fid        4\n", "4 generated", "4 reference", "dimension  1", "divisor n-1"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
	text, err = executeMetric(t, newMetricCommand(), "fid", "--json", generated, short)
	if err != nil {
		t.Fatal(err)
	}
	var e evaluation
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if e.Metric != "fid" || e.Reference.Samples != 3 || e.Dimension != 1 || !(e.Values["fid"] > 0) {
		t.Errorf("JSON %+v", e)
	}
}

func TestMetricPRDCommand(t *testing.T) {
	generated, reference, short := featureFiles(t)
	text, err := executeMetric(t, newMetricCommand(), "prd", generated, reference, "--clusters", "3", "--runs", "2", "--seed", "9", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var e evaluation
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	// Half of each set lies on the other's half.
	for _, name := range []string{"precision", "recall"} {
		if got := e.Values[name]; math.Abs(got-0.5) > 0.02 {
			t.Errorf("%s %v, want about 0.5", name, got)
		}
	}
	if e.Settings["clusters"] != 3.0 || e.Settings["runs"] != 2.0 || e.Settings["seed"] != 9.0 || e.Settings["angles"] != 1001.0 {
		t.Errorf("settings %v", e.Settings)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{generated, short, "--clusters", "2"}, "equally many"},
		{[]string{generated, reference}, "20 clusters of 8 samples"},
		{[]string{generated, reference, "--clusters", "0"}, "at least 1"},
		{[]string{generated, "nowhere.npy"}, "nowhere.npy"},
		{[]string{generated}, "accepts 2 arg"},
	} {
		if _, err := executeMetric(t, newMetricCommand(), append([]string{"prd"}, test.args...)...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want one with %q", test.args[1:], err, test.want)
		}
	}
}

func TestMetricListCommand(t *testing.T) {
	text, err := executeMetric(t, newMetricCommand(), "list")
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := executeMetric(t, newMetricCommand(), "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var listed []listedMetric
	if err := json.Unmarshal([]byte(encoded), &listed); err != nil {
		t.Fatal(err)
	}
	if len(listed) == 0 {
		t.Error("nothing is listed")
	}
	for _, m := range listed {
		if !strings.Contains(text, m.Name) {
			t.Errorf("the text lacks %s", m.Name)
		}
	}
}

func TestParityMetricCommand(t *testing.T) {
	golden := filepath.Join("..", "..", "pkg", "metric", "testdata")
	text, err := executeMetric(t, newParityCommand(newParityMetricCommand()), "metric", golden)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{"fid_rank_deficient", "prd_kmeans", "unknown: svm_rbf"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
	if _, err := executeMetric(t, newParityCommand(newParityMetricCommand()), "metric", t.TempDir()); err == nil {
		t.Error("an empty folder: no error")
	}
}
