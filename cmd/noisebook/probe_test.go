package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/npy"
)

// probeFiles writes codes of two classes, around −2 and 2 along each axis, and
// their labels; NAME.x.npy and NAME.y.npy.
func probeFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	random := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"train", "validation", "test"} {
		const samples, features = 40, 3
		codes, labels := make([]float64, samples*features), make([]int64, samples)
		for i := range codes {
			labels[i/features] = int64(i / features % 2)
			codes[i] = 4*float64(labels[i/features]) - 2 + random.NormFloat64()
		}
		if err := npy.Save(filepath.Join(dir, name+".x.npy"), []int{samples, features}, codes); err != nil {
			t.Fatal(err)
		}
		if err := npy.Save(filepath.Join(dir, name+".y.npy"), []int{samples}, labels); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func probeArgs(dir string, parts ...string) (args []string) {
	for _, part := range parts {
		args = append(args, "--"+part, filepath.Join(dir, part+".x.npy"), "--"+part+"-labels", filepath.Join(dir, part+".y.npy"))
	}
	return args
}

func TestProbeCommandFitsEveryProbe(t *testing.T) {
	dir := probeFiles(t)
	for _, kind := range probeKinds {
		t.Run(kind.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			args := append(probeArgs(dir, "train", "test"), "--json", "--auc", "--out", out)
			switch kind.name {
			case "mlp":
				args = append(args, "--engine", "go", "--hidden", "8", "--epochs", "15", "--batch", "10", "--rate", "0.01")
			case "label-propagation":
				args = append(args, "--neighbours", "6")
			}
			text, err := executeMetric(t, newProbeCommand(), append([]string{kind.name}, args...)...)
			if err != nil {
				t.Fatal(err)
			}
			var o probeOutcome
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				t.Fatal(err)
			}
			if o.Probe != kind.name || o.Samples["train"] != 40 || o.Samples["test"] != 40 || o.Features != 3 || !slices.Equal(o.Classes, []int{0, 1}) || !o.Report.Converged {
				t.Errorf("JSON %+v", o)
			}
			if a, auc := *o.Values["test"]["accuracy"], *o.Values["test"]["auc"]; a < 0.95 || auc < 0.95 {
				t.Errorf("accuracy %v, AUC %v", a, auc)
			}
			array, err := npy.Open(filepath.Join(out, "predictions.npy"))
			if err != nil {
				t.Fatal(err)
			}
			predictions, err := array.Ints()
			if err != nil {
				t.Fatal(err)
			}
			right := 0
			for i, p := range predictions {
				if p == i%2 {
					right++
				}
			}
			if got := float64(right) / 40; got != float64(*o.Values["test"]["accuracy"]) {
				t.Errorf("the written predictions have accuracy %v, printed is %v", got, *o.Values["test"]["accuracy"])
			}
		})
	}
}

func TestProbeCommandChoosesOnValidation(t *testing.T) {
	dir := probeFiles(t)
	text, err := executeMetric(t, newProbeCommand(), append([]string{"logistic", "--c", "0.001,1", "--standardize", "--components", "2"}, probeArgs(dir, "train", "validation", "test")...)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"train       40 samples", "validation  40 samples", "test        40 samples", "chosen      C = ", "converged after", "components 2", "standardize true"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
}

func TestProbeCommandRefusesBadInput(t *testing.T) {
	dir := probeFiles(t)
	both := probeArgs(dir, "train", "test")
	for _, test := range []struct {
		args []string
		want string
	}{
		{probeArgs(dir, "train"), "--test"},
		{append([]string{filepath.Join(dir, "train.x.npy")}, both...), "give one"},
		{append([]string{"--c", "1,2"}, both...), "no validation set"},
		{append([]string{"--c", "-1"}, both...), "C is -1"},
		{append([]string{"--test", filepath.Join(dir, "train.y.npy")}, both[:4]...), "two axes"},
	} {
		if _, err := executeMetric(t, newProbeCommand(), append([]string{"logistic"}, test.args...)...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.args, err, test.want)
		}
	}
	if _, err := executeMetric(t, newProbeCommand(), append([]string{"linear-svm", "--loss", "log"}, both...)...); err == nil || !strings.Contains(err.Error(), "squared_hinge or hinge") {
		t.Errorf("unknown loss: %v", err)
	}
}

func TestProbePCACommand(t *testing.T) {
	dir := t.TempDir()
	path, out := filepath.Join(dir, "x.npy"), filepath.Join(dir, "out")
	if err := npy.Save(path, []int{4, 2}, []float64{-2, 1, -1, 1, 1, 1, 2, 1}); err != nil {
		t.Fatal(err)
	}
	text, err := executeMetric(t, newProbeCommand(), "pca", path, "--components", "1", "--out", out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "3.33333") || !strings.Contains(text, "1.0000") {
		t.Errorf("text lacks the variance 10/3 and its share 1:\n%s", text)
	}
	for _, name := range []string{"components", "coordinates", "mean", "variance"} {
		if _, err := os.Stat(filepath.Join(out, name+".npy")); err != nil {
			t.Error(err)
		}
	}
}

func TestProbeListCommand(t *testing.T) {
	text, err := executeMetric(t, newProbeCommand(), "list")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"logistic", "linear-svm", "svm", "mlp", "k-means", "label-propagation", "pca"} {
		if !strings.Contains(text, want+" ") {
			t.Errorf("list lacks %s:\n%s", want, text)
		}
	}
}

func TestProbeCommandReadsTables(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string {
		path := filepath.Join(dir, name+".csv")
		table := "width,height,class\n1,0,0\n2,1,0\n1,1,0\n5,4,1\n4,5,1\n5,5,1\n"
		if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	train, test := path("train"), path("test")
	text, err := executeMetric(t, newProbeCommand(), "linear-svm", train+"#width,height", test+"#width,height",
		"--train-labels", train+"#class", "--test-labels", test+"#class", "--loss", "hinge")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "accuracy 1.0000") || !strings.Contains(text, "2 features, 2 classes") {
		t.Errorf("text:\n%s", text)
	}
}
