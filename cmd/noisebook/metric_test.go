package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"noisebook/pkg/metric"
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

// metricFiles writes inputs of all metrics to a folder and makes it the
// working directory.
func metricFiles(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"binary.csv":      "score,label,weight\n0.9,1,1\n0.8,0,2\n0.7,1,1\n0.3,0,1\n0.2,0,3\n0.6,1,1\n",
		"classes.csv":     "a,b,c\n0.7,0.2,0.1\n0.1,0.8,0.1\n0.2,0.2,0.6\n0.5,0.4,0.1\n0.3,0.3,0.4\n",
		"multilabel.csv":  "a,b,c\n1,0,0\n0,1,0\n1,0,0\n0,1,0\n1,1,0\n",
		"labels.csv":      "0\n1\n2\n1\n2\n",
		"predictions.csv": "0\n1\n2\n0\n2\n",
		"codes.tsv":       "x\ty\n0\t0\n0\t1\n9\t0\n9\t1\n4\t4\n",
		"after.csv":       "a,b,c\n0.2,0.2,0.1\n0.1,0.8,0.1\n0.2,0.3,0.6\n0.1,0.4,0.1\n0.3,0.3,0.4\n",
		"boxes.csv":       "image,x,y,width,height\n0,0,0,1,1\n1,1,0,1,2\n",
		"series.csv":      "alpha,precision\n1,0.5\n2,0.7\n3,0.6\n4,0.9\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, save := range map[string]func(string) error{
		"generated.npy": func(p string) error { return npy.Save(p, []int{4, 1}, []float32{1, 3, 1, 3}) },
		"real.npy":      func(p string) error { return npy.Save(p, []int{4, 1}, []float32{-1, 1, -1, 1}) },
		"short.npy":     func(p string) error { return npy.Save(p, []int{3, 1}, []float32{-1, 1, -1}) },
		"wide.npy":      func(p string) error { return npy.Save(p, []int{4, 2}, make([]float32, 8)) },
		"maps.npy":      func(p string) error { return npy.Save(p, []int{2, 1, 1, 8}, make([]float32, 16)) },
		"before.npy":    func(p string) error { return npy.Save(p, []int{2, 2, 2}, make([]float64, 8)) },
		"edited.npy": func(p string) error {
			return npy.Save(p, []int{2, 2, 2}, []float64{51, 0, 0, 0, 0, 102, 0, 102})
		},
		"statistics.npz": func(p string) error {
			return npy.SaveArchive(p, func(w *npy.ArchiveWriter) error {
				if err := npy.AddArray(w, "mu", []int{1}, []float64{0}); err != nil {
					return err
				}
				return npy.AddArray(w, "sigma", []int{1, 1}, []float64{4. / 3})
			})
		},
	} {
		if err := save(name); err != nil {
			t.Fatal(err)
		}
	}
}

// Every metric by hand, from every kind of input.
func TestMetricCommands(t *testing.T) {
	metricFiles(t)
	for arguments, want := range map[string]map[string]float64{
		"fid generated.npy real.npy":                                        {"fid": 4},
		"fid generated.npy statistics.npz":                                  {"fid": 4},
		"fid-infinity generated.npy statistics.npz --points 2 --smallest 3": {},
		"sfid maps.npy maps.npy":                                            {"sfid": 0},
		"sfid generated.npy real.npy":                                       {"sfid": 4},
		"kid generated.npy real.npy --subsets 3 --subset-size 4 --full --degree 1 --offset 0 --gamma 1": {
			// x·x' over pairs of different samples: (4·1·3+1+9)·2/12 of 1, 3, 1, 3; -1/3; cross sum 0.
			"kid": 22./6 - 1./3, "kid_full": 22./6 - 1./3,
		},
		"prdc generated.npy real.npy --neighbours 2":                        {"precision": 0.5, "recall": 0.5, "density": 0.5, "coverage": 0.5},
		"inception-score classes.csv --splits 1":                            {},
		"silhouette codes.tsv labels.csv":                                   {},
		"auc binary.csv#score binary.csv#label":                             {"auc": 7. / 9},
		"auc binary.csv#score binary.csv#label --weights binary.csv#weight": {"auc": (3*4 + 2*1.) / (3 * 6)},
		"auc classes.csv labels.csv":                                        {"auc_macro": 1},
		"auc classes.csv multilabel.csv":                                    {"auc_macro": (5./6 + 5./6) / 2},
		"auc classes.csv multilabel.csv --absent zero":                      {"auc_macro": (5./6 + 5./6) / 3},
		"average-precision binary.csv#score binary.csv#label":               {"average_precision": (1 + 2./3 + 3./4) / 3},
		"average-precision classes.csv labels.csv":                          {"average_precision_macro": 1},
		"accuracy predictions.csv labels.csv":                               {"accuracy": 0.8},
		"accuracy classes.csv labels.csv":                                   {"accuracy": 0.8},
		"top-k classes.csv labels.csv --k 2":                                {"top2": 1},
		"f1 predictions.csv labels.csv --positive 1":                        {"f1": 2. / 3, "precision": 1, "recall": 0.5, "f1_macro": (2./3 + 2./3 + 1) / 3, "f1_macro_seen": (2./3 + 2./3 + 1) / 3},
		"f1 predictions.csv labels.csv --classes 4":                         {"f1_macro": (2./3 + 2./3 + 1) / 4, "f1_macro_seen": (2./3 + 2./3 + 1) / 3},
		"calibration binary.csv#score binary.csv#label --bins 1":            {"ece": 3.5/6 - 0.5, "mce": 3.5/6 - 0.5, "brier": (0.01 + 0.64 + 0.09 + 0.09 + 0.04 + 0.16) / 6},
		"calibration classes.csv labels.csv --bins 1":                       {"ece": 0.2},
		"class-change classes.csv after.csv --class 0":                      {"target_before": 0.36, "target_change": -0.18, "other_change": 0.01},
		"pixel-change before.npy edited.npy boxes.csv --scale 255":          {"inside": (0.2 + 0.4) / 2, "outside": 0},
		"spearman series.csv#alpha series.csv#precision":                    {"spearman": 0.8},
		"mean-sd series.csv#alpha":                                          {"mean": 2.5},
	} {
		text, err := executeMetric(t, newMetricCommand(), append(strings.Fields(arguments), "--json")...)
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
			continue
		}
		var r metricReport
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		if r.Metric != strings.Fields(arguments)[0] || len(r.Scores) == 0 || len(r.Scores) != len(r.Values) || len(r.Inputs) == 0 {
			t.Errorf("%s: printed %s", arguments, text)
		}
		for key, score := range r.Scores {
			if len(score.N) == 0 || score.Name == "" {
				t.Errorf("%s: %s has n %v and name %q", arguments, key, score.N, score.Name)
			}
		}
		for key, value := range want {
			if got, ok := r.Values[key]; !ok || math.Abs(float64(got)-value) > 1e-12 {
				t.Errorf("%s: %s is %v, want %v", arguments, key, got, value)
			}
		}
	}
}

func TestMetricText(t *testing.T) {
	metricFiles(t)
	for arguments, want := range map[string][]string{
		"fid generated.npy real.npy":                                    {"FID       4\n", "n         4 generated, 4 real\n", "covariance divisor n-1", "input     generated.npy [4 1]\n"},
		"fid generated.npy short.npy":                                   {"n         4 generated, 3 real\n"},
		"f1 predictions.csv labels.csv":                                 {"F1 (macro)", "(average all classes, unseen ones as 0", "settings", "classes 3"},
		"auc classes.csv multilabel.csv":                                {"(n 2 classes with a score, 1 classes without, 5 samples)", "note", "classes [2]"},
		"auc binary.csv#score binary.csv#label --bootstrap 50 --seed 3": {"(95% percentile bootstrap, "},
		"prdc generated.npy real.npy --neighbours 2 --bootstrap 50 --interval basic --level 0.9": {"(90% basic bootstrap, 50 resamples, fixed: the balls)"},
		"kid generated.npy real.npy --subsets 2 --subset-size 3 --full --bootstrap 20":           {"± ", "sd over 2 subsets", "20 resamples"},
		"prd generated.npy real.npy --clusters 2 --runs 2 --bootstrap 20":                        {"summary max F_1/8", "fixed: the clusters"},
		"mean-sd series.csv#alpha":                                      {"mean   2.5 ± 1.29 (sd over 4 values)"},
		"spearman series.csv#alpha series.csv#precision --bootstrap 30": {"29 resamples, 1 undefined"},
	} {
		text, err := executeMetric(t, newMetricCommand(), strings.Fields(arguments)...)
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
			continue
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the text lacks %q:\n%s", arguments, part, text)
			}
		}
	}
}

// Every metric of samples has intervals.
func TestMetricIntervals(t *testing.T) {
	metricFiles(t)
	for _, arguments := range []string{
		"fid generated.npy real.npy", "fid-infinity generated.npy statistics.npz --points 2 --smallest 3",
		"inception-score classes.csv --splits 1 --shuffle", "silhouette codes.tsv labels.csv", "average-precision binary.csv#score binary.csv#label",
		"accuracy predictions.csv labels.csv", "top-k classes.csv labels.csv --k 1", "f1 predictions.csv labels.csv", "calibration classes.csv labels.csv",
		"class-change classes.csv after.csv", "pixel-change before.npy edited.npy boxes.csv", "mean-sd series.csv#alpha",
	} {
		text, err := executeMetric(t, newMetricCommand(), append(strings.Fields(arguments), "--bootstrap", "40", "--json")...)
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
			continue
		}
		var r metricReport
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		for key, score := range r.Scores {
			if i := score.Interval; i == nil || i.Resamples+i.Undefined != 40 || !(i.Low <= i.High) || i.Method != metric.Percentile {
				t.Errorf("%s: interval of %s is %+v", arguments, key, i)
			}
		}
	}
}

func TestMetricRefuses(t *testing.T) {
	metricFiles(t)
	for arguments, want := range map[string]string{
		"fid generated.npy":                                              "accepts 2 arg",
		"fid generated.npy nowhere.npy":                                  "nowhere.npy",
		"fid generated.npy wide.npy":                                     "one network",
		"fid generated.npy maps.npy":                                     "want two axes",
		"fid . real.npy":                                                 "holds images; choose a feature network with --features: pixels, lenet",
		"fid generated.npy real.npy --features pixels":                   "--features is for images",
		"fid generated.npy statistics.npz --bootstrap 9":                 "without the samples themselves",
		"fid-infinity statistics.npz real.npy":                           "needs the generated samples",
		"prd generated.npy short.npy --clusters 2":                       "equally many",
		"prd generated.npy real.npy":                                     "20 clusters of 8 samples",
		"prd generated.npy real.npy --clusters 0":                        "at least 1",
		"prdc generated.npy real.npy":                                    "5 neighbours need at least 6",
		"prdc generated.npy real.npy --neighbours 0":                     "want 1 or more",
		"kid generated.npy real.npy":                                     "1000 samples from 4",
		"kid generated.npy real.npy --subset-size 2 --bootstrap 5":       "add --full",
		"auc classes.csv binary.csv#label":                               "5x3 scores for 6x3 labels",
		"auc binary.csv#score labels.csv":                                "pair up",
		"auc classes.csv multilabel.csv --absent ignore":                 `no rule "ignore"`,
		"auc binary.csv#score binary.csv#score":                          "want whole numbers",
		"accuracy classes.csv predictions.csv --bootstrap 1":             "want 2 resamples",
		"accuracy classes.csv labels.csv --bootstrap 9 --interval exact": `no interval "exact"`,
		"top-k classes.csv labels.csv --k 4":                             "top-4 of 3",
		"f1 predictions.csv labels.csv --positive -1":                    "a positive one of them",
		"f1 predictions.csv labels.csv --classes 2":                      "label 2",
		"calibration after.csv labels.csv":                               "softmax",
		"class-change classes.csv after.csv --class 3":                   "target class 3 of 3",
		"pixel-change before.npy edited.npy series.csv":                  "want image, x, y, width and height",
		"pixel-change before.npy edited.npy boxes.csv --scale 0":         "above 0",
		"pixel-change generated.npy real.npy boxes.csv":                  "want [images, height, width]",
		"over-seeds binary.csv labels.csv":                               "is not what",
	} {
		_, err := executeMetric(t, newMetricCommand(), strings.Fields(arguments)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", arguments, err, want)
		}
	}
}

// Folders of pictures go through a feature network; here through their pixels.
func TestMetricOfImages(t *testing.T) {
	metricFiles(t)
	t.Setenv("NOISEBOOK_STORE", t.TempDir())
	for folder, greys := range map[string][]uint8{"dark": {0, 51, 0, 51}, "light": {102, 153, 102, 153}} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for i, grey := range greys {
			picture := image.NewGray(image.Rect(0, 0, 1, 1))
			picture.SetGray(0, 0, color.Gray{Y: grey})
			var content bytes.Buffer
			if err := png.Encode(&content, picture); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.png", i)), content.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := executeMetric(t, newMetricCommand(), "fid", "light", "dark", "--features", "pixels", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r metricReport
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{\n"):]), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	input := r.Inputs[0]
	if r.Scores["fid"].N["real"] != 4 || len(r.Inputs) != 2 || len(input.Checksum) != 64 || input.Run == "" || input.Network["features"] != "pixels" {
		t.Errorf("printed %s", text)
	}
	// Pixels are in [-1, 1], where the sets are 102/127.5 apart.
	if fid := float64(r.Values["fid"]); math.Abs(fid-0.64) > 1e-6 {
		t.Errorf("FID %v, want 0.64", fid)
	}
}

func TestMetricOverSeeds(t *testing.T) {
	metricFiles(t)
	for i, predictions := range []string{"predictions.csv", "labels.csv"} {
		text, err := executeMetric(t, newMetricCommand(), "accuracy", predictions, "labels.csv", "--json")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile([]string{"0.json", "1.json"}[i], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := executeMetric(t, newMetricCommand(), "over-seeds", "0.json", "1.json")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "accuracy  0.9 ± 0.141 (sd over 2 seeds)") || !strings.Contains(text, "5 samples") {
		t.Errorf("printed %s", text)
	}
	other, err := executeMetric(t, newMetricCommand(), "spearman", "series.csv#alpha", "series.csv#precision", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("other.json", []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := executeMetric(t, newMetricCommand(), "over-seeds", "0.json", "other.json"); err == nil || !strings.Contains(err.Error(), "want the same scores") {
		t.Errorf("two metrics: %v", err)
	}
}

// The list, the help and the documentation know every metric.
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
	documentation, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != len(evaluators()) {
		t.Errorf("%d metrics are listed, want %d", len(listed), len(evaluators()))
	}
	for _, m := range listed {
		if !strings.Contains(text, m.Name) || !strings.Contains(text, m.Definition) {
			t.Errorf("the text lacks %s", m.Name)
		}
		if !strings.Contains(string(documentation), "`"+m.Name+"`") {
			t.Errorf("docs/metrics.md lacks `%s`", m.Name)
		}
		help, err := executeMetric(t, newMetricCommand(), m.Name, "--help")
		if err != nil || !strings.Contains(help, "noisebook metric "+m.Name+" ") || !strings.Contains(help, m.Reference) {
			t.Errorf("help of %s, %v:\n%s", m.Name, err, help)
		}
	}
}

func TestParityMetricCommand(t *testing.T) {
	golden := filepath.Join("..", "..", "pkg", "metric", "testdata")
	text, err := executeMetric(t, newParityCommand(newParityMetricCommand()), "metric", golden)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, want := range []string{"fid_rank_deficient", "prd_kmeans", " 0 unknown"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
	if _, err := executeMetric(t, newParityCommand(newParityMetricCommand()), "metric", t.TempDir()); err == nil {
		t.Error("an empty folder: no error")
	}
}
