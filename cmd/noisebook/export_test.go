package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExportAndImport(t *testing.T) {
	finished, failed := storeWithRuns(t)
	t.Chdir(t.TempDir())
	contains(t, must(t, "export", finished.ID[:8]), finished.ID+".tar.zst: 1 run, ")
	contains(t, must(t, "export", finished.ID, failed.ID, "-o", "both.tar.zst", "--alone"), "both.tar.zst: 2 runs, ")
	from := os.Getenv("NOISEBOOK_STORE")
	t.Setenv("NOISEBOOK_STORE", filepath.Join(t.TempDir(), "store"))
	contains(t, must(t, "import", finished.ID+".tar.zst", "both.tar.zst", from),
		finished.ID+".tar.zst: 1 run new, 0 united, 0 known; ", "both.tar.zst: 1 run new, 0 united, 1 known", from+": 0 runs new, 0 united, 2 known")
	contains(t, must(t, "show", finished.ID), "finished", "weights.txt")
	if err := os.WriteFile("cut.tar.zst", []byte{0x28, 0xb5, 0x2f, 0xfd}, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"cut short":         {"import", "cut.tar.zst"},
		"no such file":      {"import", "absent"},
		"no run":            {"export", "nothing", "-o", "x"},
		"absent: no such":   {"import", "absent"},
		"at least 1 arg(s)": {"import"},
	} {
		if _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
