package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"noisebook/pkg/atomicfile"
	"noisebook/pkg/figure"
	"noisebook/pkg/table"
)

// The two sides of a comparison, as its table names them.
const (
	sideNoisebook = "noisebook"
	sidePyTorch   = "pytorch"
)

// benchCounterpart is our measure to compare one of PyTorch's with.
var benchCounterpart = map[string]string{"train": "train", "no-ema": "train", "sample": "sample", "guided": "guided", "lean": "guided"}

// benchPoint is what was timed: a kind of step of a network at a size.
type benchPoint struct {
	Channels, Batch, Size, InChannels int
	Attention                         string // factors joined by spaces
	Work                              string
}

// benchSide is what processes of one side measured at a point, all rounds together.
type benchSide struct {
	Seconds    []float64
	First      []float64 // seconds of the first step: compilation here, the first call there
	Memory     []float64 // peak of the process, bytes
	Matmul     []float64 // floating-point operations a second
	Operations float64
	Parameters int
	Software   string
	Commit     string
	Threads    int
}

// benchRecords are the answers of timed processes by point and side.
type benchRecords map[benchPoint]map[string]*benchSide

// torchResult is the answer of bench/joint_torch.py.
type torchResult struct {
	Config     unetBench `json:"config"`
	Measure    string    `json:"measure"`
	First      float64   `json:"first_seconds"`
	Seconds    []float64 `json:"seconds"`
	PeakMemory float64   `json:"peak_memory_bytes"`
	Parameters int       `json:"parameters"`
	Matmul     float64   `json:"matmul_flops"`
	Torch      string    `json:"torch"`
	Threads    int       `json:"threads"`
	Commit     string    `json:"commit"`
}

func pointOf(b unetBench, work string) benchPoint {
	return benchPoint{b.Channels, b.Batch, b.Size, b.InChannels, strings.Trim(fmt.Sprint(b.Attention), "[]"), work}
}

func (r benchRecords) side(at benchPoint, name string) *benchSide {
	if r[at] == nil {
		r[at] = map[string]*benchSide{}
	}
	if r[at][name] == nil {
		r[at][name] = &benchSide{}
	}
	return r[at][name]
}

// add reads one process's answer: that of `bench unet --json`, or of bench/joint_torch.py.
func (r benchRecords) add(answer []byte, commit string) error {
	var theirs torchResult
	if err := json.Unmarshal(answer, &theirs); err != nil {
		return err
	}
	if theirs.Torch != "" {
		if benchCounterpart[theirs.Measure] == "" {
			return fmt.Errorf("unknown measure %q", theirs.Measure)
		}
		s := r.side(pointOf(theirs.Config, theirs.Measure), sidePyTorch)
		s.Seconds, s.First = append(s.Seconds, theirs.Seconds...), append(s.First, theirs.First)
		s.Memory, s.Matmul = append(s.Memory, theirs.PeakMemory), append(s.Matmul, theirs.Matmul)
		s.Parameters, s.Threads, s.Commit = theirs.Parameters, theirs.Threads, theirs.Commit
		s.Software = "torch " + theirs.Torch
		return nil
	}
	var ours benchResult
	if err := json.Unmarshal(answer, &ours); err != nil {
		return err
	}
	if len(ours.Measures) == 0 {
		return errors.New("it holds no measure")
	}
	for name, m := range ours.Measures {
		s := r.side(pointOf(ours.Config, name), sideNoisebook)
		s.Seconds, s.First = append(s.Seconds, m.Seconds...), append(s.First, m.Compile)
		s.Memory, s.Matmul = append(s.Memory, float64(ours.PeakMemory)), append(s.Matmul, ours.Matmul)
		s.Parameters, s.Operations, s.Threads, s.Commit = ours.Parameters, m.Needed, runtime.NumCPU(), commit
		s.Software = strings.TrimSpace(ours.Backend + " " + ours.Versions["github.com/gomlx/go-xla"])
	}
	return nil
}

// Columns of a comparison's table: what was timed, then on which side, then what was measured.
var benchColumns = []string{
	"channels", "batch", "size", "in_channels", "attention", "work", "side",
	"steps", "median_s", "min_s", "first_s", "peak_memory_gb", "gflop", "gflop_per_s", "matmul_gflop_per_s", "share_of_matmul",
	"parameters", "software", "commit", "threads", "cpu",
}

// table has a row for each point and side. A share of the matmul peak is of
// that side's own matrix product, and the operations are those that the work needs.
func (r benchRecords) table(cpu string) (table.Table, error) {
	t := table.New(benchColumns...)
	round := func(x float64) string { return strconv.FormatFloat(x, 'g', 4, 64) }
	points := slices.SortedFunc(maps.Keys(r), func(a, b benchPoint) int {
		order := func(p benchPoint) []int {
			return []int{p.Size, p.Channels, p.Batch, p.InChannels, slices.Index(benchWorks, p.Work)}
		}
		return slices.Compare(order(a), order(b))
	})
	for _, at := range points {
		counterpart := at
		counterpart.Work = benchCounterpart[at.Work]
		operations := math.NaN()
		if own := r[counterpart][sideNoisebook]; own != nil {
			operations = own.Operations
		}
		for _, name := range []string{sideNoisebook, sidePyTorch} {
			s := r[at][name]
			if s == nil {
				continue
			}
			mid := median(s.Seconds)
			matmul := slices.Max(s.Matmul)
			if err := t.Append(at.Channels, at.Batch, at.Size, at.InChannels, at.Attention, at.Work, name,
				len(s.Seconds), round(mid), round(slices.Min(s.Seconds)), round(median(s.First)), round(slices.Max(s.Memory)/1e9),
				round(operations/1e9), round(operations/mid/1e9), round(matmul/1e9), round(operations/mid/matmul),
				s.Parameters, s.Software, s.Commit, s.Threads, cpu); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

// benchWorks are all kinds of steps in the order of the tables.
var benchWorks = []string{"train", "no-ema", "sample", "guided", "lean"}

func newBenchCollectCommand() *cobra.Command {
	var out, commit string
	command := &cobra.Command{
		Use:   "collect FOLDER --csv FILE",
		Short: "Make a table of the answers of timed processes",
		Long: `Reads every *.json of a folder: answers of ` + "`noisebook bench unet --json`" + ` and of
bench/joint_torch.py. Answers about the same step at the same size are rounds of
one measurement: the median is over all their steps.`,
		Example: "  noisebook bench collect /tmp/answers --csv results/bench/torch.csv --commit $(git rev-parse --short HEAD)",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return errors.New("bench: --csv must name the file to write")
			}
			files, err := filepath.Glob(filepath.Join(args[0], "*.json"))
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if len(files) == 0 {
				return fmt.Errorf("bench: no *.json in %s: give a folder of answers, such as bench/compare_torch.sh --raw leaves", args[0])
			}
			records := benchRecords{}
			for _, file := range files {
				answer, err := os.ReadFile(file)
				if err != nil {
					return fmt.Errorf("bench: %w", err)
				}
				if err := records.add(answer, commit); err != nil {
					return fmt.Errorf("bench: %s is no answer of a timed process: %w", file, err)
				}
			}
			t, err := records.table(processor())
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			var csv strings.Builder
			if err := t.WriteCSV(&csv); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			return atomicfile.WriteBytes(out, []byte(csv.String()))
		},
	}
	command.Flags().StringVar(&out, "csv", "", "file to write")
	command.Flags().StringVar(&commit, "commit", "", "of this repository, when the answers were taken")
	return command
}

// processor names this machine's processor, empty where the system does not tell.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func newBenchTableCommand() *cobra.Command {
	var markdown bool
	command := &cobra.Command{
		Use:     "table FILE",
		Short:   "Print a comparison with PyTorch, ratios last",
		Long:    "Prints the CSV that `bench collect` writes: a line for each kind of step and size, ours beside PyTorch's; a ratio below 1 is in our favour.",
		Example: "  noisebook bench table results/bench/torch.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			t, err := readTable(args[0])
			if err != nil {
				return err
			}
			lines, err := compareSides(t)
			if err != nil {
				return fmt.Errorf("bench: %s: %w", args[0], err)
			}
			return printLines(command.OutOrStdout(), lines, markdown)
		},
	}
	command.Flags().BoolVar(&markdown, "markdown", false, "as a table of Markdown")
	return command
}

func readTable(path string) (table.Table, error) {
	file, err := os.Open(path)
	if err != nil {
		return table.Table{}, fmt.Errorf("bench: %w; `noisebook bench collect` writes it", err)
	}
	defer file.Close()
	t, err := table.ReadCSV(file)
	if err != nil {
		return table.Table{}, fmt.Errorf("bench: %s: %w", path, err)
	}
	return t, nil
}

// compareSides puts the two sides of each point into one line; the first line is the header.
func compareSides(t table.Table) ([][]string, error) {
	text := map[string][]string{}
	for _, column := range benchColumns {
		cells, err := t.Strings(column)
		if err != nil {
			return nil, err
		}
		text[column] = cells
	}
	number := map[string][]float64{}
	for _, column := range []string{"median_s", "peak_memory_gb", "share_of_matmul"} {
		values, err := t.Floats(column)
		if err != nil {
			return nil, err
		}
		number[column] = values
	}
	place := func(row int, work string) string {
		return strings.Join([]string{text["channels"][row], text["batch"][row], text["size"][row], text["in_channels"][row], text["attention"][row], work}, ",")
	}
	own := map[string]int{} // row of ours by place
	for row := range t.Rows {
		if text["side"][row] == sideNoisebook {
			own[place(row, text["work"][row])] = row
		}
	}
	lines := [][]string{{"step", "C", "batch", "size", "ours, s", "PyTorch, s", "ours, GB", "PyTorch, GB", "share of matmul", "PyTorch's", "compile, s", "time ratio", "memory ratio"}}
	for theirs := range t.Rows {
		work := text["work"][theirs]
		ours, found := own[place(theirs, benchCounterpart[work])]
		if text["side"][theirs] != sidePyTorch || !found {
			continue
		}
		ratio := func(column string) string {
			return fmt.Sprintf("%.2f", number[column][ours]/number[column][theirs])
		}
		lines = append(lines, []string{
			work, text["channels"][theirs], text["batch"][theirs], text["size"][theirs],
			text["median_s"][ours], text["median_s"][theirs],
			fmt.Sprintf("%.2f", number["peak_memory_gb"][ours]), fmt.Sprintf("%.2f", number["peak_memory_gb"][theirs]),
			fmt.Sprintf("%.2f", number["share_of_matmul"][ours]), fmt.Sprintf("%.2f", number["share_of_matmul"][theirs]),
			text["first_s"][ours], ratio("median_s"), ratio("peak_memory_gb"),
		})
	}
	if len(lines) == 1 {
		return nil, errors.New("no step was timed on both sides")
	}
	return lines, nil
}

func printLines(w io.Writer, lines [][]string, markdown bool) error {
	if !markdown {
		tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		for _, line := range lines {
			fmt.Fprintln(tw, strings.Join(line, "\t"))
		}
		return tw.Flush()
	}
	for i, line := range lines {
		fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintln(w, strings.Repeat("|---", len(line))+"|")
		}
	}
	return nil
}

func newBenchPlotCommand() *cobra.Command {
	var out string
	command := &cobra.Command{
		Use:   "plot FILE --out FOLDER",
		Short: "Draw seconds a step against channels, resolution and batch",
		Long: `Draws the CSV that ` + "`bench collect`" + ` writes: one figure for each of channels, size
and batch that was varied while the other two stayed, a panel for each kind of step.`,
		Example: "  noisebook bench plot results/bench/size.csv --out plots/bench",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if out == "" {
				return errors.New("bench: --out must name a folder")
			}
			t, err := readTable(args[0])
			if err != nil {
				return err
			}
			drawn := 0
			for _, axis := range benchAxes {
				f, err := axis.draw(t)
				if err != nil {
					return fmt.Errorf("bench: %s: %w", args[0], err)
				}
				if f == nil {
					continue
				}
				paths, err := f.Save(out, "seconds-by-"+axis.column)
				if err != nil {
					return fmt.Errorf("bench: %w", err)
				}
				fmt.Fprintln(command.OutOrStdout(), strings.Join(paths, "\n"))
				drawn++
			}
			if drawn == 0 {
				return fmt.Errorf("bench: %s: nothing was varied: time at least two sizes with the rest unchanged", args[0])
			}
			return nil
		},
	}
	command.Flags().StringVar(&out, "out", "", "folder for the figures")
	return command
}

// benchAxis is a column to draw steps against, while the others stay.
type benchAxis struct {
	column, label string
	others        []string
}

var benchAxes = []benchAxis{
	{"channels", "base channels C", []string{"batch", "size"}},
	{"size", "pixels a side", []string{"channels", "batch"}},
	{"batch", "images a step", []string{"channels", "size"}},
}

// draw takes the setting of the other columns at which this one has most values; nil when it never varies.
func (a benchAxis) draw(t table.Table) (*figure.Figure, error) {
	var best table.Table
	bestCount := 1
	var held [2]string
	first, err := t.Distinct(a.others[0])
	if err != nil {
		return nil, err
	}
	for _, value := range first {
		rows, err := t.Where(a.others[0], value)
		if err != nil {
			return nil, err
		}
		second, err := rows.Distinct(a.others[1])
		if err != nil {
			return nil, err
		}
		for _, other := range second {
			at, err := rows.Where(a.others[1], other)
			if err != nil {
				return nil, err
			}
			values, err := at.Distinct(a.column)
			if err != nil {
				return nil, err
			}
			if len(values) > bestCount {
				best, bestCount, held = at, len(values), [2]string{value, other}
			}
		}
	}
	if bestCount == 1 {
		return nil, nil
	}
	provenance := map[string]string{a.others[0]: held[0], a.others[1]: held[1]}
	for _, side := range []string{sideNoisebook, sidePyTorch} {
		rows, err := best.Where("side", side)
		if err != nil {
			return nil, err
		}
		for _, column := range []string{"software", "commit", "cpu", "threads"} {
			values, err := rows.Distinct(column)
			if err != nil {
				return nil, err
			}
			name := column
			if column == "software" || column == "commit" {
				name = side + " " + column
			}
			provenance[name] = strings.Join(values, ", ")
		}
	}
	return figure.Curves(best, figure.CurvesSpec{
		X: a.column, Y: "median_s", Group: "side", Panel: "work",
		XLabel: a.label, YLabel: "seconds a step",
		Title:      "Cost of a step against " + a.label,
		Caption:    "Median time of a step of the joint network, ours and the authors' in PyTorch, on the same machine.",
		Provenance: provenance,
	})
}
