package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"noisebook/pkg/track"
)

// entry is one of an archive that a test makes by hand.
type entry struct {
	name, content string
	kind          byte // a regular file when zero
}

func pack(t testing.TB, entries []entry) []byte {
	t.Helper()
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, e := range entries {
		head := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Size: int64(len(e.content)), Mode: 0o644}
		if e.kind != 0 {
			head.Typeflag, head.Size, head.Linkname = e.kind, 0, e.content
			e.content = ""
		}
		if err := w.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compress(t, plain.Bytes())
}

func compress(t testing.TB, plain []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(plain, nil)
}

const headText = `{"format": 1}`

// sealed adds header and manifest to entries.
func sealed(entries ...entry) []entry {
	var m manifest
	for _, e := range entries {
		m.Files = append(m.Files, manifestFile{Path: e.name, Bytes: int64(len(e.content)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(e.content)))})
	}
	data, _ := json.Marshal(m)
	all := append([]entry{{name: headerName, content: headText}}, entries...)
	return append(all, entry{name: manifestName, content: string(data)})
}

func importBytes(t testing.TB, store *track.Store, archive []byte) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.tar.zst")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Import(t.Context(), store, file)
	return err
}

func TestCraftedArchivesAreRefused(t *testing.T) {
	run := entry{name: "runs/abc/run.json", content: `{"format": 2, "id": "abc", "kind": "run", "started": "2026-01-01T00:00:00Z"}`}
	object := func(content, named string) entry {
		return entry{name: objectName(fmt.Sprintf("%x", sha256.Sum256([]byte(named)))), content: content}
	}
	store := newStore(t)
	if err := importBytes(t, store, pack(t, sealed(run, object("a", "a")))); err != nil {
		t.Fatalf("the sound archive is refused: %v", err)
	}
	before := tree(t, store)
	withoutManifest := sealed(run)[:2]
	for name, c := range map[string]struct {
		entries []entry
		want    string
	}{
		"out of the store":       {sealed(entry{name: "runs/abc/../../../evil", content: "x"}), "no file of a run store"},
		"absolute":               {sealed(entry{name: "/runs/abc/evil", content: "x"}), "no file of a run store"},
		"up":                     {sealed(entry{name: "../evil", content: "x"}), "no file of a run store"},
		"store's header":         {sealed(entry{name: "store.json", content: "{}"}), "no file of a run store"},
		"hint":                   {sealed(entry{name: "keys/abc/run", content: "abc"}), "no file of a run store"},
		"hidden run":             {sealed(entry{name: "runs/.new-abc/run.json", content: "{}"}), "no file of a run store"},
		"hidden file":            {sealed(entry{name: "runs/abc/.tmp-1", content: "{}"}), "no file of a run store"},
		"backslash":              {sealed(entry{name: `runs/abc\..\evil`, content: "{}"}), "no file of a run store"},
		"object of odd name":     {sealed(entry{name: "objects/aa/bb", content: "x"}), "no file of a run store"},
		"symbolic link":          {sealed(entry{name: "runs/abc/link", content: "/etc/passwd", kind: tar.TypeSymlink}), "not a regular file"},
		"hard link":              {sealed(entry{name: "runs/abc/link", content: "/etc/passwd", kind: tar.TypeLink}), "not a regular file"},
		"folder":                 {sealed(entry{name: "runs/abc/", kind: tar.TypeDir}), "not a regular file"},
		"device":                 {sealed(entry{name: "runs/abc/null", kind: tar.TypeChar}), "not a regular file"},
		"object of other hash":   {sealed(run, object("b", "c")), "has the SHA-256"},
		"file twice":             {sealed(run, run), "twice"},
		"file below a file":      {sealed(run, entry{name: "runs/abc/run.json/x", content: "x"}), "file exists"},
		"no manifest":            {withoutManifest, "cut short"},
		"nothing":                {nil, "cut short"},
		"no header":              {sealed(run)[1:], "begins with"},
		"newer format":           {[]entry{{name: headerName, content: `{"format": 2}`}}, "update noisebook"},
		"damaged header":         {[]entry{{name: headerName, content: `{`}}, "damaged"},
		"not in the manifest":    {append(withoutManifest[:2:2], entry{name: manifestName, content: `{}`}), "not in its manifest"},
		"only in the manifest":   {append(sealed()[:1:1], sealed(run)[2]), "is missing"},
		"other than manifest":    {append([]entry{{name: headerName, content: headText}, {name: run.name, content: "{}"}}, sealed(run)[2]), "want"},
		"more after it":          {append(sealed(run), entry{name: "runs/abc/x", content: "x"}), "follows"},
		"run of other id":        {sealed(entry{name: "runs/abd/run.json", content: run.content}), "its folder is named"},
		"run of later format":    {sealed(entry{name: run.name, content: `{"format": 99, "id": "abc"}`}), "update noisebook"},
		"run without run.json":   {sealed(entry{name: "runs/abc/journal-001-x.jsonl", content: ""}), "damaged: run abc"},
		"result that was edited": {sealed(run, entry{name: "runs/abc/result.json", content: `{"value": 2, "output_hash": "x"}`}), "recorded hash"},
	} {
		err := importBytes(t, store, pack(t, c.entries))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if diff := differences(before, tree(t, store)); len(diff) > 0 {
			t.Fatalf("%s: the store changed: %v", name, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(store.Dir()), "evil")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was written outside the store")
	}
}

// unpacked is what an archive compresses.
func unpacked(t *testing.T, archive []byte) []byte {
	t.Helper()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	content, err := decoder.DecodeAll(archive, nil)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Wherever an archive is cut or a byte of it is another one, nothing is imported.
func TestDamagedArchivesAreRefused(t *testing.T) {
	source, store := newStore(t), newStore(t)
	ids, _ := compute(t, source, []call{{"train", config{3, "some text"}, -1}, {"evaluate", config{4, "more"}, 0}})
	whole, err := os.ReadFile(exportAll(t, source, ExportOptions{}, ids...))
	if err != nil {
		t.Fatal(err)
	}
	step := max(1, len(whole)/60)
	for at := 0; at < len(whole); at += step {
		changed := bytes.Clone(whole)
		changed[at] ^= 0x10
		for what, archive := range map[string][]byte{"cut": whole[:at], "changed": changed} {
			err := importBytes(t, store, archive)
			if err == nil && what == "changed" && bytes.Equal(unpacked(t, changed), unpacked(t, whole)) {
				store = newStore(t) // Zstandard has bits that change nothing of what it holds
				continue
			}
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s at %d of %d: %v", what, at, len(whole), err)
			}
		}
	}
	if files := tree(t, store); len(files) > 0 {
		t.Errorf("%d files were imported", len(files))
	}
	if err := importBytes(t, store, whole); err != nil {
		t.Error(err)
	}
}

func TestImportStopsWithItsContext(t *testing.T) {
	source, store := newStore(t), newStore(t)
	ids, _ := compute(t, source, []call{{"train", config{3, "text"}, -1}})
	file := exportAll(t, source, ExportOptions{}, ids...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, from := range []string{file, source.Dir()} {
		if _, err := Import(ctx, store, from); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", from, err)
		}
	}
	if files := tree(t, store); len(files) > 0 {
		t.Errorf("%v", files)
	}
}

// Whatever bytes come, nothing is written outside the folder, and what is accepted
// is what the archive's own hashes say. The bytes are also tried as the content of
// a sound Zstandard frame, whose checksum would keep a mutation from the tar
// reader.
func FuzzExtract(f *testing.F) {
	source := newStore(f)
	ids, _ := compute(f, source, []call{{"train", config{3, "text"}, -1}})
	whole, err := os.ReadFile(exportAll(f, source, ExportOptions{}, ids...))
	if err != nil {
		f.Fatal(err)
	}
	plain := pack(f, sealed(entry{name: "runs/abc/run.json", content: `{"format": 2, "id": "abc"}`}))
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		f.Fatal(err)
	}
	if plain, err = decoder.DecodeAll(plain, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(whole, false)
	f.Add(plain, true)
	f.Add(bytes.Replace(plain, []byte("runs/abc/run.json"), []byte("runs/../../un.json"), 1), true)
	f.Fuzz(func(t *testing.T, data []byte, isPlain bool) {
		if isPlain {
			data = compress(t, data)
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "in")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		err = extract(t.Context(), bytes.NewReader(data), root)
		beside, readErr := os.ReadDir(parent)
		if readErr != nil || len(beside) != 1 {
			t.Fatalf("written outside: %v, %v", beside, readErr)
		}
		if err != nil {
			return
		}
		walkErr := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			kind, sum, err := classify(name)
			if err != nil {
				return err
			}
			content, err := root.ReadFile(name)
			if kind == objectEntry && fmt.Sprintf("%x", sha256.Sum256(content)) != sum {
				t.Errorf("%s was accepted with other content", name)
			}
			return err
		})
		if walkErr != nil {
			t.Error(walkErr)
		}
	})
}
