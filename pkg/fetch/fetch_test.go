package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var payload = bytes.Repeat([]byte("noisebook "), 20_000)

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func payloadFile(sources ...Source) File {
	return File{Name: "payload", SHA256: digestOf(payload), Sources: sources}
}

var quick = Options{Backoff: time.Millisecond}

// serve answers with handlers[i] the (i+1)-th request, and with the last one all further ones.
func serve(t *testing.T, handlers ...http.HandlerFunc) (address URL, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(requests.Add(1)) - 1
		handlers[min(i, len(handlers)-1)](w, r)
	}))
	t.Cleanup(server.Close)
	return URL(server.URL + "/payload"), requests
}

func good(w http.ResponseWriter, _ *http.Request) { w.Write(payload) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// truncated announces the whole payload and closes the connection after half of it.
func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(payload)))
	w.Write(payload[:len(payload)/2])
	panic(http.ErrAbortHandler)
}

func other(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>please log in</html>")) }

func wrong(w http.ResponseWriter, _ *http.Request) { w.Write(payload[1:]) }

// checkFolder fails unless folder holds just the given names: nothing half-written stays behind.
func checkFolder(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("folder holds %q, want %q", got, want)
	}
}

func TestGetFromServer(t *testing.T) {
	tests := []struct {
		name     string
		handlers []http.HandlerFunc
		requests int32
		reason   string // part of the error; empty for success
	}{
		{"at once", []http.HandlerFunc{good}, 1, ""},
		{"flaky, then ok", []http.HandlerFunc{status(503), truncated, good}, 3, ""},
		{"too many requests, then ok", []http.HandlerFunc{status(429), good}, 2, ""},
		{"garbage once, then ok", []http.HandlerFunc{other, good}, 2, ""},
		{"not found is final", []http.HandlerFunc{status(404)}, 1, "server answers 404 Not Found"},
		{"forbidden is final", []http.HandlerFunc{status(403)}, 1, "server answers 403 Forbidden"},
		{"server error", []http.HandlerFunc{status(500)}, 3, "server answers 500 Internal Server Error (3 attempts)"},
		{"truncated", []http.HandlerFunc{truncated}, 3, "of 200000 bytes"},
		{"wrong content", []http.HandlerFunc{wrong}, 3, "checksum mismatch: sha256 "},
		{"web page instead", []http.HandlerFunc{other}, 3, "it delivers a web page, such as one that asks to log in or to confirm (3 attempts)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			target := filepath.Join(folder, "payload")
			address, requests := serve(t, test.handlers...)
			err := Get(t.Context(), target, payloadFile(address), quick)
			if n := requests.Load(); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
			if test.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				if content, err := os.ReadFile(target); err != nil || !bytes.Equal(content, payload) {
					t.Errorf("target holds %d bytes (%v), want the payload", len(content), err)
				}
				checkFolder(t, folder, "payload")
				return
			}
			var failure *Error
			if !errors.As(err, &failure) {
				t.Fatalf("error %v is no *Error", err)
			}
			text := err.Error()
			for _, part := range []string{"payload", string(address), test.reason, target, digestOf(payload), "by hand"} {
				if !strings.Contains(text, part) {
					t.Errorf("error %q does not say %q", text, part)
				}
			}
			if strings.Contains(text, "\n") {
				t.Errorf("error %q is more than one line", text)
			}
			checkFolder(t, folder)
		})
	}
}

// Where only an MD5 has been published, it is what content is checked with.
func TestGetByMD5(t *testing.T) {
	address, requests := serve(t, good)
	target := filepath.Join(t.TempDir(), "payload")
	sum := md5.Sum(payload)
	file := File{Name: "payload", MD5: hex.EncodeToString(sum[:]), Sources: []Source{address}}
	for range 2 {
		if err := Get(t.Context(), target, file, quick); err != nil || requests.Load() != 1 {
			t.Fatalf("error %v after %d requests", err, requests.Load())
		}
	}
	file.MD5 = strings.Repeat("0", 32)
	err := Get(t.Context(), target, file, quick)
	if err == nil || !errors.Is(err, ErrChecksum) || !strings.HasSuffix(err.Error(), "(md5 "+file.MD5+")") {
		t.Errorf("error of other content is %v", err)
	}
}

func TestGetAsksSourcesInOrder(t *testing.T) {
	bad, badRequests := serve(t, status(404))
	fine, _ := serve(t, good)
	spare, spareRequests := serve(t, good)
	var asked []string
	options := quick
	options.Progress = func(e Event) {
		if e.Done == 0 {
			asked = append(asked, e.Source)
		}
	}
	target := filepath.Join(t.TempDir(), "deep", "er", "payload")
	if err := Get(t.Context(), target, payloadFile(Path("/nonexistent/payload"), bad, fine, spare), options); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint([]string{"/nonexistent/payload", string(bad), string(fine)}); fmt.Sprint(asked) != want {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if badRequests.Load() != 1 || spareRequests.Load() != 0 {
		t.Errorf("%d and %d requests to the first and last server, want 1 and 0", badRequests.Load(), spareRequests.Load())
	}
	// The content is there now: nobody is asked again.
	asked = nil
	if err := Get(t.Context(), target, payloadFile(bad), options); err != nil || asked != nil {
		t.Errorf("second Get: error %v, asked %v; want neither", err, asked)
	}
	// A damaged target is replaced.
	if err := os.WriteFile(target, payload[1:], 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Get(t.Context(), target, payloadFile(fine), options); err != nil {
		t.Fatal(err)
	}
	if digest, err := Digest(target); err != nil || digest != digestOf(payload) {
		t.Errorf("digest of the replaced target is %s (%v)", digest, err)
	}
}

func TestErrorNamesEverythingTried(t *testing.T) {
	bad, _ := serve(t, status(404))
	file := payloadFile(bad, Path("/nonexistent/payload"), Command{Args: []string{"noisebook-no-such-program"}},
		Command{Args: []string{"sh", "-c", "echo Reading lists; echo 'E: Unable to locate package'; echo bye; exit 100"}})
	file.ByHand = "ask a friend"
	err := Get(t.Context(), filepath.Join(t.TempDir(), "payload"), file, quick)
	want := fmt.Sprintf("cannot get payload; tried %s: server answers 404 Not Found; tried /nonexistent/payload: no such file; "+
		"tried noisebook-no-such-program: noisebook-no-such-program is not installed; "+
		"tried sh -c echo Reading lists; echo 'E: Unable to locate package'; echo bye; exit 100: exit status 100: E: Unable to locate "+
		"package; ask a friend (sha256 %s)", bad, digestOf(payload))
	if err == nil || err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%s", err, want)
	}
}

func TestUnreachableServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := URL("http://" + listener.Addr().String() + "/payload")
	listener.Close()
	err = Get(t.Context(), filepath.Join(t.TempDir(), "payload"), payloadFile(address), quick)
	if err == nil || !strings.Contains(err.Error(), "connection refused (3 attempts)") {
		t.Errorf("error is %v, want connection refused", err)
	}
	// The name .invalid is reserved for hosts that do not exist; a resolver that cannot be asked is another error.
	start := time.Now()
	err = Get(t.Context(), filepath.Join(t.TempDir(), "payload"), payloadFile(URL("http://noisebook.invalid/payload")), quick)
	if err == nil || !strings.Contains(err.Error(), "noisebook.invalid") {
		t.Errorf("error is %v, want one about noisebook.invalid", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("an unknown host took %s", took)
	}
}

func TestCancelledContext(t *testing.T) {
	halfway := make(chan struct{})
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write(payload[:1000])
		w.(http.Flusher).Flush()
		close(halfway)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-halfway
		cancel()
	}()
	folder := t.TempDir()
	err := Get(ctx, filepath.Join(folder, "payload"), payloadFile(address, Path("/nonexistent")), quick)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
	checkFolder(t, folder)

	t.Run("during a command", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := Get(ctx, filepath.Join(t.TempDir(), "payload"), payloadFile(Command{Args: []string{"sleep", "20"}}), quick)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
			t.Errorf("error is %v after %s, want the deadline's at once", err, time.Since(start))
		}
	})
	t.Run("during the wait for a retry", func(t *testing.T) {
		address, _ := serve(t, status(503))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := Get(ctx, filepath.Join(t.TempDir(), "payload"), payloadFile(address), Options{Backoff: time.Minute})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
			t.Errorf("error is %v after %s, want the deadline's at once", err, time.Since(start))
		}
	})
}

func TestUnwritableFolder(t *testing.T) {
	folder := t.TempDir()
	blocked := filepath.Join(folder, "blocked")
	if os.Geteuid() == 0 { // root may write to read-only folders: let a file stand where the folder should be
		if err := os.WriteFile(blocked, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Mkdir(blocked, 0o555); err != nil {
		t.Fatal(err)
	}
	address, requests := serve(t, good)
	err := Get(t.Context(), filepath.Join(blocked, "payload"), payloadFile(address), quick)
	if err == nil || !strings.Contains(err.Error(), "cannot write to "+blocked) || !strings.Contains(err.Error(), "NOISEBOOK_CACHE") {
		t.Errorf("error is %v, want one that names the folder and what to do", err)
	}
	if requests.Load() != 0 {
		t.Error("a download was started for a folder that cannot be written")
	}
}

// A full disk ends everything at once: no other source would fare better.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	_, err = io.Copy(markedWriter{full}, bytes.NewReader(payload))
	var write *writeError
	if !errors.As(err, &write) {
		t.Fatalf("error of a full disk is %v, which is not told from a source's error", err)
	}
	if text := unwritable("folder", write.error).Error(); !strings.Contains(text, "no space left on device; free some space there") {
		t.Errorf("error is %q", text)
	}
}

func TestAbandonedDownloadsAreRemoved(t *testing.T) {
	folder := t.TempDir()
	for name, age := range map[string]time.Duration{".fetch-old": 48 * time.Hour, ".fetch-running": time.Hour, "mine": 48 * time.Hour} {
		path := filepath.Join(folder, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "content"), payload, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	address, _ := serve(t, good)
	if err := Get(t.Context(), filepath.Join(folder, "payload"), payloadFile(address), quick); err != nil {
		t.Fatal(err)
	}
	checkFolder(t, folder, ".fetch-running", "mine", "payload")
}

func TestDecode(t *testing.T) {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	w.Write(payload)
	w.Close()
	address, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(compressed.Bytes()) })
	file := payloadFile(address)
	file.Decode = func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	target := filepath.Join(t.TempDir(), "payload")
	var last Event
	options := quick
	options.Progress = func(e Event) { last = e }
	if err := Get(t.Context(), target, file, options); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(target); !bytes.Equal(content, payload) {
		t.Error("the target is not decompressed")
	}
	if want := int64(compressed.Len()); last.Done != want || last.Total != want {
		t.Errorf("last event is %d of %d bytes, want %d of %[3]d", last.Done, last.Total, want)
	}
}

func TestCommand(t *testing.T) {
	source := filepath.Join(t.TempDir(), "original")
	if err := os.WriteFile(source, payload, 0o644); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "payload")
	copying := Command{Args: []string{"cp", source, "payload_1.0.bin"}, Result: "payload_*.bin"}
	if err := Get(t.Context(), target, payloadFile(copying), quick); err != nil {
		t.Fatal(err)
	}
	if digest, _ := Digest(target); digest != digestOf(payload) {
		t.Error("the target is not what the command left")
	}
	copying.Result = "something-else"
	err := Get(t.Context(), target+"2", payloadFile(copying), quick)
	if err == nil || !strings.Contains(err.Error(), "it left 0 files that match something-else") {
		t.Errorf("error is %v", err)
	}
}

func TestStalledDownload(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stuck := readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	body := &stallingBody{body: io.NopCloser(stuck), ctx: ctx, cancel: cancel}
	body.timer = time.AfterFunc(time.Millisecond, func() { cancel(errors.New("no data")) })
	if _, err := body.Read(make([]byte, 1)); err == nil || err.Error() != "no data" {
		t.Errorf("error is %v, want the reason of the stall", err)
	}
	if err := errors.Join(body.Close(), body.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestCacheDir(t *testing.T) {
	t.Setenv("NOISEBOOK_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	t.Setenv("HOME", "/home/somebody")
	if folder, err := CacheDir(); err != nil || filepath.Base(folder) != "noisebook" {
		t.Errorf("CacheDir() = %q, %v", folder, err)
	}
	t.Setenv("NOISEBOOK_CACHE", "/elsewhere")
	if folder, err := CacheDir(); err != nil || folder != "/elsewhere" {
		t.Errorf("CacheDir() = %q, %v", folder, err)
	}
}

func ExampleGet() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mirror/hello.txt" {
			io.WriteString(w, "hello\n")
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)

	target := filepath.Join(folder, "hello.txt")
	err = Get(context.Background(), target, File{
		Name:    "hello.txt",
		SHA256:  "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
		Sources: []Source{URL(server.URL + "/gone/hello.txt"), URL(server.URL + "/mirror/hello.txt")},
	}, Options{})
	text, _ := os.ReadFile(target)
	fmt.Printf("%v %q", err, text)
	// Output: <nil> "hello\n"
}
