package track

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestEventsRoundTrip(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	events := []Event{
		{Time: now, Type: EventMetric, Step: 0, Values: map[string]Number{"loss": 0.1, "a \"quoted\"\n name": -3e-300}},
		{Time: now, Type: EventMetric, Step: 1 << 40, Values: map[string]Number{"inf": Number(math.Inf(1)), "minus": Number(math.Inf(-1))}},
		{Time: now, Type: EventMetric, Step: -1, Values: map[string]Number{}},
		{Time: now, Type: EventArtifact, Artifact: &Artifact{Name: "x.png", SHA256: "ab", Bytes: 3}},
		{Time: now, Type: EventNote, Text: "a\nb"},
		{Time: now, Type: EventState, State: Failed, Error: "e", Last: map[string]Point{"loss": {Step: 4, Value: Number(math.NaN())}}},
	}
	var buf []byte
	for _, e := range events {
		buf = newEncoder().event(buf, &e)
	}
	if lines := bytes.Count(buf, []byte("\n")); lines != len(events) {
		t.Fatalf("%d lines for %d events:\n%s", lines, len(events), buf)
	}
	journal, err := ReadJournal(bytes.NewReader(buf))
	if err != nil || journal.Skipped != 0 || journal.Cut || len(journal.Events) != len(events) {
		t.Fatalf("read %+v, %v", journal, err)
	}
	for i := range events {
		// NaN != NaN, so compare what is printed.
		if got, want := fmt.Sprintf("%+v", flat(journal.Events[i])), fmt.Sprintf("%+v", flat(events[i])); got != want {
			t.Errorf("event %d:\n got %s\nwant %s", i, got, want)
		}
	}
}

func flat(e Event) string {
	artifact := e.Artifact
	e.Artifact = nil
	return fmt.Sprintf("%+v %+v", e, artifact)
}

func TestNaNSurvives(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.MaxFloat64, 5e-324, 1.0 / 3} {
		data, err := json.Marshal(Number(v))
		if err != nil {
			t.Fatal(err)
		}
		var back Number
		if err := json.Unmarshal(data, &back); err != nil || math.Float64bits(float64(back)) != math.Float64bits(v) && !math.IsNaN(v) || math.IsNaN(v) != math.IsNaN(float64(back)) {
			t.Errorf("%v became %s became %v (%v)", v, data, back, err)
		}
	}
	if err := json.Unmarshal([]byte(`"x"`), new(Number)); err == nil {
		t.Error(`"x" is read as a number`)
	}
}

func TestDamagedJournalLosesOnlyDamagedLines(t *testing.T) {
	line := func(step int) string {
		return fmt.Sprintf(`{"t":"2026-01-01T00:00:00Z","type":"metric","step":%d,"values":{"x":%d}}`, step, step) + "\n"
	}
	text := line(1) + "\x00\xffgarbage\n" + line(2) + `{"t":"2026-01-01T00:00:00Z"}` + "\n" + line(3) + line(4)[:20]
	journal, err := ReadJournal(strings.NewReader(text))
	if err != nil || journal.Skipped != 2 || !journal.Cut || len(journal.Metrics()["x"]) != 3 {
		t.Errorf("%+v, %v", journal, err)
	}
}

// FuzzJournal compares the fast parser with encoding/json on any line.
func FuzzJournal(f *testing.F) {
	for _, line := range []string{
		`{"t":"2026-01-01T00:00:00.123456789Z","type":"metric","step":1,"values":{"a":1,"b":-2.5e-3,"c":"NaN","d":"-Inf"}}`,
		`{"t":"2026-01-01T00:00:00Z","type":"metric","step":-7,"values":{}}`,
		`{"t":"2026-01-01T00:00:00Z","type":"metric","step":0,"values":{"a\\":0,"a\"b":1e400}}`,
		`{"t":"2026-02-30T00:00:00Z","type":"metric","step":0,"values":{"a":0}}`,
		`{"t":"2026-01-01T00:00:00.Z","type":"metric","step":01,"values":{"b":01,"a":1.}}`,
		"{\"t\":\"2026-01-01T00:00:00Z\",\"type\":\"metric\",\"step\":0,\"values\":{\"\xff\":-0,\"\u00e9\":1E+5}}",
		`{"t":"2026-01-01T00:00:00Z","type":"metric","step":9223372036854775808,"values":{"a":null}}`,
		`{"t":"2026-01-01T00:00:00Z","type":"metric","step":1,"values":{"a":1,"a":2}}`,
		`{"t":"2026-01-01T24:00:00Z","type":"metric","step":1,"values":{"a":"x"}} x`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var want Event
		err := json.Unmarshal(line, &want)
		var parser lineParser
		for pass := range 2 { // the second with what the parser has kept
			m := parser.metric(line)
			if m == nil {
				return // left to encoding/json
			}
			if err != nil {
				t.Fatalf("pass %d: read %+v, encoding/json refuses: %v", pass, *m, err)
			}
			got, _ := parser.event(line)
			if len(want.Values) == 0 { // no map or an empty one
				got.Values, want.Values = nil, nil
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || !got.Time.Equal(want.Time) {
				t.Fatalf("pass %d: read %+v, encoding/json %+v", pass, got, want)
			}
		}
	})
}

// TestWrittenLinesAreReadFast holds that the writer and the fast parser agree.
func TestWrittenLinesAreReadFast(t *testing.T) {
	encoder, parser := newEncoder(), lineParser{}
	random := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 20000 {
		at = at.Add(time.Duration(random.IntN(1e9)))
		if i%7 == 0 {
			at = at.Truncate(time.Duration(math.Pow10(random.IntN(10))))
		}
		name := []string{"loss", "a \"b\"", "é<>&", "tab\t", "x/y"}[random.IntN(5)]
		value := math.Float64frombits(random.Uint64())
		step := int(random.Int64()) >> random.IntN(64)
		line := bytes.TrimSuffix(encoder.value(nil, at, name, step, value), []byte("\n"))
		m := parser.metric(line)
		same := m != nil && m.time.Equal(at) && m.step == step && len(m.names) == 1 && m.names[0] == name &&
			(float64(m.values[0]) == value || math.IsNaN(value) && math.IsNaN(float64(m.values[0])))
		if !same {
			t.Fatalf("%s is read as %+v", line, m)
		}
	}
}

func FuzzReadJournal(f *testing.F) {
	f.Add([]byte(`{"t":"2026-01-01T00:00:00Z","type":"metric","step":1,"values":{"x":"NaN"}}` + "\n"))
	f.Add([]byte(`{"t":"2026-01-01T00:00:00Z","type":"state","state":"finished","last":{"x":{"step":1,"value":2}}}`))
	f.Add([]byte("\x00\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		journal, err := ReadJournal(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(data, []byte("\n")) + 1; len(journal.Events)+journal.Skipped > lines {
			t.Errorf("%d events and %d skipped of %d lines", len(journal.Events), journal.Skipped, lines)
		}
		var buf []byte
		for _, e := range journal.Events {
			buf = newEncoder().event(buf, &e)
		}
		again, err := ReadJournal(bytes.NewReader(buf))
		if err != nil || again.Skipped != 0 || len(again.Events) != len(journal.Events) {
			t.Errorf("written again: %d events, %d skipped, want %d", len(again.Events), again.Skipped, len(journal.Events))
		}
		journal.Metrics()
	})
}

func TestLogNeverBlocksAndCountsDrops(t *testing.T) {
	dir := t.TempDir()
	w, err := openJournal(dir, "001", Event{Time: time.Now(), Type: EventAttempt, Attempt: &Attempt{Number: 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 20000
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for step := range each {
				w.log(Event{Time: time.Now(), Type: EventMetric, Step: step, Values: map[string]Number{"x": 1}})
			}
		})
	}
	group.Wait()
	if err := w.close(Event{Time: time.Now(), Type: EventState, State: Finished}); err != nil {
		t.Fatal(err)
	}
	journal, err := readJournals(dir)
	if err != nil || journal.Skipped > 0 || journal.Cut {
		t.Fatalf("%+v, %v", journal, err)
	}
	metrics := 0
	for _, e := range journal.Events {
		if e.Type == EventMetric {
			metrics++
		}
	}
	end := journal.Events[len(journal.Events)-1]
	if end.Type != EventState || int64(metrics)+end.Dropped != writers*each {
		t.Errorf("%d written + %d dropped, want %d", metrics, end.Dropped, writers*each)
	}
}

// TestFullDiskIsReportedOnceAndRecovered points a writer at a device that
// refuses every byte, then at a file.
func TestFullDiskIsReportedOnceAndRecovered(t *testing.T) {
	dir := t.TempDir()
	warnings := 0
	w, err := openJournal(dir, "001", Event{Time: time.Now(), Type: EventAttempt, Attempt: &Attempt{Number: 1}}, func(error) { warnings++ })
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no device that is always full")
	}
	good := w.file
	w.file = full // the goroutine looks at it when it is told to flush
	for step := range 3 {
		w.log(Event{Time: time.Now(), Type: EventMetric, Step: step, Values: map[string]Number{"x": 1}})
		if err := w.syncNow(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("sync: %v", err)
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings, want one", warnings)
	}
	w.file = good
	full.Close()
	if err := w.close(Event{Time: time.Now(), Type: EventState, State: Finished}); err != nil {
		t.Fatal(err)
	}
	journal, err := readJournals(dir)
	if err != nil || journal.Skipped != 0 || len(journal.Metrics()["x"]) != 3 {
		t.Errorf("after there is room again: %+v, %v", journal, err)
	}
}

func TestEmptyJournalIsACrash(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journal-002-abc.jsonl"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	started := time.Now().Add(-time.Minute)
	run := Run{dir: dir, Started: started}
	if run.deriveState(time.Now()); run.State != Crashed || !run.Ended.Equal(started) {
		t.Errorf("%s, ended %v", run.State, run.Ended)
	}
}

func TestStateFromHeartbeat(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		last Event
		want State
	}{
		"fresh":       {Event{Type: EventHeartbeat, Time: now.Add(-3 * time.Second)}, Running},
		"stale":       {Event{Type: EventHeartbeat, Time: now.Add(-StaleAfter)}, Crashed},
		"metric":      {Event{Type: EventMetric, Time: now.Add(-time.Second), Values: map[string]Number{"x": 1}}, Running},
		"interrupted": {Event{Type: EventState, State: Interrupted, Time: now.Add(-time.Hour)}, Interrupted},
		"failed":      {Event{Type: EventState, State: Failed, Time: now, Error: "e"}, Failed},
		"future":      {Event{Type: EventHeartbeat, Time: now.Add(time.Hour)}, Running}, // the clock was set back
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := Event{Time: now.Add(-time.Hour), Type: EventAttempt, Attempt: &Attempt{Number: 1, Process: 1, Machine: "another"}}
			text := newEncoder().event(newEncoder().event(nil, &first), &test.last)
			text = append(text, `{"torn`...)
			if err := os.WriteFile(filepath.Join(dir, "journal-001-abc.jsonl"), text, 0o644); err != nil {
				t.Fatal(err)
			}
			run := Run{dir: dir}
			if run.deriveState(now); run.State != test.want {
				t.Errorf("%s, want %s", run.State, test.want)
			}
		})
	}
}
