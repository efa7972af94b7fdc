package track

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTrashAndRestore(t *testing.T) {
	store := openTemp(t)
	var calls atomic.Int32
	first, err := Do(t.Context(), store, sumStage(&calls), sumConfig{A: 1, B: 2})
	if err != nil {
		t.Fatal(err)
	}
	before, err := store.Run(first.Run)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Trash(t.Context(), first.Run); err != nil {
		t.Fatal(err)
	}
	if runs, err := store.Runs(); err != nil || len(runs) != 0 {
		t.Errorf("%d runs are listed, %v", len(runs), err)
	}
	if _, err := store.Run(first.Run[:6]); !errors.Is(err, ErrTrashed) || !strings.Contains(err.Error(), "noisebook runs restore "+first.Run) {
		t.Errorf("%v", err)
	}
	trashed, err := store.TrashedRun(first.Run[:6])
	if err != nil || trashed.ID != first.Run || trashed.State != Finished || time.Since(trashed.Trashed) > time.Minute {
		t.Errorf("%+v, %v", trashed, err)
	}
	if second, err := Do(t.Context(), store, sumStage(&calls), sumConfig{A: 1, B: 2}); err != nil || second.Cached || calls.Load() != 2 {
		t.Errorf("a stage was answered from the trash: %+v, %v", second, err)
	}
	if err := store.Restore(t.Context(), first.Run); err != nil {
		t.Fatal(err)
	}
	after, err := store.Run(first.Run)
	if err != nil || !after.Ended.Equal(before.Ended) || after.State != Finished {
		t.Errorf("%+v, %v, was %+v", after, err, before)
	}
	if _, err := os.Stat(filepath.Join(after.Dir(), trashFile)); err == nil {
		t.Error("the mark stayed")
	}
	if list, err := store.Trashed(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestTrashRefuses(t *testing.T) {
	store := openTemp(t)
	running, err := store.Start(t.Context(), StartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Trash(t.Context(), running.ID()); !errors.Is(err, ErrRunning) {
		t.Errorf("a running run: %v", err)
	}
	if err := running.End(nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "nothing", "../runs/" + running.ID(), "."} {
		if store.Trash(t.Context(), id) == nil || store.Restore(t.Context(), id) == nil {
			t.Errorf("%q was moved", id)
		}
	}
	if err := store.Trash(t.Context(), running.ID()); err != nil {
		t.Fatal(err)
	}
	// A store that was merged by hand may hold the run a second time.
	if err := store.create(runFile{Format: storeFormat, Kind: KindRun, ID: running.ID(), Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := store.Trash(t.Context(), running.ID()); err == nil {
		t.Error("a run was moved over another")
	}
	if err := store.Restore(t.Context(), running.ID()); err == nil {
		t.Error("a run was restored over another")
	}
}

func TestCacheListsKeysAndForgets(t *testing.T) {
	store := openTemp(t)
	var calls atomic.Int32
	do := func(c sumConfig) Result[sumResult] {
		t.Helper()
		result, err := Do(t.Context(), store, sumStage(&calls), c)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	old := do(sumConfig{A: 1})
	other := do(sumConfig{A: 2})
	store.Recompute()
	again := do(sumConfig{A: 1})
	entries, err := store.Cache()
	if err != nil || len(entries) != 2 || entries[0].Key != old.Key || entries[1].Key != other.Key {
		t.Fatalf("%+v, %v", entries, err)
	}
	if e := entries[0]; strings.Join(e.Runs, " ") != again.Run+" "+old.Run || e.Stage != "sum" || e.Version != 1 || e.Bytes <= old.Artifacts[0].Bytes || e.Damaged != "" || e.CodeChanged {
		t.Errorf("%+v", e)
	}
	overwrite(t, filepath.Join(store.runDir(other.Run), "result.json"), "{")
	if entries, err := store.Cache(); err != nil || entries[1].Damaged == "" {
		t.Errorf("%+v, %v", entries, err)
	}
	store, err = Open(store.Dir()) // one that is not told to recompute
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Forget(t.Context(), entries[0]); err != nil {
		t.Fatal(err)
	}
	if result := do(sumConfig{A: 1}); result.Cached {
		t.Error("a forgotten key still answers")
	}
}

func TestRemoveScratch(t *testing.T) {
	store := openTemp(t)
	const key = "abc"
	file := filepath.Join(store.scratchDir(key), "step-1")
	if err := os.MkdirAll(store.scratchDir(key), 0o755); err != nil {
		t.Fatal(err)
	}
	overwriteNew(t, file, "x")
	old := time.Now().Add(-2 * time.Hour)
	if removed, err := store.RemoveScratch(key, old); removed || err != nil {
		t.Errorf("what has changed since was removed: %v", err)
	}
	unlock, err := store.lock(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := store.RemoveScratch(key, time.Now()); removed || err != nil {
		t.Errorf("checkpoints of a key that is computed were removed: %v", err)
	}
	unlock()
	if removed, err := store.RemoveScratch(key, time.Now()); !removed || err != nil {
		t.Errorf("stale checkpoints stayed: %v", err)
	}
	if _, err := store.RemoveScratch("../runs", time.Now()); err == nil {
		t.Error("a folder outside was removed")
	}
}
