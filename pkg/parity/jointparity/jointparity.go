// Package jointparity holds our joint-diffusion network against numbers that
// the authors' own PyTorch network gave.
package jointparity

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"noisebook/pkg/engine"
	"noisebook/pkg/joint"
	"noisebook/pkg/parity"
	"noisebook/pkg/process"
	"noisebook/pkg/safetensors"
)

// Run loads weights.safetensors, cases.safetensors and config.json from a
// folder, computes every case that it knows on the engine and compares. A
// program is compiled only when the folder holds a case of it.
func Run(ctx context.Context, e *engine.Engine, dir string) (*parity.Report, error) {
	c, err := load(e, dir)
	if err != nil {
		return nil, fmt.Errorf("parity joint: %w", err)
	}
	for _, step := range []struct {
		compare  func() error
		prefixes []string
	}{
		{c.network, []string{"net/", "feat/", "pool/", "dec/", "head/"}},
		{c.guidance, []string{"alg1/grad", "alg1/eps"}},
		{c.losses, []string{"joint/", "qsample/"}},
		{c.units, []string{"unit/", "temb/"}},
		{c.tables, []string{"sched/"}},
		{c.arithmetic, []string{"pmv/", "psample/", "alg1/sample"}},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !c.holds(step.prefixes) {
			continue
		}
		if err := step.compare(); err != nil {
			return nil, fmt.Errorf("parity joint: %w", err)
		}
	}
	c.report.Unknown = c.unknown()
	return c.report, nil
}

// load reads a folder and the network that it is about.
func load(e *engine.Engine, dir string) (*comparison, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, err
	}
	s, err := parse(raw)
	if err != nil {
		return nil, err
	}
	weights, err := safetensors.Read(filepath.Join(dir, "weights.safetensors"))
	if err != nil {
		return nil, err
	}
	cases, err := safetensors.Read(filepath.Join(dir, "cases.safetensors"))
	if err != nil {
		return nil, err
	}
	model, err := joint.New(s.model())
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	flat, statistics, err := model.FromPyTorch(weights)
	if err != nil {
		return nil, err
	}
	schedule, err := s.schedule()
	if err != nil {
		return nil, err
	}
	return &comparison{
		report: &parity.Report{}, cases: cases, known: map[string]bool{}, engine: e, model: model,
		weights: flat, statistics: statistics, schedule: schedule, settings: s,
	}, nil
}

// holds says whether the folder has an entry with one of the prefixes.
func (c *comparison) holds(prefixes []string) bool {
	return slices.ContainsFunc(c.cases.Names(), func(name string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
}

// unknown lists the entries that were not compared, inputs apart.
func (c *comparison) unknown() []string {
	return slices.DeleteFunc(c.cases.Names(), func(name string) bool {
		return c.known[name] || strings.HasPrefix(name, "in/")
	})
}

// comparison collects computed entries against the folder's.
type comparison struct {
	report     *parity.Report
	cases      *safetensors.File
	known      map[string]bool
	engine     *engine.Engine
	model      *joint.Model
	weights    []float32
	statistics []float32
	schedule   *process.DDPM
	settings   settings
}

// tolerance of an entry, as the fixtures' README advises.
func tolerance(name string) float64 {
	switch {
	case strings.HasPrefix(name, "sched/"):
		return 1e-10
	case strings.HasPrefix(name, "head/"):
		return 2e-5
	case strings.HasPrefix(name, "alg1/grad"), strings.HasPrefix(name, "alg1/eps"), strings.HasPrefix(name, "joint/grad"):
		return 1e-3
	}
	return 1e-4
}

// byExample are the entries whose error is taken for each example apart.
var byExample = []string{"net/", "feat/", "pool/", "dec/", "head/logits", "alg1/", "pmv/", "psample/", "qsample/", "unit/", "temb/", "joint/l_diff_each"}

// check compares a computed entry, row-major in the fixture's own layout.
func (c *comparison) check(name string, got []float64) {
	if !c.cases.Has(name) {
		return
	}
	c.known[name] = true
	want, shape, err := c.floats(name)
	if err != nil {
		c.report.Fail(name, err)
		return
	}
	if len(got) != len(want) {
		c.report.Fail(name, fmt.Errorf("ours has %d numbers, the fixture %d", len(got), len(want)))
		return
	}
	rows := 1
	for _, prefix := range byExample {
		if strings.HasPrefix(name, prefix) {
			rows = shape[0]
		}
	}
	worst := 0.0
	switch {
	case strings.HasPrefix(name, "sched/"):
		for i := range want {
			worst = max(worst, relative(math.Abs(got[i]-want[i]), math.Abs(want[i])))
		}
	default:
		for r := range rows {
			lo, hi := r*len(want)/rows, (r+1)*len(want)/rows
			worst = max(worst, maxError(got[lo:hi], want[lo:hi]))
		}
	}
	if strings.HasPrefix(name, "joint/grad_l2_") {
		largest := maxAbs(want)
		for i := range want {
			if want[i] > 1e-5*largest {
				worst = max(worst, math.Abs(got[i]-want[i])/want[i])
			}
		}
	}
	c.report.Add(name, worst, tolerance(name), "")
}

func maxError(got, want []float64) float64 {
	worst := 0.0
	for i := range want {
		d := math.Abs(got[i] - want[i])
		if math.IsNaN(d) {
			return math.NaN()
		}
		worst = max(worst, d)
	}
	return relative(worst, maxAbs(want))
}

// relative is d/scale, and d itself where the reference is zero.
func relative(d, scale float64) float64 {
	if scale == 0 {
		return d
	}
	return d / scale
}

func maxAbs(values []float64) float64 {
	m := 0.0
	for _, v := range values {
		m = max(m, math.Abs(v))
	}
	return m
}

func (c *comparison) floats(name string) ([]float64, []int, error) {
	tensor, err := c.cases.Tensor(name)
	if err != nil {
		return nil, nil, err
	}
	values, err := tensor.Float64s()
	return values, tensor.Shape, err
}
