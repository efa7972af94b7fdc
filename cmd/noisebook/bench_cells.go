package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/engine/programs"
	"noisebook/pkg/jupyter"
	"noisebook/pkg/table"
)

// cellKind is a kind of cell that a reader waits for. Its source holds %d, a
// number that makes each cell a new program, and of samples a new seed.
type cellKind struct{ name, source string }

var cellKinds = []cellKind{
	{"trivial", `import "fmt"

%%%%
fmt.Println("cell", %d)`},
	{"plot", `import (
	"noisebook/pkg/figure"
	"noisebook/pkg/notebook"
	"noisebook/pkg/table"
)

%%%%
defer notebook.Catch()
t := table.New("x", "y")
for x := range 20 {
	notebook.Check(t.Append(x, x*x+%d))
}
notebook.Show(notebook.Must(figure.Curves(t, figure.CurvesSpec{X: "x", Y: "y"})))`},
	{"engine", `import (
	"github.com/gomlx/gomlx/core/graph"

	"noisebook/pkg/engine"
	"noisebook/pkg/notebook"
)

%%%%
defer notebook.Catch()
e := notebook.Must(engine.Open(notebook.Context(), ""))
double := notebook.Must(e.NewProgram("double", func(_ *graph.Graph, in []*graph.Node) []*graph.Node {
	return []*graph.Node{graph.MulScalar(in[0], 2)}
}))
notebook.Show(notebook.Must(double.Call([]float32{1, %d}))[0].Value())`},
	{"sampling", `import (
	"noisebook/experiments/learn"
	"noisebook/pkg/notebook"
	"noisebook/pkg/tier"
)

%%%%
defer notebook.Catch()
c := learn.Sampling(tier.CPU)
c.Seed = %d
notebook.Show(notebook.Must(c.Run(notebook.Context(), notebook.Store())).Figure)`},
}

// cellTimes are the seconds from "run" to the last output of one kind of cell.
type cellTimes struct {
	Cell  string    `json:"cell"`
	New   float64   `json:"new_seconds"`   // the first ever: packages and programs may have to be compiled
	First float64   `json:"first_seconds"` // the first in a kernel
	After []float64 `json:"after_seconds"` // the following ones in the same kernel
}

func newBenchCellsCommand() *cobra.Command {
	var only []string
	var runs int
	var csv string
	var asJSON bool
	command := &cobra.Command{
		Use:   "cells",
		Short: "Measure how long a reader waits for a cell: trivial, plot, engine, sampling",
		Long: `Run four kinds of cell on the kernel of this checkout and measure each from "run"
to its last output.

  trivial   prints a line
  plot      draws a curve
  engine    opens the engine and runs a program of one operation
  sampling  draws 16 images with the trained model of the repository, 20 steps of DDIM

Each kind has kernels of its own. "New" is the first cell ever: Go compiles what has
changed since the last build, and XLA compiles programs into an empty cache. "First" is
the first cell of another kernel, and "after" the median of those that follow. Runs go to
a store that is thrown away, and each cell samples another seed, so nothing is answered
from a store.`,
		Example: "  noisebook bench cells\n" +
			"  noisebook bench cells --only sampling --runs 3 --json\n" +
			"  noisebook bench cells --csv results/bench/cells.csv",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			repository, err := repository()
			if err != nil {
				return err
			}
			if runs < 1 {
				return fmt.Errorf("bench: --runs is %d: use at least 1", runs)
			}
			kinds, err := cellKindsNamed(only)
			if err != nil {
				return err
			}
			var results []cellTimes
			for _, kind := range kinds {
				fmt.Fprintf(command.ErrOrStderr(), "timing %s …\n", kind.name)
				times, err := timeCells(command.Context(), repository, kind, runs, command.ErrOrStderr())
				if err != nil {
					return fmt.Errorf("bench: cells: %s: %w", kind.name, err)
				}
				results = append(results, times)
			}
			if csv != "" {
				t, err := cellTable(results)
				if err == nil {
					err = writeTable(csv, t)
				}
				if err != nil {
					return fmt.Errorf("bench: cells: %w", err)
				}
			}
			if asJSON {
				encoder := json.NewEncoder(command.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(results)
			}
			return printCells(command.OutOrStdout(), results)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&only, "only", nil, "kinds of cell to time (default all)")
	flags.IntVar(&runs, "runs", 5, "cells after the first in a kernel")
	flags.StringVar(&csv, "csv", "", "also write the table to this `file`")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func cellKindsNamed(names []string) ([]cellKind, error) {
	if len(names) == 0 {
		return cellKinds, nil
	}
	var kinds []cellKind
	for _, name := range names {
		known := len(kinds)
		var all []string
		for _, kind := range cellKinds {
			all = append(all, kind.name)
			if kind.name == name {
				kinds = append(kinds, kind)
			}
		}
		if len(kinds) == known {
			return nil, fmt.Errorf("bench: no kind of cell is called %q: use %s", name, strings.Join(all, ", "))
		}
	}
	return kinds, nil
}

// timeCells runs one kind in two kernels, with a store and a cache of programs of its own.
func timeCells(ctx context.Context, repository jupyter.Repository, kind cellKind, runs int, messages io.Writer) (cellTimes, error) {
	folder, err := os.MkdirTemp("", "noisebook-cells-")
	if err != nil {
		return cellTimes{}, err
	}
	defer os.RemoveAll(folder)
	options := jupyter.RunOptions{
		Store: filepath.Join(folder, "store"), Stderr: messages,
		Env: []string{programs.Variable + "=" + filepath.Join(folder, "programs")},
	}
	seed := 0
	seconds := func(count int) ([]float64, error) {
		cells := make([]string, count)
		for i := range cells {
			seed++
			cells[i] = fmt.Sprintf(kind.source, seed)
		}
		times, err := repository.CellTimes(ctx, cells, options)
		var seconds []float64
		for _, t := range times {
			seconds = append(seconds, t.Seconds())
		}
		return seconds, err
	}
	first, err := seconds(1)
	if err != nil {
		return cellTimes{}, err
	}
	later, err := seconds(1 + runs)
	if err != nil {
		return cellTimes{}, err
	}
	return cellTimes{Cell: kind.name, New: first[0], First: later[0], After: later[1:]}, nil
}

func cellTable(results []cellTimes) (table.Table, error) {
	t := table.New("cell", "new_seconds", "first_seconds", "after_seconds", "runs", "machine")
	for _, r := range results {
		machine := fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
		if err := t.Append(r.Cell, r.New, r.First, median(r.After), len(r.After), machine); err != nil {
			return t, err
		}
	}
	return t, nil
}

func printCells(w io.Writer, results []cellTimes) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "CELL\tNEW, S\tFIRST IN A KERNEL, S\tAFTER, S\tRUNS")
	for _, r := range results {
		fmt.Fprintf(out, "%s\t%.2f\t%.2f\t%.2f\t%d\n", r.Cell, r.New, r.First, median(r.After), len(r.After))
	}
	return out.Flush()
}
