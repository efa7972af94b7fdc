package track

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestScanContinues reads a journal in two parts, cut at every byte: each event
// is seen once, wherever the first part ends.
func TestScanContinues(t *testing.T) {
	text := `{"t":"2026-01-01T00:00:00Z","type":"attempt"}` + "\n" + "damage\n\n" +
		`{"t":"2026-01-01T00:00:01Z","type":"metric","step":1,"values":{"x":1}}` + "\n" +
		`{"t":"2026-01-01T00:00:02Z","type":"note","text":"` + strings.Repeat("long ", 20000) + `"}` + "\n" +
		`{"t":"2026-01-01T00:00:03Z","type":"state","state":"finished"}`
	want := []EventType{EventAttempt, EventMetric, EventNote, EventState}
	cuts := []int{len(text)}
	for cut := range len(text) {
		if cut < 300 || cut > len(text)-300 || cut%9973 == 0 { // not each byte of the long line
			cuts = append(cuts, cut)
		}
	}
	for _, cut := range cuts {
		var seen []EventType
		visit := func(e Event) { seen = append(seen, e.Type) }
		first, err := ScanEvents(strings.NewReader(text[:cut]), visit)
		if err != nil || first.Used > int64(cut) {
			t.Fatalf("cut at %d: %+v, %v", cut, first, err)
		}
		second, err := ScanEvents(strings.NewReader(text[first.Used:]), visit)
		if err != nil || !slices.Equal(seen, want) || first.Used+second.Used != int64(len(text)) || second.Cut {
			t.Fatalf("cut at %d: saw %v, %+v then %+v, %v", cut, seen, first, second, err)
		}
	}
}

func TestJournalFiles(t *testing.T) {
	store := openTemp(t)
	r, err := store.Start(t.Context(), StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := store.Attach(r.ID())
	if err != nil {
		t.Fatal(err)
	}
	attempts, attached, err := store.JournalFiles(r.ID())
	if err != nil || len(attempts) != 1 || len(attached) != 1 {
		t.Fatalf("%v, %v, %v", attempts, attached, err)
	}
	for _, name := range slices.Concat(attempts, attached) {
		if _, err := os.Stat(filepath.Join(store.RunDir(r.ID()), name)); err != nil {
			t.Error(err)
		}
	}
	if a.End(nil) != nil || r.End(nil) != nil {
		t.Error("cannot end")
	}
}
