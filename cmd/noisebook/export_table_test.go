package main

import (
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"
)

// readCSV reads a file and its header's places.
func readCSV(t *testing.T, path string) (rows [][]string, column map[string]int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err = csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%s: %d rows, %v", path, len(rows), err)
	}
	column = map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	return rows[1:], column
}

func TestExportTable(t *testing.T) {
	finished, failed := storeWithRuns(t)
	t.Chdir(t.TempDir())
	contains(t, must(t, "export", "table", "-o", "all.csv"), "all.csv: 2 runs, ")
	rows, column := readCSV(t, "all.csv")
	states := map[string]string{}
	for _, row := range rows {
		states[row[column["id"]]] = row[column["state"]]
	}
	if len(states) != 2 || states[finished.ID] != "finished" || states[failed.ID] != "failed" {
		t.Errorf("states %v", states)
	}
	for name := range finished.Params {
		if _, ok := column["params."+name]; !ok {
			t.Errorf("no column params.%s among %v", name, column)
		}
	}
	for name, last := range finished.Last {
		i := slices.IndexFunc(rows, func(row []string) bool { return row[column["id"]] == finished.ID })
		if got := rows[i][column["metrics."+name]]; !strings.HasPrefix(got, numberText(last.Value)[:3]) {
			t.Errorf("metrics.%s is %q, want %v", name, got, last.Value)
		}
	}

	must(t, "export", "table", "--filter", `state == "failed"`, "--columns", "id, state", "-o", "failed.csv")
	rows, _ = readCSV(t, "failed.csv")
	if len(rows) != 1 || !slices.Equal(rows[0], []string{failed.ID, "failed"}) {
		t.Errorf("rows %v", rows)
	}
	contains(t, must(t, "export", "table", "--limit", "1", "-o", "one.parquet"), "one.parquet: 1 run, ")

	contains(t, must(t, "export", "metrics", finished.ID[:8], "-o", "curves.csv"), "curves.csv: ", " of 1 run")
	rows, column = readCSV(t, "curves.csv")
	curves, err := finished.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, points := range curves {
		want += len(points)
	}
	if want == 0 || len(rows) != want || rows[0][column["run"]] != finished.ID || rows[0][column["time"]] == "" {
		t.Errorf("%d rows, want %d: %v", len(rows), want, rows)
	}
	must(t, "export", "metrics", "--filter", "true", "-o", "curves.parquet")

	t.Setenv("MLFLOW_TRACKING_URI", "")
	for want, args := range map[string][]string{
		".csv or .parquet":                {"export", "table", "-o", "runs.xlsx"},
		"filter: ":                        {"export", "table", "--filter", "stat ==", "-o", "x.csv"},
		"--columns: a quote":              {"export", "table", "--columns", "id, (", "-o", "x.csv"},
		"name the runs":                   {"export", "metrics", "-o", "x.csv"},
		"no run":                          {"export", "metrics", "nothing", "-o", "x.csv"},
		"no run fits the filter":          {"export", "metrics", "--filter", "false", "-o", "x.csv"},
		"is not written":                  {"export", "table", "-o", "no/folder/x.csv"},
		"--url":                           {"export", "mlflow"},
		"no MLflow server can be reached": {"export", "mlflow", "--url", "http://127.0.0.1:1"},
		"must look like":                  {"export", "mlflow", "--url", "mlflow.example"},
	} {
		if _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	if _, err := os.Stat("x.csv"); err == nil {
		t.Error("a command that failed left x.csv")
	}
}
