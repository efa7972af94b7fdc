package metricparity

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/npy"
	"noisebook/pkg/parity"
)

// goldenFolder holds the project's copy of the golden values.
const goldenFolder = "../../metric/testdata"

func TestGoldenFolder(t *testing.T) {
	report, err := Run(goldenFolder)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		var text bytes.Buffer
		if err := report.Print(&text); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%v\n%s", err, text.String())
	}
	var names []string
	for _, c := range report.Cases {
		names = append(names, c.Name)
	}
	want := []string{
		"accuracy_topk", "f1_binary", "f1_macro", "fid_float32", "fid_full_rank", "fid_identical_rank_deficient", "fid_rank_deficient",
		"inception_score", "inception_score_ragged", "inception_score_zeros", "kid", "kid_unequal", "kmeans",
		"label_propagation", "logistic_binary", "logistic_multinomial",
		"multilabel_absent_and_full_class", "multilabel_absent_class", "pca", "pca_wide", "prd_disjoint", "prd_fixed_assignment",
		"prd_histogram", "prd_identical", "prd_kmeans", "prdc", "prdc_ties", "roc_auc", "silhouette", "silhouette_singleton",
		"svm_linear_hinge", "svm_linear_kernel", "svm_linear_squared_hinge", "svm_rbf", "svm_rbf_binary",
	}
	if !slices.Equal(names, want) {
		t.Errorf("cases %v, want %v", names, want)
	}
	if len(report.Unknown) > 0 {
		t.Errorf("unknown %v, want none", report.Unknown)
	}
}

// folder writes a fixture folder of other sizes and numbers than the golden one.
func folder(t *testing.T, cases map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, write := range map[string]func(path string) error{
		"real.npy":  func(p string) error { return npy.Save(p, []int{4, 1}, []float32{-1, 1, -1, 1}) },
		"fake.npy":  func(p string) error { return npy.Save(p, []int{4, 1}, []float32{1, 3, 1, 3}) },
		"flat.npy":  func(p string) error { return npy.Save(p, []int{4}, []float64{1, 2, 3, 4}) },
		"empty.npy": func(p string) error { return npy.Save(p, []int{0}, []int64{}) },
		"huge.npy":  func(p string) error { return npy.Save(p, []int{1}, []int64{math.MaxInt64}) },
	} {
		if err := write(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	content, err := json.Marshal(map[string]any{"cases": cases})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestName), content, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func array(name string, shape ...int) map[string]any {
	return map[string]any{"file": name, "shape": shape, "dtype": "any"}
}

func fidCase(expected, tolerance any) map[string]any {
	return map[string]any{
		"inputs":   map[string]any{"real": array("real.npy", 4, 1), "fake": array("fake.npy", 4, 1)},
		"expected": map[string]any{"fid": expected}, "tolerance": map[string]any{"fid": tolerance},
	}
}

func run(t *testing.T, cases map[string]any) *parity.Report {
	t.Helper()
	report, err := Run(folder(t, cases))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestOtherFolder(t *testing.T) {
	tight := tolerance{Abs: 1e-12}
	report := run(t, map[string]any{
		"fid_small":   fidCase(4.0, tight),
		"fid_off":     fidCase(4.1, tolerance{Abs: 0.05}),
		"fid_near":    fidCase(4.1, tolerance{Rel: 0.05}),
		"fid_null":    fidCase(nil, tight),
		"fidelity":    fidCase(4.0, tight),
		"fid_neither": map[string]any{"inputs": map[string]any{}, "expected": map[string]any{"fid": 1}},
		"mystery":     map[string]any{},
	})
	passed := map[string]bool{}
	for _, c := range report.Cases {
		passed[c.Name] = c.Passed()
	}
	for name, want := range map[string]bool{"fid_small": true, "fid_off": false, "fid_near": true, "fid_null": false} {
		if got, ran := passed[name]; !ran || got != want {
			t.Errorf("%s: passed %v, ran %v, want %v", name, got, ran, want)
		}
	}
	if want := []string{"fid_neither", "fidelity", "mystery"}; !slices.Equal(report.Unknown, want) {
		t.Errorf("unknown %v, want %v", report.Unknown, want)
	}
	if report.Err() == nil {
		t.Error("no error though cases are outside their tolerance")
	}
}

// A case that cannot be computed fails with its reason; the others still run.
func TestBrokenCases(t *testing.T) {
	broken := func(real map[string]any) map[string]any {
		return map[string]any{"inputs": map[string]any{"real": real, "fake": array("fake.npy", 4, 1)}, "expected": map[string]any{"fid": 4.0}}
	}
	prd := func(eval, ref map[string]any, params map[string]any) map[string]any {
		return map[string]any{"inputs": map[string]any{"eval_cluster": eval, "ref_cluster": ref}, "params": params, "expected": map[string]any{"f_8": 1.0}}
	}
	for name, test := range map[string]struct {
		fixture map[string]any
		want    string
	}{
		"fid_missing_file": {broken(array("nowhere.npy", 4, 1)), "nowhere.npy"},
		"fid_outside":      {broken(array("../real.npy", 4, 1)), "not inside the folder"},
		"fid_wrong_shape":  {broken(array("real.npy", 2, 2)), "says [2 2]"},
		"fid_flat":         {broken(array("flat.npy", 4)), "two axes"},
		"prd_empty":        {prd(array("empty.npy", 0), array("empty.npy", 0), nil), "above 0"},
		"prd_huge":         {prd(array("huge.npy", 1), array("empty.npy", 0), nil), "want numbers below"},
		"prd_floats":       {prd(array("flat.npy", 4), array("flat.npy", 4), nil), "integers"},
		"prd_epsilon":      {prd(array("empty.npy", 0), array("empty.npy", 0), map[string]any{"epsilon": 1e-3}), "epsilon"},
		"prd_parameter":    {prd(array("empty.npy", 0), array("empty.npy", 0), map[string]any{"num_angles": "many"}), "num_angles"},
		"fid_length": {map[string]any{
			"inputs":   map[string]any{"real": array("real.npy", 4, 1), "fake": array("fake.npy", 4, 1)},
			"expected": map[string]any{"fid": []float64{4, 4}},
		}, "has 1 values, want 2"},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, map[string]any{name: test.fixture, "fid_good": fidCase(4.0, tolerance{Abs: 1e-9})})
			if len(report.Cases) != 2 {
				t.Fatalf("%d cases, want 2", len(report.Cases))
			}
			for _, c := range report.Cases {
				switch {
				case c.Name == "fid_good":
					if !c.Passed() {
						t.Error("the good case did not pass")
					}
				case c.Failure == nil || !strings.Contains(c.Failure.Error(), test.want):
					t.Errorf("failure %v, want one with %q", c.Failure, test.want)
				}
			}
		})
	}
}

func TestUnreadableFolder(t *testing.T) {
	if _, err := Run(t.TempDir()); err == nil || !strings.Contains(err.Error(), manifestName) {
		t.Errorf("no manifest: %v", err)
	}
	for _, content := range []string{"", "{", `{"cases": {"fid": null}}`, `{"cases": {"fid": {"expected": {"fid": "text"}}}}`, `{"cases": {"fid": {"expected": {"fid": {}}}}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestName), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(dir); err == nil {
			t.Errorf("manifest %q: no error", content)
		}
	}
}

func TestDeviate(t *testing.T) {
	exact, loose := tolerance{}, tolerance{Abs: 0.1, Rel: 0.01}
	nan := math.NaN()
	for _, test := range []struct {
		got, want float64
		tolerance tolerance
		passes    bool
	}{
		{3, 3, exact, true}, {3, 4, exact, false}, {nan, nan, exact, true}, {nan, 1, loose, false}, {1, nan, loose, false},
		{10.19, 10, loose, true}, {10.21, 10, loose, false}, {math.Inf(1), math.Inf(1), loose, true}, {math.Inf(1), 1, loose, false},
	} {
		d := deviate(test.got, test.want, test.tolerance)
		if passes := d.ratio() <= 1; passes != test.passes {
			t.Errorf("%v for %v: ratio %v, want passing %v", test.got, test.want, d.ratio(), test.passes)
		}
		if c := (parity.Case{Error: d.error, Tolerance: d.tolerance}); c.Passed() != test.passes {
			t.Errorf("%v for %v: the report passes it: %v, want %v", test.got, test.want, c.Passed(), test.passes)
		}
	}
}
