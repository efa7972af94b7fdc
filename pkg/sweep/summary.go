package sweep

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"gonum.org/v1/gonum/stat"

	"noisebook/pkg/table"
	"noisebook/pkg/track"
)

// Summary is what a sweep measured.
type Summary struct {
	Results []Result
	Metrics []string // their names, in order
	values  []map[string]float64
}

// Summarise reads the metrics of the members that finished. A metric of several
// steps, such as a table's column, counts by its mean over them, and is named so.
func Summarise(results []Result) (Summary, error) {
	s := Summary{Results: results, values: make([]map[string]float64, len(results))}
	series := make([]map[string][]track.Point, len(results))
	several := map[string]bool{}
	for i, result := range results {
		if !result.Finished() {
			continue
		}
		points, err := result.Run.Metrics()
		if err != nil {
			return s, fmt.Errorf("member %d: %w", i, err)
		}
		maps.DeleteFunc(points, func(name string, _ []track.Point) bool { return strings.HasPrefix(name, "system/") })
		for name := range points {
			several[name] = several[name] || len(points[name]) > 1
		}
		series[i] = points
	}
	for _, name := range slices.Sorted(maps.Keys(several)) {
		shown := name
		if several[name] {
			shown += ".mean"
		}
		s.Metrics = append(s.Metrics, shown)
		for i, points := range series {
			if len(points[name]) == 0 {
				continue
			}
			if s.values[i] == nil {
				s.values[i] = map[string]float64{}
			}
			s.values[i][shown] = meanOf(points[name])
		}
	}
	return s, nil
}

func meanOf(points []track.Point) float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = float64(p.Value)
	}
	return stat.Mean(values, nil)
}

// Members is a row a member: its number, run, state, what it was set to, what it
// measured and, where it did not finish, why.
func (s Summary) Members() table.Table {
	settings, seeds := keysOf(s.Results, settingOf), keysOf(s.Results, seedOf)
	t := table.New(slices.Concat([]string{"member", "run", "state"}, settings, seeds, s.Metrics, []string{"problem"})...)
	for i, result := range s.Results {
		state := string(result.Run.State)
		if result.Run.ID == "" {
			state = "missing"
		}
		row := []string{strconv.Itoa(i), result.Run.ID, state}
		row = append(row, valuesOf(result.Member.Setting, settings)...)
		row = append(row, valuesOf(result.Member.Seed, seeds)...)
		for _, name := range s.Metrics {
			row = append(row, cell(s.values[i], name))
		}
		problem := ""
		if !result.Finished() {
			problem = strings.Join(strings.Fields(result.Problem()), " ")
		}
		t.Rows = append(t.Rows, append(row, problem))
	}
	return t
}

// Settings is a row a setting: of each metric the mean over the seeds that
// finished and the sample standard deviation, which one run alone has not.
func (s Summary) Settings() table.Table {
	settings := keysOf(s.Results, settingOf)
	t := table.New(slices.Concat(settings, []string{"runs"})...)
	for _, name := range s.Metrics {
		t.Columns = append(t.Columns, name, name+"_sd")
	}
	for _, group := range s.groups() {
		row := append(valuesOf(s.Results[group[0]].Member.Setting, settings), strconv.Itoa(s.finished(group)))
		for _, name := range s.Metrics {
			mean, deviation, n := s.overSeeds(group, name)
			row = append(row, optional(mean, n > 0), optional(deviation, n > 1))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// shownMetrics is how many metrics fit a terminal.
const shownMetrics = 6

// Print writes a row a setting with mean ± standard deviation. Without names it
// shows the first metrics that differ between members, the job's own before those
// of its stages.
func (s Summary) Print(w io.Writer, names ...string) error {
	if len(names) == 0 {
		names = s.chosen()
	}
	for _, name := range names {
		if !slices.Contains(s.Metrics, name) {
			return fmt.Errorf("no member has measured %q; there are %s", name, strings.Join(s.Metrics, ", "))
		}
	}
	settings := keysOf(s.Results, settingOf)
	grid := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(grid, strings.Join(slices.Concat(settings, []string{"runs"}, names), "\t"))
	for _, group := range s.groups() {
		row := append(valuesOf(s.Results[group[0]].Member.Setting, settings), fmt.Sprintf("%d/%d", s.finished(group), len(group)))
		for _, name := range names {
			mean, deviation, n := s.overSeeds(group, name)
			text := "–"
			switch {
			case n > 1:
				text = fmt.Sprintf("%.4g ± %.2g", mean, deviation)
			case n == 1:
				text = fmt.Sprintf("%.4g", mean)
			}
			row = append(row, text)
		}
		fmt.Fprintln(grid, strings.Join(row, "\t"))
	}
	return grid.Flush()
}

func (s Summary) chosen() []string {
	own, stages := []string{}, []string{}
	for _, name := range s.Metrics {
		switch {
		case !s.differs(name):
		case strings.Contains(name, "/"):
			stages = append(stages, name)
		default:
			own = append(own, name)
		}
	}
	all := append(own, stages...)
	if len(all) == 0 {
		all = s.Metrics
	}
	return all[:min(len(all), shownMetrics)]
}

func (s Summary) differs(name string) bool {
	first, seen := 0.0, false
	for _, values := range s.values {
		value, ok := values[name]
		switch {
		case !ok:
		case seen && value != first:
			return true
		default:
			first, seen = value, true
		}
	}
	return false
}

// groups are the positions of the members of each setting, in order.
func (s Summary) groups() [][]int {
	var groups [][]int
	at := map[string]int{}
	for i, result := range s.Results {
		id := strings.Join(result.Member.Setting, "\n")
		if _, known := at[id]; !known {
			at[id] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[id]] = append(groups[at[id]], i)
	}
	return groups
}

func (s Summary) finished(group []int) int {
	n := 0
	for _, i := range group {
		if s.Results[i].Finished() {
			n++
		}
	}
	return n
}

func (s Summary) overSeeds(group []int, name string) (mean, deviation float64, n int) {
	var values []float64
	for _, i := range group {
		if value, ok := s.values[i][name]; ok {
			values = append(values, value)
		}
	}
	mean, deviation = stat.MeanStdDev(values, nil)
	return mean, deviation, len(values)
}

func settingOf(m Member) []string { return m.Setting }
func seedOf(m Member) []string    { return m.Seed }

// keysOf are the keys of the members' overrides, in order of first appearance.
func keysOf(results []Result, part func(Member) []string) []string {
	var keys []string
	for _, result := range results {
		for _, override := range part(result.Member) {
			if key, _, _ := strings.Cut(override, "="); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func valuesOf(overrides, keys []string) []string {
	values := make([]string, len(keys))
	for _, override := range overrides {
		key, value, _ := strings.Cut(override, "=")
		if i := slices.Index(keys, key); i >= 0 {
			values[i] = value
		}
	}
	return values
}

func cell(values map[string]float64, name string) string {
	value, ok := values[name]
	return optional(value, ok)
}

func optional(value float64, there bool) string {
	if !there {
		return ""
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}
