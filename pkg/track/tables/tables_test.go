package tables

import (
	"context"
	"encoding/csv"
	"errors"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"noisebook/pkg/track"
)

func rows(all ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, row := range all {
			if !yield(row, nil) {
				return
			}
		}
	}
}

var (
	columns = []Column{{"zeta", Text}, {"alpha, \"b\".c", Integer}, {"value", Real}, {"ok", Truth}, {"when", Instant}}
	moment  = time.Date(2026, 3, 4, 5, 6, 7, 89, time.FixedZone("", 3600))
	sample  = [][]any{
		{"a\n\"x\",y", 7, 0.1, true, moment},
		{[]any{int64(1), "two"}, int64(-1 << 62), math.Inf(-1), false, nil},
		{nil, nil, math.NaN(), nil, nil},
		{"", 0, 1500 * time.Millisecond, nil, moment},
	}
)

func TestCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := Write(path, columns, rows(sample...)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := csv.NewReader(f).ReadAll()
	want := [][]string{
		{"zeta", "alpha, \"b\".c", "value", "ok", "when"},
		{"a\n\"x\",y", "7", "0.1", "true", "2026-03-04T04:06:07.000000089Z"},
		{`[1,"two"]`, "-4611686018427387904", "-Inf", "false", ""},
		{"", "", "NaN", "", ""},
		{"", "0", "1.5", "", "2026-03-04T04:06:07.000000089Z"},
	}
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("read back %q (%v), want %q", got, err, want)
	}
}

func TestParquet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.parquet")
	if err := Write(path, columns, rows(sample...)); err != nil {
		t.Fatal(err)
	}
	file, got := readParquet(t, path)
	for i, c := range file.Root().Columns() {
		if c.Name() != columns[i].Name {
			t.Errorf("column %d is %q, want %q", i, c.Name(), columns[i].Name)
		}
	}
	if len(got) != len(sample) {
		t.Fatalf("%d rows, want %d", len(got), len(sample))
	}
	for i, row := range got {
		for j, value := range row {
			if value.IsNull() != (sample[i][j] == nil) {
				t.Errorf("row %d, column %d: null is %v", i, j, value.IsNull())
			}
		}
	}
	if a, b := got[1][0].String(), got[0][0].String(); a != `[1,"two"]` || b != "a\n\"x\",y" {
		t.Errorf("texts %q and %q", a, b)
	}
	if v := got[1][1].Int64(); v != -1<<62 {
		t.Errorf("integer %d", v)
	}
	if v := got[3][2].Double(); v != 1.5 || !math.IsInf(got[1][2].Double(), -1) || !math.IsNaN(got[2][2].Double()) {
		t.Errorf("values %v, %v, %v", v, got[1][2], got[2][2])
	}
	if v := got[0][4].Int64(); v != moment.UnixNano() {
		t.Errorf("time %d, want %d", v, moment.UnixNano())
	}
}

func readParquet(t *testing.T, path string) (*parquet.File, []parquet.Row) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var all []parquet.Row
	for _, group := range file.RowGroups() {
		r := group.Rows()
		for done := false; !done; {
			buffer := make([]parquet.Row, 1000)
			n, err := r.ReadRows(buffer)
			for _, row := range buffer[:n] {
				all = append(all, row.Clone())
			}
			done = err != nil
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return file, all
}

// A table that fails in the middle leaves what was there.
func TestWholeOrNotAtAll(t *testing.T) {
	broken := errors.New("the store is gone")
	for _, name := range []string{"t.csv", "t.parquet"} {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := Write(path, columns[:1], func(yield func([]any, error) bool) {
			_ = yield([]any{"x"}, nil) && yield(nil, broken)
		})
		content, _ := os.ReadFile(path)
		entries, _ := os.ReadDir(folder)
		if !errors.Is(err, broken) || string(content) != "before" || len(entries) != 1 {
			t.Errorf("%s: error %v, content %q, %d files", name, err, content, len(entries))
		}
	}
}

func TestBadTables(t *testing.T) {
	for path, c := range map[string]struct {
		columns []Column
		want    string
	}{
		"t.xlsx":               {columns, ".csv or .parquet"},
		"t":                    {columns, ".csv or .parquet"},
		"t.csv":                {append([]Column{{"ok", Text}}, columns...), `named "ok"`},
		"no/such/folder/t.csv": {columns, "not written"},
	} {
		err := Write(filepath.Join(t.TempDir(), path), c.columns, rows())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", path, err, c.want)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for _, c := range []struct {
		cells []any
		want  Type
	}{
		{nil, Text}, {[]any{nil, nil}, Text}, {[]any{1, int64(2)}, Integer}, {[]any{1, nil, 0.5}, Real}, {[]any{0.5, 1}, Real},
		{[]any{time.Second}, Real}, {[]any{true, nil}, Truth}, {[]any{true, 1}, Text}, {[]any{moment}, Instant}, {[]any{"a", 1}, Text}, {[]any{[]any{1}}, Text},
	} {
		if got := TypeOf(slices.Values(c.cells)); got != c.want {
			t.Errorf("type of %v is %v, want %v", c.cells, got, c.want)
		}
	}
}

func TestMetrics(t *testing.T) {
	store, err := track.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run, err := store.Start(context.Background(), track.StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 5000
	for step := range n {
		run.LogValue("loss", step, 1/float64(step+1))
		run.LogValue("accuracy", step, math.NaN())
	}
	if err := run.End(nil); err != nil {
		t.Fatal(err)
	}
	read, err := store.Run(run.ID())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "curves.parquet")
	if err := Write(path, MetricColumns, Metrics([]track.Run{read, read})); err != nil {
		t.Fatal(err)
	}
	_, all := readParquet(t, path)
	if len(all) != 4*n {
		t.Fatalf("%d rows, want %d", len(all), 4*n)
	}
	for i, row := range all {
		name, value := "accuracy", math.NaN()
		if i/n%2 == 1 {
			name, value = "loss", 1/float64(i%n+1)
		}
		if row[0].String() != run.ID() || row[1].String() != name || row[2].Int64() != int64(i%n) || row[4].Double() != value && !math.IsNaN(value) {
			t.Fatalf("row %d is %v, want %s %d %v", i, row, name, i%n, value)
		}
	}
	count := 0
	for range Metrics([]track.Run{read}, "loss") {
		count++
	}
	if count != n {
		t.Errorf("%d points of loss, want %d", count, n)
	}
}
