// Package metricparity runs pkg/metric on a folder of golden values, written
// as expected.json beside .npy arrays, and reports how far it lands.
package metricparity

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"noisebook/pkg/parity"
)

// withoutTolerance is for values that a folder lists only for orientation.
var withoutTolerance = tolerance{Abs: 1e-12, Rel: 1e-9}

// Run compares every case of the folder that this version computes, by its
// name (fid, fid_float32, …) and inputs, and lists the others, and the values
// of known cases that it does not compute, as unknown. A case's error is that
// of its worst value in proportion to that value's tolerance. The error says
// that the folder could not be read at all.
func Run(dir string) (*parity.Report, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	report := &parity.Report{}
	for _, name := range slices.Sorted(maps.Keys(m.Cases)) {
		f := m.Cases[name]
		evaluate := evaluatorFor(name, f)
		if evaluate == nil {
			report.Unknown = append(report.Unknown, name)
			continue
		}
		got, err := evaluate(f)
		if err != nil {
			report.Fail(name, err)
			continue
		}
		compare(report, name, f, got)
	}
	return report, nil
}

// outputs are computed values by the name they have in a manifest, row-major.
type outputs map[string][]float64

func (o outputs) set(name string, value float64) { o[name] = []float64{value} }

// compare adds one case to the report: its worst value.
func compare(report *parity.Report, name string, f *fixture, got outputs) {
	var worst deviation
	var compared []string
	for _, field := range slices.Sorted(maps.Keys(f.Expected)) {
		values, known := got[field]
		if !known {
			report.Unknown = append(report.Unknown, name+": "+field)
			continue
		}
		want, err := f.expected(field)
		if err != nil {
			report.Fail(name, err)
			return
		}
		if len(values) != len(want) {
			report.Fail(name, fmt.Errorf("%s has %d values, want %d", field, len(values), len(want)))
			return
		}
		tol, given := f.Tolerance[field]
		if !given {
			tol = withoutTolerance
		}
		for i := range want {
			d := deviate(values[i], want[i], tol)
			if d.field = field; len(want) > 1 {
				d.field = fmt.Sprintf("%s[%d]", field, i)
			}
			if worst.field == "" || d.ratio() > worst.ratio() {
				worst = d
			}
		}
		compared = append(compared, field)
	}
	if len(compared) == 0 {
		report.Unknown = append(report.Unknown, name)
		return
	}
	report.Add(name, worst.error, worst.tolerance, fmt.Sprintf("worst %s of %s", worst.field, strings.Join(compared, ", ")))
}

func (f *fixture) expected(field string) ([]float64, error) {
	q := f.Expected[field]
	if q.file == nil {
		return q.values, nil
	}
	array, err := f.open(q.file)
	if err != nil {
		return nil, err
	}
	return array.Float64s(), nil
}

// deviation is how far one value lies from what was expected.
type deviation struct {
	field            string
	error, tolerance float64
}

// deviate takes NaN for the value to expect where want is NaN.
func deviate(got, want float64, t tolerance) deviation {
	switch {
	case math.IsNaN(want) && math.IsNaN(got), got == want:
		return deviation{error: 0, tolerance: t.limit(want)}
	case math.IsNaN(want) || math.IsNaN(got):
		return deviation{error: math.Inf(1), tolerance: t.limit(want)}
	}
	return deviation{error: math.Abs(got - want), tolerance: t.limit(want)}
}

func (t tolerance) limit(want float64) float64 {
	if math.IsNaN(want) {
		return t.Abs
	}
	return t.Abs + t.Rel*math.Abs(want)
}

// ratio orders deviations: above 1 is a failure.
func (d deviation) ratio() float64 {
	switch {
	case d.error == 0:
		return 0
	case d.tolerance == 0:
		return math.Inf(1)
	}
	return d.error / d.tolerance
}
