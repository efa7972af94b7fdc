package index

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"noisebook/pkg/track"
)

// ask opens the store's index, reads everything and closes it.
func ask(t testing.TB, store *track.Store) []*Entry {
	t.Helper()
	x := Open(t.Context(), store, func(text string) { t.Errorf("warning: %s", text) })
	entries, err := x.Entries(t.Context())
	if err == nil {
		err = x.LoadMetrics(t.Context(), entries)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return entries
}

func removeIndex(t testing.TB, store *track.Store) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(store.Dir(), FileName+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}

// text is all that an entry says, for comparison: NaN equals itself and a time
// itself in another zone.
func text(e *Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s kind %s name %s parent %s stage %s %d key %s: %s %q\n  %v to %v, attempts %d, dropped %d, commit %s\n  params %#v\n  tags %v\n",
		e.ID, e.Kind, e.Name, e.Parent, e.Stage, e.Version, e.Key, e.State, e.Error,
		e.Started.UnixNano(), e.Ended.UTC(), e.Attempts, e.Dropped, e.Commit, e.Params(), e.Tags())
	for _, name := range slices.Sorted(maps.Keys(e.Metrics)) {
		fmt.Fprintf(&b, "  %s %+v\n", name, e.Metrics[name])
	}
	return b.String()
}

// fromFiles is an entry as the run's files alone tell it, by package track.
func fromFiles(t testing.TB, store *track.Store, id string) *Entry {
	t.Helper()
	run, err := store.Run(id)
	if err != nil {
		t.Fatal(err)
	}
	e := entryOf(run)
	e.Metrics = map[string]Summary{}
	series, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for name, points := range series {
		e.Metrics[name] = Summarize(points)
	}
	return e
}

func compareAll(t testing.TB, store *track.Store, when string, live []*Entry) {
	t.Helper()
	for _, e := range live {
		if got, want := text(e), text(fromFiles(t, store, e.ID)); got != want {
			t.Fatalf("%s: the index says\n%s\nthe files say\n%s", when, got, want)
		}
	}
}

// TestIndexEqualsFiles lets processes log, be killed, resume, attach and tag in
// random order. After every few steps an index that has seen all of it says what the
// files say, and so does one that was deleted.
func TestIndexEqualsFiles(t *testing.T) {
	seeds, steps := 3, 150
	if more, err := strconv.Atoi(os.Getenv("NOISEBOOK_INDEX_SEEDS")); err == nil {
		seeds = more // NOISEBOOK_INDEX_SEEDS=200 go test -run EqualsFiles ./pkg/track/index
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			f := newFake(t, uint64(seed))
			var live []*Entry
			for step := range steps {
				f.act()
				if f.random.IntN(5) > 0 {
					continue
				}
				live = ask(t, f.store)
				if len(live) != len(f.runs) {
					t.Fatalf("step %d: %d runs, want %d", step, len(live), len(f.runs))
				}
				compareAll(t, f.store, fmt.Sprint("step ", step), live)
			}
			live = ask(t, f.store)
			removeIndex(t, f.store)
			rebuilt := ask(t, f.store)
			if len(rebuilt) != len(live) {
				t.Fatalf("rebuilt: %d runs, want %d", len(rebuilt), len(live))
			}
			for i := range live {
				if a, b := text(live[i]), text(rebuilt[i]); a != b {
					t.Fatalf("live\n%s\nrebuilt\n%s", a, b)
				}
			}
		})
	}
}

// TestOnlyNewBytesAreRead damages what was read of a journal: were it read
// again, the index would change.
func TestOnlyNewBytesAreRead(t *testing.T) {
	f := newFake(t, 1)
	r := f.newRun()
	r.attempts = 1
	w := f.writer(r, "001", track.EventAttempt)
	w.write(f, w.rest)
	for step := range 100 {
		w.write(f, fmt.Appendf(nil, `{"t":%q,"type":"metric","step":%d,"values":{"x":%d}}`+"\n", time.Now().Format(time.RFC3339Nano), step, step))
	}
	if s := ask(t, f.store)[0].Metrics["x"]; s.Count != 100 || s.Max.Value != 99 {
		t.Fatalf("%+v", s)
	}
	info, err := os.Stat(w.path)
	f.must(err)
	file, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	f.must(err)
	_, err = file.Write(make([]byte, info.Size()))
	f.must(err)
	f.must(file.Close())
	w.write(f, fmt.Appendf(nil, `{"t":%q,"type":"metric","step":100,"values":{"x":-1}}`+"\n", time.Now().Format(time.RFC3339Nano)))
	e := ask(t, f.store)[0]
	if s := e.Metrics["x"]; s.Count != 101 || s.Max.Value != 99 || s.Min.Value != -1 || s.Last.Step != 100 || s.First.Step != 0 {
		t.Errorf("%+v", s)
	}
	if e.State != track.Running {
		t.Errorf("state %s", e.State)
	}
}

// TestCrashIsDerived lets time pass for a run whose process writes no more: the
// index that said running says crashed, although nothing was written to either.
func TestCrashIsDerived(t *testing.T) {
	f := newFake(t, 1)
	r := f.newRun()
	r.attempts = 1
	w := f.writer(r, "001", track.EventAttempt)
	w.write(f, w.rest)
	w.rest = nil
	signs := time.Now().Add(-track.StaleAfter + 2*time.Second)
	w.event(f, track.Event{Type: track.EventHeartbeat, Time: signs})
	w.write(f, w.rest)
	if e := ask(t, f.store)[0]; e.State != track.Running || !e.Ended.IsZero() {
		t.Fatalf("%s, ended %v", e.State, e.Ended)
	}
	time.Sleep(time.Until(signs.Add(track.StaleAfter)) + 50*time.Millisecond)
	if e := ask(t, f.store)[0]; e.State != track.Crashed || !e.Ended.Equal(signs) {
		t.Errorf("%s, ended %v, want crashed at %v", e.State, e.Ended, signs)
	}
}

// TestMergedStore copies the runs of one store into another, first a part of a
// run and then all of it, as rsync -a does: with the times of the source.
func TestMergedStore(t *testing.T) {
	here, there := newFake(t, 3), newFake(t, 4)
	for range 150 {
		here.act()
		there.act()
	}
	ask(t, here.store)
	copyRuns := func(keep func(name string) bool) {
		for _, r := range there.runs {
			target := here.store.RunDir(r.id)
			here.must(os.MkdirAll(target, 0o755))
			files, err := os.ReadDir(r.dir)
			here.must(err)
			for _, file := range files {
				if keep(file.Name()) {
					data, err := os.ReadFile(filepath.Join(r.dir, file.Name()))
					here.must(err)
					here.must(os.WriteFile(filepath.Join(target, file.Name()), data, 0o644))
				}
			}
			info, err := os.Stat(r.dir)
			here.must(err)
			here.must(os.Chtimes(target, info.ModTime(), info.ModTime()))
		}
	}
	copyRuns(func(name string) bool { return !strings.HasPrefix(name, "run.json") })
	compareAll(t, here.store, "without run.json", ask(t, here.store))
	copyRuns(func(string) bool { return true })
	entries := ask(t, here.store)
	if len(entries) != len(here.runs)+len(there.runs) {
		t.Errorf("%d runs, want %d and %d", len(entries), len(here.runs), len(there.runs))
	}
	compareAll(t, here.store, "merged", entries)
}

func TestRemovedRunIsForgotten(t *testing.T) {
	f := newFake(t, 5)
	for range 100 {
		f.act()
	}
	ask(t, f.store)
	away := filepath.Join(t.TempDir(), "away")
	f.must(os.Rename(f.runs[0].dir, away))
	if n := len(ask(t, f.store)); n != len(f.runs)-1 {
		t.Errorf("%d runs, want %d", n, len(f.runs)-1)
	}
	f.must(os.Rename(away, f.runs[0].dir))
	entries := ask(t, f.store)
	if len(entries) != len(f.runs) {
		t.Errorf("put back: %d runs, want %d", len(entries), len(f.runs))
	}
	compareAll(t, f.store, "put back", entries)
}

func TestSummarize(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	point := func(step int, value float64) Point { return Point{Step: step, Value: value} }
	for name, test := range map[string]struct {
		values []float64
		want   Summary
	}{
		"none":            {nil, Summary{}},
		"one":             {[]float64{3}, Summary{1, point(0, 3), point(0, 3), point(0, 3), point(0, 3)}},
		"first of equals": {[]float64{2, 1, 1, 5, 5}, Summary{5, point(0, 2), point(4, 5), point(1, 1), point(3, 5)}},
		"NaN aside":       {[]float64{nan, 2, nan, 1, nan}, Summary{5, point(0, nan), point(4, nan), point(3, 1), point(1, 2)}},
		"NaN only":        {[]float64{nan, nan}, Summary{2, point(0, nan), point(1, nan), point(0, nan), point(0, nan)}},
		"infinite":        {[]float64{inf, -inf, 0}, Summary{3, point(0, inf), point(2, 0), point(1, -inf), point(0, inf)}},
	} {
		var points []track.Point
		for step, v := range test.values {
			points = append(points, track.Point{Step: step, Value: track.Number(v)})
		}
		if got := Summarize(points); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestParamIsOneOfParams holds that a param that is looked up alone is the same
// as among all, whatever the others are.
func TestParamIsOneOfParams(t *testing.T) {
	all := track.Params{
		"a": int64(1), "a.b": -2.5e-7, "b": "text, \"a\":7,\"c\":8}", "c": int64(1) << 62, "d": []any{int64(1), "x,}"}, "e": true, "f": nil,
		"g": "", "<h>": int64(3), "é": int64(4), "i": 1e300, "zz": int64(-5),
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(slices.Collect(maps.Keys(all)), "", "x", "text", "h", "z") {
		e := &Entry{paramsJSON: data}
		got, ok := e.Param(name)
		want, there := e.Params()[name]
		if ok != there || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, %v, want %#v, %v", name, got, ok, want, there)
		}
	}
	if value, ok := (&Entry{}).Param("a"); ok {
		t.Errorf("without params: %v", value)
	}
}

// TestEntryKeepsLargeIntegers holds that params come back as package track
// reads them.
func TestEntryKeepsLargeIntegers(t *testing.T) {
	f := newFake(t, 6)
	r := f.newRun()
	run, err := f.store.Run(r.id)
	f.must(err)
	ask(t, f.store)
	if e := ask(t, f.store)[0]; !reflect.DeepEqual(e.Params(), run.Params) || e.Params()["seed"] != int64(1)<<60+1 {
		t.Errorf("%#v, want %#v", e.Params(), run.Params)
	}
}
