package data

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// member is a file of an archive that a test writes.
type member struct {
	name    string
	content []byte
}

func encodeTar(t testing.TB, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.content)), Uname: "somebody"}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encodeZip(t testing.TB, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		f, err := w.Create(m.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// plain is a picture of one colour.
func plain(width, height int, c color.NRGBA) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for p := range width * height {
		m.Set(p%width, p/width, c)
	}
	return m
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// describing returns the description of a data set whose files have other contents: those that a test wrote.
func describing(t testing.TB, name string, contents map[string][]byte) Description {
	t.Helper()
	description, err := Describe(name)
	if err != nil {
		t.Fatal(err)
	}
	description.Files = slices.Clone(description.Files)
	for i := range description.Files {
		file := &description.Files[i]
		file.Bytes = 1 << 30
		decoded, err := file.decodeDownload(bytes.NewReader(contents[file.Name]))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(decoded)
		if err != nil {
			t.Fatal(err)
		}
		file.Bytes = int64(len(content))
		if file.SHA256 == "" {
			digest := md5.Sum(content)
			file.MD5 = hex.EncodeToString(digest[:])
		} else {
			file.SHA256 = sum(content)
		}
	}
	return description
}

// loadFrom loads a data set from files that a test wrote into a folder of NOISEBOOK_DATA.
func loadFrom(t testing.TB, name string, contents map[string][]byte) (*Dataset, error) {
	t.Helper()
	t.Setenv("NOISEBOOK_CACHE", t.TempDir())
	folder := t.TempDir()
	t.Setenv(foldersVariable, folder)
	description := describing(t, name, contents)
	for file, content := range contents {
		if err := os.WriteFile(filepath.Join(folder, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return load(t.Context(), description, Options{Offline: true})
}

// fixtures are files of every data set in its real format, by official name.
func fixtures(t testing.TB) map[string]map[string][]byte {
	mat := svhnFixture(4)
	libSVM, workspace := golden(t, "usps.bz2"), golden(t, "usps-esl.bz2") // Go has no writer for bzip2
	return map[string]map[string][]byte{
		"mnist":         idxFixture(),
		"fashion-mnist": idxFixture(),
		"cifar-10":      {"cifar-10-binary.tar.gz": cifar10Fixture(t)},
		"cifar-100":     {"cifar-100-binary.tar.gz": cifar100Fixture(t)},
		"cifar10-jpeg":  {"cifar10-jpeg-train.tar": cifarPictures(t), "cifar10-jpeg-test.tar": cifarPictures(t)},
		"svhn":          {"train_32x32.mat": mat, "test_32x32.mat": mat},
		"usps":          {"usps.bz2": libSVM, "usps.t.bz2": libSVM},
		"usps-esl":      {"zip.train.RData": workspace, "zip.test.RData": workspace},
		"celeba":        celebaFixture(t),
		"malaria":       {"cell_images.zip": malariaFixture(t)},
		"malaria200":    malaria200Fixture(t),
	}
}

// golden is a file that testdata/make.py wrote.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// idxFixture are the four files of a data set in MNIST's form, compressed as they are published: 20 + 10 images of 28×28.
func idxFixture() map[string][]byte {
	contents := map[string][]byte{}
	for part, count := range map[string]int{"train": 20, "t10k": 10} {
		images, labels := make([]uint8, count*28*28), make([]uint8, count)
		for i := range images {
			images[i] = uint8(i*5 + count)
		}
		for i := range labels {
			labels[i] = uint8((i + count/5) % 10)
		}
		contents[part+"-images-idx3-ubyte"] = compress(encodeIDX(images, count, 28, 28))
		contents[part+"-labels-idx1-ubyte"] = compress(encodeIDX(labels, count))
	}
	return contents
}

func TestIDXDatasets(t *testing.T) {
	for _, name := range []string{"mnist", "fashion-mnist"} {
		dataset, err := loadFrom(t, name, idxFixture())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []struct {
			split        Split
			count, first int
		}{{dataset.Train, 20, 4}, {dataset.Test, 10, 2}} {
			s := part.split
			if s.Len() != part.count || s.Height != 28 || s.Width != 28 || s.Channels != 1 || s.Labels[0] != int32(part.first) {
				t.Errorf("%s: %d images of %d×%d×%d, the first of class %d", name, s.Len(), s.Height, s.Width, s.Channels, s.Labels[0])
			}
			if got, want := s.Pixels(1)[28], uint8((28*28+28)*5+part.count); got != want {
				t.Errorf("%s: the second row of the second image starts with %d, want %d", name, got, want)
			}
		}
	}
}

func TestEveryDatasetHasAFixture(t *testing.T) {
	if have, want := slices.Sorted(maps.Keys(fixtures(t))), slices.Sorted(maps.Keys(catalog)); !slices.Equal(have, want) {
		t.Errorf("fixtures of %v, want all of %v", have, want)
	}
}

// Every data set is fetched from its addresses, here those of a server on this machine, and found in the cache afterwards.
func TestFetchesEveryFormat(t *testing.T) {
	for name, contents := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			clean(t)
			description := describing(t, name, contents)
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Write(contents[strings.TrimPrefix(r.URL.Path, "/")])
			}))
			defer server.Close()
			addresses := map[string]bool{}
			for i, file := range description.Files {
				address := server.URL + "/" + file.Name
				if file.form == pictureTar {
					address = server.URL + "/" + description.Files[0].Name // one archive, as it is published
				}
				description.Files[i].URLs = []string{address}
				addresses[address] = true
			}
			first, err := load(t.Context(), description, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if int(requests.Load()) != len(addresses) {
				t.Errorf("%d requests, want %d", requests.Load(), len(addresses))
			}
			server.Close()
			again, err := load(t.Context(), description, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i, parts := range [][2]Split{{first.Train, again.Train}, {first.Validation, again.Validation}, {first.Test, again.Test}} {
				if a, b := parts[0], parts[1]; !bytes.Equal(a.Images, b.Images) || !slices.Equal(a.Labels, b.Labels) || !bytes.Equal(a.Attributes, b.Attributes) ||
					a.Len() != b.Len() || a.Width != b.Width || a.Channels != b.Channels || a.AttributeCount != b.AttributeCount {
					t.Errorf("part %d of the prepared copy is another one", i)
				}
			}
			if first.Train.Len() == 0 || first.Test.Len() == 0 {
				t.Errorf("%d training and %d test images", first.Train.Len(), first.Test.Len())
			}
		})
	}
}

// A page that asks for a confirmation, as drives deliver it, is named as such, and nothing of it stays.
func TestWebPageInsteadOfAFile(t *testing.T) {
	cache := clean(t)
	description := describing(t, "celeba", celebaFixture(t))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!DOCTYPE html><html>Google Drive can't scan this file</html>")
	}))
	defer server.Close()
	description.Files[0].URLs = []string{server.URL}
	_, err := load(t.Context(), description, Options{})
	if err == nil || !strings.Contains(err.Error(), "it delivers a web page") || !strings.Contains(err.Error(), "put img_align_celeba.zip into a folder") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(cache, "data", "celeba")); err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v (%v)", left, err)
	}
}

// A damaged file under an official name is refused whatever its format, in one line.
func TestDamagedFilesOfEveryFormat(t *testing.T) {
	for name, contents := range fixtures(t) {
		clean(t)
		description := describing(t, name, contents)
		folder := t.TempDir()
		t.Setenv(foldersVariable, folder)
		file := description.Files[0]
		for damage, content := range map[string][]byte{
			"cut short": contents[file.Name][:len(contents[file.Name])/2],
			"changed":   append(slices.Clone(contents[file.Name][:len(contents[file.Name])-1]), contents[file.Name][len(contents[file.Name])-1]^1),
			"empty":     nil,
		} {
			if file.form == pictureTar && damage == "changed" {
				content = bytes.ReplaceAll(contents[file.Name], []byte("IHDR"), []byte("XXXX")) // its last bytes are padding
				content = bytes.ReplaceAll(content, []byte("JFIF"), []byte("XXXX"))
				content = bytes.ReplaceAll(content, []byte{0xff, 0xd8}, []byte{0, 0})
			}
			path := filepath.Join(folder, file.Name)
			put(t, path, content)
			_, err := load(t.Context(), description, Options{Offline: true})
			if err == nil || !strings.HasPrefix(err.Error(), path+" is not ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: error is %v", name, damage, err)
			}
		}
	}
}

// What was prepared is used, made anew when it is damaged, and replaced when it is another decoder's.
func TestPreparedCopy(t *testing.T) {
	clean(t)
	folder := t.TempDir()
	t.Setenv(foldersVariable, folder)
	contents := map[string][]byte{"cifar-100-binary.tar.gz": cifar100Fixture(t)}
	description := describing(t, "cifar-100", contents)
	put(t, filepath.Join(folder, "cifar-100-binary.tar.gz"), contents["cifar-100-binary.tar.gz"])
	made, err := load(t.Context(), description, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := cacheFolder("cifar-100")
	if err != nil {
		t.Fatal(err)
	}
	copies := func() []string {
		paths, err := filepath.Glob(filepath.Join(cache, "*"))
		if err != nil || len(paths) != 1 {
			t.Fatalf("the cache holds %v (%v), want one copy", paths, err)
		}
		return paths
	}
	path := copies()[0]
	calls, decode := 0, description.decode
	description.decode = func(ctx context.Context, d Description, files map[string]foundFile) (parts, error) {
		calls++
		return decode(ctx, d, files)
	}
	check := func(want int) {
		t.Helper()
		again, err := load(t.Context(), description, Options{})
		if err != nil || !bytes.Equal(again.Train.Images, made.Train.Images) || calls != want {
			t.Errorf("decoded %d times (%v), want %d", calls, err, want)
		}
	}
	check(0)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	put(t, path, content)
	check(1)
	check(1)
	description.version++
	check(2)
	if copies()[0] == path {
		t.Error("the copy of the older decoder is still there")
	}
}
