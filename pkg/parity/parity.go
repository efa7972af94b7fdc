// Package parity reports how far our numbers are from a reference's, case by case.
package parity

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// Case is one compared entry of a fixture folder.
type Case struct {
	Name      string
	Error     float64 // as the folder's tolerance defines it; NaN or Inf never passes
	Tolerance float64
	Note      string // what was compared, or why it could not be
	Failure   error  // set when the case could not be computed at all
}

// Passed says whether the case is within its tolerance.
func (c Case) Passed() bool {
	return c.Failure == nil && !math.IsNaN(c.Error) && c.Error <= c.Tolerance
}

// Report is the outcome of a whole folder.
type Report struct {
	Cases   []Case
	Unknown []string // entries of the folder that this version does not compute
}

// Add appends a compared case.
func (r *Report) Add(name string, err, tolerance float64, note string) {
	r.Cases = append(r.Cases, Case{Name: name, Error: err, Tolerance: tolerance, Note: note})
}

// Fail appends a case that could not be computed.
func (r *Report) Fail(name string, err error) {
	r.Cases = append(r.Cases, Case{Name: name, Error: math.NaN(), Failure: err})
}

// Err is nil when at least one case ran and all passed.
func (r *Report) Err() error {
	failed := 0
	for _, c := range r.Cases {
		if !c.Passed() {
			failed++
		}
	}
	switch {
	case len(r.Cases) == 0:
		return fmt.Errorf("parity: the folder holds no case that this version knows")
	case failed > 0:
		return fmt.Errorf("parity: %d of %d cases are outside their tolerance", failed, len(r.Cases))
	}
	return nil
}

// Print writes a line a case, then what was not known, then a summary.
func (r *Report) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "case\terror\ttolerance\t\t")
	passed := 0
	for _, c := range r.Cases {
		mark, note := "ok", c.Note
		if c.Passed() {
			passed++
		} else {
			mark = "FAIL"
		}
		if c.Failure != nil {
			note = c.Failure.Error()
		}
		fmt.Fprintf(tw, "%s\t%.2e\t%.0e\t%s\t%s\n", c.Name, c.Error, c.Tolerance, mark, note)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, name := range r.Unknown {
		fmt.Fprintf(w, "unknown: %s\n", name)
	}
	_, err := fmt.Fprintf(w, "%d of %d cases within tolerance, %d unknown\n", passed, len(r.Cases), len(r.Unknown))
	return err
}
