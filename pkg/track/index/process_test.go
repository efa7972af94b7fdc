package index

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"noisebook/pkg/track"
	"noisebook/pkg/track/synthetic"
)

// The test binary runs itself as the processes that share a store.
const (
	workerVariable = "NOISEBOOK_INDEX_TEST_STORE"
	roleVariable   = "NOISEBOOK_INDEX_TEST_ROLE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerVariable); dir != "" {
		if err := work(dir, os.Getenv(roleVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work lists a store again and again, or logs to a run of it until killed.
func work(dir, role string) error {
	ctx := context.Background()
	store, err := track.Open(dir)
	if err != nil {
		return err
	}
	if role == "log" {
		return logForever(ctx, store)
	}
	for range 4 {
		var warning string
		x := Open(ctx, store, func(text string) { warning = text })
		for range 2 {
			entries, err := x.Entries(ctx)
			if err == nil {
				err = x.LoadMetrics(ctx, entries, "loss")
			}
			if err != nil {
				return err
			}
			if len(entries) < 120 {
				return fmt.Errorf("%d runs", len(entries))
			}
			for _, e := range entries {
				if s := e.Metrics["loss"]; e.Name != "added" && s.Count != 20 {
					return fmt.Errorf("run %s: %+v", e.ID, s)
				}
			}
		}
		if err := x.Close(); err != nil {
			return err
		}
		if warning != "" {
			return fmt.Errorf("warning: %s", warning)
		}
	}
	return nil
}

func logForever(ctx context.Context, store *track.Store) error {
	r, err := store.Start(ctx, track.StartOptions{Name: "killed"})
	if err != nil {
		return err
	}
	for step := 0; ; step++ {
		r.Log(step, map[string]float64{"loss": 1 / float64(step+1), "step": float64(step)})
		if step%50 == 0 {
			if err := r.Flush(); err != nil {
				return err
			}
			r.Tag("at", fmt.Sprint(step))
		}
		time.Sleep(50 * time.Microsecond)
	}
}

func worker(t *testing.T, store *track.Store, role string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), workerVariable+"="+store.Dir(), roleVariable+"="+role)
	return cmd
}

func syntheticStore(t *testing.T, runs, points int) *track.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if err := synthetic.Write(dir, synthetic.Options{Runs: runs, Points: points, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	store, err := track.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestProcessesRefreshAtOnce has four processes list a store from the moment
// that it has no index, while runs are added and the index is deleted under them.
func TestProcessesRefreshAtOnce(t *testing.T) {
	store := syntheticStore(t, 120, 20)
	var group sync.WaitGroup
	for i := range 4 {
		cmd := worker(t, store, "list")
		group.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	for added := 0; ; added++ {
		select {
		case <-done:
			if added < 3 {
				t.Errorf("only %d runs were added meanwhile", added)
			}
			removeIndex(t, store)
			entries := ask(t, store)
			if len(entries) != 120+added {
				t.Errorf("%d runs, want %d", len(entries), 120+added)
			}
			compareAll(t, store, "at the end", entries)
			return
		case <-time.After(40 * time.Millisecond):
		}
		r, err := store.Start(t.Context(), track.StartOptions{Name: "added"})
		if err != nil {
			t.Fatal(err)
		}
		r.Log(1, map[string]float64{"loss": 1})
		if err := r.End(nil); err != nil {
			t.Fatal(err)
		}
		if added%10 == 3 {
			removeIndex(t, store)
		}
	}
}

// TestKilledWhileListed kills logging processes while their runs are listed.
func TestKilledWhileListed(t *testing.T) {
	store, err := track.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	for killed := range 4 {
		cmd := worker(t, store, "log")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) { // until it logs
			if runs := ask(t, store); len(runs) > killed && runs[0].Metrics["loss"].Count > 0 {
				break
			}
			if time.Since(begun) > time.Minute {
				t.Fatal("the process does not log")
			}
		}
		for range 8 {
			ask(t, store)
			time.Sleep(10 * time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	live := ask(t, store)
	if len(live) != 4 || live[0].Metrics["loss"].Count == 0 {
		t.Fatalf("%d runs", len(live))
	}
	compareAll(t, store, "after the kills", live)
	removeIndex(t, store)
	for i, e := range ask(t, store) {
		if got, want := text(e), text(live[i]); got != want {
			t.Errorf("rebuilt\n%s\nlive\n%s", got, want)
		}
	}
}

// TestDamagedIndex damages the file in several ways: each time it is put aside
// with one warning and the answer is right.
func TestDamagedIndex(t *testing.T) {
	store := syntheticStore(t, 60, 20)
	path := filepath.Join(store.Dir(), FileName)
	write := func(at int64, data []byte) func() error {
		return func() error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt(data, at)
			if closeErr := file.Close(); err == nil {
				err = closeErr
			}
			return err
		}
	}
	garbage := []byte(strings.Repeat("garbage!", 2048))
	for name, damage := range map[string]func() error{
		"other content": func() error { return os.WriteFile(path, garbage, 0o644) },
		"header":        write(0, garbage[:40]),
		"pages":         write(4096, garbage),
		"cut":           func() error { return os.Truncate(path, 9000) },
		"no tables": func() error {
			if err := os.Remove(path); err != nil {
				return err
			}
			x := &Index{store: store}
			if err := x.openAt(t.Context(), path); err != nil {
				return err
			}
			_, err := x.db.ExecContext(t.Context(), "DROP TABLE metric")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			removeIndex(t, store)
			ask(t, store)
			_ = os.Remove(path + damagedSuffix)
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			var warnings []string
			x := Open(t.Context(), store, func(text string) { warnings = append(warnings, text) })
			entries, err := x.Entries(t.Context())
			if err == nil {
				err = x.LoadMetrics(t.Context(), entries)
			}
			if err != nil || len(entries) != 60 {
				t.Fatalf("%d runs, %v", len(entries), err)
			}
			compareAll(t, store, name, entries)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0], "damaged") || strings.Contains(warnings[0], "\n") {
				t.Errorf("warnings %q, want one", warnings)
			}
			if _, err := os.Stat(path + damagedSuffix); err != nil {
				t.Error(err)
			}
			compareAll(t, store, name+", the next time", ask(t, store))
		})
	}
}

// TestReadOnlyStore answers with an index in the user's cache folder and, when
// there is no such folder either, from the files.
func TestReadOnlyStore(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=16m"); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	defer syscall.Unmount(mount, syscall.MNT_DETACH)
	dir := filepath.Join(mount, "store")
	if err := synthetic.Write(dir, synthetic.Options{Runs: 50, Points: 20}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip("cannot make it read-only: ", err)
	}
	store, err := track.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	for range 2 {
		compareAll(t, store, "with a cache folder", ask(t, store))
	}
	found, err := filepath.Glob(filepath.Join(cache, "noisebook", "indexes", "*.sqlite"))
	if err != nil || len(found) != 1 {
		t.Errorf("indexes in the cache: %v, %v", found, err)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(mount, "cache"))
	compareAll(t, store, "without a cache folder", ask(t, store))
}

// TestFullDisk cannot write the index: it says so once and answers.
func TestFullDisk(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("cannot mount a small file system here: ", err)
	}
	defer syscall.Unmount(mount, syscall.MNT_DETACH)
	dir := filepath.Join(mount, "store")
	if err := synthetic.Write(dir, synthetic.Options{Runs: 50, Points: 5}); err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(filepath.Join(mount, "filler"), make([]byte, 1<<20), 0o644)
	store, err := track.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(mount, "cache"))
	x := Open(t.Context(), store, nil)
	entries, err := x.Entries(t.Context())
	if err == nil {
		err = x.LoadMetrics(t.Context(), entries)
	}
	if err != nil || len(entries) != 50 {
		t.Fatalf("%d runs, %v", len(entries), err)
	}
	compareAll(t, store, "full disk", entries)
	_ = x.Close()
}

// TestNewerIndex leaves an index alone that a later version wrote.
func TestNewerIndex(t *testing.T) {
	store := syntheticStore(t, 10, 5)
	x := Open(t.Context(), store, nil)
	if _, err := x.db.ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	compareAll(t, store, "newer index", ask(t, store))
	if version, err := versionOf(t, filepath.Join(store.Dir(), FileName)); err != nil || version != 99 {
		t.Errorf("version %d, %v", version, err)
	}
}

// TestMigration starts from an index without a schema, as one is that was just
// created by a process that was killed then.
func TestMigration(t *testing.T) {
	store := syntheticStore(t, 10, 5)
	path := filepath.Join(store.Dir(), FileName)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	compareAll(t, store, "no schema", ask(t, store))
	if version, err := versionOf(t, path); err != nil || version != len(migrations) {
		t.Errorf("version %d, %v", version, err)
	}
}

func versionOf(t *testing.T, path string) (int, error) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return schemaVersion(t.Context(), db)
}
