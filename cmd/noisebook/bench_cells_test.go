package main

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// The cells are Go once their mark is replaced by main, and no two of a kind are equal.
func TestCellsAreGo(t *testing.T) {
	for _, kind := range cellKinds {
		source := fmt.Sprintf(kind.source, 7)
		if source == fmt.Sprintf(kind.source, 8) {
			t.Errorf("%s: every cell is the same program", kind.name)
		}
		imports, body, found := strings.Cut(source, "%%\n")
		if !found {
			t.Errorf("%s: no %%%% line in %q", kind.name, source)
			continue
		}
		program := "package main\n" + imports + "func main() {\n" + body + "\n}\n"
		if _, err := parser.ParseFile(token.NewFileSet(), kind.name, program, parser.AllErrors); err != nil {
			t.Errorf("%s: %v in\n%s", kind.name, err, program)
		}
	}
}

func TestCellKindsNamed(t *testing.T) {
	kinds, err := cellKindsNamed([]string{"sampling", "trivial"})
	if err != nil || len(kinds) != 2 || kinds[0].name != "sampling" || kinds[1].name != "trivial" {
		t.Errorf("%v, %v", kinds, err)
	}
	if _, err := cellKindsNamed([]string{"plot", "tea"}); err == nil || !strings.Contains(err.Error(), `"tea"`) {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestCellTable(t *testing.T) {
	results := []cellTimes{{Cell: "plot", New: 4, First: 0.5, After: []float64{0.3, 0.9, 0.4}}}
	table, err := cellTable(results)
	if err != nil {
		t.Fatal(err)
	}
	var csv, text bytes.Buffer
	if err := table.WriteCSV(&csv); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(csv.String(), "\nplot,4,0.5,0.4,3,") {
		t.Errorf("table is\n%s", csv.String())
	}
	if err := printCells(&text, results); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "0.40") {
		t.Errorf("printed\n%s", text.String())
	}
}
