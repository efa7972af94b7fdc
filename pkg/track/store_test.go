package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOpen(t *testing.T) {
	t.Run("environment", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "s")
		t.Setenv("NOISEBOOK_STORE", dir)
		store, err := Open("")
		if err != nil || store.Dir() != dir {
			t.Errorf("%v, %v", store, err)
		}
	})
	t.Run("beside go.mod", func(t *testing.T) {
		root := t.TempDir()
		deep := filepath.Join(root, "a", "b")
		if err := errors.Join(os.MkdirAll(deep, 0o755), os.WriteFile(filepath.Join(root, "go.mod"), []byte("module x\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOISEBOOK_STORE", "")
		t.Chdir(deep)
		store, err := Open("")
		if err != nil || filepath.Base(store.Dir()) != ".noisebook" || filepath.Base(filepath.Dir(store.Dir())) != filepath.Base(root) {
			t.Errorf("%+v, %v", store, err)
		}
	})
	t.Run("newer format", func(t *testing.T) {
		dir := t.TempDir()
		overwriteNew(t, filepath.Join(dir, "store.json"), `{"format":99}`)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "update noisebook") {
			t.Errorf("%v", err)
		}
	})
	t.Run("damaged header", func(t *testing.T) {
		dir := t.TempDir()
		overwriteNew(t, filepath.Join(dir, "store.json"), `{"for`)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%v", err)
		}
	})
	t.Run("in the way of a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		overwriteNew(t, file, "")
		if _, err := Open(filepath.Join(file, "s")); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
	})
}

func TestRunByPrefix(t *testing.T) {
	store := openTemp(t)
	for _, id := range []string{"aaaa1", "aaab2", "c"} {
		if err := store.create(runFile{Format: 1, ID: id, Stage: "s", Started: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]string{"aaaa": "aaaa1", "aaab2": "aaab2", "c": "c"} {
		if run, err := store.Run(prefix); err != nil || run.ID != want {
			t.Errorf("%q: %s, %v", prefix, run.ID, err)
		}
	}
	for prefix, want := range map[string]string{"aaa": "fits 2 runs", "": "fits 3 runs", "x": "no run", "../runs/c": "no run"} {
		if _, err := store.Run(prefix); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", prefix, err, want)
		}
	}
}

func TestListingIsNewestFirstAndSurvivesDamage(t *testing.T) {
	store := openTemp(t)
	for i := range 5 {
		if err := store.create(runFile{Format: 1, ID: fmt.Sprint("r", i), Stage: "s", Started: time.Now().Add(time.Duration(i) * time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	overwrite(t, filepath.Join(store.runDir("r2"), "run.json"), "{")
	runs, err := store.Runs()
	if err != nil || len(runs) != 5 || runs[0].ID != "r4" {
		t.Fatalf("%+v, %v", runs, err)
	}
	for _, run := range runs {
		if (run.ID == "r2") != (run.State == Unreadable) || run.State == Unreadable && run.Error == "" {
			t.Errorf("%s: %s %s", run.ID, run.State, run.Error)
		}
	}
}

func TestListing1000RunsIsFast(t *testing.T) {
	store := openTemp(t)
	config := json.RawMessage(`{"train":{"steps":1000,"lr":0.0002}}`)
	for i := range 1000 { // as a store looks, without the cost of syncing each file
		dir := store.runDir(fmt.Sprintf("run%04d", i))
		identity, _ := json.Marshal(runFile{Format: 1, ID: filepath.Base(dir), Stage: "train", Config: config, Started: time.Now()})
		var journal []byte
		for step := range 20 {
			e := Event{Time: time.Now(), Type: EventMetric, Step: step, Values: map[string]Number{"loss": 1, "lr": 2}}
			journal = newEncoder().event(journal, &e)
		}
		end := Event{Time: time.Now(), Type: EventState, State: Finished, Last: map[string]Point{"loss": {Step: 19, Value: 1}}}
		journal = newEncoder().event(journal, &end)
		err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "run.json"), identity, 0o644),
			os.WriteFile(filepath.Join(dir, "journal-001-x.jsonl"), journal, 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	runs, err := store.Runs()
	took := time.Since(start)
	if err != nil || len(runs) != 1000 || runs[500].State != Finished || runs[500].Last["loss"].Step != 19 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	t.Logf("1,000 runs listed in %v", took)
	if took > 3*time.Second { // wide: the test machine may be busy
		t.Errorf("listing took %v", took)
	}
}

// TestUnwritableDisk uses a memory file system that is full, then read-only.
func TestUnwritableDisk(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	defer syscall.Unmount(mount, syscall.MNT_DETACH)
	store, err := Open(filepath.Join(mount, "store"))
	if err != nil {
		t.Fatal(err)
	}
	store.Observe(&recorder{})
	stage := Stage[int, []byte]{Name: "big", Version: 1, Run: func(_ context.Context, job *Job, size int) ([]byte, error) {
		return make([]byte, size), nil
	}}
	if _, err := Do(t.Context(), store, stage, 10); err != nil {
		t.Fatal(err)
	}
	_, err = Do(t.Context(), store, stage, 300<<10)
	checkDiskError(t, "at the end", err, syscall.ENOSPC, "free some space")

	filler := filepath.Join(mount, "filler")
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o644)
	before, _ := os.ReadDir(filepath.Join(store.Dir(), "runs"))
	_, err = Do(t.Context(), store, stage, 11)
	checkDiskError(t, "at the start", err, syscall.ENOSPC, "free some space")
	_, err = store.Start(t.Context(), StartOptions{})
	checkDiskError(t, "at the start of a free run", err, syscall.ENOSPC, "free some space")
	if after, _ := os.ReadDir(filepath.Join(store.Dir(), "runs")); len(after) != len(before) {
		t.Errorf("a run that could not start left something: %v", after)
	}
	remove(t, filler)
	if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip("cannot make it read-only: ", err)
	}
	reopened, err := Open(store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Do(t.Context(), reopened, stage, 10); err != nil || !r.Cached {
		t.Errorf("a read-only store does not answer: %v", err)
	}
	_, err = Do(t.Context(), reopened, stage, 12)
	checkDiskError(t, "read-only", err, syscall.EROFS, "cannot be written")
	_, err = reopened.Start(t.Context(), StartOptions{})
	checkDiskError(t, "a free run in a read-only store", err, syscall.EROFS, "cannot be written")
	if runs, err := reopened.Runs(); err != nil || len(runs) != 2 {
		t.Errorf("listing: %d runs, %v", len(runs), err)
	}
}

func checkDiskError(t *testing.T, when string, err, cause error, advice string) {
	t.Helper()
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), advice) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: error %v, want %v on one line with advice", when, err, cause)
	}
}

func TestProvenanceOfARepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	run("init", "-q")
	overwriteNew(t, filepath.Join(dir, "a.go"), "package a\n")
	run("add", ".")
	run("commit", "-q", "-m", "one")
	clean := provenanceOf(dir)
	if len(clean.Commit) != 40 || clean.Dirty || clean.diff != nil {
		t.Errorf("clean: %+v", clean.Provenance)
	}
	overwrite(t, filepath.Join(dir, "a.go"), "package b\n")
	overwriteNew(t, filepath.Join(dir, "new file.txt"), "x")
	dirty := provenanceOf(dir)
	if !dirty.Dirty || dirty.Commit != clean.Commit || !strings.Contains(string(dirty.diff), "+package b") || fmt.Sprint(dirty.Untracked) != "[new file.txt]" {
		t.Errorf("dirty: %+v\n%s", dirty.Provenance, dirty.diff)
	}
	if got := dirty.ShortCommit(); got != clean.Commit[:7]+"+" {
		t.Errorf("short %q", got)
	}
	overwrite(t, filepath.Join(dir, "a.go"), strings.Repeat("package c // a long line of text\n", 50000))
	huge := provenanceOf(dir)
	if len(huge.diff) > 0 || !strings.Contains(huge.DiffOmitted, "a.go") || !huge.Dirty {
		t.Errorf("huge diff: %d bytes kept, %q", len(huge.diff), huge.DiffOmitted)
	}
}

func TestProvenanceWithoutGit(t *testing.T) {
	t.Setenv("PATH", "")
	p := provenanceOf(t.TempDir())
	if p.Commit != "" || p.ShortCommit() != "no commit" || p.Go == "" || p.Host == "" {
		t.Errorf("%+v", p.Provenance)
	}
}

func TestHashSources(t *testing.T) {
	dir := t.TempDir()
	hash := func() string { return hashSources(dir) }
	if hash() != "" {
		t.Error("a folder without code has a hash")
	}
	overwriteNew(t, filepath.Join(dir, "a.go"), "package a")
	base := hash()
	overwriteNew(t, filepath.Join(dir, "README.md"), "prose")
	overwriteNew(t, filepath.Join(dir, "a_test.go"), "package a")
	if hash() != base {
		t.Error("prose or tests change the hash")
	}
	overwriteNew(t, filepath.Join(dir, "b.go"), "package a")
	if hash() == base || base == "" {
		t.Error("code does not change the hash")
	}
}

func overwriteNew(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
