package features

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"noisebook/pkg/fetch"
)

// Weights come from a folder of NOISEBOOK_DATA, from the cache, or over the
// network, where the second source stands in for the first, and are asked for once.
func TestFindWeights(t *testing.T) {
	content := []byte("weights")
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/second" {
			w.Write(content)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	sources := []fetch.Source{fetch.URL(server.URL + "/first"), fetch.URL(server.URL + "/second")}
	find := func() (string, error) {
		return findWeights(t.Context(), "net.pth", digest, sources, fetch.Options{Backoff: time.Millisecond})
	}
	cache, folder := t.TempDir(), t.TempDir()
	t.Setenv("NOISEBOOK_CACHE", cache)
	t.Setenv("NOISEBOOK_DATA", folder)

	path, err := find()
	if want := filepath.Join(cache, "weights", "net.pth"); err != nil || path != want || requests.Load() != 2 {
		t.Fatalf("%q, %v after %d requests; want %q after 2", path, err, requests.Load(), want)
	}
	if _, err := find(); err != nil || requests.Load() != 2 {
		t.Errorf("%v after %d requests; want the cached file", err, requests.Load())
	}
	own := filepath.Join(folder, "net.pth")
	if err := os.WriteFile(own, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if path, err := find(); err != nil || path != own {
		t.Errorf("%q, %v; want the file of NOISEBOOK_DATA", path, err)
	}
	if err := os.WriteFile(own, []byte("others"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := find(); err == nil || !strings.Contains(err.Error(), "replace it") {
		t.Errorf("damaged file of NOISEBOOK_DATA: %v", err)
	}
	t.Setenv("NOISEBOOK_DATA", "")
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	server.Close()
	if _, err := find(); err == nil || !strings.Contains(err.Error(), "by hand") || strings.Contains(err.Error(), "\n") {
		t.Errorf("unreachable: %v; want one line that says what to do", err)
	}
}
