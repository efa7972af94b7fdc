package housekeeping

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"noisebook/pkg/track"
)

// Outside a repository no changes of it become an artifact of every run.
func TestMain(m *testing.M) {
	if err := os.Chdir(os.TempDir()); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func newStore(t *testing.T) *track.Store {
	t.Helper()
	store, err := track.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func save(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// do computes a stage whose artifact holds a text.
func do(t *testing.T, store *track.Store, name string, seed int, text string, inputs ...track.Input) track.Result[track.Artifact] {
	t.Helper()
	stage := track.Stage[int, track.Artifact]{Name: name, Version: 1, Run: func(_ context.Context, job *track.Job, _ int) (track.Artifact, error) {
		job.Log(0, map[string]float64{"loss": 1})
		return job.Save("text.txt", save(text))
	}}
	result, err := track.Do(t.Context(), store, stage, seed, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// age makes everything in the store look as old as it must be to be removed.
func age(t *testing.T, root string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, then, then))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func collect(t *testing.T, store *track.Store, o Options) Freed {
	t.Helper()
	freed, err := Collect(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	return freed
}

func trash(t *testing.T, store *track.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := store.Trash(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// has says which artifacts are whole.
func has(store *track.Store, artifacts ...track.Artifact) string {
	var there []string
	for _, a := range artifacts {
		there = append(there, fmt.Sprint(store.Verify(a) == nil))
	}
	return strings.Join(there, " ")
}

func TestArtifactsAreCountedByReference(t *testing.T) {
	store := newStore(t)
	own, shared, kept := do(t, store, "a", 1, "own"), do(t, store, "a", 2, "shared"), do(t, store, "b", 3, "shared")
	age(t, store.Dir(), 2*time.Hour)
	trash(t, store, own.Run, shared.Run)

	if freed := collect(t, store, Options{OlderThan: time.Hour}); freed.Bytes() != 0 || has(store, own.Value, shared.Value) != "true true" {
		t.Errorf("while the trash is kept %+v was freed", freed)
	}
	dry := collect(t, store, Options{DryRun: true})
	if dry.Runs.Count != 2 || dry.Objects != (Amount{1, 3}) || has(store, own.Value) != "true" {
		t.Errorf("dry run: %+v", dry)
	}
	if freed := collect(t, store, Options{}); freed.Runs != dry.Runs || freed.Objects != dry.Objects {
		t.Errorf("freed %+v, the dry run said %+v", freed, dry)
	}
	if got := has(store, own.Value, kept.Value); got != "false true" {
		t.Errorf("own and shared: %s", got)
	}
	if list, err := store.Trashed(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if again := collect(t, store, Options{}); again.Bytes() != 0 {
		t.Errorf("a second collection freed %+v", again)
	}
	if result := do(t, store, "b", 3, "shared"); !result.Cached {
		t.Error("what stayed no longer answers")
	}
}

// What names an artifact counts wherever it stands: in the journal of a run that
// failed, in provenance, in an event of a later version of the program.
func TestEveryKindOfReferenceCounts(t *testing.T) {
	store := newStore(t)
	run, err := store.Start(t.Context(), track.StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var artifacts []track.Artifact
	for i := range 3 {
		a, err := run.Save(fmt.Sprint(i), save(fmt.Sprint("content ", i)))
		if err != nil {
			t.Fatal(err)
		}
		artifacts = append(artifacts, a)
	}
	if err := run.End(errors.New("it failed")); err != nil {
		t.Fatal(err)
	}
	journals, err := filepath.Glob(filepath.Join(store.Dir(), "runs", run.ID(), "journal-*"))
	if err != nil {
		t.Fatal(err)
	}
	text := `{"t":"2026-01-01T00:00:00Z","type":"hologram","hologram":{"layers":["` + artifacts[0].SHA256 + `"]}}` + "\n" +
		`{"cut": "` + artifacts[1].SHA256
	if err := os.WriteFile(journals[0], []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	age(t, store.Dir(), 2*time.Hour)
	if freed := collect(t, store, Options{}); freed.Objects.Count != 1 || has(store, artifacts...) != "true true false" {
		t.Errorf("%+v, %s", freed, has(store, artifacts...))
	}
}

func TestYoungAndNeededThingsStay(t *testing.T) {
	store := newStore(t)
	used := do(t, store, "a", 1, "used")
	young := do(t, store, "a", 2, "young")
	trash(t, store, used.Run, young.Run)
	age(t, filepath.Join(store.Dir(), "objects"), 2*time.Hour)
	path, err := store.Path(young.Value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil { // by a clock that was set back since
		t.Fatal(err)
	}
	started, finish, done := make(chan string), make(chan bool), make(chan error)
	stage := track.Stage[int, int]{Name: "long", Version: 1, Run: func(_ context.Context, job *track.Job, _ int) (int, error) {
		started <- job.Run()
		<-finish
		return 1, nil
	}}
	go func() {
		_, err := track.Do(context.WithoutCancel(t.Context()), store, stage, 1, used)
		done <- err
	}()
	running := <-started
	freed := collect(t, store, Options{})
	if freed.Runs.Count != 1 || freed.Objects.Count != 0 || len(freed.Kept) != 1 || !strings.Contains(freed.Kept[0], running) {
		t.Errorf("beside a running run: %+v", freed)
	}
	if err := store.Restore(t.Context(), used.Run); err != nil {
		t.Errorf("the input of a running run is gone: %v", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := has(store, used.Value, young.Value); got != "true true" {
		t.Errorf("used, young: %s", got)
	}
}

func TestStaleScratchAndOrphansGo(t *testing.T) {
	store := newStore(t)
	result := do(t, store, "a", 1, "text")
	failing := track.Stage[int, int]{Name: "failing", Version: 1, Run: func(_ context.Context, job *track.Job, _ int) (int, error) {
		return 0, errors.Join(os.WriteFile(filepath.Join(job.Scratch(), "step"), []byte("checkpoint"), 0o644), errors.New("no luck"))
	}}
	if _, err := track.Do(t.Context(), store, failing, 1); err == nil {
		t.Fatal("it should fail")
	}
	runs, err := store.Runs()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join("keys", runs[0].Key, "scratch", "step")
	stale := []string{
		filepath.Join("keys", result.Key, "scratch", "step"), filepath.Join("keys", "ofnorun", "scratch", "step"),
		"objects/.tmp-1", ".import-1/objects/x", "runs/.new-abc/run.json", "trash/.deleted-x/run.json",
		filepath.Join("runs", result.Run, ".tmp-2"), filepath.Join("keys", result.Key, ".tmp-3"),
	}
	for _, name := range stale {
		path := filepath.Join(store.Dir(), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("12345"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	// Younger ones may be somebody's; the last two folders are made under a lock.
	if freed := collect(t, store, Options{}); freed.Scratch.Count != 0 || freed.Orphans.Count != 2 {
		t.Errorf("of young things %+v was freed", freed)
	}
	age(t, store.Dir(), 25*time.Hour)
	freed := collect(t, store, Options{})
	if freed.Scratch != (Amount{2, 10}) || freed.Orphans != (Amount{4, 20}) || freed.Objects.Count != 0 {
		t.Errorf("%+v", freed)
	}
	left := slices.DeleteFunc(slices.Clone(stale), func(name string) bool {
		_, err := os.Stat(filepath.Join(store.Dir(), name))
		return errors.Is(err, fs.ErrNotExist)
	})
	if len(left) > 0 {
		t.Errorf("%v stayed", left)
	}
	if _, err := os.Stat(filepath.Join(store.Dir(), kept)); err != nil {
		t.Errorf("the checkpoint of a failed run is gone: %v", err)
	}
	if !do(t, store, "a", 1, "text").Cached {
		t.Error("the store no longer answers")
	}
}

func TestNothingIsRemovedWhenARunCannotBeRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	store := newStore(t)
	result := do(t, store, "a", 1, "text")
	gone := do(t, store, "a", 2, "gone")
	trash(t, store, gone.Run)
	age(t, store.Dir(), 2*time.Hour)
	if err := os.Chmod(filepath.Join(store.Dir(), "runs", result.Run, "result.json"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Collect(t.Context(), store, Options{}); err == nil || !strings.Contains(err.Error(), "no artifact was removed") {
		t.Errorf("%v", err)
	}
	if has(store, gone.Value) != "true" {
		t.Error("an artifact was removed")
	}
}

// A collection that was killed between taking an object away and removing it may
// have taken one that was written anew.
func TestTakenObjectsArePutBack(t *testing.T) {
	store := newStore(t)
	result := do(t, store, "a", 1, "text")
	path, err := store.Path(result.Value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, filepath.Join(filepath.Dir(path), grabbed+filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	collect(t, store, Options{})
	if has(store, result.Value) != "true" {
		t.Error("it was not put back")
	}
}

// While stages store and drop the same few contents, collections run all the
// time: no result ever misses its artifact.
func TestCollectionBesideWriters(t *testing.T) {
	store := newStore(t)
	var writers sync.WaitGroup
	var computing sync.RWMutex // held to write while objects are made old, which none may be that is yet to be named
	stop := make(chan struct{})
	failures := make(chan error, 100)
	for w := range 3 {
		writers.Go(func() {
			for i := range 24 {
				text := fmt.Sprint("content ", i%4)
				stage := track.Stage[int, track.Artifact]{Name: fmt.Sprint("writer", w), Version: 1, Run: func(_ context.Context, job *track.Job, _ int) (track.Artifact, error) {
					return job.Save("text.txt", save(text))
				}}
				computing.RLock()
				result, err := track.Do(context.Background(), store, stage, i)
				computing.RUnlock()
				if err == nil {
					err = store.Verify(result.Value)
				}
				if err == nil && i%2 == 0 {
					err = store.Trash(context.Background(), result.Run)
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	collected := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				collected <- n
				return
			default:
			}
			computing.Lock()
			then := time.Now().Add(-2 * time.Hour)
			all, err := objects(store)
			for _, o := range all {
				err = errors.Join(err, os.Chtimes(o.path, then, then))
			}
			computing.Unlock()
			if _, collectErr := Collect(context.Background(), store, Options{}); errors.Join(err, collectErr) != nil {
				failures <- errors.Join(err, collectErr)
			}
			n++
			time.Sleep(20 * time.Millisecond)
		}
	}()
	writers.Wait()
	close(stop)
	if n := <-collected; n < 3 {
		t.Errorf("only %d collections ran beside the writers", n)
	}
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	runs, err := store.Runs()
	if err != nil || len(runs) != 36 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, run := range runs {
		_, artifacts, err := run.Result()
		if err != nil || has(store, artifacts...) != "true" {
			t.Errorf("run %s lost its artifact, %v", run.ID, err)
		}
	}
}

func TestUsage(t *testing.T) {
	store := newStore(t)
	do(t, store, "big", 1, strings.Repeat("x", 10_000))
	do(t, store, "big", 2, strings.Repeat("y", 500))
	do(t, store, "big", 3, "common")
	do(t, store, "small", 4, "common")
	gone := do(t, store, "small", 5, "trashed")
	trash(t, store, gone.Run)
	lost, err := store.Start(t.Context(), track.StartOptions{Name: "free"})
	if err != nil {
		t.Fatal(err)
	}
	if err := lost.End(nil); err != nil {
		t.Fatal(err)
	}
	unused := filepath.Join(store.Dir(), "objects", "ab", strings.Repeat("c", 62))
	scratch := filepath.Join(store.Dir(), "keys", "k", "scratch", "step")
	for _, path := range []string{unused, scratch} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("1234"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	usage, err := Measure(store)
	if err != nil {
		t.Fatal(err)
	}
	if len(usage.Groups) != 3 || usage.Groups[0].Stage != "big" {
		t.Fatalf("%+v", usage.Groups)
	}
	big := usage.Groups[0]
	if big.Runs != 3 || big.Artifacts != (Amount{2, 10_500}) || big.Shared != (Amount{1, 6}) || big.Journals == 0 || big.Records == 0 {
		t.Errorf("%+v", big)
	}
	if usage.Shared != (Amount{1, 6}) || usage.Unused != (Amount{1, 4}) || usage.Scratch != (Amount{1, 4}) || usage.Trash.Count != 1 || usage.Trash.Bytes < 7 {
		t.Errorf("%+v", usage)
	}
	sum := usage.Other + usage.Shared.Bytes + usage.Unused.Bytes + usage.Scratch.Bytes + usage.Trash.Bytes
	for _, g := range usage.Groups {
		sum += g.Bytes()
	}
	if sum != usage.Total {
		t.Errorf("the parts are %d bytes, the whole %d", sum, usage.Total)
	}
}
