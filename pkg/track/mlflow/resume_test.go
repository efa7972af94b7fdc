package mlflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever happens to requests, repeated exports end with every point there once.
func TestExportThroughTrouble(t *testing.T) {
	store := newStore(t)
	r := record(t, store, 2300)
	end(t, r, nil)
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newServer(t)
			rng := rand.New(rand.NewPCG(seed, 1))
			s.trouble = func(*http.Request) trouble {
				if rng.Float64() < 0.5 {
					return none
				}
				return trouble(1 + rng.IntN(4))
			}
			e := newExporter(t, store, Options{URL: s.URL})
			for try := 0; ; try++ {
				_, err := e.Export(context.Background(), read(t, store, r.ID()))
				if err == nil {
					break
				}
				if try == 50 {
					t.Fatal(err)
				}
			}
			check(t, store, s, r.ID())
		})
	}
}

// A process that is killed leaves the cursor as it was when its last request was
// sent.
func TestExportAfterAKill(t *testing.T) {
	store := newStore(t)
	r := record(t, store, 1100)
	end(t, r, nil)
	cursors := filepath.Join(store.Dir(), "exports")
	for _, how := range []trouble{refused, lost} {
		for request, more := 1, true; more; request++ {
			must(0, os.RemoveAll(cursors))(t)
			s := newServer(t)
			ctx, kill := context.WithCancel(context.Background())
			kept := filepath.Join(t.TempDir(), "kept")
			seen := 0
			s.trouble = func(*http.Request) trouble {
				if seen++; seen != request {
					return none
				}
				if err := os.CopyFS(kept, os.DirFS(cursors)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
				kill()
				return how
			}
			_, err := newExporter(t, store, Options{URL: s.URL}).Export(ctx, read(t, store, r.ID()))
			kill()
			more = err != nil
			must(0, os.RemoveAll(cursors))(t)
			if err := os.CopyFS(cursors, os.DirFS(kept)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			s.set(func() { s.trouble = nil })
			export(t, store, s, r.ID())
			check(t, store, s, r.ID())
			if t.Failed() {
				t.Fatalf("killed at request %d (%v)", request, how)
			}
		}
	}
}

func TestExportWithoutItsCursor(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"deleted": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte(`{"format": 1, "run`), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			store, s := newStore(t), newServer(t)
			r := record(t, store, 3000)
			export(t, store, s, r.ID())
			r.LogValue("loss", 5000, 1)
			end(t, r, nil)
			paths := must(filepath.Glob(filepath.Join(store.Dir(), "exports", "mlflow", "*", r.ID()+".json")))(t)
			if len(paths) != 1 {
				t.Fatalf("cursors %v, want one", paths)
			}
			if err := lose(paths[0]); err != nil {
				t.Fatal(err)
			}
			s.set(func() { s.requests = nil })
			if sent := export(t, store, s, r.ID()); sent.Points != 1 {
				t.Errorf("%d points sent, want the one that was missing", sent.Points)
			}
			check(t, store, s, r.ID())
			puts := slices.DeleteFunc(slices.Clone(s.requests), func(r string) bool { return !strings.HasPrefix(r, "PUT") })
			if len(puts) != 1 || !strings.HasSuffix(puts[0], runPath) {
				t.Errorf("uploads %v, want %s only", puts, runPath)
			}
		})
	}
}

func TestExportToAServerThatLostItsRuns(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 10)
	end(t, r, nil)
	export(t, store, s, r.ID())
	s.set(func() { clear(s.runs); s.order = nil; clear(s.files); clear(s.experiments) })
	export(t, store, s, r.ID())
	check(t, store, s, r.ID())
}
