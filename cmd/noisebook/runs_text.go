package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/index"
	"noisebook/pkg/track/query"
)

// printRuns writes a line a run, with what most people look for.
func printRuns(w io.Writer, entries []*index.Entry) error {
	now := time.Now()
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "run\tkind\tname\tstate\tage\tduration\tparams\tlast metrics")
	for _, e := range entries {
		outcome := metricSummary(e.Metrics)
		if e.Error != "" {
			outcome = e.Error
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Kind, shorten(e.Title(), 32), e.State,
			ageText(now.Sub(e.Started)), track.ShortDuration(e.Duration(now)), shorten(paramSummary(e.Params()), 40), shorten(outcome, 48))
	}
	return tw.Flush()
}

// printColumns writes the columns that were asked for.
func printColumns(w io.Writer, result query.Result) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(result.Columns, "\t"))
	for _, row := range result.Rows {
		cells := make([]string, len(row.Values))
		for i, value := range row.Values {
			cells[i] = shorten(cellText(value), 80)
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

func writeColumnsCSV(w io.Writer, result query.Result) error {
	table := csv.NewWriter(w)
	if err := table.Write(result.Columns); err != nil {
		return err
	}
	for _, row := range result.Rows {
		cells := make([]string, len(row.Values))
		for i, value := range row.Values {
			switch v := plain(value).(type) {
			case nil:
			case track.Number:
				cells[i] = strconv.FormatFloat(float64(v), 'g', -1, 64)
			default:
				cells[i] = cellText(v)
			}
		}
		if err := table.Write(cells); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

func writeColumnsJSON(w io.Writer, result query.Result) error {
	rows := make([]map[string]any, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = map[string]any{}
		for k, value := range row.Values {
			rows[i][result.Columns[k]] = plain(value)
		}
	}
	return writeJSON(w, rows)
}

// writeRunsJSON writes all that the runs' files say, and the summaries of their
// metrics.
func writeRunsJSON(w io.Writer, store *track.Store, entries []*index.Entry) error {
	type full struct {
		track.Run
		Metrics map[string]index.Summary `json:"metrics,omitempty"`
	}
	runs, failures := make([]full, len(entries)), make([]error, len(entries))
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < len(entries); i += workers {
				runs[i].Metrics = entries[i].Metrics
				runs[i].Run, failures[i] = store.Run(entries[i].ID)
			}
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return writeJSON(w, runs)
}

// plain is a column's value as programs read it: a time in RFC 3339, a duration
// in seconds, and a number that JSON can write.
func plain(value any) any {
	switch v := value.(type) {
	case float64:
		return track.Number(v)
	case time.Duration:
		return track.Number(v.Seconds())
	case time.Time:
		if v.IsZero() {
			return nil
		}
		return v.Format(time.RFC3339Nano)
	}
	return value
}

// cellText is a column's value as people read it.
func cellText(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case string:
		return strings.Join(strings.Fields(v), " ")
	case float64:
		return numberText(track.Number(v))
	case time.Duration:
		return track.ShortDuration(v)
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Local().Format("2006-01-02 15:04")
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = itemText(item)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// metricSummary lists last values; what a sampler measured beside is left out.
func metricSummary(metrics map[string]index.Summary) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if !strings.HasPrefix(name, "system/") {
			parts = append(parts, name+"="+numberText(track.Number(metrics[name].Last.Value)))
		}
	}
	return strings.Join(parts, " ")
}

func paramSummary(params track.Params) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		parts = append(parts, name+"="+cellText(params[name]))
	}
	return strings.Join(parts, " ")
}

// ageText is a time span in one unit, as in 5m, 3h or 12d.
func ageText(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

func numberText(n track.Number) string { return strconv.FormatFloat(float64(n), 'g', 5, 64) }

// flatten writes a config as the overrides that would set it: train.steps=500.
func flatten(config json.RawMessage) []string {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(config)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil
	}
	var lines []string
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(strings.TrimPrefix(path+"."+name, "."), v[name])
			}
		case []any:
			parts := make([]string, len(v))
			for i, item := range v {
				parts[i] = itemText(item)
			}
			lines = append(lines, strings.TrimPrefix(path+"="+strings.Join(parts, ","), "="))
		default:
			lines = append(lines, strings.TrimPrefix(fmt.Sprintf("%s=%v", path, v), "="))
		}
	}
	walk("", value)
	return lines
}

// itemText is a list's element; one that is itself structured stays JSON.
func itemText(item any) string {
	switch item.(type) {
	case map[string]any, []any:
		if data, err := json.Marshal(item); err == nil {
			return string(data)
		}
	}
	return fmt.Sprint(item)
}

func shorten(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return text
}
