package mlflow

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCredentials(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:s3cret"))
	for name, c := range map[string]struct {
		user  string // in the address
		given Credentials
		want  string
	}{
		"password":   {given: Credentials{Username: "ann", Password: "s3cret"}, want: basic},
		"in the URL": {user: "ann:s3cret@", want: basic},
		"token":      {given: Credentials{Username: "ann", Password: "x", Token: "s3cret"}, want: "Bearer s3cret"},
		"wrong":      {given: Credentials{Username: "ann", Password: "s3cret"}, want: "Basic other"},
	} {
		t.Run(name, func(t *testing.T) {
			store, s := newStore(t), newServer(t)
			s.login = c.want
			r := record(t, store, 1)
			end(t, r, nil)
			e := newExporter(t, store, Options{URL: strings.Replace(s.URL, "://", "://"+c.user, 1), Credentials: c.given})
			_, err := e.Export(context.Background(), read(t, store, r.ID()))
			if (err != nil) != (name == "wrong") {
				t.Fatalf("error %v", err)
			}
			said := fmt.Sprintf("%v %+v %#v %s", err, c.given, c.given, e.Server())
			filepath.WalkDir(filepath.Join(store.Dir(), "exports"), func(path string, d fs.DirEntry, err error) error {
				data, _ := os.ReadFile(path)
				said += path + string(data)
				return err
			})
			if strings.Contains(said, "s3cret") {
				t.Errorf("the secret shows in %s", said)
			}
			if err != nil && !strings.Contains(err.Error(), "MLFLOW_TRACKING_TOKEN") {
				t.Errorf("%v does not say what to set", err)
			}
		})
	}
}

func TestWhatStopsAnExport(t *testing.T) {
	store := newStore(t)
	r := record(t, store, 1)
	end(t, r, nil)
	gone := newServer(t)
	gone.Close()
	web := newServer(t)
	web.Config.Handler = http.NotFoundHandler()
	page := newServer(t)
	page.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") })
	locked := newServer(t)
	locked.trouble = func(*http.Request) trouble { return refused }
	for _, c := range []struct{ url, want string }{
		{gone.URL, "no MLflow server can be reached at " + gone.URL + " (connect: connection refused): start it, or check the address"},
		{web.URL, web.URL + " is no MLflow server"},
		{page.URL, page.URL + " is no MLflow server"},
		{locked.URL, "answered 500 Internal Server Error: database is locked"},
		{"localhost:5000", "must look like http://127.0.0.1:5000"},
		{"http://ann:s3cret@host:bad", "must look like http://127.0.0.1:5000"},
	} {
		e, err := New(store, Options{URL: c.url})
		if err == nil {
			e.client.backoff = time.Microsecond
			_, err = e.Export(context.Background(), read(t, store, r.ID()))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: error %v, want one line with %q", c.url, err, c.want)
		}
	}
}

func TestDeletedOnTheServer(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 1)
	end(t, r, nil)
	export(t, store, s, r.ID())
	s.set(func() { s.runs["run1"].Info.Lifecycle = "deleted" })
	_, err := newExporter(t, store, Options{URL: s.URL}).Export(context.Background(), read(t, store, r.ID()))
	if err == nil || !strings.Contains(err.Error(), "deleted on the MLflow server") {
		t.Errorf("error %v", err)
	}
}

func TestOneExporterARun(t *testing.T) {
	store, s := newStore(t), newServer(t)
	r := record(t, store, 1)
	end(t, r, nil)
	e := newExporter(t, store, Options{URL: s.URL})
	_, release, err := openCursor(e.folder, e.Server(), r.ID())
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Export(context.Background(), read(t, store, r.ID()))
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("error %v, want that another process exports the run", err)
	}
	release()
	export(t, store, s, r.ID())
}

func TestSegmentsEndWithALine(t *testing.T) {
	line := `{"t":"2026-01-02T03:04:05Z","type":"metric","step":7,"values":{"a":1,"b":2}}` + "\n"
	path := filepath.Join(t.TempDir(), "journal-001-x.jsonl")
	for written, want := range map[string]int{ // of the last line
		"": 1234, line[:20]: 1234, line[:len(line)-2]: 1234, line[:len(line)-1]: 1235,
	} {
		content := strings.Repeat(line, 1234) + written
		must(0, os.WriteFile(path, []byte(content), 0o644))(t)
		var points int
		var at int64
		visit := func(s segment) error {
			if s.from != at || len(s.points) > metricsPerCall || content[s.to-1] != '\n' && s.to != int64(len(content)) {
				t.Errorf("segment %d–%d of %d points after %d", s.from, s.to, len(s.points), at)
			}
			points += len(s.points)
			at = s.to
			return nil
		}
		must(0, segments(path, 0, visit))(t)
		if points != 2*want {
			t.Errorf("%d points with %q written, want %d", points, written, 2*want)
		}
		content = strings.Repeat(line, 1236)
		must(0, os.WriteFile(path, []byte(content), 0o644))(t)
		must(0, segments(path, at, visit))(t)
		if points != 2*1236 {
			t.Errorf("%d points after it was continued from %q, want %d", points, written, 2*1236)
		}
	}
}
