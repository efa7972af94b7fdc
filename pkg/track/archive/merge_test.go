package archive

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/track"
)

var regexpFinished = regexp.MustCompile(`"finished": "([^"]+)"`)

// recordedRun makes a run with two values and a note, and returns its journal.
func recordedRun(t *testing.T, store *track.Store, values ...float64) (id, journal string) {
	t.Helper()
	run, err := store.Start(t.Context(), track.StartOptions{Name: "shared"})
	if err != nil {
		t.Fatal(err)
	}
	for step, v := range values {
		run.LogValue("loss", step, v)
	}
	if err := run.End(nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(store.Dir(), "runs", run.ID(), "journal-*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return run.ID(), files[0]
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// twins are two machines' stores that hold the same run.
func twins(t *testing.T) (here, there *track.Store, id, ourJournal, theirJournal string) {
	t.Helper()
	here, there = newStore(t), newStore(t)
	id, ourJournal = recordedRun(t, here, 1, 0.5)
	mustImport(t, there, here.Dir())
	return here, there, id, ourJournal, filepath.Join(there.Dir(), "runs", id, filepath.Base(ourJournal))
}

func TestSameRunContinuedOnBothMachines(t *testing.T) {
	here, there, id, _, _ := twins(t)
	for store, loss := range map[*track.Store]float64{here: 0.25, there: 0.125} {
		run, err := store.Attach(id)
		if err != nil {
			t.Fatal(err)
		}
		run.LogValue("after", 1, loss)
		if err := run.End(nil); err != nil {
			t.Fatal(err)
		}
	}
	if report := mustImport(t, here, there.Dir()); !slices.Equal(report.United, []string{id}) || len(report.Messages) > 0 {
		t.Errorf("%+v", report)
	}
	if report := mustImport(t, there, here.Dir()); !slices.Equal(report.United, []string{id}) || len(report.Messages) > 0 {
		t.Errorf("%+v", report)
	}
	if diff := differences(tree(t, here), tree(t, there)); len(diff) > 0 {
		t.Errorf("after both merges these differ: %v", diff)
	}
	run, err := here.Run(id)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := run.Metrics()
	if err != nil || len(metrics["loss"]) != 2 || len(metrics["after"]) == 0 {
		t.Errorf("%v, %v", metrics, err)
	}
}

func TestLongerJournalWins(t *testing.T) {
	here, there, id, ours, theirs := twins(t)
	whole := read(t, ours)
	for name, c := range map[string]struct {
		ours, theirs string
		united       bool
	}{
		"theirs is longer":     {whole[:len(whole)/2], whole, true},
		"ours is longer":       {whole, whole[:len(whole)/3], false},
		"theirs is empty":      {whole, "", false},
		"ours is cut to empty": {"", whole, true},
	} {
		write(t, ours, c.ours)
		write(t, theirs, c.theirs)
		report := mustImport(t, here, there.Dir())
		if got := read(t, ours); got != whole || slices.Equal(report.United, []string{id}) != c.united || len(report.Messages) > 0 {
			t.Errorf("%s: %d of %d bytes, %+v", name, len(got), len(whole), report)
		}
	}
}

func TestConflictingJournalsAreBothKept(t *testing.T) {
	here, there, id, ours, theirs := twins(t)
	before := read(t, ours)
	other := strings.Replace(before, `"loss":0.5`, `"loss":0.75`, 1)
	if other == before {
		t.Fatalf("no loss in %s", before)
	}
	write(t, theirs, other)
	report := mustImport(t, here, there.Dir())
	if len(report.Messages) != 1 || !strings.Contains(report.Messages[0], "two versions") || !strings.Contains(report.Messages[0], id) {
		t.Errorf("%+v", report)
	}
	copies, err := filepath.Glob(filepath.Join(filepath.Dir(ours), "conflict-*-"+filepath.Base(ours)))
	if err != nil || len(copies) != 1 || read(t, copies[0]) != other || read(t, ours) != before {
		t.Errorf("kept %v, %v", copies, err)
	}
	run, err := here.Run(id)
	if err != nil {
		t.Fatal(err)
	}
	if metrics, err := run.Metrics(); err != nil || len(metrics["loss"]) != 2 || metrics["loss"][1].Value != 0.5 {
		t.Errorf("the copy is read as a journal: %v, %v", metrics, err)
	}
	state := tree(t, here)
	if again := mustImport(t, here, there.Dir()); len(again.Messages)+len(again.United) > 0 || len(differences(state, tree(t, here))) > 0 {
		t.Errorf("a second import: %+v", again)
	}
}

func TestNewerResultWins(t *testing.T) {
	older, newer := newStore(t), newStore(t)
	ids, _ := compute(t, older, []call{{"train", config{1, "a"}, -1}})
	mustImport(t, newer, older.Dir())
	name := filepath.Join("runs", ids[0], "result.json")
	old := read(t, filepath.Join(older.Dir(), name))
	finished := regexpFinished.FindStringSubmatch(old)[1]
	young := strings.Replace(old, finished, "2999-01-01T00:00:00Z", 1)
	write(t, filepath.Join(newer.Dir(), name), young)
	for _, stores := range [][2]*track.Store{{newer, older}, {older, newer}, {newer, older}} {
		report := mustImport(t, stores[0], stores[1].Dir())
		if got := read(t, filepath.Join(stores[0].Dir(), name)); got != young {
			t.Errorf("the older result was kept: %+v", report)
		}
	}
	for _, store := range []*track.Store{older, newer} {
		copies, err := filepath.Glob(filepath.Join(store.Dir(), "runs", ids[0], "conflict-*-result.json"))
		if err != nil || len(copies) != 1 || read(t, copies[0]) != old {
			t.Errorf("the older result is kept as %v, %v", copies, err)
		}
	}
}

func TestDamagedRunIsMendedByAnotherStore(t *testing.T) {
	for _, file := range []string{"run.json", "result.json"} {
		here, there := newStore(t), newStore(t)
		ids, _ := compute(t, here, []call{{"train", config{1, "a"}, -1}})
		mustImport(t, there, here.Dir())
		path := filepath.Join(here.Dir(), "runs", ids[0], file)
		good := read(t, path)
		write(t, path, good[:len(good)/2])
		report := mustImport(t, here, there.Dir())
		if read(t, path) != good || len(report.Messages) != 1 {
			t.Errorf("%s: %+v", file, report)
		}
	}
}

func TestOtherStoresDamageIsLeftOut(t *testing.T) {
	here, there := newStore(t), newStore(t)
	ids, _ := compute(t, there, []call{{"one", config{1, "a"}, -1}, {"two", config{2, "b"}, -1}, {"three", config{3, "c"}, -1}})
	write(t, filepath.Join(there.Dir(), "runs", ids[0], "run.json"), "{")
	two, err := there.Run(ids[1])
	if err != nil {
		t.Fatal(err)
	}
	_, artifacts, err := two.Result()
	if err != nil {
		t.Fatal(err)
	}
	object, err := there.Path(artifacts[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(object, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, object, "B")
	report := mustImport(t, here, there.Dir())
	said := strings.Join(report.Messages, "\n")
	if len(report.Added) != 2 || !strings.Contains(said, "run "+ids[0]+" is damaged") || !strings.Contains(said, "changed on disk") {
		t.Errorf("%+v", report)
	}
	if _, computed := compute(t, here, []call{{"three", config{3, "c"}, -1}}); computed != 0 {
		t.Error("what was sound does not answer")
	}
	if _, computed := compute(t, here, []call{{"two", config{2, "b"}, -1}}); computed != 1 {
		t.Error("a run without its artifact answers")
	}
}

func TestTrashedRunIsNotImported(t *testing.T) {
	here, there, id, _, _ := twins(t)
	if err := here.Trash(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	report := mustImport(t, here, there.Dir())
	if len(report.Added) > 0 || len(report.Messages) != 1 || !strings.Contains(report.Messages[0], "trash") {
		t.Errorf("%+v", report)
	}
	if err := here.Restore(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if diff := differences(tree(t, here), tree(t, there)); len(diff) > 0 {
		t.Errorf("%v", diff)
	}
}

func TestMergeOfManyRuns(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	a, b := newStore(t), newStore(t)
	common := randomCalls(random, 6)
	compute(t, a, common)
	mustImport(t, b, a.Dir())
	compute(t, a, randomCalls(random, 6))
	compute(t, b, randomCalls(random, 6))
	mustImport(t, a, b.Dir())
	mustImport(t, b, a.Dir())
	if diff := differences(tree(t, a), tree(t, b)); len(diff) > 0 {
		t.Errorf("%v", diff)
	}
}

func TestImportRefuses(t *testing.T) {
	store := newStore(t)
	folder := t.TempDir()
	write(t, filepath.Join(folder, "newer", "store.json"), `{"format": 99}`)
	write(t, filepath.Join(folder, "file"), "hello")
	for source, want := range map[string]string{
		store.Dir():                     "itself",
		folder:                          "no run store",
		filepath.Join(folder, "newer"):  "update noisebook",
		filepath.Join(folder, "file"):   "no archive of noisebook",
		filepath.Join(folder, "absent"): "no such file",
	} {
		if _, err := Import(t.Context(), store, source); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
	if files := tree(t, store); len(files) > 0 {
		t.Errorf("%v", files)
	}
}
