package table

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

func sweep(t *testing.T) Table {
	t.Helper()
	s := New("alpha", "seed", "precision", "recall")
	for _, row := range [][]any{{0.0, 0, 0.5, 0.9}, {0.0, 1, 0.6, 0.8}, {100.0, 0, 0.7, 0.4}} {
		if err := s.Append(row...); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestAppend(t *testing.T) {
	s := New("a", "b")
	if err := s.Append(1, 2, 3); err == nil || !strings.Contains(err.Error(), "3 cells, want 2 (a, b)") {
		t.Errorf("%v, want both counts and the columns", err)
	}
	if s.Len() != 0 {
		t.Error("a refused row is kept")
	}
	if err := s.Append(float32(0.1), uint64(7)); err != nil {
		t.Fatal(err)
	}
	if err := s.Append("x", true); err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"0.1", "7"}, {"x", "true"}}; !reflect.DeepEqual(s.Rows, want) {
		t.Errorf("rows %v, want %v", s.Rows, want)
	}
}

func TestNumbersReadBack(t *testing.T) {
	same := func(values []float64) bool {
		values = append(values, math.Inf(1), math.NaN(), 0, math.SmallestNonzeroFloat64)
		s := New("x")
		for _, v := range values {
			if err := s.Append(v); err != nil {
				return false
			}
		}
		got, err := s.Floats("x")
		return err == nil && slices.EqualFunc(got, values, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

func TestColumns(t *testing.T) {
	s := sweep(t)
	seeds, err := s.Strings("seed")
	if err != nil || !slices.Equal(seeds, []string{"0", "1", "0"}) {
		t.Errorf("%v, %v", seeds, err)
	}
	if _, err := s.Strings("beta"); err == nil || !strings.Contains(err.Error(), `"beta"`) || !strings.Contains(err.Error(), "alpha, seed") {
		t.Errorf("%v, want the name and what there is", err)
	}
	distinct, err := s.Distinct("alpha")
	if err != nil || !slices.Equal(distinct, []string{"0", "100"}) {
		t.Errorf("%v, %v", distinct, err)
	}
	if _, err := s.Distinct("beta"); err == nil {
		t.Error("distinct values of no column")
	}
	s.Rows[1][2] = "many"
	if _, err := s.Floats("precision"); err == nil || !strings.Contains(err.Error(), `row 2: "many"`) {
		t.Errorf("%v, want the row and the cell", err)
	}
	if _, err := s.Floats("beta"); err == nil {
		t.Error("numbers of no column")
	}
}

func TestWhere(t *testing.T) {
	s := sweep(t)
	for value, want := range map[any]int{0.0: 2, 100.0: 1, "100": 1, 100: 1, 50.0: 0} {
		rows, err := s.Where("alpha", value)
		if err != nil || rows.Len() != want || !slices.Equal(rows.Columns, s.Columns) {
			t.Errorf("%v (%T): %d rows, want %d; %v", value, value, rows.Len(), want, err)
		}
	}
	if _, err := s.Where("beta", 1); err == nil {
		t.Error("rows of no column")
	}
	if s.Len() != 3 {
		t.Error("Where changes its table")
	}
}

func TestMelt(t *testing.T) {
	s := sweep(t)
	long, err := s.Melt("recall", "precision")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"alpha", "seed", "metric", "value"}; !slices.Equal(long.Columns, want) {
		t.Fatalf("columns %v, want %v", long.Columns, want)
	}
	want := [][]string{
		{"0", "0", "recall", "0.9"}, {"0", "1", "recall", "0.8"}, {"100", "0", "recall", "0.4"},
		{"0", "0", "precision", "0.5"}, {"0", "1", "precision", "0.6"}, {"100", "0", "precision", "0.7"},
	}
	if !reflect.DeepEqual(long.Rows, want) {
		t.Errorf("rows %v, want %v", long.Rows, want)
	}
	long.Rows[0][0] = "changed"
	if s.Rows[0][0] != "0" {
		t.Error("the melted table shares cells with its source")
	}
	if _, err := s.Melt("f1"); err == nil || !strings.Contains(err.Error(), `"f1"`) {
		t.Errorf("%v, want the missing column", err)
	}
}

// Melting n measures of r rows gives n·r rows, and each measure's values in order.
func TestMeltKeepsEveryValue(t *testing.T) {
	keeps := func(a, b []float64) bool {
		s := New("i", "a", "b")
		n := min(len(a), len(b))
		for i := range n {
			if s.Append(i, a[i], b[i]) != nil {
				return false
			}
		}
		long, err := s.Melt("a", "b")
		if err != nil || long.Len() != 2*n {
			return false
		}
		for measure, want := range map[string][]float64{"a": a[:n], "b": b[:n]} {
			rows, err := long.Where("metric", measure)
			if err != nil {
				return false
			}
			if got, err := rows.Floats("value"); err != nil || !slices.Equal(got, want) {
				return false
			}
		}
		return true
	}
	if err := quick.Check(keeps, nil); err != nil {
		t.Error(err)
	}
}

// Any text in any cell comes back from CSV, but for the carriage return before
// a line feed, which CSV drops.
func TestCSVRoundTrip(t *testing.T) {
	same := func(header string, cells [][2]string) bool {
		want := New("first", header)
		for _, row := range cells {
			if want.Append(row[0], row[1]) != nil {
				return false
			}
		}
		var out bytes.Buffer
		if want.WriteCSV(&out) != nil {
			return false
		}
		got, err := ReadCSV(&out)
		if err != nil || !slices.Equal(got.Columns, carriage(want.Columns)) || got.Len() != want.Len() {
			return false
		}
		for i := range want.Rows {
			if !slices.Equal(got.Rows[i], carriage(want.Rows[i])) {
				return false
			}
		}
		return true
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	for _, cell := range []string{`a "quoted" word`, "a, b", "two\nlines", "", " spaces ", "α", "ends\r\nhere"} {
		if !same(cell, [][2]string{{cell, "x"}, {"x", cell}}) {
			t.Errorf("%q does not come back", cell)
		}
	}
}

func carriage(cells []string) []string {
	out := make([]string, len(cells))
	for i, cell := range cells {
		out[i] = strings.ReplaceAll(cell, "\r\n", "\n")
	}
	return out
}

func TestReadCSVRefuses(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "short row": "a,b\n1\n", "long row": "a,b\n1,2,3\n", "open quote": "a\n\"x"} {
		if got, err := ReadCSV(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), "table: ") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	header, err := ReadCSV(strings.NewReader("a,b\n"))
	if err != nil || header.Len() != 0 || len(header.Columns) != 2 {
		t.Errorf("a header alone: %v, %v", header, err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }

func TestWriteCSVReportsAFullDisk(t *testing.T) {
	if err := sweep(t).WriteCSV(full{}); err == nil {
		t.Error("a write that failed is not reported")
	}
}
