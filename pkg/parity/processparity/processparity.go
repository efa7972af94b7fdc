// Package processparity holds pkg/process against golden values: a folder with
// a process.json as its tests' testdata has. Every number a case needs is read
// from the file.
package processparity

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"noisebook/pkg/parity"
)

// schema is the version of the layout that this package reads.
const schema = 1

// Run compares every entry of dir/process.json that this version computes and
// lists the others. The error is about the folder; a case that fails is in the
// report.
func Run(dir string) (*parity.Report, error) {
	path := filepath.Join(dir, "process.json")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("parity process: %w; give a folder that holds a process.json", err)
	}
	report, err := compare(content)
	if err != nil {
		return nil, fmt.Errorf("parity process: %s: %w", path, err)
	}
	return report, nil
}

func compare(content []byte) (*parity.Report, error) {
	root, err := newObject("", content)
	if err != nil {
		return nil, err
	}
	var version int
	if err := root.read("schema", &version); err != nil {
		return nil, err
	}
	if version != schema {
		return nil, fmt.Errorf("schema %d is not known to this version, which reads schema %d", version, schema)
	}
	c := comparison{report: &parity.Report{}}
	var tolerance struct {
		Default struct{ Rel, Abs float64 }
	}
	if err := root.read("tolerance", &tolerance); err != nil {
		return nil, err
	}
	c.relative, c.absolute = tolerance.Default.Rel, tolerance.Default.Abs
	if c.gaussian, err = readGaussian(root); err != nil {
		return nil, err
	}
	root.ignore("seed", "made_by", "versions", "layout", "inputs", "checks")

	c.section(root, "sde", c.sdes)
	c.section(root, "sampler_grid", func(grids *object) error {
		sdes, err := root.object("sde")
		if err != nil {
			return err
		}
		return c.grids(grids, sdes)
	})
	c.section(root, "drl_uniform_sigma", c.uniformSigma)
	c.section(root, "ddim", c.ddim)
	c.unknown(root)
	return c.report, nil
}

// comparison gathers cases. A case passes where
// max|got - want| ≤ absolute + relative·max|want| over the array.
type comparison struct {
	report             *parity.Report
	relative, absolute float64
	gaussian           gaussian
}

// section runs visit on the object at key, if the file has one. What visit
// cannot compute at all becomes a failed case.
func (c *comparison) section(parent *object, key string, visit func(*object) error) {
	if !parent.has(key) {
		return
	}
	o, err := parent.object(key)
	if err == nil {
		err = visit(o)
	}
	if err != nil {
		c.report.Fail(parent.join(key), err)
	}
}

// each runs visit on every object of the list at key, if the file has one.
func (c *comparison) each(parent *object, key string, visit func(*object) error) {
	if !parent.has(key) {
		return
	}
	list, err := parent.list(key)
	if err != nil {
		c.report.Fail(parent.join(key), err)
	}
	for _, o := range list {
		if err := visit(o); err != nil {
			c.report.Fail(o.path, err)
		}
	}
}

// check compares the array (or number) at key, if the file has one.
func (c *comparison) check(o *object, key string, got ...float64) {
	if !o.has(key) {
		return
	}
	name := o.join(key)
	want, err := o.floats(key)
	switch {
	case err != nil:
		c.report.Fail(name, err)
		return
	case len(got) != len(want):
		c.report.Fail(name, fmt.Errorf("%d numbers computed, the file has %d", len(got), len(want)))
		return
	}
	worst, scale := 0.0, 0.0
	for i := range want {
		difference := math.Abs(got[i] - want[i])
		if !(difference <= worst) { // a NaN stays
			worst = difference
		}
		scale = max(scale, math.Abs(want[i]))
	}
	c.report.Add(name, worst, c.absolute+c.relative*scale, "")
}

// unknown lists the entries of o that nothing has read.
func (c *comparison) unknown(o *object) {
	c.report.Unknown = append(c.report.Unknown, o.unread()...)
	slices.Sort(c.report.Unknown)
}
