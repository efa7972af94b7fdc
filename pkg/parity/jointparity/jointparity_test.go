package jointparity

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/engine"
	"noisebook/pkg/parity"
	"noisebook/pkg/process"
	"noisebook/pkg/safetensors"
)

// openEngine opens XLA where a plugin is found, with a compiler that hurries:
// these programs run once. Without a plugin it is the pure-Go backend.
func openEngine(t *testing.T) *engine.Engine {
	t.Helper()
	t.Setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
	e, err := engine.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func wantPassed(t *testing.T, report *parity.Report) {
	t.Helper()
	if err := report.Err(); err != nil {
		var b bytes.Buffer
		if err := report.Print(&b); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%v\n%s", err, b.String())
	}
}

// Every entry of the authors' numbers is known and within its tolerance.
func TestAuthorsNumbers(t *testing.T) {
	e := openEngine(t)
	if testing.Short() || e.Info().Backend == "go" {
		t.Skip("gradients take minutes without XLA and half a minute with it: TestAuthorsForwardNumbers covers the rest")
	}
	report, err := Run(t.Context(), e, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	wantPassed(t, report)
	if len(report.Unknown) > 0 {
		t.Errorf("unknown entries: %v", report.Unknown)
	}
	if len(report.Cases) < 87 {
		t.Errorf("%d cases were compared, want 87", len(report.Cases))
	}
}

// All that needs no gradient, on any backend.
func TestAuthorsForwardNumbers(t *testing.T) {
	e := openEngine(t)
	if !testing.Short() && e.Info().Backend != "go" {
		t.Skip("part of TestAuthorsNumbers")
	}
	c, err := load(e, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, compare := range []func() error{c.network, c.units, c.tables, c.arithmetic} {
		if err := compare(); err != nil {
			t.Fatal(err)
		}
	}
	wantPassed(t, c.report)
	for _, name := range c.unknown() {
		if !strings.HasPrefix(name, "alg1/") && !strings.HasPrefix(name, "joint/") && !strings.HasPrefix(name, "qsample/") {
			t.Errorf("%s was not compared", name)
		}
	}
}

// A chain that starts at Ho et al.'s first beta is told apart from the authors'.
func TestAnotherScheduleFails(t *testing.T) {
	c, err := load(nil, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	betas, err := process.ScaledLinear(c.settings.Timesteps, process.HoFirst, process.HoLast)
	if err != nil {
		t.Fatal(err)
	}
	if c.schedule, err = process.NewDDPM(betas); err != nil {
		t.Fatal(err)
	}
	for _, compare := range []func() error{c.tables, c.arithmetic} {
		if err := compare(); err != nil {
			t.Fatal(err)
		}
	}
	for _, got := range c.report.Cases {
		// The cosine schedule has no such start.
		if got.Passed() && got.Name != "sched/betas_cosine_T1000" {
			t.Errorf("%s passed: error %g", got.Name, got.Error)
		}
	}
}

func TestCheck(t *testing.T) {
	nan := math.NaN()
	for _, test := range []struct {
		name   string
		entry  string
		shape  []int
		want   []float64
		got    []float64
		err    float64
		passed bool
	}{
		{"exact", "joint/ce", []int{1}, []float64{2}, []float64{2}, 0, true},
		{"within", "joint/ce", []int{1}, []float64{2}, []float64{2.0001}, 5e-5, true},
		{"outside", "joint/ce", []int{1}, []float64{2}, []float64{2.001}, 5e-4, false},
		{"relative to the example's largest", "net/x", []int{2, 2}, []float64{100, 1, 1, 0.5}, []float64{100, 1, 1, 0.5001}, 1e-4, true},
		{"a small example counts apart", "net/x", []int{2, 1}, []float64{100, 0.01}, []float64{100, 0.011}, 0.1, false},
		{"not apart elsewhere", "joint/grad_x", []int{2, 1}, []float64{100, 0.01}, []float64{100, 0.011}, 1e-5, true},
		{"schedule element by element", "sched/x", []int{2}, []float64{1, 1e-6}, []float64{1, 1e-6 + 1e-12}, 1e-6, false},
		{"norms element by element", "joint/grad_l2_x", []int{2}, []float64{1, 1e-3}, []float64{1, 1.1e-3}, 0.1, false},
		{"norms of rounding do not count", "joint/grad_l2_x", []int{2}, []float64{1, 1e-7}, []float64{1, 3e-7}, 2e-7, true},
		{"head's tolerance is smaller", "head/logits_x", []int{1, 1}, []float64{1}, []float64{1.00005}, 5e-5, false},
		{"not a number", "net/x", []int{1, 2}, []float64{1, 1}, []float64{1, nan}, nan, false},
		{"not a number, schedule", "sched/x", []int{2}, []float64{1, 1}, []float64{nan, 1}, nan, false},
		{"not a number, norms", "joint/grad_l2_x", []int{2}, []float64{1, 1}, []float64{1, nan}, nan, false},
		{"another length", "net/x", []int{1, 2}, []float64{1, 1}, []float64{1}, nan, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &comparison{
				report: &parity.Report{}, known: map[string]bool{},
				cases: encode(t, safetensors.FromFloat64s(test.entry, test.shape, test.want)),
			}
			c.check(test.entry, test.got)
			c.check("net/not-in-the-folder", []float64{1})
			if len(c.report.Cases) != 1 {
				t.Fatalf("%d cases were reported, want 1", len(c.report.Cases))
			}
			got := c.report.Cases[0]
			same := math.IsNaN(test.err) && math.IsNaN(got.Error) || math.Abs(got.Error-test.err) <= 1e-3*test.err+1e-12
			if !same || got.Passed() != test.passed {
				t.Errorf("error %g, passed %v; want %g, %v", got.Error, got.Passed(), test.err, test.passed)
			}
			if left := c.unknown(); len(left) > 0 {
				t.Errorf("unknown: %v", left)
			}
		})
	}
}

func encode(t *testing.T, all ...safetensors.Tensor) *safetensors.File {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Encode(&b, all, nil); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.New(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A folder of other sizes that holds a few entries: the rest is not computed,
// what is not known is listed.
func TestFewEntries(t *testing.T) {
	c, err := load(nil, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyFile(t, "weights.safetensors", dir)
	copyFile(t, "config.json", dir)
	var kept []safetensors.Tensor
	for _, name := range []string{"in/t", "in/xt", "in/noise_p", "net/eps_hat", "psample/small_clip", "sched/betas"} {
		tensor, err := c.cases.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "net/eps_hat" { // without a prediction there is no step to compare
			kept = append(kept, tensor)
		}
	}
	kept = append(kept, safetensors.FromFloat64s("sched/new", []int{1}, []float64{1}))
	if err := safetensors.Write(filepath.Join(dir, "cases.safetensors"), kept, nil); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), nil, dir) // no engine: nothing here needs a network
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"psample/small_clip", "sched/new"}; !slices.Equal(report.Unknown, want) {
		t.Errorf("unknown: %v, want %v", report.Unknown, want)
	}
	if len(report.Cases) != 1 || report.Cases[0].Name != "sched/betas" || !report.Cases[0].Passed() {
		t.Errorf("cases: %+v, want sched/betas alone", report.Cases)
	}
}

func TestRunErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string
	}{
		{"no config", func(t *testing.T, dir string) { remove(t, dir, "config.json") }, "config.json"},
		{"no weights", func(t *testing.T, dir string) { remove(t, dir, "weights.safetensors") }, "weights.safetensors"},
		{"no cases", func(t *testing.T, dir string) { remove(t, dir, "cases.safetensors") }, "cases.safetensors"},
		{"config that is not JSON", func(t *testing.T, dir string) { write(t, dir, "config.json", []byte("size: 28")) }, "config.json"},
		{"another architecture", configure("num_res_blocks", 2), "another architecture"},
		{"another width", configure("model_channels", 64), "shape"},
		{"impossible network", configure("num_heads", 5), "heads"},
		{"unknown schedule", configure("beta_schedule", "sigmoid"), "sigmoid"},
		{"time added instead of scaling", configure("use_scale_shift_norm", false), "use_scale_shift_norm"},
		{"too few timesteps", configure("timesteps", 12), "steps"},
		{"times outside the chain", configure("timesteps", 100), "in/t"},
		{"truncated cases", func(t *testing.T, dir string) { write(t, dir, "cases.safetensors", []byte("short")) }, "safetensors"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			copyFile(t, "weights.safetensors", dir)
			copyFile(t, "config.json", dir)
			state := []safetensors.Tensor{
				safetensors.FromInt64s("in/t", []int{1}, []int64{300}),
				safetensors.FromFloat64s("in/xt", []int{1, 1}, []float64{1}),
				safetensors.FromFloat64s("pmv/variance_large", []int{1}, []float64{1}),
			}
			if err := safetensors.Write(filepath.Join(dir, "cases.safetensors"), state, nil); err != nil {
				t.Fatal(err)
			}
			test.change(t, dir)
			_, err := Run(t.Context(), nil, dir)
			if err == nil {
				t.Fatal("no error")
			}
			if message := err.Error(); !strings.HasPrefix(message, "parity joint: ") || !strings.Contains(message, test.want) || strings.Contains(message, "\n") {
				t.Errorf("error %q; want one line that says %q", message, test.want)
			}
		})
	}
}

func configure(key string, value any) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatal(err)
		}
		all[key] = value
		if raw, err = json.Marshal(all); err != nil {
			t.Fatal(err)
		}
		write(t, dir, "config.json", raw)
	}
}

func copyFile(t *testing.T, name, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name, raw)
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}
