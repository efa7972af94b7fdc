package data

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"noisebook/pkg/fetch"
)

// encodeIDX is the IDX file of an array of bytes.
func encodeIDX(values []uint8, shape ...int) []byte {
	content := []byte{0, 0, idxUnsignedByte, byte(len(shape))}
	for _, length := range shape {
		content = binary.BigEndian.AppendUint32(content, uint32(length))
	}
	return append(content, values...)
}

func compress(content []byte) []byte {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	w.Write(content)
	w.Close()
	return compressed.Bytes()
}

func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// small is a data set in the real format: 30 + 10 images of 4×4 in 5 classes.
func small(t *testing.T) (description Description, contents map[string][]byte) {
	t.Helper()
	description = Description{
		Name: "small", Title: "Small", Classes: []string{"a", "b", "c", "d", "e"}, folders: []string{"small", "Small/raw"},
		decode: decodeIDXFiles,
	}
	contents = map[string][]byte{}
	for part, length := range map[string]int{"train": 30, "t10k": 10} {
		images, labels := make([]uint8, length*16), make([]uint8, length)
		for i := range images {
			images[i] = uint8(i*7 + length)
		}
		for i := range labels {
			labels[i] = uint8(i % 5)
		}
		contents[part+"-images-idx3-ubyte"] = encodeIDX(images, length, 4, 4)
		contents[part+"-labels-idx1-ubyte"] = encodeIDX(labels, length)
	}
	for _, name := range []string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"} {
		description.Files = append(description.Files,
			FileDescription{Name: name, Bytes: int64(len(contents[name])), SHA256: sum(contents[name]), form: gunzipped})
	}
	return description, contents
}

// clean gives a test an empty cache and no folders, and returns the cache.
func clean(t *testing.T) string {
	t.Helper()
	cache := t.TempDir()
	t.Setenv("NOISEBOOK_CACHE", cache)
	t.Setenv(foldersVariable, "")
	return cache
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func checkSmall(t *testing.T, dataset *Dataset, description Description, contents map[string][]byte) {
	t.Helper()
	if dataset.Train.Len() != 30 || dataset.Test.Len() != 10 || dataset.Train.ImageSize() != 16 || dataset.Train.Channels != 1 {
		t.Errorf("%d + %d images of %d values in %d channels", dataset.Train.Len(), dataset.Test.Len(), dataset.Train.ImageSize(),
			dataset.Train.Channels)
	}
	if want := contents["train-images-idx3-ubyte"][16:]; !bytes.Equal(dataset.Train.Images, want) {
		t.Error("training images are not those of the file")
	}
	if !slices.Equal(dataset.Test.Labels, []int32{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}) {
		t.Errorf("test labels are %v", dataset.Test.Labels)
	}
	for _, file := range description.Files {
		if dataset.Checksums[file.Name] != file.SHA256 {
			t.Errorf("checksum of %s is %q", file.Name, dataset.Checksums[file.Name])
		}
		if _, err := os.Stat(dataset.Paths[file.Name]); err != nil {
			t.Errorf("path of %s: %v", file.Name, err)
		}
	}
}

func TestLoadFindsFiles(t *testing.T) {
	description, contents := small(t)
	tests := []struct {
		name  string
		place func(t *testing.T, folder, cache string)
	}{
		{"compressed in a sub-folder", func(t *testing.T, folder, _ string) {
			for name, content := range contents {
				put(t, filepath.Join(folder, "small", name+".gz"), compress(content))
			}
		}},
		{"plain in torchvision's folder", func(t *testing.T, folder, _ string) {
			for name, content := range contents {
				put(t, filepath.Join(folder, "Small", "raw", name), content)
			}
		}},
		{"in the folder itself, under other names", func(t *testing.T, folder, _ string) {
			put(t, filepath.Join(folder, "README"), []byte("These are my favourite images."))
			i := 0
			for _, content := range contents {
				i++
				put(t, filepath.Join(folder, fmt.Sprintf("file%d.idx.gz", i)), compress(content))
			}
		}},
		{"in the cache", func(t *testing.T, _, cache string) {
			for name, content := range contents {
				put(t, filepath.Join(cache, "data", "small", name), content)
			}
		}},
		{"half here, half there", func(t *testing.T, folder, cache string) {
			for name, content := range contents {
				if strings.HasPrefix(name, "train") {
					put(t, filepath.Join(folder, name+".gz"), compress(content))
				} else {
					put(t, filepath.Join(cache, "data", "small", name), content)
				}
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cache, folder := clean(t), t.TempDir()
			t.Setenv(foldersVariable, strings.Join([]string{t.TempDir(), folder}, string(filepath.ListSeparator)))
			test.place(t, folder, cache)
			dataset, err := load(t.Context(), description, Options{Offline: true})
			if err != nil {
				t.Fatal(err)
			}
			checkSmall(t, dataset, description, contents)
		})
	}
}

func TestLoadRejectsDamagedFiles(t *testing.T) {
	description, contents := small(t)
	const name = "train-images-idx3-ubyte"
	good := contents[name]
	flipped := slices.Clone(good)
	flipped[100] ^= 1
	badChecksum := compress(good)
	badChecksum[len(badChecksum)-6] ^= 1
	tests := []struct {
		name    string
		file    string
		content []byte
		reason  string
	}{
		{"empty", name, nil, "cut short: 0 bytes"},
		{"truncated", name, good[:200], "announces 480 elements of shape [30 4 4], but 184 follow"},
		{"too long", name, append(slices.Clone(good), 0), "longer than the 496 bytes"},
		{"other header", name, append([]byte{0, 0, 0x0d, 3}, good[4:]...), "elements of type 0x0d"},
		{"web page", name, []byte("<html>404</html>"), "no IDX file"},
		{"other content", name, flipped, "it is another data set: sha256"},
		{"truncated gzip", name + ".gz", compress(good)[:40], "compressed data are cut short"},
		{"gzip header only", name + ".gz", compress(good)[:5], "EOF"},
		{"gzip checksum", name + ".gz", badChecksum, "gzip: invalid checksum"},
		{"corrupt gzip", name + ".gz", append(compress(good)[:12:12], make([]byte, 50)...), "flate"},
		{"wrong file", name, contents["t10k-labels-idx1-ubyte"], ""}, // known content: silently no match
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clean(t)
			folder := t.TempDir()
			t.Setenv(foldersVariable, folder)
			for other, content := range contents {
				if other != name {
					put(t, filepath.Join(folder, "small", other), content)
				}
			}
			path := filepath.Join(folder, "small", test.file)
			put(t, path, test.content)
			_, err := load(t.Context(), description, Options{Offline: true})
			want := []string{path, test.reason, "replace it, or take its folder out of NOISEBOOK_DATA"}
			if test.reason == "" {
				want = []string{"Small is not on this machine (no " + name + "); run: bin/noisebook data get small"}
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is more than one line", err)
			}
		})
	}
	t.Run("folder that is none", func(t *testing.T) {
		clean(t)
		t.Setenv(foldersVariable, "/nonexistent/folder")
		if _, err := load(t.Context(), description, Options{Offline: true}); err == nil ||
			!strings.Contains(err.Error(), "NOISEBOOK_DATA names /nonexistent/folder, which is no folder") {
			t.Errorf("error is %v", err)
		}
	})
}

// The files of another data set have the same names: a folder that holds it is no damaged copy of this one.
func TestFoldersOfOtherDataSetsArePassedOver(t *testing.T) {
	description, contents := small(t)
	other, otherContents := description, map[string][]byte{}
	other.Name, other.folders, other.Files = "other", []string{"other"}, nil
	for _, file := range description.Files {
		content := slices.Clone(contents[file.Name])
		content[len(content)-1] = 0 // still a valid label
		content[len(content)-2] ^= 3
		otherContents[file.Name] = content
		other.Files = append(other.Files, FileDescription{Name: file.Name, Bytes: file.Bytes, SHA256: sum(content), form: gunzipped})
	}
	catalog["small"], catalog["other"] = description, other
	t.Cleanup(func() {
		delete(catalog, "small")
		delete(catalog, "other")
	})
	cache, folder := clean(t), t.TempDir()
	t.Setenv(foldersVariable, folder)
	for name, content := range otherContents {
		put(t, filepath.Join(folder, name), content)
	}
	for name, content := range contents {
		put(t, filepath.Join(cache, "data", "small", name), content)
	}
	dataset, err := Load(t.Context(), "small", Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	checkSmall(t, dataset, description, contents)
	paths, missing, err := Locate("other")
	if err != nil || len(paths) != 4 || len(missing) != 0 {
		t.Errorf("other: found %v, missing %v, error %v", paths, missing, err)
	}
}

// serve answers with the compressed files; addresses of the description point to it.
func serve(t *testing.T, description *Description, contents map[string][]byte) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := contents[strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".gz")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(compress(content))
	}))
	t.Cleanup(server.Close)
	description.Files = slices.Clone(description.Files)
	for i, file := range description.Files {
		description.Files[i].URLs = []string{server.URL + "/" + file.Name + ".gz"}
	}
}

func TestLoadFetches(t *testing.T) {
	description, contents := small(t)
	cache := clean(t)
	// A damaged copy in the cache is replaced.
	put(t, filepath.Join(cache, "data", "small", "train-images-idx3-ubyte"), []byte("damaged"))
	serve(t, &description, contents)
	fetched := map[string]bool{}
	dataset, err := load(t.Context(), description, Options{Progress: func(e fetch.Event) { fetched[e.File] = true }})
	if err != nil {
		t.Fatal(err)
	}
	checkSmall(t, dataset, description, contents)
	if len(fetched) != 4 || !fetched["Small train-images-idx3-ubyte"] {
		t.Errorf("progress of %v, want all four files", fetched)
	}
	// The cache has all now.
	clear(fetched)
	if _, err := load(t.Context(), description, Options{Progress: func(e fetch.Event) { fetched[e.File] = true }}); err != nil ||
		len(fetched) != 0 {
		t.Errorf("second load: %v, fetched %v", err, fetched)
	}
}

func TestLoadSaysWhatWasTried(t *testing.T) {
	description, contents := small(t)
	cache := clean(t)
	wrong := map[string][]byte{"train-images-idx3-ubyte": contents["t10k-images-idx3-ubyte"]}
	serve(t, &description, wrong)
	_, err := load(t.Context(), description, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"cannot get Small train-images-idx3-ubyte", description.Files[0].URLs[0], "checksum mismatch",
		"by hand", foldersVariable, filepath.Join(cache, "data", "small", "train-images-idx3-ubyte"), description.Files[0].SHA256} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	entries, err := os.ReadDir(filepath.Join(cache, "data", "small"))
	if err != nil || len(entries) != 0 {
		t.Errorf("cache holds %v (%v), want nothing half-written", entries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(ctx, description, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error of a cancelled load is %v", err)
	}
}

// debianFixture builds a package with the data set's files and an apt-get that "downloads" it.
func debianFixture(t *testing.T, description *Description, contents map[string][]byte) (calls string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no dpkg-deb on this machine")
	}
	root, tools := t.TempDir(), t.TempDir()
	description.debian, description.member = "dataset-small", "usr/share/datasets/small"
	for name, content := range contents {
		put(t, filepath.Join(root, description.member, name+".gz"), compress(content))
	}
	put(t, filepath.Join(root, "DEBIAN", "control"), []byte("Package: dataset-small\nVersion: 1\nArchitecture: all\n"+
		"Maintainer: Nobody <nobody@example.org>\nDescription: test\n"))
	if err := os.Chmod(filepath.Join(root, "DEBIAN"), 0o755); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(tools, "original.deb")
	if output, err := exec.Command("dpkg-deb", "--build", "--root-owner-group", root, archive).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	calls = filepath.Join(tools, "calls")
	put(t, filepath.Join(tools, "apt-get"), []byte("#!/bin/sh\necho \"$*\" >>'"+calls+`'
case "$*" in
*update) exit 0 ;;
"--quiet download dataset-small")
	test -z "$NO_LISTS" && cp '`+archive+`' dataset-small_1_all.deb && exit 0
	echo 'E: Unable to locate package dataset-small' >&2
	exit 100 ;;
*"download dataset-small") cp '`+archive+`' dataset-small_1_all.deb ;;
esac
`))
	if err := os.Chmod(filepath.Join(tools, "apt-get"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return calls
}

func TestLoadFromDebianPackage(t *testing.T) {
	for _, test := range []struct{ name, noLists, calls string }{
		{"with the system's lists", "", "--quiet download dataset-small"},
		{"with lists of its own", "yes", "update"},
	} {
		t.Run(test.name, func(t *testing.T) {
			description, contents := small(t)
			clean(t)
			t.Setenv("TMPDIR", t.TempDir())
			t.Setenv("NO_LISTS", test.noLists)
			calls := debianFixture(t, &description, contents)
			serve(t, &description, nil) // 404 for all
			dataset, err := load(t.Context(), description, Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkSmall(t, dataset, description, contents)
			text, err := os.ReadFile(calls)
			if err != nil || !strings.Contains(string(text), test.calls) || strings.Count(string(text), "--quiet download") != 1 {
				t.Errorf("apt-get was called with %q (%v), want one download", text, err)
			}
			if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
				t.Errorf("left in the temporary folder: %v (%v)", left, err)
			}
		})
	}
}

func TestUnknownName(t *testing.T) {
	_, err := Load(t.Context(), "fashion", Options{})
	if err == nil || err.Error() != `unknown data set "fashion"; known are celeba, cifar-10, cifar-100, cifar10-jpeg, `+
		"fashion-mnist, malaria, malaria200, mnist, svhn, usps, usps-esl" {
		t.Errorf("error is %v", err)
	}
}

// Fashion-MNIST itself, where the set-up has put it.
func TestRealFashionMNIST(t *testing.T) {
	dataset, err := Load(t.Context(), "fashion-mnist", Options{Offline: true})
	if err != nil {
		t.Skip(err)
	}
	for _, split := range []struct {
		Split
		perClass int
	}{{dataset.Train, 6000}, {dataset.Test, 1000}} {
		for c, count := range split.ClassCounts(len(dataset.Classes)) {
			if count != split.perClass {
				t.Errorf("%d images of %s, want %d", count, dataset.Classes[c], split.perClass)
			}
		}
	}
	if dataset.Train.Labels[0] != 9 {
		t.Errorf("the first training image is %s, want an ankle boot", dataset.Classes[dataset.Train.Labels[0]])
	}
	var total float64
	for _, pixel := range dataset.Train.Images {
		total += float64(pixel)
	}
	if mean := total / float64(len(dataset.Train.Images)) / 255; mean < 0.28595 || mean > 0.28605 {
		t.Errorf("mean pixel is %.4f, want 0.2860", mean)
	}
}
